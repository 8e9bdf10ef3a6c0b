import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SteppedClock, silentLog } from '@bellwether/shared';
import Fastify, { type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { authApi, createAuth, guardRoutes } from '../../../collector/auth/index.ts';
import { examine } from '../../../collector/cli/doctor.ts';
import { createProgram, failureOf } from '../../../collector/cli/program.ts';
import type { Runner } from '../../../collector/cli/run-commands.ts';
import { loadConfig } from '../../../collector/config.ts';
import { openState } from '../../../collector/state/index.ts';

let dir: string;
const clock = new SteppedClock(1_800_000_000_000);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bellwether-cli-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

interface Outcome {
  out: string;
  err: string;
  exitCode: number;
}

/** Runs one command line as main.ts does, in this process. */
async function run(...args: string[]): Promise<Outcome> {
  const outcome: Outcome = { out: '', err: '', exitCode: 0 };
  class Exit {
    readonly exitCode: number;
    constructor(exitCode: number) {
      this.exitCode = exitCode;
    }
  }
  const runner: Runner = {
    env: { BELLWETHER_DATA_DIR: dir, BELLWETHER_LISTEN: listen },
    clock,
    distDir: dir,
    write: (text) => {
      outcome.out += text;
    },
    writeError: (text) => {
      outcome.err += text;
    },
    exitCode: (code) => {
      outcome.exitCode = code;
    },
    onStop: () => {},
    onReload: () => {},
  };
  try {
    await createProgram(runner, (code) => {
      throw new Exit(code);
    }).parseAsync(['node', 'bellwether', ...args]);
  } catch (error) {
    if (error instanceof Exit) return { ...outcome, exitCode: error.exitCode };
    const { text, exitCode } = failureOf(error);
    return { ...outcome, err: outcome.err + text, exitCode };
  }
  return outcome;
}
let listen = '127.0.0.1:8720';

/** What of a collector the commands talk to, holding the data directory. */
async function serve(): Promise<{ app: FastifyInstance; stop: () => Promise<void> }> {
  const state = await openState({ dir, clock });
  const auth = createAuth({ state, clock, log: silentLog });
  await auth.firstStart();
  const app = Fastify() as unknown as FastifyInstance;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error, _request, reply) => {
    const { code, message, status } = error as unknown as { code: string; message: string; status?: number };
    return reply.code(status ?? 400).send({ error: { code, message } });
  });
  guardRoutes(app, { auth });
  await app.register(authApi({ auth }));
  app.get('/-/healthy', { config: { access: 'anonymous' } }, () => 'Bellwether is healthy.\n');
  app.get('/api/v1/query', (request, reply) => {
    const { query } = request.query as { query: string };
    if (query === 'bad(')
      return reply.code(400).send({ status: 'error', errorType: 'bad_data', error: 'parse error: unclosed left parenthesis' });
    return {
      status: 'success',
      data: { resultType: 'vector', result: [{ metric: { __name__: query }, value: [1, '7'] }] },
      infos: ['a hint'],
    };
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  listen = `127.0.0.1:${(app.server.address() as { port: number }).port}`;
  return {
    app,
    async stop() {
      await app.close();
      await state.stop();
      listen = '127.0.0.1:8720';
    },
  };
}

describe.each([['without a collector'], ['with a running collector']])('%s', (name) => {
  let stop: () => Promise<void>;
  beforeEach(async () => {
    const server = await serve();
    stop = server.stop;
    if (name.startsWith('without')) await stop();
  });
  afterEach(() => stop());

  test('tokens are made, listed and revoked', async () => {
    const made = await run('token', 'create', '--join', '--name', 'fleet', '--uses', '3', '--expires', '1d');
    expect(made).toEqual({ out: expect.stringMatching(/^bwj_[\w-]{43}\n$/), err: '', exitCode: 0 });
    expect((await run('token', 'create', '--scope', 'ingest')).out).toMatch(/^bw_/);
    const lines = (await run('token', 'list')).out.trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    const join1 = lines.find((line) => line.includes('fleet'))!;
    expect(join1).toMatch(/join +2027-01-15 08:00:00Z +2027-01-16 08:00:00Z +- +3$/);
    const id = join1.split(' ')[0]!;
    expect(await run('token', 'revoke', id)).toMatchObject({ out: `revoked ${id}\n`, exitCode: 0 });
    expect(await run('token', 'revoke', id)).toEqual({ out: '', err: `bellwether: There is no token with the id "${id}".\n`, exitCode: 1 });
  });

  test('users are made, listed, linked and removed', async () => {
    expect((await run('user', 'create', 'ann', '--role', 'operator')).out).toMatch(new RegExp(`^http://${listen}/sign-in#[\\w-]{43}\\n`));
    expect(await run('user', 'create', 'ann')).toMatchObject({ err: 'bellwether: There is a user "ann" already.\n', exitCode: 1 });
    expect((await run('user', 'list')).out).toMatch(/^NAME +ROLE +PASSWORD +CREATED\nadmin +admin +no .*\nann +operator +no .*\n$/);
    expect((await run('user', 'link')).out).toContain('/sign-in#');
    expect(await run('user', 'remove', 'ann')).toMatchObject({ out: 'removed ann\n', exitCode: 0 });
    expect(await run('user', 'remove', 'admin')).toMatchObject({ exitCode: 1 });
  });
});

test('query prints a table, hints go to standard error, errors are one line', async () => {
  const { stop } = await serve();
  try {
    expect(await run('query', 'up')).toEqual({ out: 'METRIC  VALUE\nup      7\n', err: 'a hint\n', exitCode: 0 });
    expect(await run('query', 'bad(')).toEqual({ out: '', err: 'bellwether: parse error: unclosed left parenthesis\n', exitCode: 1 });
    expect(await run('query', 'up', '--token', 'bw_x')).toMatchObject({
      err: expect.stringContaining('does not know this token'),
      exitCode: 1,
    });
  } finally {
    await stop();
  }
  listen = '127.0.0.1:1';
  expect(await run('query', 'up')).toEqual({
    out: '',
    err: expect.stringMatching(/^bellwether: No collector answers at http:\/\/127\.0\.0\.1:1 \(.*\n$/),
    exitCode: 1,
  });
  listen = '127.0.0.1:8720';
});

test.each([
  ['an unknown command', ['upp'], /Did you mean up\?/],
  ['an unknown flag', ['check', '--confg', 'x'], /Did you mean --config\?/],
  ['a missing argument', ['query'], /missing required argument/],
  ['a wrong choice', ['token', 'create', '--scope', 'root'], /Allowed choices are/],
  ['a wrong duration', ['token', 'create', '--expires', 'soon'], /must be a duration/],
  ['a wrong address', ['check', '--listen', 'x'], /^bellwether: --listen: listen: must be an address/],
  [
    'a configuration that is not there',
    ['check', '--config', '/nowhere.yml'],
    /^bellwether: The configuration file \/nowhere\.yml cannot be read/,
  ],
  ['a directory without data', ['token', 'list', '--data-dir', '/nowhere'], /^bellwether: \/nowhere holds no data/],
  ['uses of a token that has none', ['token', 'create', '--uses', '1'], /--uses is for join tokens/],
  ['a script that is not there', ['promqltest', '/nowhere.test'], /\/nowhere\.test cannot be read/],
])('%s: exit code 2', async (_name, args, text) => {
  expect(await run(...args)).toEqual({ out: '', err: expect.stringMatching(text), exitCode: 2 });
});

test('check says that all is well', async () => {
  expect(await run('check')).toEqual({
    out: 'no configuration file: the defaults: good; the shipped rules and 0 rules in 0 groups\n',
    err: '',
    exitCode: 0,
  });
});

test('failures show no stack, mistakes of ours do', () => {
  expect(failureOf(Object.assign(new Error('a\nb'), { code: 'CONFIG_INVALID' }))).toEqual({
    text: 'bellwether: a\nbellwether: b\n',
    exitCode: 2,
  });
  expect(failureOf(Object.assign(new Error('no'), { code: 'EACCES' }))).toEqual({ text: 'bellwether: no\n', exitCode: 1 });
  expect(failureOf(new TypeError('oops')).text).toMatch(/oops[\s\S]*admin\.test\.ts/);
});

describe('doctor', () => {
  const verdicts = async (data: string, address: string) => {
    const { config } = await loadConfig({ env: { BELLWETHER_DATA_DIR: data, BELLWETHER_LISTEN: address } });
    return Object.fromEntries((await examine(config, clock.now())).map(({ subject, verdict, text }) => [subject, `${verdict}: ${text}`]));
  };

  test('finds nothing to mend, and makes nothing', async () => {
    const fresh = join(dir, 'a/b');
    expect(await verdicts(fresh, '127.0.0.1:0')).toMatchObject({
      versions: expect.stringMatching(/^good/),
      clock: expect.stringMatching(/^good/),
      'data directory': expect.stringMatching(/^good/),
      port: 'good: 127.0.0.1:0 is free',
    });
    expect(existsSync(fresh)).toBe(false);
  });

  test('sees a running collector, a taken port and a directory that cannot be', async () => {
    const { stop } = await serve();
    try {
      expect(await verdicts(dir, listen)).toMatchObject({
        'data directory': `good: ${dir} is in use by a running collector`,
        port: `good: ${listen} is answered by the running collector`,
      });
      expect((await verdicts(join(dir, 'other'), listen)).port).toBe(
        `bad: ${listen} is taken by another collector; choose another with --listen`,
      );
    } finally {
      await stop();
    }
    const server = createServer((socket) => socket.end('hello\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expect((await verdicts(dir, `127.0.0.1:${port}`)).port).toMatch(/^bad: .* taken by another program/);
    server.close();
    expect((await verdicts('/etc/hostname/x', '127.0.0.1:0'))['data directory']).toMatch(/^bad: .* cannot be written/);
  });
});

test('the state is private to its owner', async () => {
  const { stop } = await serve();
  await stop();
  for (const file of ['initial-admin-token', 'state.db']) expect((await stat(join(dir, file))).mode & 0o077).toBe(0);
});
