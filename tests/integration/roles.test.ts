import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AlertView, Session } from '@bellwether/shared/api';
import { WebSocket } from 'ws';
import { startTestCollector, type TestCollector } from '../support/bellwether.ts';
import { eventually, ROOT, runProgram } from '../support/process.ts';

const PASSWORD = 'a few words do well';
const SCOPES = ['ingest', 'read', 'operate', 'admin'] as const;
const ROLES = ['viewer', 'operator', 'admin'] as const;

/** Who asks, as the headers that show it. */
type Who = 'nobody' | (typeof SCOPES)[number] | `session ${(typeof ROLES)[number]}`;
const EVERYBODY: readonly Who[] = ['nobody', ...SCOPES, 'session viewer', 'session operator', 'session admin'];

let collector: TestCollector;
let fingerprint: string;
const headersOf = new Map<Who, Record<string, string>>([['nobody', {}]]);

const JSON_TYPE = { 'content-type': 'application/json' };

function send(path: string, method: string, headers: Record<string, string>, body?: unknown): Promise<Response> {
  return fetch(collector.url + path, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : JSON_TYPE) },
    body: body === undefined ? undefined : JSON.stringify(body),
    redirect: 'manual',
  });
}

/** Signs in and gives the session's cookie. */
async function signIn(credentials: unknown): Promise<string> {
  const response = await send('/api/bellwether/session', 'POST', { origin: collector.url }, credentials);
  expect(response.status).toBe(200);
  return response.headers.getSetCookie()[0]!.split(';')[0]!;
}

/** Makes a user the way an admin does: by a link, upon which the user sets a password. */
async function sessionOf(name: string, role: string): Promise<string> {
  const { link } = await collector.post<{ link: string }>('/api/bellwether/users', { name, role });
  const cookie = await signIn({ link });
  const headers = { cookie, origin: collector.url };
  expect((await send('/api/bellwether/status', 'GET', headers)).status).toBe(403);
  expect((await send('/api/bellwether/session/password', 'POST', headers, { password: PASSWORD })).status).toBe(200);
  return signIn({ user: name, password: PASSWORD });
}

beforeAll(async () => {
  collector = await startTestCollector({ config: `rules:\n  pack: false\n  files: ['*.rules.yml']\n` });
  const rule = { alert: 'Always', expr: 'vector(1)', labels: { severity: 'warning' } };
  writeFileSync(join(collector.dir, 'test.rules.yml'), JSON.stringify({ groups: [{ name: 'test', interval: '1s', rules: [rule] }] }));
  await collector.restart();
  for (const scope of SCOPES) {
    const { token } = await collector.post<{ token: string }>('/api/bellwether/tokens', { name: scope, scope });
    headersOf.set(scope, { authorization: `Bearer ${token}` });
  }
  for (const role of ROLES) headersOf.set(`session ${role}`, { cookie: await sessionOf(`a-${role}`, role), origin: collector.url });
  fingerprint = await eventually(async () => (await collector.get<AlertView[]>('/api/bellwether/alerts'))[0]?.fingerprint);
});

afterAll(() => collector.stop());

const OPEN = 'nobody, ingest, read, operate, admin, session viewer, session operator, session admin';
const READ = 'read, operate, admin, session viewer, session operator, session admin';
const OPERATE = 'operate, admin, session operator, session admin';
const ADMIN = 'admin, session admin';

test.each<[method: string, path: string, body: unknown, allowed: string]>([
  ['GET', '/-/healthy', undefined, OPEN],
  ['GET', '/-/ready', undefined, OPEN],
  ['GET', '/', undefined, OPEN],
  ['GET', '/sign-in', undefined, OPEN],
  ['HEAD', '/-/ready', undefined, OPEN],
  ['GET', '/metrics', undefined, READ],
  ['HEAD', '/metrics', undefined, READ],
  ['GET', '/api/v1/query?query=1', undefined, READ],
  ['POST', '/api/v1/query?query=1', undefined, READ],
  ['GET', '/api/v1/query_range?query=1&start=0&end=1&step=1', undefined, READ],
  ['GET', '/api/v1/labels', undefined, READ],
  ['GET', '/api/v1/label/job/values', undefined, READ],
  ['GET', '/api/v1/series?match[]=up', undefined, READ],
  ['GET', '/api/v1/metadata', undefined, READ],
  ['GET', '/api/v1/rules', undefined, READ],
  ['GET', '/api/v1/alerts', undefined, READ],
  ['GET', '/api/v1/status/buildinfo', undefined, READ],
  ['GET', '/%61pi/v1/query?query=1', undefined, READ],
  ['GET', '/api/bellwether/status', undefined, READ],
  ['POST', '/api/bellwether/hosts/query', {}, READ],
  ['GET', '/api/bellwether/chart?query=1&start=0&end=1000&step=1s', undefined, READ],
  ['GET', '/api/bellwether/alerts', undefined, READ],
  ['GET', '/api/bellwether/deliveries', undefined, READ],
  ['GET', '/api/bellwether/events', undefined, READ],
  ['POST', '/api/bellwether/alerts/:fingerprint/acknowledge', { note: 'seen' }, OPERATE],
  ['GET', '/api/bellwether/tokens', undefined, ADMIN],
  ['POST', '/api/bellwether/tokens', { name: 'another', scope: 'read' }, ADMIN],
  ['GET', '/api/bellwether/users', undefined, ADMIN],
  ['POST', '/api/bellwether/users/a-viewer/role', { role: 'viewer' }, ADMIN],
  ['POST', '/api/bellwether/users/a-viewer/link', undefined, ADMIN],
  ['POST', '/-/reload', undefined, ADMIN],
])('%s %s %j is for: %s', async (method, path, body, allowed) => {
  const may = new Set(allowed.split(', '));
  for (const who of EVERYBODY) {
    const response = await send(path.replace(':fingerprint', fingerprint), method, headersOf.get(who)!, body);
    const text = await response.text();
    if (may.has(who)) {
      expect([who, response.ok]).toEqual([who, true]);
    } else {
      expect([who, response.status]).toEqual([who, who === 'nobody' ? 401 : 403]);
      const code = who === 'nobody' ? 'UNAUTHENTICATED' : 'FORBIDDEN';
      const form = /^\/(api|%61pi)\/v1\//.test(path) ? { status: 'error' } : { error: { code } };
      if (method !== 'HEAD') expect(JSON.parse(text)).toMatchObject(form);
    }
  }
});

test('what is not there tells nobody anything', async () => {
  for (const path of ['/api/bellwether/hosts/x', '/api/bellwether/hosts/x/facts', '/api/bellwether/openapi.json', '/api/v1/targets']) {
    expect([401, 404]).toContain((await send(path, 'GET', {})).status);
  }
  for (const path of ['/api/bellwether/nothing', '/install.sh', '/-/quit'])
    expect([401, 404]).toContain((await send(path, 'POST', {})).status);
});

test('an acknowledgement names who made it', async () => {
  await send(`/api/bellwether/alerts/${fingerprint}/acknowledge`, 'POST', headersOf.get('session operator')!, { note: 'mine' });
  const [alert] = await collector.get<AlertView[]>('/api/bellwether/alerts');
  expect(alert).toMatchObject({ acknowledgedBy: 'a-operator', acknowledgeNote: 'mine' });
});

test('a credential that is no longer good is nobody', async () => {
  const { id, token } = await collector.post<{ id: string; token: string }>('/api/bellwether/tokens', { name: 'short', scope: 'read' });
  const headers = { authorization: `Bearer ${token}` };
  expect((await send('/metrics', 'GET', headers)).status).toBe(200);
  await send(`/api/bellwether/tokens/${id}`, 'DELETE', headersOf.get('admin')!);
  expect((await send('/metrics', 'GET', headers)).status).toBe(401);
  const cookie = await sessionOf('leaver', 'viewer');
  expect((await send('/metrics', 'GET', { cookie })).status).toBe(200);
  await send('/api/bellwether/users/leaver', 'DELETE', headersOf.get('admin')!);
  expect((await send('/metrics', 'GET', { cookie })).status).toBe(401);
  expect((await send('/metrics', 'GET', { authorization: `Bearer ${await collector.joinToken()}` })).status).toBe(401);
});

describe('what another site makes a browser send', () => {
  const foreign = ['https://evil.example', 'null', 'http://127.0.0.1:1', ''];

  test.each(foreign)('a POST with a cookie and Origin %j is refused', async (origin) => {
    const { cookie } = headersOf.get('session admin')!;
    const headers = { cookie: cookie!, ...(origin === '' ? {} : { origin }) };
    for (const path of ['/api/bellwether/hosts/query', `/api/bellwether/alerts/${fingerprint}/acknowledge`]) {
      const response = await send(path, 'POST', headers, {});
      expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([403, 'FORBIDDEN']);
    }
    expect((await send('/api/bellwether/session', 'DELETE', headers)).status).toBe(403);
    expect((await send('/metrics', 'GET', { cookie: cookie! })).status).toBe(200);
  });

  /** The status of an upgrade of /live; 101 when it is accepted. */
  function live(headers: Record<string, string>): Promise<number> {
    return new Promise((resolve) => {
      const socket = new WebSocket(`${collector.url.replace('http', 'ws')}/live`, { headers });
      socket.on('open', () => {
        resolve(101);
        socket.terminate();
      });
      socket.on('unexpected-response', (_request, response) => {
        resolve(response.statusCode!);
        socket.terminate();
      });
      socket.on('error', () => {});
    });
  }

  test('/live is for those who may read, from our own page', async () => {
    const { cookie } = headersOf.get('session viewer')!;
    const { authorization } = headersOf.get('read')!;
    expect(await live({})).toBe(401);
    expect(await live({ authorization: 'Bearer bw_wrong' })).toBe(401);
    expect(await live(headersOf.get('ingest')!)).toBe(403);
    expect(await live(headersOf.get('read')!)).toBe(101);
    expect(await live({ cookie: cookie!, origin: collector.url })).toBe(101);
    for (const origin of foreign) {
      const from: Record<string, string> = origin === '' ? {} : { origin };
      expect(await live({ cookie: cookie!, ...from })).toBe(403);
      if (origin !== '') expect(await live({ authorization: authorization!, ...from })).toBe(403);
    }
  });
});

describe('a one-time link', () => {
  const command = (...args: string[]): ReturnType<typeof runProgram> =>
    runProgram(process.execPath, [join(ROOT, 'bin/bellwether.mjs'), ...args, '--config', join(collector.dir, 'bellwether.yml')], {
      cwd: collector.dir,
    });
  const use = async (link: string): Promise<[number, unknown]> => {
    const response = await send('/api/bellwether/session', 'POST', {}, { link });
    return [response.status, await response.json()];
  };

  test('from the command line works once, and a newer one voids it', async () => {
    const links: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { output, code } = await command('user', 'link', 'a-viewer');
      expect(code).toBe(0);
      links.push(/sign-in#(\S+)/.exec(output)![1]!);
    }
    expect(await use(links[0]!)).toEqual([401, { error: { code: 'UNAUTHENTICATED', message: expect.stringMatching(/used already/) } }]);
    const session: Session = { user: 'a-viewer', role: 'viewer', mustSetPassword: true };
    expect(await use(links[1]!)).toEqual([200, session]);
    expect((await use(links[1]!))[0]).toBe(401);
  });

  test('used many times at once works once', async () => {
    const { link } = await collector.post<{ link: string }>('/api/bellwether/users/a-viewer/link', {});
    const statuses = await Promise.all(Array.from({ length: 20 }, () => use(link)));
    expect(statuses.filter(([status]) => status === 200)).toHaveLength(1);
  });
});
