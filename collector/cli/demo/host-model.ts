/** One fake host of the demo: its SeriesGroups under the names real agents use, and their values at any time. */
import { labelsFrom, type MetricType, type Millis, type SeriesMeta } from '@bellwether/shared';
import { counter, level, noise } from './signal.ts';

/** What is the matter with a host; most have nothing. */
export type Ailment = 'none' | 'disk-full' | 'memory-tight' | 'busy' | 'recovers';

export interface HostModelOptions {
  readonly seed: number;
  readonly index: number;
  readonly name: string;
  readonly ailment: Ailment;
  /** When the demo started; an ailment that passes is over RECOVERY_MS later. */
  readonly startMs: Millis;
}

export const RECOVERY_MS = 60_000;
const GIB = 2 ** 30;

interface Column {
  readonly meta: SeriesMeta;
  readonly at: (timeMs: Millis) => number;
}

export interface ModelGroup {
  readonly name: string;
  readonly series: readonly SeriesMeta[];
  fill(timeMs: Millis, values: Float64Array): void;
}

export interface HostModel {
  readonly name: string;
  readonly groups: readonly ModelGroup[];
}

export function createHostModel({ seed, index, name, ailment, startMs }: HostModelOptions): HostModel {
  const hostSeed = (seed * 1_000_003 + index) | 0;
  const pick = (key: number): number => noise(hostSeed, 10_000 + key, 0);
  const cpus = 2 ** (1 + Math.floor(pick(1) * 3));
  const memory = 2 ** (2 + Math.floor(pick(2) * 5)) * GIB;
  const bootMs = Math.floor(startMs / 1_000 - (1 + pick(3) * 90) * 86_400) * 1_000;
  const ill = (timeMs: Millis): boolean => ailment !== 'recovers' || timeMs < startMs + RECOVERY_MS;
  const busy = ailment === 'busy' ? 0.82 : 0.08 + 0.25 * pick(4);
  const round = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits;

  function column(metric: string, type: MetricType, labels: Record<string, string>, at: Column['at']): Column {
    return { meta: { labels: labelsFrom({ __name__: metric, job: 'node', instance: name, ...labels }), type, help: '' }, at };
  }
  const gauge = (metric: string, labels: Record<string, string>, at: Column['at']): Column => column(metric, 'gauge', labels, at);
  const total = (metric: string, labels: Record<string, string>, key: number, mean: number, digits = 0): Column =>
    column(metric, 'counter', labels, (timeMs) => round(counter(hostSeed, key, mean, bootMs, timeMs), digits));

  const cpu: Column[] = [];
  for (let i = 0; i < cpus; i++) {
    const share =
      (key: number, mean: number): Column['at'] =>
      (timeMs) =>
        round(counter(hostSeed, 100 * i + key, mean, bootMs, timeMs), 2);
    const user = share(1, busy * 0.7);
    const system = share(2, busy * 0.22);
    const iowait = share(3, 0.01 + 0.02 * pick(5));
    const modes: Record<string, Column['at']> = {
      user,
      system,
      iowait,
      idle: (timeMs) => round(Math.max(0, (timeMs - bootMs) / 1_000 - user(timeMs) - system(timeMs) - iowait(timeMs)), 2),
      nice: () => 0,
      irq: () => 0,
      softirq: share(4, 0.004),
      steal: share(5, 0.002),
    };
    for (const [mode, at] of Object.entries(modes)) cpu.push(column('node_cpu_seconds_total', 'counter', { cpu: String(i), mode }, at));
  }

  const used = (timeMs: Millis): number => {
    if (ailment === 'memory-tight') return 0.955 + 0.01 * noise(hostSeed, 6, timeMs / 10_000);
    return 0.8 * (0.2 + 0.5 * pick(6)) + 0.2 * level(hostSeed, 7, 0.3, timeMs); // memory moves less than load
  };
  const pages = (ratio: number): number => Math.floor((ratio * memory) / 4_096) * 4_096;
  const mem: Column[] = [
    gauge('node_memory_MemTotal_bytes', {}, () => memory),
    gauge('node_memory_MemAvailable_bytes', {}, (timeMs) => pages(1 - used(timeMs))),
    gauge('node_memory_MemFree_bytes', {}, (timeMs) => pages(0.6 * (1 - used(timeMs)))),
    gauge('node_memory_Buffers_bytes', {}, () => pages(0.02)),
    gauge('node_memory_Cached_bytes', {}, (timeMs) => pages(0.3 * (1 - used(timeMs)))),
    gauge('node_memory_SwapTotal_bytes', {}, () => 2 * GIB),
    gauge('node_memory_SwapFree_bytes', {}, () => 2 * GIB - pages(0.001)),
  ];

  const mounts = [
    { mountpoint: '/', device: '/dev/vda1', size: 40 * GIB, full: 0.35 + 0.3 * pick(7) },
    { mountpoint: '/var', device: '/dev/vda2', size: 2 ** (6 + Math.floor(pick(8) * 4)) * GIB, full: 0.3 + 0.35 * pick(9) },
  ];
  const disk: Column[] = mounts.flatMap(({ mountpoint, device, size, full }, i) => {
    const labels = { device, mountpoint, fstype: 'ext4' };
    const sick = mountpoint === '/var' && (ailment === 'disk-full' || ailment === 'recovers');
    const free = (timeMs: Millis): number => {
      const ratio =
        sick && ill(timeMs)
          ? 0.985 + 0.003 * noise(hostSeed, 20 + i, timeMs / 60_000)
          : full + 0.02 * noise(hostSeed, 20 + i, timeMs / 600_000);
      return Math.floor((size * (1 - ratio)) / 4_096) * 4_096;
    };
    return [
      gauge('node_filesystem_size_bytes', labels, () => size),
      gauge('node_filesystem_free_bytes', labels, free),
      gauge('node_filesystem_avail_bytes', labels, free),
      gauge('node_filesystem_files', labels, () => size / 16_384),
      gauge('node_filesystem_files_free', labels, () => Math.floor((size / 16_384) * 0.8)),
      gauge('node_filesystem_readonly', labels, () => 0),
      gauge('node_filesystem_device_error', labels, () => 0),
    ];
  });

  const io: Column[] = [
    total('node_disk_reads_completed_total', { device: 'vda' }, 30, 12 * (0.5 + pick(10))),
    total('node_disk_writes_completed_total', { device: 'vda' }, 31, 30 * (0.5 + pick(11))),
    total('node_disk_read_bytes_total', { device: 'vda' }, 32, 400_000 * (0.2 + pick(12))),
    total('node_disk_written_bytes_total', { device: 'vda' }, 33, 900_000 * (0.2 + pick(13))),
    total('node_disk_io_time_seconds_total', { device: 'vda' }, 34, 0.05 + 0.2 * pick(14), 3),
    total('node_disk_read_time_seconds_total', { device: 'vda' }, 35, 0.02, 3),
    total('node_disk_write_time_seconds_total', { device: 'vda' }, 36, 0.05, 3),
  ];

  const network: Column[] = ['eth0', 'eth1'].flatMap((device, i) => {
    const scale = i === 0 ? 1 : 0.1;
    return [
      total('node_network_receive_bytes_total', { device }, 40 + 10 * i, scale * 3e6 * (0.1 + pick(15))),
      total('node_network_transmit_bytes_total', { device }, 41 + 10 * i, scale * 2e6 * (0.1 + pick(16))),
      total('node_network_receive_packets_total', { device }, 42 + 10 * i, scale * 2_500),
      total('node_network_transmit_packets_total', { device }, 43 + 10 * i, scale * 2_100),
      total('node_network_receive_errs_total', { device }, 44 + 10 * i, 0),
      total('node_network_transmit_errs_total', { device }, 45 + 10 * i, 0),
      gauge('node_network_up', { device }, () => 1),
    ];
  });

  const load =
    (key: number, factor: number): Column['at'] =>
    (timeMs) =>
      round(level(hostSeed, key, cpus * busy * factor, timeMs), 2);
  const system: Column[] = [
    gauge('node_load1', {}, load(60, 1.05)),
    gauge('node_load5', {}, load(61, 1)),
    gauge('node_load15', {}, load(62, 0.95)),
    total('node_context_switches_total', {}, 63, 4_000 * cpus),
    total('node_intr_total', {}, 64, 2_500 * cpus),
    total('node_forks_total', {}, 65, 3),
    gauge('node_procs_running', {}, (timeMs) => 1 + Math.floor(cpus * busy * 2 * noise(hostSeed, 66, timeMs / 10_000))),
    gauge('node_procs_blocked', {}, () => 0),
    gauge('node_boot_time_seconds', {}, () => bootMs / 1_000),
    gauge('node_time_seconds', {}, (timeMs) => timeMs / 1_000),
    total('node_pressure_cpu_waiting_seconds_total', {}, 68, 0.3 * busy, 6),
    total('node_pressure_io_waiting_seconds_total', {}, 69, 0.02, 6),
    total('node_pressure_memory_waiting_seconds_total', {}, 70, ailment === 'memory-tight' ? 0.2 : 0.001, 6),
    gauge('node_filefd_allocated', {}, (timeMs) => 1_000 + Math.floor(500 * noise(hostSeed, 67, timeMs / 10_000))),
    gauge('node_filefd_maximum', {}, () => 1_048_576),
  ];

  const info: Column[] = [
    gauge(
      'node_uname_info',
      { sysname: 'Linux', release: '6.12.9', version: '#1 SMP', machine: 'x86_64', nodename: name, domainname: '(none)' },
      () => 1,
    ),
    gauge(
      'node_os_info',
      { id: 'debian', name: 'Debian GNU/Linux', pretty_name: 'Debian GNU/Linux 13 (trixie)', version_id: '13' },
      () => 1,
    ),
  ];

  const groups = { cpu, meminfo: mem, filesystem: disk, diskstats: io, netdev: network, system, info };
  return { name, groups: Object.entries(groups).map(([group, columns]) => modelGroup(group, columns)) };
}

function modelGroup(name: string, columns: readonly Column[]): ModelGroup {
  return {
    name,
    series: columns.map(({ meta }) => meta),
    fill(timeMs, values) {
      for (let i = 0; i < columns.length; i++) values[i] = columns[i]!.at(timeMs);
    },
  };
}
