import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@bellwether/shared';
import { type Cell, cellsFor, showCells } from './cells.ts';
import { type ContainerCgroup, ContainerCgroups, type ContainerUsage } from './container-cgroups.ts';
import { type EngineContainer, listContainers } from './engine-socket.ts';
import { counter, defineInput, gauge, type HostPaths } from './input.ts';
import { ProcessFiles } from './process-files.ts';
import { slowReading } from './slow-reading.ts';

const METRICS = {
  node_container_info: gauge('A container that runs: its engine, id and image; always 1.'),
  node_container_state: gauge('1 for the state the engine says the container is in, 0 for the others.'),
  node_container_start_time_seconds: gauge('When its first process started, seconds since the epoch; changes when it is restarted.'),
  node_container_cpu_seconds_total: counter('CPU time it used.'),
  node_container_cpu_throttled_seconds_total: counter('Time it had to wait because of its CPU limit.'),
  node_container_memory_bytes: gauge('Memory it holds, page cache included.'),
  node_container_memory_working_set_bytes: gauge(
    'Memory it holds without the page cache that can go at once; what its limit is compared with.',
  ),
  node_container_memory_limit_bytes: gauge('Memory it may hold; absent without a limit.'),
  node_container_oom_kills_total: counter('Processes of it that were killed for want of memory.'),
  node_container_pids: gauge('Processes and threads in it.'),
  node_container_read_bytes_total: counter('Bytes it read from block devices.'),
  node_container_written_bytes_total: counter('Bytes it wrote to block devices.'),
  node_container_network_receive_bytes_total: counter('Bytes its own network interfaces received.'),
  node_container_network_transmit_bytes_total: counter('Bytes its own network interfaces sent.'),
};
const cell = cellsFor(METRICS);
const STATES = ['created', 'running', 'paused', 'restarting', 'exited', 'dead'] as const;
/** Docker's, and Podman's where its service runs. */
const SOCKETS = ['run/docker.sock', 'var/run/docker.sock', 'run/podman/podman.sock'];
const ENGINE_TIMEOUT_MS = 2_000;
const SHORT_ID = 12;

export default defineInput({
  name: 'containers',
  help: 'What each container uses, from its control group (version 1 or 2), and what it is called, from the socket of Docker or Podman if the agent may read it; else its label `container` is the start of its id.',
  metrics: METRICS,
  intervalMs: 15_000,
  slow: true,
  priority: 'extra',
  create({ paths, frame, clock }) {
    const files = new ProcessFiles(paths.procfs);
    return slowReading({
      show: (cells: readonly Cell[]) => showCells(frame, cells),
      async run() {
        const cgroups = new ContainerCgroups(paths.sysfs);
        const found = cgroups.find();
        const engine = found.length > 0 || hasEngine(paths) ? await engineContainers(paths, clock) : [];
        return containerCells(found, engine, (one) => {
          const usage = cgroups.usage(one);
          return { ...usage, ...outsideOf(files, usage.pid) };
        });
      },
    });
  },
});

function hasEngine({ rootfs }: HostPaths): boolean {
  return SOCKETS.some((socket) => existsSync(join(rootfs, socket)));
}

/** Nothing where no engine answers: the numbers come from the kernel and need no names. */
async function engineContainers({ rootfs }: HostPaths, clock: Clock): Promise<EngineContainer[]> {
  const all = new Map<string, EngineContainer>();
  for (const socket of SOCKETS) {
    const path = join(rootfs, socket);
    if (!existsSync(path)) continue;
    const listed = await listContainers(path, clock, ENGINE_TIMEOUT_MS).catch(() => []);
    for (const one of listed) all.set(one.id, one);
  }
  return [...all.values()];
}

/** What its control group does not know; NaN where it cannot be found out. */
interface Outside {
  readonly startSeconds: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

const NOTHING: Outside = { startSeconds: Number.NaN, receivedBytes: Number.NaN, sentBytes: Number.NaN };

function outsideOf(files: ProcessFiles, pid: number | undefined): Outside {
  const stat = pid === undefined ? undefined : files.stat(pid);
  if (pid === undefined || stat === undefined) return NOTHING;
  const bootSeconds = Number(/^btime (\d+)/m.exec(files.readHost('stat') ?? '')?.[1]);
  const namespace = files.link(pid, 'ns/net');
  const own = namespace !== undefined && namespace !== files.link(1, 'ns/net');
  const traffic = own ? networkTotals(files.read(pid, 'net/dev', 'latin1') ?? '') : undefined;
  return { ...NOTHING, startSeconds: bootSeconds + stat.startTicks / 100, ...traffic };
}

/** Sums over all interfaces but the loopback. */
export function networkTotals(netDev: string): { readonly receivedBytes: number; readonly sentBytes: number } {
  let [receivedBytes, sentBytes] = [0, 0];
  for (const line of netDev.split('\n')) {
    const found = /^\s*([^\s:]+):\s*(\d+)(?:\s+\d+){7}\s+(\d+)/.exec(line);
    if (found === null || found[1] === 'lo') continue;
    receivedBytes += Number(found[2]);
    sentBytes += Number(found[3]);
  }
  return { receivedBytes, sentBytes };
}

/** Cells of the containers that run, and the states of all that the engine knows. A name that two containers have is not used for either. */
export function containerCells(
  found: readonly ContainerCgroup[],
  engine: readonly EngineContainer[],
  usage: (one: ContainerCgroup) => ContainerUsage & Outside,
): Cell[] {
  const byId = new Map(engine.map((one) => [one.id, one]));
  const names = [...engine.map(({ name }) => name), ...found.filter(({ id }) => !byId.has(id)).map(({ id }) => shortId(id))];
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const nameOf = (id: string): string => {
    const name = byId.get(id)?.name ?? shortId(id);
    return (counts.get(name) ?? 0) > 1 ? id : name;
  };
  const seen = new Set<string>();
  const running = found.flatMap((one): Cell[] => {
    const container = nameOf(one.id);
    if (seen.has(container)) return [];
    seen.add(container);
    const labels = { container };
    const use = usage(one);
    return [
      cell('node_container_info', { container, runtime: one.runtime, id: shortId(one.id), image: byId.get(one.id)?.image ?? '' }, 1),
      cell('node_container_start_time_seconds', labels, use.startSeconds),
      cell('node_container_cpu_seconds_total', labels, use.cpuSeconds),
      cell('node_container_cpu_throttled_seconds_total', labels, use.throttledSeconds),
      cell('node_container_memory_bytes', labels, use.memoryBytes),
      cell('node_container_memory_working_set_bytes', labels, use.workingSetBytes),
      cell('node_container_memory_limit_bytes', labels, use.memoryLimitBytes),
      cell('node_container_oom_kills_total', labels, use.oomKills),
      cell('node_container_pids', labels, use.pids),
      cell('node_container_read_bytes_total', labels, use.readBytes),
      cell('node_container_written_bytes_total', labels, use.writtenBytes),
      cell('node_container_network_receive_bytes_total', labels, use.receivedBytes),
      cell('node_container_network_transmit_bytes_total', labels, use.sentBytes),
    ];
  });
  const states = engine.flatMap(({ id, state: current }) =>
    STATES.map((state) => cell('node_container_state', { container: nameOf(id), state }, state === current ? 1 : 0)),
  );
  return [...running, ...states];
}

function shortId(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? id.slice(0, SHORT_ID) : id;
}
