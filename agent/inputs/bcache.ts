import { join } from 'node:path';
import { counter, defineInput, gauge, type MetricInfo } from './input.ts';
import { entriesIfAny, entriesOf, type Row, rowsInput, textOf } from './sysfs.ts';

/** File, what the metric ends in, and how it is told. */
type Told = readonly [string, string, MetricInfo];

const OF_SET: readonly Told[] = [
  ['average_key_size', 'average_key_size_sectors', gauge('Average length of data behind one key, sectors.')],
  ['btree_cache_size', 'btree_cache_size_bytes', gauge('Memory the index takes.')],
  ['cache_available_percent', 'cache_available_percent', gauge('What of the cache is free of dirty data.')],
  ['congested', 'congested', gauge('How congested the cache is.')],
  ['root_usage_percent', 'root_usage_percent', gauge('How full the root of the index is.')],
  ['tree_depth', 'tree_depth', gauge('Depth of the index.')],
  ['internal/active_journal_entries', 'active_journal_entries', gauge('Journal entries that are newer than the index.')],
  ['internal/btree_nodes', 'btree_nodes', gauge('Nodes of the index in memory.')],
  ['internal/cache_read_races', 'cache_read_races_total', counter('Times data changed while it was read from the cache.')],
];
const READ_DURATION = gauge('Average time to read a node of the index, in the scale of node_exporter: 1e-9 of what the kernel says.');
const BILLION = 1e9;
const OF_BACKING: readonly Told[] = [
  ['dirty_data', 'dirty_data_bytes', gauge('Data in the cache that the disk lacks.')],
  ['stats_total/bypassed', 'bypassed_bytes_total', counter('Bytes that went past the cache.')],
  ['stats_total/cache_hits', 'cache_hits_total', counter('Requests served from the cache.')],
  ['stats_total/cache_misses', 'cache_misses_total', counter('Requests the cache could not serve.')],
  ['stats_total/cache_bypass_hits', 'cache_bypass_hits_total', counter('Requests past the cache that it could have served.')],
  ['stats_total/cache_bypass_misses', 'cache_bypass_misses_total', counter('Requests past the cache that it could not have served.')],
  ['stats_total/cache_miss_collisions', 'cache_miss_collisions_total', counter('Times a write came while a miss was filled in.')],
  ['stats_total/cache_readaheads', 'cache_readaheads_total', counter('Reads ahead.')],
];
const OF_CACHE: readonly Told[] = [
  ['io_errors', 'io_errors', gauge('Errors of the caching device, halved now and then.')],
  ['metadata_written', 'metadata_written_bytes_total', counter('Bytes of index and journal written.')],
  ['written', 'written_bytes_total', counter('Bytes of data written.')],
];
/** Lines of writeback_rate_debug. */
const WRITEBACK: Readonly<Record<string, readonly [string, MetricInfo]>> = {
  rate: ['writeback_rate', gauge('Speed at which dirty data is written back, bytes a second.')],
  target: ['dirty_target_bytes', gauge('Dirty data the cache aims at.')],
  proportional: ['writeback_rate_proportional_term', gauge('What the present amount of dirty data adds to the rate.')],
  integral: ['writeback_rate_integral_term', gauge('What its past adds to the rate.')],
  change: ['writeback_change', gauge('Last change of the rate.')],
};
/** Lines of priority_stats. */
const PRIORITY: Readonly<Record<string, readonly [string, MetricInfo]>> = {
  Unused: ['priority_stats_unused_percent', gauge('What of the cache holds no data.')],
  Metadata: ['priority_stats_metadata_percent', gauge('What of the cache holds its index.')],
};

export default defineInput({
  name: 'bcache',
  help: 'Caches of block devices, from /sys/fs/bcache.',
  metrics: Object.fromEntries([
    ...[...OF_SET, ...OF_BACKING, ...OF_CACHE].map(([, name, info]) => [`node_bcache_${name}`, info] as const),
    ['node_bcache_btree_read_average_duration_seconds', READ_DURATION] as const,
    ...[...Object.values(WRITEBACK), ...Object.values(PRIORITY)].map(([name, info]) => [`node_bcache_${name}`, info] as const),
  ]),
  options: { 'priority-stats': { kind: 'boolean', default: false, help: 'Also read priority_stats, which walks the whole cache.' } },
  intervalMs: 10_000,
  slow: true,
  create({ paths, frame, options }) {
    const folder = join(paths.sysfs, 'fs/bcache');
    return rowsInput(frame, () =>
      entriesOf(folder, /^[0-9a-f]+-[0-9a-f-]+$/).flatMap((uuid) => setRows(join(folder, uuid), uuid, options.flag('priority-stats'))),
    );
  },
});

function setRows(path: string, uuid: string, withPriority: boolean): Row[] {
  const duration = parseHumane(textOf(path, 'internal/btree_read_average_duration_us') ?? '') / BILLION;
  return [
    ...rows(path, OF_SET, { uuid }),
    [{ name: 'node_bcache_btree_read_average_duration_seconds', labels: { uuid }, ...READ_DURATION }, duration],
    ...entriesIfAny(path, /^bdev\d+$/).flatMap((backing_device) => {
      const labels = { uuid, backing_device };
      const device = join(path, backing_device);
      return [...rows(device, OF_BACKING, labels), ...lineRows(textOf(device, 'writeback_rate_debug') ?? '', WRITEBACK, labels)];
    }),
    ...entriesIfAny(path, /^cache\d+$/).flatMap((cache_device) => {
      const labels = { uuid, cache_device };
      const device = join(path, cache_device);
      const priority = withPriority ? lineRows(textOf(device, 'priority_stats') ?? '', PRIORITY, labels) : [];
      return [...rows(device, OF_CACHE, labels), ...priority];
    }),
  ];
}

function rows(path: string, told: readonly Told[], labels: Readonly<Record<string, string>>): Row[] {
  return told.map(([file, name, info]) => [{ name: `node_bcache_${name}`, labels, ...info }, parseHumane(textOf(path, file) ?? '')]);
}

function lineRows(text: string, known: typeof WRITEBACK, labels: Readonly<Record<string, string>>): Row[] {
  return text.split('\n').flatMap((line): Row[] => {
    const [, key = '', value = ''] = /^(\w+):\s*(\S+)$/.exec(line.trim()) ?? [];
    if (!Object.hasOwn(known, key)) return [];
    const [name, info] = known[key]!;
    return [[{ name: `node_bcache_${name}`, labels, ...info }, parseHumane(value.replace(/\/sec$|%$/, ''))]];
  });
}

/**
 * The kernel's numbers for people: `20.4G`. What stands after the dot counts hundreds of the next smaller unit, not tenths of this one.
 * NaN for what is none.
 */
export function parseHumane(text: string): number {
  const [, sign, whole, tenth, unit = ''] = /^(-?)(\d+)(?:\.(\d))?([kMGTPEZY]?)$/.exec(text) ?? [];
  if (whole === undefined) return Number.NaN;
  const power = ' kMGTPEZY'.indexOf(unit || ' ');
  const value = Number(whole) * 1024 ** power + (power > 0 ? Number(tenth ?? 0) * 100 * 1024 ** (power - 1) : 0);
  return sign === '-' ? -value : value;
}
