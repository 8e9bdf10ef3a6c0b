import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError, silentLog } from '@bellwether/shared';
import { SteppedClock } from '@bellwether/shared/clock';
import Fastify, { type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { type Access, type Auth, authApi, authenticateUpgrade, createAuth, guardRoutes, SCOPES } from '../../../collector/auth/index.ts';
import { openState, type State } from '../../../collector/state/index.ts';

const HOST = 'collector.test';
const OWN = { host: HOST, origin: `http://${HOST}` };
let dir: string;
let state: State;
let auth: Auth;
let app: FastifyInstance;

async function serve(externalUrl?: string): Promise<void> {
  app = Fastify() as unknown as FastifyInstance;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof AppError ? error.status : 400;
    const { code, message } = error as AppError;
    return reply.code(status).send({ error: { code, message } });
  });
  guardRoutes(app, { auth, externalUrl });
  await app.register(authApi({ auth, externalUrl }));
  for (const access of ['anonymous', 'read', 'operate', 'admin', 'ingest'] as Access[]) {
    app.route({
      method: ['GET', 'POST'],
      url: `/${access}`,
      config: { access },
      handler: ({ principal }) => ({ name: principal?.name ?? null }),
    });
  }
  app.get('/default', () => ({}));
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bellwether-http-'));
  const clock = new SteppedClock(1_800_000_000_000);
  state = await openState({ dir, clock });
  auth = createAuth({ state, clock, log: silentLog });
  await auth.users.create('admin', 'admin');
  await serve();
});
afterEach(async () => {
  await app.close();
  await state.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Signs in by link and gives the Cookie header. */
async function cookie(user = 'admin', viaLink = false): Promise<string> {
  return `bellwether_session=${await auth.sessions.create(user, viaLink)}`;
}

test('which scope may call what', async () => {
  const table: Record<string, string> = {};
  for (const scope of SCOPES) {
    const { token } = await auth.tokens.create({ name: scope, scope });
    const codes: number[] = [];
    for (const url of ['/anonymous', '/read', '/operate', '/admin', '/ingest', '/default', '/nowhere']) {
      codes.push((await app.inject({ url, headers: { authorization: `Bearer ${token}` } })).statusCode);
    }
    table[scope] = codes.join(' ');
  }
  const codes: number[] = [];
  for (const url of ['/anonymous', '/read', '/operate', '/admin', '/ingest', '/default', '/nowhere'])
    codes.push((await app.inject(url)).statusCode);
  table.nobody = codes.join(' ');
  //          anonymous read operate admin ingest default unknown path
  expect(table).toEqual({
    ingest: '200 403 403 403 200 403 403',
    read: '200 200 403 403 403 200 404',
    operate: '200 200 200 403 403 200 404',
    admin: '200 200 200 200 200 200 404',
    nobody: '200 401 401 401 401 401 401',
  });
});

test('every way to show a token', async () => {
  const { token } = await auth.tokens.create({ name: 't', scope: 'read' });
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
  for (const [authorization, status] of [
    [`Bearer ${token}`, 200],
    [`bearer ${token}`, 200],
    [`Token ${token}`, 200],
    [basic(`anybody:${token}`), 200],
    [basic(`:${token}`), 200],
    [basic(token), 401],
    ['Basic !!!', 401],
    [`Bearer ${token}x`, 401],
    ['Bearer', 401],
    [`Digest ${token}`, 401],
    [token, 401],
  ] as const) {
    expect([authorization, (await app.inject({ url: '/read', headers: { authorization } })).statusCode]).toEqual([authorization, status]);
  }
});

test('the way of a first sign-in: link, password, sign out, sign in', async () => {
  const link = await auth.users.createLink('admin');
  const signIn = await app.inject({ method: 'POST', url: '/api/bellwether/session', headers: OWN, payload: { link } });
  expect(signIn.json()).toEqual({ user: 'admin', role: 'admin', mustSetPassword: true });
  const header = String(signIn.headers['set-cookie']);
  expect(header).toMatch(/^bellwether_session=[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/);
  let jar = header.split(';')[0]!;
  const call = (method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object) =>
    app.inject({ method, url, headers: { ...OWN, cookie: jar }, payload });

  expect((await call('GET', '/api/bellwether/session')).json()).toMatchObject({ mustSetPassword: true });
  expect((await call('GET', '/read')).json()).toEqual({ error: { code: 'FORBIDDEN', message: 'Set a password first.' } });
  expect((await call('POST', '/api/bellwether/session/password', { password: 'short' })).statusCode).toBe(400);
  const set = await call('POST', '/api/bellwether/session/password', { password: 'correct horse battery' });
  expect(set.json()).toEqual({ user: 'admin', role: 'admin', mustSetPassword: false });
  expect((await call('GET', '/read')).statusCode).toBe(401);
  jar = String(set.headers['set-cookie']).split(';')[0]!;
  expect((await call('GET', '/read')).statusCode).toBe(200);

  expect((await call('POST', '/api/bellwether/session/password', { password: 'another long one' })).statusCode).toBe(400);
  expect((await call('POST', '/api/bellwether/session/password', { password: 'another long one', current: 'wrong' })).statusCode).toBe(403);

  const out = await call('DELETE', '/api/bellwether/session');
  expect(out.statusCode).toBe(204);
  expect(String(out.headers['set-cookie'])).toContain('Max-Age=0');
  expect((await call('GET', '/read')).statusCode).toBe(401);
  const again = await app.inject({
    method: 'POST',
    url: '/api/bellwether/session',
    headers: OWN,
    payload: { user: 'admin', password: 'correct horse battery' },
  });
  expect(again.json()).toEqual({ user: 'admin', role: 'admin', mustSetPassword: false });
});

test('the cookie is Secure behind https', async () => {
  await app.close();
  await serve('https://watch.example.org');
  const link = await auth.users.createLink('admin');
  const answer = await app.inject({
    method: 'POST',
    url: '/api/bellwether/session',
    headers: { host: '127.0.0.1:8720', origin: 'https://watch.example.org' },
    payload: { link },
  });
  expect(answer.statusCode).toBe(200);
  expect(String(answer.headers['set-cookie'])).toMatch(/; Secure$/);
});

describe('requests that other sites make a browser send', () => {
  test.each([
    ['own origin', { origin: `http://${HOST}` }, 200],
    ['same-origin by Sec-Fetch-Site', { 'sec-fetch-site': 'same-origin' }, 200],
    ['another site', { origin: 'http://evil.test' }, 403],
    ['another port', { origin: `http://${HOST}:81` }, 403],
    ['a prefix of ours', { origin: `http://${HOST}.evil.test` }, 403],
    ['an opaque origin', { origin: 'null' }, 403],
    ['no origin at all', {}, 403],
    ['same-site only', { 'sec-fetch-site': 'same-site' }, 403],
    ['both, contradicting', { origin: 'http://evil.test', 'sec-fetch-site': 'same-origin' }, 403],
  ])('%s', async (_name, headers, status) => {
    const answer = await app.inject({ method: 'POST', url: '/operate', headers: { host: HOST, cookie: await cookie(), ...headers } });
    expect(answer.statusCode).toBe(status);
  });

  test('reading needs no origin, a token needs none either', async () => {
    expect(
      (await app.inject({ url: '/read', headers: { host: HOST, cookie: await cookie(), origin: 'http://evil.test' } })).statusCode,
    ).toBe(200);
    const { token } = await auth.tokens.create({ name: 't', scope: 'operate' });
    expect(
      (await app.inject({ method: 'POST', url: '/operate', headers: { host: HOST, authorization: `Bearer ${token}` } })).statusCode,
    ).toBe(200);
  });

  test('nobody is signed in from another site', async () => {
    const link = await auth.users.createLink('admin');
    const answer = await app.inject({
      method: 'POST',
      url: '/api/bellwether/session',
      headers: { host: HOST, origin: 'http://evil.test' },
      payload: { link },
    });
    expect(answer.statusCode).toBe(403);
  });
});

describe('WebSocket upgrades', () => {
  const upgrade = (headers: Record<string, string>): Promise<string> =>
    authenticateUpgrade({ headers } as unknown as IncomingMessage, 'read', { auth }).then(
      ({ name }) => name,
      (error: { code: string }) => error.code,
    );

  test('need a credential and, from a browser, our own page', async () => {
    const { token } = await auth.tokens.create({ name: 't', scope: 'read' });
    const jar = await cookie();
    expect(await upgrade({ host: HOST })).toBe('UNAUTHENTICATED');
    expect(await upgrade({ host: HOST, authorization: `Bearer ${token}` })).toBe('token:t');
    expect(await upgrade({ ...OWN, cookie: jar })).toBe('admin');
    expect(await upgrade({ host: HOST, cookie: jar })).toBe('FORBIDDEN');
    expect(await upgrade({ host: HOST, origin: 'http://evil.test', cookie: jar })).toBe('FORBIDDEN');
    expect(await upgrade({ host: HOST, origin: 'http://evil.test', authorization: `Bearer ${token}` })).toBe('FORBIDDEN');
    expect(await upgrade({ ...OWN, cookie: await cookie('admin', true) })).toBe('FORBIDDEN');
  });
});

describe('administration', () => {
  test('tokens over HTTP', async () => {
    const { token } = await auth.tokens.create({ name: 'root', scope: 'admin' });
    const headers = { authorization: `Bearer ${token}` };
    const made = await app.inject({
      method: 'POST',
      url: '/api/bellwether/tokens',
      headers,
      payload: { name: 'join', scope: 'join', expiresIn: '1h', uses: 1 },
    });
    expect(made.statusCode).toBe(201);
    const enrol = () =>
      app.inject({
        method: 'POST',
        url: '/api/bellwether/enroll',
        payload: { token: made.json().token, hostname: 'a', os: 'Linux', arch: 'x64', agentVersion: '1' },
      });
    const agent = (await enrol()).json();
    expect(await auth.authenticateAgent(`Bearer ${agent.agentId}.${agent.key}`)).toEqual({ agentId: agent.agentId, hostname: 'a' });
    expect((await enrol()).statusCode).toBe(401);
    expect((await app.inject({ url: '/api/bellwether/tokens', headers })).json()).toHaveLength(2);
    expect((await app.inject({ method: 'DELETE', url: `/api/bellwether/tokens/${made.json().id}`, headers })).statusCode).toBe(204);
    expect(
      (await app.inject({ method: 'POST', url: '/api/bellwether/tokens', headers, payload: { name: 'x', scope: 'root' } })).statusCode,
    ).toBe(400);
    expect(
      (
        await app.inject({
          method: 'POST',
          url: '/api/bellwether/tokens',
          headers,
          payload: { name: 'x', scope: 'read', expiresIn: 'soon' },
        })
      ).statusCode,
    ).toBe(400);
  });

  test('users over HTTP, by admins only', async () => {
    const { token } = await auth.tokens.create({ name: 'root', scope: 'admin' });
    const headers = { authorization: `Bearer ${token}` };
    const made = await app.inject({ method: 'POST', url: '/api/bellwether/users', headers, payload: { name: 'ann', role: 'viewer' } });
    const signIn = await app.inject({ method: 'POST', url: '/api/bellwether/session', payload: made.json() });
    expect(signIn.json()).toEqual({ user: 'ann', role: 'viewer', mustSetPassword: true });
    const url = '/api/bellwether/users/ann';
    expect(
      (await app.inject({ method: 'POST', url: `${url}/password`, headers, payload: { password: 'correct horse battery' } })).statusCode,
    ).toBe(204);
    expect((await app.inject({ method: 'POST', url: `${url}/role`, headers, payload: { role: 'operator' } })).statusCode).toBe(204);
    expect((await app.inject({ method: 'POST', url: `${url}/link`, headers })).json()).toEqual({ link: expect.any(String) });
    expect((await app.inject({ url: '/api/bellwether/users', headers })).json()).toMatchObject([
      { name: 'admin' },
      { name: 'ann', role: 'operator', hasPassword: true },
    ]);
    expect((await app.inject({ url: '/api/bellwether/users', headers: { host: HOST, cookie: await cookie('ann') } })).statusCode).toBe(403);
    expect((await app.inject({ method: 'DELETE', url, headers })).statusCode).toBe(204);
  });
});
