import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@bellwether/shared';
import { SteppedClock } from '@bellwether/shared/clock';
import { ADMIN_TOKEN_FILE, type Auth, createAuth } from '../../../collector/auth/index.ts';
import { openState, type State } from '../../../collector/state/index.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
let dir: string;
let state: State;
let clock: SteppedClock;
let auth: Auth;
let enrolled: unknown[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bellwether-auth-'));
  clock = new SteppedClock(1_800_000_000_000);
  state = await openState({ dir, clock });
  enrolled = [];
  auth = createAuth({ state, clock, log: silentLog, enrolled: (...args) => enrolled.push(args) });
});
afterEach(async () => {
  await state.stop();
  await rm(dir, { recursive: true, force: true });
});

describe('first start', () => {
  test('makes an admin, a link and a private token file, and does it once', async () => {
    const first = await auth.firstStart();
    expect(first).toEqual({ user: 'admin', link: expect.stringMatching(/^[\w-]{43}$/) });
    const file = join(dir, ADMIN_TOKEN_FILE);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const token = (await readFile(file, 'utf8')).trim();
    expect(await auth.tokens.principal(token)).toMatchObject({ kind: 'token', scope: 'admin' });

    const second = await auth.firstStart();
    expect(second.link).not.toBe(first.link);
    expect(await auth.users.list()).toHaveLength(1);
    expect(await auth.tokens.list()).toHaveLength(1);
    await expect(auth.signIn({ link: first.link! }, 'c')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await auth.users.setPassword('admin', 'correct horse battery');
    expect(await auth.firstStart()).toEqual({ user: 'admin', link: null });
  });

  test('no secret is stored as it is', async () => {
    const { link } = await auth.firstStart();
    const { secret } = await auth.signIn({ link: link! }, 'c');
    await auth.users.setPassword('admin', 'correct horse battery');
    const { token } = await auth.tokens.create({ name: 't', scope: 'read' });
    const join1 = await auth.tokens.create({ name: 'j', scope: 'join' });
    const agent = await auth.enroll(join1.token, { hostname: 'h', os: '', arch: '', agentVersion: '' }, 'c');
    const adminToken = (await readFile(join(dir, ADMIN_TOKEN_FILE), 'utf8')).trim();
    const files = (await readdir(dir)).filter((name) => name.startsWith('state.db'));
    const text = Buffer.concat(await Promise.all(files.map((name) => readFile(join(dir, name))))).toString('latin1');
    expect(text).toContain('scrypt$');
    for (const kept of [link!, secret, token, join1.token, agent.key, adminToken, 'correct horse battery'])
      expect(text).not.toContain(kept);
  });
});

describe('one-time links', () => {
  test('work once', async () => {
    const { link } = await auth.firstStart();
    const { session } = await auth.signIn({ link: link! }, 'c');
    expect(session).toEqual({ user: 'admin', role: 'admin', mustSetPassword: true });
    await expect(auth.signIn({ link: link! }, 'c')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test.each([
    [15 * MINUTE - 1, true],
    [15 * MINUTE, false],
  ])('after %i ms: %s', async (ms, works) => {
    const { link } = await auth.firstStart();
    await clock.advance(ms);
    const outcome = await auth.signIn({ link: link! }, 'c').then(
      () => true,
      () => false,
    );
    expect(outcome).toBe(works);
  });
});

describe('passwords', () => {
  beforeEach(async () => {
    await auth.users.create('ann', 'operator');
    await auth.users.setPassword('ann', 'correct horse battery');
  });

  test('sign in, in any Unicode form, and end all sessions when changed', async () => {
    await auth.users.setPassword('ann', 'caf\u00e9 caf\u00e9 caf\u00e9');
    const { secret, session } = await auth.signIn({ user: 'ann', password: 'cafe\u0301 cafe\u0301 cafe\u0301' }, 'c');
    expect(session).toEqual({ user: 'ann', role: 'operator', mustSetPassword: false });
    expect(await auth.sessions.principal(secret)).toMatchObject({ name: 'ann', scope: 'operate' });
    await auth.users.setPassword('ann', 'another long one');
    expect(await auth.sessions.principal(secret)).toBeUndefined();
  });

  test.each([
    ['ann', 'wrong'],
    ['ann', ''],
    ['nobody', 'correct horse battery'],
  ])('%s with %j is refused in the same words', async (user, password) => {
    await expect(auth.signIn({ user, password }, 'c')).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: 'User name or password is wrong.',
    });
  });

  test('a user without a password cannot sign in with one', async () => {
    await auth.users.create('bob', 'viewer');
    for (const password of ['', 'null', '\0'])
      await expect(auth.signIn({ user: 'bob', password }, 'c')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test.each([['short'], ['x'.repeat(1_025)]])('%s is no password', async (password) => {
    await expect(auth.users.setPassword('ann', password)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('whoever keeps guessing waits, others do not', async () => {
    const wrong = (client: string): Promise<string> =>
      auth.signIn({ user: 'ann', password: 'wrong' }, client).then(
        () => 'in',
        (error: { code: string }) => error.code,
      );
    for (let i = 0; i < 6; i++) expect(await wrong('10.0.0.1')).toBe('UNAUTHENTICATED');
    expect(await wrong('10.0.0.1')).toBe('TOO_MANY_REQUESTS');
    await expect(auth.signIn({ user: 'ann', password: 'correct horse battery' }, '10.0.0.1')).rejects.toMatchObject({
      code: 'TOO_MANY_REQUESTS',
    });
    expect(await wrong('10.0.0.2')).toBe('UNAUTHENTICATED');
    await clock.advance(1_000);
    await auth.signIn({ user: 'ann', password: 'correct horse battery' }, '10.0.0.1');
    expect(await wrong('10.0.0.1')).toBe('UNAUTHENTICATED');
  });

  test('many tries at once cannot outrun the count', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => auth.signIn({ user: 'ann', password: 'wrong' }, 'c').catch((error: { code: string }) => error.code)),
    );
    expect(outcomes.filter((code) => code === 'UNAUTHENTICATED').length).toBeLessThanOrEqual(6);
  });
});

describe('users', () => {
  test('names are unique and simple; the last admin stays', async () => {
    await auth.users.create('ann', 'admin');
    await expect(auth.users.create('ann', 'viewer')).rejects.toMatchObject({ code: 'CONFLICT' });
    for (const name of ['', 'a b', 'x'.repeat(65), 'a/b'])
      await expect(auth.users.create(name, 'viewer')).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await expect(auth.users.remove('ann')).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(auth.users.setRole('ann', 'viewer')).rejects.toMatchObject({ code: 'CONFLICT' });
    await auth.users.create('bob', 'admin');
    await auth.users.setRole('ann', 'viewer');
    await auth.users.remove('ann');
    await expect(auth.users.setPassword('ann', 'long enough to be')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await auth.users.list()).toEqual([{ name: 'bob', role: 'admin', hasPassword: false, createdMs: clock.now() }]);
  });

  test('a removed user has no sessions, a changed role counts at once', async () => {
    await auth.users.create('root', 'admin');
    await auth.users.create('ann', 'admin');
    const { secret } = await auth.signIn({ link: await auth.users.createLink('ann') }, 'c');
    await auth.users.setRole('ann', 'viewer');
    expect(await auth.sessions.principal(secret)).toMatchObject({ scope: 'read' });
    await auth.users.remove('ann');
    expect(await auth.sessions.principal(secret)).toBeUndefined();
  });
});

describe('sessions', () => {
  test('slide while used, end when idle or too old', async () => {
    await auth.users.create('ann', 'viewer');
    const secret = await auth.sessions.create('ann', false);
    for (let day = 0; day < 84; day += 12) {
      await clock.advance(12 * DAY);
      expect(await auth.sessions.principal(secret)).toBeDefined();
    }
    await clock.advance(6 * DAY);
    expect(await auth.sessions.principal(secret)).toBeUndefined();

    const idle = await auth.sessions.create('ann', false);
    await clock.advance(14 * DAY);
    expect(await auth.sessions.principal(idle)).toBeUndefined();
  });

  test('end on request', async () => {
    await auth.users.create('ann', 'viewer');
    const secret = await auth.sessions.create('ann', false);
    await auth.sessions.end(secret);
    expect(await auth.sessions.principal(secret)).toBeUndefined();
  });
});

describe('tokens', () => {
  test('are listed without their secret, tell their last use, expire and are revoked', async () => {
    const { id, token } = await auth.tokens.create({ name: 'grafana', scope: 'read', expiresInMs: DAY });
    expect(token).toMatch(/^bw_[\w-]{43}$/);
    expect(await auth.tokens.principal(token)).toEqual({ kind: 'token', name: 'token:grafana', scope: 'read', mustSetPassword: false });
    const [listed] = await auth.tokens.list();
    expect(listed).toEqual({
      id,
      name: 'grafana',
      scope: 'read',
      createdMs: clock.now(),
      expiresMs: clock.now() + DAY,
      lastUsedMs: clock.now(),
      usesLeft: null,
    });
    await clock.advance(DAY);
    expect(await auth.tokens.principal(token)).toBeUndefined();
    await auth.tokens.revoke(id);
    await expect(auth.tokens.revoke(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await auth.tokens.list()).toEqual([]);
  });

  test('a join token is no API token', async () => {
    const { token } = await auth.tokens.create({ name: 'j', scope: 'join' });
    expect(await auth.tokens.principal(token)).toBeUndefined();
  });
});

describe('agents', () => {
  const host = { os: 'Linux', arch: 'x64', agentVersion: '1' };

  test('enrol with a join token as often as it says, until it expires', async () => {
    const { token } = await auth.tokens.create({ name: 'j', scope: 'join', uses: 2, expiresInMs: DAY });
    await auth.enroll(token, { hostname: 'a', ...host }, 'c');
    await auth.enroll(token, { hostname: 'b', ...host }, 'c');
    await expect(auth.enroll(token, { hostname: 'c', ...host }, 'c')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    const other = await auth.tokens.create({ name: 'k', scope: 'join', expiresInMs: DAY });
    await clock.advance(DAY);
    await expect(auth.enroll(other.token, { hostname: 'c', ...host }, 'c')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    const api = await auth.tokens.create({ name: 'admin', scope: 'admin' });
    await expect(auth.enroll(api.token, { hostname: 'c', ...host }, 'c')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('a fleet enrols at once; equal names get numbers and are told', async () => {
    const { token } = await auth.tokens.create({ name: 'j', scope: 'join' });
    const agents = await Promise.all(Array.from({ length: 40 }, () => auth.enroll(token, { hostname: 'web', ...host }, 'c')));
    expect(new Set(agents.map(({ hostname }) => hostname)).size).toBe(40);
    expect(agents.map(({ hostname }) => hostname)).toEqual(expect.arrayContaining(['web', 'web-2', 'web-40']));
    expect(enrolled).toHaveLength(40);
    expect(enrolled[0]).toEqual([{ agentId: agents[0]!.agentId, hostname: 'web' }, { hostname: 'web', ...host }, undefined]);
    expect(enrolled[1]).toEqual([{ agentId: agents[1]!.agentId, hostname: 'web-2' }, { hostname: 'web', ...host }, 'web']);
  });

  test('are known by id and key alone, until revoked', async () => {
    const { agentId, key, hostname } = await auth.agents.create('db 1\n');
    expect(hostname).toBe('db-1');
    expect(await auth.authenticateAgent(`Bearer ${agentId}.${key}`)).toEqual({ agentId, hostname });
    const other = await auth.agents.create('db-2');
    for (const bad of [
      '',
      'Bearer ',
      `Bearer ${agentId}`,
      `Bearer ${agentId}.`,
      `Bearer ${agentId}.${key}x`,
      `Bearer ${other.agentId}.${key}`,
      `Bearer x.${key}`,
      `Bearer .${key}`,
    ]) {
      expect(await auth.authenticateAgent(bad)).toBeUndefined();
    }
    await auth.agents.revoke(agentId);
    expect(await auth.authenticateAgent(`Bearer ${agentId}.${key}`)).toBeUndefined();
    expect((await auth.agents.create('db-1')).hostname).toBe('db-1');
  });

  test('a name with % or _ is no pattern', async () => {
    await auth.agents.create('web-1');
    expect((await auth.agents.create('we_')).hostname).toBe('we_');
    expect((await auth.agents.create('%')).hostname).toBe('-');
  });
});
