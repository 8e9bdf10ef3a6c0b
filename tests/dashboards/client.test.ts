import { ApiError, Client, isAbort } from '../../dashboards/src/client.ts';

function setUp(answers: Record<string, { status?: number; body?: unknown; text?: string }>) {
  const asked: string[] = [];
  let signedOut = 0;
  const client = new Client({
    fetch: async (path, init) => {
      asked.push(`${init.method} ${path} ${init.body ?? ''}`.trim());
      const answer = answers[path.split('?')[0]!.replace('/api/bellwether/', '')];
      if (answer === undefined) throw new TypeError('fetch failed');
      return new Response(answer.text ?? (answer.body === undefined ? null : JSON.stringify(answer.body)), {
        status: answer.status ?? 200,
      });
    },
    onSignedOut: () => signedOut++,
  });
  return { client, asked, signedOut: () => signedOut };
}

test('equal reads under way share one request; the next one asks again', async () => {
  const { client, asked } = setUp({ status: { body: { nowMs: 1 } } });
  const [a, b] = await Promise.all([client.status(), client.status()]);
  expect([a, b, asked.length]).toEqual([{ nowMs: 1 }, { nowMs: 1 }, 1]);
  await client.status();
  expect(asked).toHaveLength(2);
});

test('a 401 anywhere ends the session; on the session itself it is the answer', async () => {
  const refusal = { status: 401, body: { error: { code: 'UNAUTHENTICATED', message: 'Sign in first.' } } };
  const { client, signedOut } = setUp({ alerts: refusal, session: refusal });
  await expect(client.session()).rejects.toMatchObject({ status: 401, message: 'Sign in first.' });
  expect(signedOut()).toBe(0);
  await expect(client.alerts()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(signedOut()).toBe(1);
});

test.each([
  ['the collector is away', {}, { status: 0, code: 'UNREACHABLE' }],
  ['a proxy answers in HTML', { status: { status: 502, text: '<html>Bad gateway' } }, { status: 502, code: 'UNKNOWN' }],
])('%s', async (_name, answers, expected) => {
  await expect(setUp(answers).client.status()).rejects.toMatchObject(expected);
  await expect(setUp(answers).client.status()).rejects.toBeInstanceOf(ApiError);
});

test('requests carry what the API asks for', async () => {
  const { client, asked } = setUp({ chart: { body: {} }, 'alerts/a%2Fb/acknowledge': { status: 204 }, events: { body: [] } });
  await client.chart({ query: 'up{a="b"}', startMs: 1_000.4, endMs: 61_000, stepMs: 2_000 });
  await client.acknowledge('a/b', 'on it');
  await client.events('h1', 5);
  expect(asked).toEqual([
    'GET /api/bellwether/chart?query=up%7Ba%3D%22b%22%7D&start=1000&end=61000&step=2s',
    'POST /api/bellwether/alerts/a%2Fb/acknowledge {"note":"on it"}',
    'GET /api/bellwether/events?host=h1&limit=5',
  ]);
});

test('giving up is told apart from failing', () => {
  expect([isAbort(new DOMException('x', 'AbortError')), isAbort(new Error('x')), isAbort(null)]).toEqual([true, false, false]);
});
