import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestCollector, temporaryDir } from '../support/bellwether.ts';
import { freePort, ROOT, runProgram } from '../support/process.ts';

const BELLWETHER = join(ROOT, 'bin/bellwether.mjs');
const AGENT = join(ROOT, 'bin/bellwether-agent.mjs');
const isRoot = process.getuid?.() === 0;

let dir: string;
beforeEach(() => {
  dir = temporaryDir();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

type Outcome = Awaited<ReturnType<typeof runProgram>>;
const bellwether = (args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Outcome> =>
  runProgram(process.execPath, [BELLWETHER, ...args], { cwd: dir, env });

interface BadConfig {
  readonly file?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** All that is printed, behind `<program>: `. */
  readonly says: string;
}

const COLLECTOR: Readonly<Record<string, BadConfig>> = {
  'an unknown key': { file: 'listn: :8720\n', says: 'bad.yml:1:1: listn: unknown key; did you mean "listen"?' },
  'an unknown key in a section': {
    file: 'agents:\n  intervall: 5s\n',
    says: 'bad.yml:2:3: agents.intervall: unknown key; did you mean "interval"?',
  },
  'a wrong type': { file: 'query:\n  max_series: many\n', says: 'bad.yml:2:15: query.max_series: must be a number; got "many"' },
  'a bad unit': {
    file: 'retention: 5x\n',
    says: 'bad.yml:1:12: retention: must be a duration such as 30s, 5m or 1h30m; got "5x"',
  },
  'no YAML': {
    file: 'query: [\n',
    says: 'bad.yml:2:1: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
  },
  'a bad unit in the environment': {
    env: { BELLWETHER_QUERY_TIMEOUT: '5x' },
    says: 'BELLWETHER_QUERY_TIMEOUT: query.timeout: must be a duration such as 30s, 5m or 1h30m; got "5x"',
  },
  'an unknown name in the environment': {
    env: { BELLWETHER_LISEN: ':8720' },
    says: 'BELLWETHER_LISEN: unknown setting; did you mean "BELLWETHER_LISTEN"?',
  },
};

const OF_AGENT: Readonly<Record<string, BadConfig>> = {
  'an unknown key': { file: 'intervall: 5s\n', says: 'bad.yml:1:1: intervall: unknown key; did you mean "interval"?' },
  'an unknown input': { file: 'inputs:\n  cpuu: {}\n', says: 'bad.yml:2:3: inputs.cpuu: unknown key; did you mean "cpu"?' },
  'a wrong type': { file: 'spool: 5\n', says: 'bad.yml:1:8: spool: must be a section; got 5' },
  'a number without a unit': {
    file: 'interval: 5\n',
    says: 'bad.yml:1:11: interval: must be a duration such as 30s, 5m or 1h30m; got 5',
  },
  'a bad unit in the environment': {
    env: { BELLWETHER_AGENT_SPOOL_MAX_BYTES: 'lots' },
    says: 'BELLWETHER_AGENT_SPOOL_MAX_BYTES: spool.max_bytes: must be a size such as 512KB, 64MB or 2GB; got "lots"',
  },
  'an unknown name in the environment': {
    env: { BELLWETHER_AGENT_INTERVALL: '5s' },
    says: 'BELLWETHER_AGENT_INTERVALL: unknown setting; did you mean "BELLWETHER_AGENT_INTERVAL"?',
  },
};

/** Everything but the name of what is wrong would let the program run: it ends because of that alone. */
async function refused(program: string, command: string, { file = '', env = {}, says }: BadConfig): Promise<void> {
  writeFileSync(join(dir, 'bad.yml'), file);
  const listen = program === BELLWETHER ? ['--listen', `127.0.0.1:${await freePort()}`] : [];
  const args = [program, command, '--config', 'bad.yml', '--data-dir', join(dir, 'data'), ...listen];
  const { code, output } = await runProgram(process.execPath, args, { cwd: dir, env });
  expect(output).toBe(`${program === BELLWETHER ? 'bellwether' : 'bellwether-agent'}: ${says}\n`);
  expect(code).toBe(2);
  expect(existsSync(join(dir, 'data'))).toBe(false);
}

test.each(Object.entries(COLLECTOR))('the collector ends with 2 and one line for %s', async (_what, given) => {
  await refused(BELLWETHER, 'collector', given);
});

test.each(Object.entries(OF_AGENT))('the agent ends with 2 and one line for %s', async (_what, given) => {
  await refused(AGENT, 'run', given);
});

test('an agent without an identity says how to get one', async () => {
  const { code, output } = await runProgram(process.execPath, [AGENT, 'run', '--data-dir', join(dir, 'data')], { cwd: dir });
  expect(output).toMatch(/^bellwether-agent: .*identity\.json is missing.*bellwether-agent enroll --url URL.*\n$/);
  expect(code).toBe(2);
});

/** Every file below a folder with its contents, but for what SQLite keeps beside its file while it is open. */
function contents(folder: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (/state\.db-/.test(name) || statSync(join(folder, name)).isDirectory()) continue;
    files.set(name, readFileSync(join(folder, name)).toString('base64'));
  }
  return files;
}

test('a second collector on a data directory or a port is refused in one line, and the first goes on', async () => {
  const collector = await startTestCollector();
  try {
    const taken = new URL(collector.url).host;
    const before = contents(join(collector.dir, 'data'));
    const locked = await bellwether(['collector', '--data-dir', join(collector.dir, 'data'), '--listen', `127.0.0.1:${await freePort()}`]);
    expect(locked.output).toMatch(
      /^bellwether: The data directory \S+ is in use by another collector; stop that one, or choose another.*\n$/,
    );
    expect(locked.code).toBe(1);
    const busy = await bellwether(['collector', '--data-dir', join(dir, 'data'), '--listen', taken, '--log-level', 'warn']);
    expect(busy.output).toMatch(/^bellwether: Cannot listen on \S+: another program listens there already\. Set listen .*\n$/);
    expect(busy.code).not.toBe(0);
    expect(contents(join(collector.dir, 'data')).get('initial-admin-token')).toBe(before.get('initial-admin-token'));
    expect((await fetch(`${collector.url}/-/ready`)).ok).toBe(true);
  } finally {
    await collector.stop();
  }
});

describe('a data directory that cannot be used', () => {
  const start = async (dataDir: string): Promise<Outcome> =>
    bellwether(['collector', '--data-dir', dataDir, '--listen', `127.0.0.1:${await freePort()}`, '--log-level', 'warn']);

  test('a file in its place', async () => {
    const file = join(dir, 'data');
    writeFileSync(file, 'precious');
    const { code, output } = await start(file);
    expect(output).toMatch(/^bellwether: The data directory \S+ cannot be used \(ENOTDIR: not a directory.*\n$/);
    expect(code).toBe(1);
    expect(readFileSync(file, 'utf8')).toBe('precious');
  });

  test('something else in place of the database', async () => {
    mkdirSync(join(dir, 'data'));
    writeFileSync(join(dir, 'data/state.db'), 'these are somebody’s notes, not a database');
    const { code, output } = await start(join(dir, 'data'));
    expect(output).toMatch(/^bellwether: The data directory \S+ cannot be used \(file is not a database\).*\n$/);
    expect(code).toBe(1);
    expect(readFileSync(join(dir, 'data/state.db'), 'utf8')).toBe('these are somebody’s notes, not a database');
  });

  (isRoot ? test : test.skip)("another user's", async () => {
    mkdirSync(join(dir, 'data'), { mode: 0o755 });
    const asNobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', process.execPath, BELLWETHER];
    const args = [...asNobody, 'collector', '--data-dir', join(dir, 'data'), '--listen', `127.0.0.1:${await freePort()}`];
    const { code, output } = await runProgram('setpriv', args, { cwd: '/' });
    expect(output).toMatch(/^bellwether: The data directory \S+ cannot be used \(EACCES: permission denied.*\n$/);
    expect(code).toBe(1);
    expect(readdirSync(join(dir, 'data'))).toEqual([]);
  });

  test('a store of a newer version', async () => {
    const collector = await startTestCollector();
    const data = join(dir, 'data');
    await collector.program.stop();
    cpSync(join(collector.dir, 'data'), data, { recursive: true });
    await collector.stop();
    writeFileSync(join(data, 'store/FORMAT'), `${JSON.stringify({ format: 'bellwether-store', version: 999 })}\n`);
    const before = contents(join(data, 'store'));
    const { code, output } = await start(data);
    expect(output).toMatch(/^bellwether: \S+ was written by a newer version \(format 999, this one knows \d+\); upgrade the collector\n$/);
    expect(code).toBe(1);
    expect(contents(join(data, 'store'))).toEqual(before);
  });
});
