import { once } from 'node:events';
import { connect } from 'node:net';
import { startTestCollector, type TestCollector } from '../support/bellwether.ts';

let collector: TestCollector;
beforeAll(async () => {
  collector = await startTestCollector();
});
afterAll(async () => {
  expect(collector.program.output()).not.toMatch(/"level":(50|60)/);
  await collector.stop();
});

const JSON_TYPE = { 'content-type': 'application/json' };

interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

async function ask(path: string, { method, headers, body }: Ask = {}): Promise<{ status: number; answer: unknown }> {
  const response = await fetch(collector.url + path, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { authorization: `Bearer ${collector.token}`, ...headers },
    body,
  });
  return { status: response.status, answer: await response.json() };
}

const q = encodeURIComponent;

test.each([
  [`query?query=${q('sum((')}`, 'invalid parameter "query": 1:6: parse error: unclosed left parenthesis'],
  [`query?query=${q('up{job="a" foo')}`, expect.stringMatching(/^invalid parameter "query": 1:12: parse error: unexpected/)],
  [`query?query=${q('sum(\n  rate(up[5m)\n)')}`, expect.stringMatching(/^invalid parameter "query": 2:\d+: parse error: /)],
  [`query_range?query=${q('up +')}&start=0&end=1&step=1`, expect.stringMatching(/^invalid parameter "query": 1:\d+: parse error: /)],
  ['query', expect.stringMatching(/no expression found/)],
  ['query?query=up&time=soon', expect.stringMatching(/^invalid parameter "time"/)],
  ['query?query=up&timeout=soon', expect.stringMatching(/^invalid parameter "timeout"/)],
  ['query_range?query=up&start=1&end=2', expect.stringMatching(/^invalid parameter "step"/)],
  ['query_range?query=up&start=2&end=1&step=1', expect.stringMatching(/^invalid parameter "end"/)],
  ['query_range?query=up&start=NaN&end=Inf&step=0', expect.stringMatching(/^invalid parameter "start"/)],
  ['query_range?query=up&start=0&end=1e9&step=1', expect.stringMatching(/^exceeded maximum resolution/)],
  ['series', 'no match[] parameter provided'],
  [`series?match[]=${q('{')}`, expect.stringMatching(/^invalid parameter "match\[\]": 1:\d+: parse error/)],
  [`labels?match[]=${q('up[5m]')}`, expect.stringMatching(/^invalid parameter "match\[\]"/)],
])('/api/v1/%s is answered with 400 and where the fault is', async (path, error) => {
  expect(await ask(`/api/v1/${path}`)).toEqual({ status: 400, answer: { status: 'error', errorType: 'bad_data', error } });
});

test('a query beyond its limits fails alone', async () => {
  const started = performance.now();
  const { status, answer } = await ask(`/api/v1/query?query=${q(`${'('.repeat(20_000)}1${')'.repeat(20_000)}`)}`.slice(0, 15_000));
  expect(status).toBe(400);
  expect(answer).toMatchObject({ status: 'error' });
  expect(performance.now() - started).toBeLessThan(10_000);
});

const OURS: [string, Ask, number, string, RegExp][] = [
  ['/api/bellwether/hosts/query', { headers: JSON_TYPE, body: '{bad' }, 400, 'BAD_REQUEST', /JSON/],
  ['/api/bellwether/hosts/query', { headers: JSON_TYPE, body: '{"__proto__":{"a":1}}' }, 400, 'BAD_REQUEST', /JSON/],
  ['/api/bellwether/hosts/query', { headers: JSON_TYPE, body: '' }, 400, 'BAD_REQUEST', /empty/],
  ['/api/bellwether/hosts/query', { headers: JSON_TYPE, body: '[]' }, 400, 'BAD_REQUEST', /expected object, received array/],
  [
    '/api/bellwether/hosts/query',
    { headers: JSON_TYPE, body: '{"limit":"many","sort":"colour"}' },
    400,
    'BAD_REQUEST',
    /sort: .*limit: .*expected number/,
  ],
  ['/api/bellwether/hosts/query', { headers: JSON_TYPE, body: ' '.repeat(2_000_000) }, 413, 'TOO_LARGE', /too large/],
  ['/api/bellwether/hosts/query', { headers: { 'content-type': 'text/xml' }, body: '<a/>' }, 415, 'BAD_REQUEST', /Media Type/],
  ['/api/bellwether/hosts/nobody', {}, 404, 'NOT_FOUND', /no host with the id "nobody"/],
  ['/api/bellwether/hosts/%ZZ', {}, 400, 'BAD_REQUEST', /not a valid url/],
  [`/api/bellwether/hosts/${'a'.repeat(600)}`, {}, 404, 'NOT_FOUND', /nothing at/],
  ['/api/bellwether/enroll', { headers: JSON_TYPE, body: '{"token":5}' }, 400, 'BAD_REQUEST', /token: .*hostname: /],
  ['/api/bellwether/session', { headers: JSON_TYPE, body: '{"user":5}' }, 400, 'BAD_REQUEST', /./],
  ['/api/bellwether/tokens', { headers: JSON_TYPE, body: '{"name":"x","scope":"root"}' }, 400, 'BAD_REQUEST', /scope: /],
  [
    '/api/bellwether/tokens',
    { headers: JSON_TYPE, body: '{"name":"x","scope":"read","expiresIn":"soon"}' },
    400,
    'BAD_REQUEST',
    /expiresIn: "soon" is not a duration/,
  ],
  ['/api/bellwether/users', { headers: JSON_TYPE, body: '{"name":"a b","role":"viewer"}' }, 400, 'BAD_REQUEST', /cannot be a user name/],
  ['/api/bellwether/users/admin', { method: 'DELETE' }, 409, 'CONFLICT', /only admin/],
  ['/api/bellwether/users/nobody', { method: 'DELETE' }, 404, 'NOT_FOUND', /no user "nobody"/],
  ['/api/bellwether/alerts/none/acknowledge', { headers: JSON_TYPE, body: '{}' }, 404, 'NOT_FOUND', /no open alert/],
  ['/api/bellwether/events?limit=-1', {}, 400, 'BAD_REQUEST', /limit: /],
  [`/api/bellwether/chart?query=${q('sum((')}&start=1&end=2&step=1s`, {}, 400, 'QUERY_INVALID', /^1:6: parse error/],
  ['/api/bellwether/chart?query=up&start=5&end=2&step=1s', {}, 400, 'BAD_REQUEST', /end: /],
  ['/api/bellwether/chart?query=up&start=1&end=2&step=1y1', {}, 400, 'BAD_REQUEST', /step: "1y1" is not a duration/],
  ['/api/bellwether/chart?query=up&start=0&end=99999999999999&step=1ms', {}, 400, 'QUERY_INVALID', /maximum resolution/],
  ['/api/bellwether/nothing', {}, 404, 'NOT_FOUND', /nothing at/],
  ['/api/bellwether/nothing', { method: 'POST' }, 404, 'NOT_FOUND', /nothing at/],
  ['/api/v1/nothing', { method: 'DELETE' }, 404, 'NOT_FOUND', /nothing at/],
  ['/assets/..%2f..%2fpackage.json', {}, 404, 'NOT_FOUND', /nothing at/],
];

test.each(OURS)('%s %j is answered with %d %s', async (path, given, status, code, message) => {
  expect(await ask(path, given)).toEqual({ status, answer: { error: { code, message: expect.stringMatching(message) } } });
});

test.each([
  ['GARBAGE\r\n\r\n', 'HTTP/1.1 400 Bad Request', 'This is not an HTTP request.'],
  [
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`,
    'HTTP/1.1 431 Request Header Fields Too Large',
    'The headers of the request are too long.',
  ],
])('what is no request at all is answered and closed', async (bytes, line, message) => {
  const { hostname, port } = new URL(collector.url);
  const socket = connect({ host: hostname, port: Number(port) });
  let text = '';
  socket.on('data', (data) => {
    text += data.toString();
  });
  socket.on('error', () => {}); // reset while still writing: the answer has come all the same
  socket.write(bytes);
  await once(socket, 'close');
  expect(text.split('\r\n')[0]).toBe(line);
  expect(JSON.parse(text.split('\r\n\r\n')[1]!)).toEqual({ error: { code: 'BAD_REQUEST', message } });
});
