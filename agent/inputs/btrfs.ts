import { join } from 'node:path';
import { counter, defineInput, gauge } from './input.ts';
import { entriesIfAny, entriesOf, numberOf, type Row, rowsInput, textOf } from './sysfs.ts';

const METRICS = {
  node_btrfs_info: gauge('The filesystem and its label; always 1.'),
  node_btrfs_global_rsv_size_bytes: gauge('Space kept back for the filesystem itself.'),
  node_btrfs_device_size_bytes: gauge('Size of a device of the filesystem.'),
  node_btrfs_reserved_bytes: gauge('Space promised to writes under way.'),
  node_btrfs_size_bytes: gauge('Space that is set aside for this kind of block group.'),
  node_btrfs_used_bytes: gauge('What of it is used.'),
  node_btrfs_allocation_ratio: gauge('Bytes of disk that a byte of data takes.'),
  node_btrfs_commits_total: counter('Commits.'),
  node_btrfs_last_commit_seconds: gauge('Time the last commit took.'),
  node_btrfs_max_commit_seconds: gauge('Time the longest commit took.'),
  node_btrfs_commit_seconds_total: counter('Time all commits took.'),
};
const KINDS = ['data', 'metadata', 'mixed', 'system'];
const SECTOR_BYTES = 512;
const MILLI = 1000;
/** Copies that a byte is kept in. */
const COPIES: Readonly<Record<string, number>> = { single: 1, raid0: 1, dup: 2, raid1: 2, raid10: 2, raid1c3: 3, raid1c4: 4 };
/** Devices whose worth of space goes to checksums. */
const PARITY: Readonly<Record<string, number>> = { raid5: 1, raid6: 2 };

export default defineInput({
  name: 'btrfs',
  help: 'Space and commits of each mounted btrfs filesystem, from /sys/fs/btrfs.',
  metrics: METRICS,
  intervalMs: 10_000,
  slow: true,
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'fs/btrfs');
    return rowsInput(frame, () => entriesOf(folder, /^[0-9a-f]+-[0-9a-f-]+$/).flatMap((uuid) => filesystemRows(join(folder, uuid), uuid)));
  },
});

function filesystemRows(path: string, uuid: string): Row[] {
  const devices = entriesIfAny(join(path, 'devices'));
  return [
    ...row('node_btrfs_info', { uuid, label: textOf(path, 'label') ?? '' }, 1),
    ...row('node_btrfs_global_rsv_size_bytes', { uuid }, numberOf(path, 'allocation/global_rsv_size')),
    ...devices.flatMap((device) =>
      row('node_btrfs_device_size_bytes', { uuid, device }, numberOf(path, 'devices', device, 'size'), SECTOR_BYTES),
    ),
    ...KINDS.flatMap((kind) => allocationRows(join(path, 'allocation', kind), uuid, kind, devices.length)),
    ...commitRows(textOf(path, 'commit_stats') ?? '', uuid),
  ];
}

function allocationRows(path: string, uuid: string, block_group_type: string, devices: number): Row[] {
  const labels = { uuid, block_group_type };
  const layouts = entriesIfAny(path, /^(single|dup|raid)/);
  return [
    ...row('node_btrfs_reserved_bytes', labels, numberOf(path, 'bytes_reserved')),
    ...layouts.flatMap((mode) => [
      ...row('node_btrfs_size_bytes', { ...labels, mode }, numberOf(path, mode, 'total_bytes')),
      ...row('node_btrfs_used_bytes', { ...labels, mode }, numberOf(path, mode, 'used_bytes')),
      ...row('node_btrfs_allocation_ratio', { ...labels, mode }, ratioOf(mode, devices)),
    ]),
  ];
}

function ratioOf(mode: string, devices: number): number | undefined {
  const parity = PARITY[mode];
  if (parity === undefined) return COPIES[mode];
  return devices > parity ? devices / (devices - parity) : undefined;
}

function commitRows(text: string, uuid: string): Row[] {
  const of = (key: string) => {
    const number = new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1];
    return number === undefined ? undefined : Number(number);
  };
  return [
    ...row('node_btrfs_commits_total', { uuid }, of('commits')),
    ...row('node_btrfs_last_commit_seconds', { uuid }, of('last_commit_ms'), 1, MILLI),
    ...row('node_btrfs_max_commit_seconds', { uuid }, of('max_commit_ms'), 1, MILLI),
    ...row('node_btrfs_commit_seconds_total', { uuid }, of('total_commit_ms'), 1, MILLI),
  ];
}

function row(name: keyof typeof METRICS, labels: Readonly<Record<string, string>>, value: number | undefined, times = 1, per = 1): Row[] {
  return value === undefined ? [] : [[{ name, labels, ...METRICS[name] }, (value * times) / per]];
}
