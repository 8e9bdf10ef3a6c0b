import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { ProcessFiles, parseProcessStat } from '../../../agent/inputs/process-files.ts';
import processGroup from '../../../agent/inputs/process-group.ts';
import processes from '../../../agent/inputs/processes.ts';
import { inputReader } from './one-input.ts';
import { TempTree } from './support.ts';

const seed = Number(process.env.FUZZ_SEED ?? 8720);
let tree: TempTree;
beforeEach(() => {
  tree = new TempTree();
});
afterEach(() => tree.cleanUp());

interface Given {
  readonly comm?: string;
  readonly state?: string;
  readonly ticks?: number;
  readonly threads?: number;
  readonly start?: number;
  readonly rssKb?: number;
  readonly exe?: string;
  readonly cmdline?: readonly string[];
  readonly io?: readonly [number, number] | 'hidden';
  readonly fds?: number;
}

function stat(pid: number, { comm = 'x', state = 'S', ticks = 0, threads = 1, start = 1 }: Given): string {
  return `${pid} (${comm}) ${state} 1 1 1 0 -1 4194560 1 2 3 4 ${ticks} 0 0 0 20 0 ${threads} 0 ${start} 1 2 3\n`;
}

function start(pid: number, given: Given): void {
  const { rssKb = 0, exe, cmdline = [], io = [0, 0], fds = 0 } = given;
  tree.write(`proc/${pid}/stat`, stat(pid, given));
  tree.write(`proc/${pid}/status`, `Name:\tx\nVmPeak:\t 1 kB\nVmRSS:\t    ${rssKb} kB\n`);
  tree.write(`proc/${pid}/cmdline`, cmdline.map((arg) => `${arg}\0`).join(''));
  if (io !== 'hidden')
    tree.write(`proc/${pid}/io`, `rchar: 9\nwchar: 9\nread_bytes: ${io[0]}\nwrite_bytes: ${io[1]}\ncancelled_write_bytes: 7\n`);
  mkdirSync(join(tree.root, `proc/${pid}/fd`), { recursive: true });
  for (let fd = 0; fd < fds; fd++) tree.write(`proc/${pid}/fd/${fd}`, '');
  if (exe !== undefined) link(exe, `proc/${pid}/exe`);
}

function link(to: string, path: string): void {
  tree.remove(path);
  mkdirSync(dirname(join(tree.root, path)), { recursive: true });
  symlinkSync(to, join(tree.root, path));
}

test.each([
  ['1 (init) S 0', undefined],
  ['', undefined],
  ['1 init S 0 1', undefined],
  [stat(7, { comm: ') R (' }), { comm: ') R (', state: 'S', userTicks: 0, systemTicks: 0, threads: 1, startTicks: 1 }],
  [
    stat(7, { comm: 'a b', state: 'D', ticks: 5, threads: 3, start: 9 }),
    { comm: 'a b', state: 'D', userTicks: 5, systemTicks: 0, threads: 3, startTicks: 9 },
  ],
])('the process of %j', (line, expected) => expect(parseProcessStat(line)).toEqual(expected));

test(`a damaged line is undefined or a process, never an error (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(40), (noise, at) => {
      const line = stat(12, { comm: 'name', ticks: 4 });
      const parsed = parseProcessStat(line.slice(0, at) + noise + line.slice(at));
      if (parsed !== undefined) expect(Number.isFinite(parsed.userTicks + parsed.threads)).toBe(true);
    }),
    { seed },
  );
});

test('a walk sees every process once, in order, with a pause between slices', async () => {
  for (let pid = 250; pid > 0; pid--) tree.write(`proc/${pid}/stat`, stat(pid, {}));
  tree.write('proc/self-not-a-number', '');
  const seen: number[] = [];
  let pauses = 0;
  const counting = (): void => {
    pauses++;
    if (seen.length < 250) setImmediate(counting);
  };
  setImmediate(counting);
  await new ProcessFiles(tree.paths.procfs).walk((pid) => seen.push(pid));
  expect(seen).toEqual(Array.from({ length: 250 }, (_, i) => i + 1));
  expect(pauses).toBeGreaterThanOrEqual(2);
});

test('processes by state; one that goes during the walk is left out', async () => {
  start(1, { threads: 2 });
  start(2, { state: 'R' });
  start(3, { state: 'Z', comm: '(bad) Z 1' });
  mkdirSync(join(tree.root, 'proc/4'));
  tree.write('proc/sys/kernel/pid_max', '4194304\n');
  tree.write('proc/sys/kernel/threads-max', '500\n');
  expect(await inputReader(processes, tree)(0)).toEqual({
    'node_processes_state{state=R}': 1,
    'node_processes_state{state=S}': 1,
    'node_processes_state{state=Z}': 1,
    node_processes_pids: 3,
    node_processes_threads: 4,
    node_processes_max_processes: 4_194_304,
    node_processes_max_threads: 500,
  });
});

const OPTIONS = { names: { web: '^nginx$' }, executables: { db: '/postgres$' }, 'command-lines': { db: '^walg ', job: 'run --nightly' } };
const cpu = 'node_process_group_cpu_seconds_total';

test('groups by name, program and command line', async () => {
  start(10, { comm: 'nginx', ticks: 150, threads: 1, rssKb: 100, fds: 3, io: [1, 2] });
  start(11, { comm: 'nginx', ticks: 50, threads: 4, rssKb: 50, fds: 2, io: [10, 20] });
  start(12, { comm: 'postgres: idle', exe: '/usr/lib/postgres', ticks: 7, io: 'hidden' });
  start(13, { comm: 'walg', cmdline: ['walg', 'push'], ticks: 3 });
  start(14, { comm: 'other', cmdline: ['x'], ticks: 99 });
  const row = (await inputReader(processGroup, tree, OPTIONS)(0))!;
  const of = (group: string) =>
    Object.fromEntries(
      Object.entries(row).flatMap(([name, value]) =>
        name.endsWith(`{group=${group}}`) ? [[name.slice('node_process_group_'.length, name.indexOf('{')), value]] : [],
      ),
    );
  expect(of('web')).toEqual({
    count: 2,
    threads: 5,
    cpu_seconds_total: 2,
    resident_bytes: 150 * 1024,
    fds: 5,
    read_bytes_total: 11,
    written_bytes_total: 22,
  });
  // What part of the group read is not known, so the sum is not either.
  expect(of('db')).toEqual({ count: 2, threads: 2, cpu_seconds_total: 0.1, resident_bytes: 0, fds: 0 });
  expect(of('job')).toMatchObject({ count: 0, cpu_seconds_total: 0 });
});

test('counters of a group only rise: what ended stays counted, what is new is added', async () => {
  const read = inputReader(processGroup, tree, { names: { web: 'nginx' } });
  start(10, { comm: 'nginx', ticks: 100 });
  start(11, { comm: 'nginx', ticks: 100 });
  expect(await read(0)).toMatchObject({ [`${cpu}{group=web}`]: 2 });
  start(10, { comm: 'nginx', ticks: 150 });
  tree.remove('proc/11');
  start(12, { comm: 'nginx', ticks: 10 });
  expect(await read(30_000)).toMatchObject({ [`${cpu}{group=web}`]: 2.6, 'node_process_group_count{group=web}': 2 });
  // The number is used again by another process.
  start(12, { comm: 'nginx', ticks: 5, start: 99 });
  expect(await read(60_000)).toMatchObject({ [`${cpu}{group=web}`]: 2.65 });
});

test('a young process is asked again what it is, an old one seldom', async () => {
  const read = inputReader(processGroup, tree, { 'command-lines': { job: 'nightly' } });
  const count = 'node_process_group_count{group=job}';
  start(10, { comm: 'sh', cmdline: ['sh'] });
  expect(await read(0)).toMatchObject({ [count]: 0 });
  start(10, { comm: 'sh', cmdline: ['nightly'] });
  expect(await read(30_000)).toMatchObject({ [count]: 0 });
  expect(await read(60_000)).toMatchObject({ [count]: 1 });
  start(10, { comm: 'sh', cmdline: ['sh'] });
  expect(await read(300_000)).toMatchObject({ [count]: 1 });
  start(10, { comm: 'other', cmdline: ['sh'] });
  expect(await read(310_000)).toMatchObject({ [count]: 0 });
});

test('without groups nothing is read', async () => {
  expect(await inputReader(processGroup, tree)(0)).toBeUndefined();
});
