/** Real scripts that end, hang, flood, fork and are not there, under a clock that only the test moves. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SteppedClock, silentLog } from '@bellwether/shared';
import { type ChildOptions, type ChildResult, runChild } from '../../../agent/bounded-child.ts';
import { createCollector } from '../../../agent/inputs/collect.ts';
import { pluginsInput } from '../../../agent/plugins/input.ts';
import type { PluginSettings } from '../../../agent/plugins/plugin.ts';
import { PluginRunner, runOf } from '../../../agent/plugins/runner.ts';
import { rowOf } from '../inputs/support.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bellwether-plugins-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function script(name: string, body: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Lets real processes go on while the clock stands, until `done`. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

function isAlive(pid: number): boolean {
  try {
    // A zombie that nobody waits for yet is as dead as it gets.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function run(path: string, options: Partial<ChildOptions> = {}) {
  const clock = new SteppedClock(0);
  let result: ChildResult | undefined;
  const promise = runChild({ argv: [path], timeoutMs: 10_000, maxBytes: 1024, clock, ...options }).then((ended) => {
    result = ended;
    return ended;
  });
  return { clock, promise, isDone: () => result !== undefined };
}

const settings = (name: string, command: string, more: Partial<PluginSettings> = {}): PluginSettings => ({
  name,
  command: [command],
  intervalMs: 60_000,
  timeoutMs: 10_000,
  labels: {},
  ...more,
});

test('a program that ends: its code and both outputs', async () => {
  const { promise } = run(script('ok', 'echo out; echo err >&2; exit 2'));
  expect(await promise).toMatchObject({ outcome: 'exited', exitCode: 2, stdout: 'out\n', stderr: 'err\n' });
});

test('it gets neither the environment nor the standard input of the agent', async () => {
  process.env.BELLWETHER_TEST_SECRET = 'x';
  try {
    const { stdout } = await run(script('env', 'env; cat; pwd')).promise;
    expect(stdout).not.toContain('BELLWETHER_TEST_SECRET');
    expect(stdout).toContain('LC_ALL=C');
    expect(stdout.trimEnd().endsWith('\n/')).toBe(true);
  } finally {
    delete process.env.BELLWETHER_TEST_SECRET;
  }
});

test('arguments are not read by a shell', async () => {
  const { promise } = run('', { argv: ['/bin/echo', '$HOME', '; rm -rf x', '*'] });
  expect((await promise).stdout).toBe('$HOME; rm -rf x*\n'.replace('$HOME;', '$HOME ;').replace('x*', 'x *'));
});

test.each([
  ['that is not there', '/nowhere/check'],
  ['that is no program', ''],
])('a program %s', async (_, given) => {
  const path = given === '' ? join(folder, 'text') : given;
  if (given === '') writeFileSync(path, 'text');
  expect(await run(path).promise).toMatchObject({ outcome: 'not-started', problem: expect.stringContaining('spawn') });
});

test('one that hangs is killed with its children', async () => {
  const pids = join(folder, 'pids');
  const { clock, promise, isDone } = run(
    script('hang', `trap '' TERM; sleep 1000 & echo $! > ${pids}.new; mv ${pids}.new ${pids}; wait; wait`),
  );
  await until(() => existsSync(pids));
  await clock.advance(9_999);
  expect(isDone()).toBe(false);
  await clock.advance(1);
  expect(await promise).toMatchObject({ outcome: 'timeout', exitCode: undefined, durationMs: 10_000 });
  const child = Number(readFileSync(pids, 'utf8'));
  await until(() => !isAlive(child));
});

test('one that floods is killed and its output cut', async () => {
  const result = await run(script('flood', 'while :; do echo 0123456789abcdef; done')).promise;
  expect(result).toMatchObject({ outcome: 'flood', exitCode: undefined });
  expect(result.stdout.length).toBe(1024);
});

test('one that leaves a child behind: the child goes with it', async () => {
  const pids = join(folder, 'pids');
  const result = await run(script('fork', `sleep 1000 & echo $! > ${pids}; echo done; exit 0`)).promise;
  expect(result).toMatchObject({ outcome: 'exited', exitCode: 0, stdout: 'done\n' });
  const child = Number(readFileSync(pids, 'utf8'));
  await until(() => !isAlive(child));
});

test('a grandchild that left the group cannot hold the pipes open for ever', async () => {
  const pids = join(folder, 'pids');
  const { clock, promise, isDone } = run(
    script('daemon', `setsid sh -c 'echo $$ > ${pids}; exec sleep 1000' & while [ ! -s ${pids} ]; do :; done; echo done`),
    { timeoutMs: 1e9 },
  );
  await until(() => existsSync(pids) && readFileSync(pids, 'utf8') !== '');
  const grandchild = Number(readFileSync(pids, 'utf8'));
  try {
    while (!isDone()) await clock.advance(50);
    expect(await promise).toMatchObject({ outcome: 'exited', stdout: 'done\n' });
  } finally {
    process.kill(grandchild, 'SIGKILL');
  }
});

test('a stop kills it', async () => {
  const abort = new AbortController();
  const ready = join(folder, 'ready');
  const { promise } = run(script('long', `touch ${ready}; sleep 1000`), { signal: abort.signal });
  await until(() => existsSync(ready));
  abort.abort();
  expect(await promise).toMatchObject({ outcome: 'killed' });
});

test.each<[Partial<ChildResult>, number, string]>([
  [{ exitCode: 0, stdout: 'OK - fine | a=1' }, 0, 'OK - fine'],
  [{ exitCode: 1, stdout: '', stderr: 'only here\nmore' }, 1, 'only here'],
  [{ exitCode: 127, stdout: 'what' }, 3, 'exit code 127: what'],
  [{ outcome: 'timeout', exitCode: undefined }, 3, 'no end within 10 s; it was killed'],
  [{ outcome: 'flood', exitCode: undefined }, 3, 'more than 65536 bytes of output; it was killed'],
  [{ outcome: 'killed', exitCode: undefined }, 3, 'ended by a signal'],
  [{ outcome: 'not-started', exitCode: undefined, problem: 'spawn x ENOENT' }, 3, 'cannot be started: spawn x ENOENT'],
])('%j means state %i', (result, state, text) => {
  const child = { outcome: 'exited' as const, exitCode: 0, stdout: '', stderr: '', durationMs: 1, problem: undefined, ...result };
  expect(runOf(child, settings('x', 'x'), 5)).toMatchObject({ state, text, endedMs: 5 });
});

function started(plugins: readonly PluginSettings[]) {
  const clock = new SteppedClock(1_000_000);
  const events: string[] = [];
  const runner = new PluginRunner({
    plugins,
    clock,
    log: silentLog,
    event: (kind, timeMs, text) => events.push(`${kind} ${timeMs} ${text}`),
  });
  runner.start();
  const stateOf = (name: string) => runner.runs().find((one) => one.settings.name === name)!.run?.state;
  return { clock, events, runner, stateOf };
}

test('runs on its interval; a change of state is an event with the first line', async () => {
  const path = script('check', `cat ${folder}/says; exit $(cat ${folder}/code)`);
  const say = (text: string, code: number) => {
    writeFileSync(join(folder, 'says'), text);
    writeFileSync(join(folder, 'code'), String(code));
  };
  say('all fine\n', 0);
  const { clock, events, runner, stateOf } = started([settings('check', path)]);
  await clock.advance(0);
  await until(() => stateOf('check') === 0);
  expect(events).toEqual([]);
  say('disk full | used=99%\nlong\n', 2);
  await clock.advance(60_000);
  await until(() => stateOf('check') === 2);
  say('disk full\n', 2);
  await clock.advance(60_000);
  await until(() => runner.runs()[0]!.run?.endedMs === 1_120_000);
  say('fine again\n', 0);
  await clock.advance(60_000);
  await until(() => stateOf('check') === 0);
  expect(events).toEqual([
    'plugin-state 1060000 check: OK -> CRITICAL: disk full',
    'plugin-state 1180000 check: CRITICAL -> OK: fine again',
  ]);
  await runner.stop();
});

test('at most four run at once, and a result that is too old is none', async () => {
  const path = script('slow', `n=$(mktemp ${folder}/run.XXXXXX); while [ ! -e ${folder}/go ]; do sleep 0.01; done; rm $n; echo OK`);
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const { clock, runner, stateOf } = started(names.map((name) => settings(name, path, { timeoutMs: 100_000 })));
  await clock.advance(5_000);
  expect(names.map(stateOf)).toEqual(names.map(() => undefined));
  writeFileSync(join(folder, 'go'), '');
  await until(() => names.every((name) => stateOf(name) === 0));
  await runner.stop();
  await clock.advance(219_000);
  expect(stateOf('a')).toBe(0);
  await clock.advance(2_000);
  expect(stateOf('a')).toBeUndefined();
});

test('a stop ends what runs and starts nothing more', async () => {
  const ready = join(folder, 'ready');
  const { clock, runner } = started([settings('long', script('long', `echo $$ > ${ready}; exec sleep 1000`))]);
  await clock.advance(0);
  await until(() => existsSync(ready) && readFileSync(ready, 'utf8') !== '');
  const pid = Number(readFileSync(ready, 'utf8'));
  await runner.stop();
  expect(isAlive(pid)).toBe(false);
  rmSync(ready);
  await clock.advance(600_000);
  expect(existsSync(ready)).toBe(false);
  await runner.stop();
});

test('the last runs are readings', async () => {
  const path = script('disk', 'echo "DISK OK | /=10B;80;90;0;100 used=5%"');
  const { clock, runner, stateOf } = started([settings('disk', path, { labels: { team: 'db' } }), settings('later', path)]);
  await clock.advance(0);
  await until(() => stateOf('disk') === 0);
  const collector = createCollector({ baseLabels: {}, clock, log: silentLog, definitions: [pluginsInput(() => runner.runs())] });
  const { readings } = await collector.collect(1_000_000);
  expect(rowOf(readings.find(({ group }) => group === 'plugins'))).toEqual({
    'node_plugin_state{plugin=disk,team=db}': 0,
    'node_plugin_duration_seconds{plugin=disk,team=db}': 0,
    'node_plugin_last_run_timestamp_seconds{plugin=disk,team=db}': 1000,
    'node_plugin_perfdata{label=/,plugin=disk,team=db,unit=bytes}': 10,
    'node_plugin_perfdata_limit{label=/,limit=warning,plugin=disk,team=db,unit=bytes}': 80,
    'node_plugin_perfdata_limit{label=/,limit=critical,plugin=disk,team=db,unit=bytes}': 90,
    'node_plugin_perfdata_limit{label=/,limit=min,plugin=disk,team=db,unit=bytes}': 0,
    'node_plugin_perfdata_limit{label=/,limit=max,plugin=disk,team=db,unit=bytes}': 100,
    'node_plugin_perfdata{label=used,plugin=disk,team=db,unit=ratio}': 0.05,
  });
  await runner.stop();
});
