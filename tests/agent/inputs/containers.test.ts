import { mkdirSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { SteppedClock } from '@bellwether/shared';
import fc from 'fast-check';
import containers, { containerCells, networkTotals } from '../../../agent/inputs/containers.ts';
import { listContainers, parseContainers } from '../../../agent/inputs/engine-socket.ts';
import { inputReader } from './one-input.ts';
import { TempTree } from './support.ts';

const seed = Number(process.env.FUZZ_SEED ?? 8720);
const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
let tree: TempTree;
let server: Server | undefined;
beforeEach(() => {
  tree = new TempTree();
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  tree.cleanUp();
});

/** An engine on its socket that answers `body`; undefined keeps silent. */
function engine(socket: string, body: string | undefined, status = 200): Promise<void> {
  mkdirSync(join(tree.root, socket, '..'), { recursive: true });
  server = createServer((_, response) => {
    if (body !== undefined) response.writeHead(status).end(body);
  });
  return new Promise((resolve) => server!.listen(join(tree.root, socket), resolve));
}

function unified(path: string, files: Record<string, string>): void {
  tree.write('sys/fs/cgroup/cgroup.controllers', 'cpu io memory pids\n');
  for (const [file, content] of Object.entries(files)) tree.write(`sys/fs/cgroup/${path}/${file}`, content);
}

const FULL = {
  'cpu.stat': 'usage_usec 2500000\nuser_usec 1\nsystem_usec 1\nnr_periods 9\nnr_throttled 2\nthrottled_usec 500000\n',
  'memory.current': '1000\n',
  'memory.stat': 'anon 500\nfile 400\ninactive_file 300\n',
  'memory.max': '4096\n',
  'memory.events': 'low 0\nhigh 0\nmax 0\noom 2\noom_kill 1\n',
  'pids.current': '7\n',
  'io.stat': '8:0 rbytes=10 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n8:16 rbytes=5 wbytes=5 rios=1 wios=1\n',
  'cgroup.procs': '42\n43\n',
};

function process42(): void {
  tree.write('proc/stat', 'cpu 1\nbtime 1700000000\n');
  tree.write('proc/42/stat', '42 (app) S 1 1 1 0 -1 0 1 2 3 4 0 0 0 0 20 0 1 0 12345 1 2\n');
  const header =
    'Inter-|   Receive                                                |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes packets\n';
  tree.write('proc/42/net/dev', `${header}    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n  eth0:100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0\n`);
  for (const [pid, namespace] of [
    [42, 'net:[2]'],
    [1, 'net:[1]'],
  ] as const) {
    mkdirSync(join(tree.root, `proc/${pid}/ns`), { recursive: true });
    symlinkSync(namespace, join(tree.root, `proc/${pid}/ns/net`));
  }
}

test('a container of Docker under cgroup 2, with its name', async () => {
  unified(`system.slice/docker-${A}.scope`, FULL);
  unified(`system.slice/docker-${A}.scope/inner/docker-${B}.scope`, FULL);
  unified('system.slice/ssh.service', { 'memory.current': '5\n' });
  process42();
  const list = [
    { Id: A, Names: ['/web'], Image: 'nginx:1.25', State: 'running' },
    { Id: B, Names: ['/old'], Image: 'x', State: 'exited' },
  ];
  await engine('run/docker.sock', JSON.stringify(list));
  const row = (await inputReader(containers, tree)(0))!;
  expect(row).toMatchObject({
    'node_container_info{container=web,id=aaaaaaaaaaaa,image=nginx:1.25,runtime=docker}': 1,
    'node_container_start_time_seconds{container=web}': 1_700_000_123.45,
    'node_container_cpu_seconds_total{container=web}': 2.5,
    'node_container_cpu_throttled_seconds_total{container=web}': 0.5,
    'node_container_memory_bytes{container=web}': 1000,
    'node_container_memory_working_set_bytes{container=web}': 700,
    'node_container_memory_limit_bytes{container=web}': 4096,
    'node_container_oom_kills_total{container=web}': 1,
    'node_container_pids{container=web}': 7,
    'node_container_read_bytes_total{container=web}': 15,
    'node_container_written_bytes_total{container=web}': 25,
    'node_container_network_receive_bytes_total{container=web}': 100,
    'node_container_network_transmit_bytes_total{container=web}': 200,
    'node_container_state{container=web,state=running}': 1,
    'node_container_state{container=old,state=exited}': 1,
    'node_container_state{container=old,state=running}': 0,
  });
  expect(Object.keys(row).length).toBe(13 + 12);
});

test('without an engine to ask, and without limits', async () => {
  unified(`machine.slice/libpod-${B}.scope`, { ...FULL, 'memory.max': 'max\n', 'io.stat': '', 'cgroup.procs': '' });
  unified(`machine.slice/libpod-conmon-${B}.scope`, FULL);
  unified('lxc.payload.db', { 'memory.current': '3\n' });
  const row = (await inputReader(containers, tree)(0))!;
  expect(row).toMatchObject({
    'node_container_info{container=bbbbbbbbbbbb,id=bbbbbbbbbbbb,runtime=podman}': 1,
    'node_container_read_bytes_total{container=bbbbbbbbbbbb}': 0,
    'node_container_memory_bytes{container=db}': 3,
    'node_container_info{container=db,id=db,runtime=lxc}': 1,
  });
  expect(Object.keys(row).filter((name) => /limit|network|start_time|cpu.*=db/.test(name))).toEqual([]);
});

test('cgroup 1 has a tree for each controller', async () => {
  const file = (controller: string, name: string, content: string) =>
    tree.write(`sys/fs/cgroup/${controller}/docker/${A}/${name}`, content);
  file('cpuacct', 'cpuacct.usage', '1500000000\n');
  file('cpu', 'cpu.stat', 'nr_periods 0\nnr_throttled 0\nthrottled_time 2000000000\n');
  file('memory', 'memory.usage_in_bytes', '100\n');
  file('memory', 'memory.limit_in_bytes', '9223372036854771712\n');
  file('memory', 'memory.stat', 'cache 1\ntotal_inactive_file 40\n');
  file('memory', 'memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n');
  file('memory', 'cgroup.procs', '');
  file('pids', 'pids.current', '2\n');
  file('blkio', 'blkio.throttle.io_service_bytes', '8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n');
  const container = 'container=aaaaaaaaaaaa';
  expect(await inputReader(containers, tree)(0)).toEqual({
    [`node_container_info{${container},id=aaaaaaaaaaaa,runtime=docker}`]: 1,
    [`node_container_cpu_seconds_total{${container}}`]: 1.5,
    [`node_container_cpu_throttled_seconds_total{${container}}`]: 2,
    [`node_container_memory_bytes{${container}}`]: 100,
    [`node_container_memory_working_set_bytes{${container}}`]: 60,
    [`node_container_oom_kills_total{${container}}`]: 3,
    [`node_container_pids{${container}}`]: 2,
    [`node_container_read_bytes_total{${container}}`]: 10,
    [`node_container_written_bytes_total{${container}}`]: 20,
  });
});

test('a host without control groups, and one without containers, have nothing to say', async () => {
  const read = inputReader(containers, tree);
  expect(await read(0)).toBeUndefined();
  unified('system.slice', { 'memory.current': '1\n' });
  expect(await read(120_000)).toBeUndefined();
});

test('a name that two containers have is not used', () => {
  const usage = () => ({
    cpuSeconds: 1,
    throttledSeconds: 1,
    memoryBytes: 1,
    workingSetBytes: 1,
    memoryLimitBytes: 1,
    oomKills: 1,
    pids: 1,
    readBytes: 1,
    writtenBytes: 1,
    pid: 1,
    startSeconds: 1,
    receivedBytes: 1,
    sentBytes: 1,
  });
  const both = [A, B].map((id) => ({ id, name: 'same', image: '', state: 'running' }));
  const cells = containerCells(
    [A, B].map((id) => ({ id, runtime: 'docker', path: '' })),
    both,
    usage,
  );
  expect(new Set(cells.map(([{ labels }]) => labels!.container))).toEqual(new Set([A, B]));
});

describe('engine', () => {
  const ask = (clock = new SteppedClock(0)) => listContainers(join(tree.root, 'run/docker.sock'), clock, 1_000);

  test.each([
    ['an error', '{"message":"no"}', 500, 'answers 500'],
    ['no list', '{}', 200, 'list'],
    ['no JSON', 'x', 200, 'JSON'],
    ['too much', 'x'.repeat(5_000_000), 200, 'more than'],
  ])('that answers %s', async (_, body, status, message) => {
    await engine('run/docker.sock', body, status);
    await expect(ask()).rejects.toThrow(message);
  });

  test('that keeps silent', async () => {
    await engine('run/docker.sock', undefined);
    const clock = new SteppedClock(0);
    await Promise.all([expect(ask(clock)).rejects.toThrow('does not answer'), clock.advance(1_000)]);
  });

  test('that is not there', async () => {
    await expect(ask()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test(`any JSON list is containers or nothing (seed ${seed})`, () => {
    const entry = fc.oneof(
      fc.jsonValue(),
      fc.record({ Id: fc.constantFrom(A, 'x', 5), Names: fc.jsonValue(), Image: fc.jsonValue(), State: fc.jsonValue() }),
    );
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        for (const { id, name, state } of parseContainers(JSON.stringify(entries)))
          expect([id, typeof name, typeof state]).toEqual([A, 'string', 'string']);
      }),
      { seed },
    );
  });
});

test('network totals leave out the loopback and lines that are none', () => {
  expect(networkTotals('')).toEqual({ receivedBytes: 0, sentBytes: 0 });
  expect(networkTotals('lo: 5 0 0 0 0 0 0 0 5\neth0: 1 2\nveth@if3: 7 1 1 1 1 1 1 1 8 1\n')).toEqual({ receivedBytes: 7, sentBytes: 8 });
});
