import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineInput, gauge, untyped } from './input.ts';
import { entriesIfAny, entriesOf, type Row, rowsInput, textOf } from './sysfs.ts';

const STATE = gauge('1 for the state the pool is in.');
const STATES = ['online', 'degraded', 'faulted', 'offline', 'removed', 'unavail', 'suspended'];
/** Files of /proc/spl/kstat/zfs and the part of the metric's name they stand for. */
const TABLES: Readonly<Record<string, string>> = {
  abdstats: 'abd',
  arcstats: 'arc',
  dbufstats: 'dbuf',
  dmu_tx: 'dmu_tx',
  dnodestats: 'dnode',
  fm: 'fm',
  vdev_cache_stats: 'vdev_cache',
  vdev_mirror_stats: 'vdev_mirror',
  xuio_stats: 'xuio',
  zfetchstats: 'zfetch',
  zil: 'zil',
};
const LEFT_OUT = gauge('Datasets beyond the first 500 of a pool; they are not read.');
/** Each is a file and seven series. */
const MAX_DATASETS = 500;
const INT64 = '3';
const UINT64 = '4';

export default defineInput({
  name: 'zfs',
  help: 'Cache, intent log, pools and datasets of ZFS, from /proc/spl/kstat/zfs. Keys are those of the kernel module.',
  metrics: {
    ...Object.fromEntries(Object.entries(TABLES).map(([file, name]) => [`node_zfs_${name}_*`, untyped(`A number of the file ${file}.`)])),
    node_zfs_zpool_state: STATE,
    node_zfs_zpool_datasets_left_out: LEFT_OUT,
    'node_zfs_zpool_dataset_*': untyped('Work of a dataset.'),
    'node_zfs_zpool_*': untyped('Work of a pool; times in nanoseconds.'),
  },
  intervalMs: 10_000,
  slow: true,
  create({ paths, frame }) {
    const folder = join(paths.procfs, 'spl/kstat/zfs');
    return rowsInput(frame, () => {
      const entries = entriesOf(folder);
      const tables = entries.filter((entry) => Object.hasOwn(TABLES, entry));
      return [
        ...tables.flatMap((file) => tableRows(read(folder, file), `node_zfs_${TABLES[file]}_`, {}, `A number of the file ${file}.`)),
        ...entries.filter((entry) => !tables.includes(entry)).flatMap((pool) => poolRows(join(folder, pool), pool)),
      ];
    });
  },
});

function poolRows(path: string, zpool: string): Row[] {
  // A folder that holds none of these is no pool.
  const files = entriesIfAny(path, /^(state|io|objset-.*)$/);
  const state = files.includes('state') ? textOf(path, 'state')?.toLowerCase() : undefined;
  const datasets = files.filter((file) => file.startsWith('objset-'));
  const left = datasets.length - MAX_DATASETS;
  return [
    ...(state === undefined
      ? []
      : STATES.map((one): Row => [{ name: 'node_zfs_zpool_state', labels: { state: one, zpool }, ...STATE }, one === state ? 1 : 0])),
    ...(files.includes('io') ? ioRows(read(path, 'io'), zpool) : []),
    ...(left > 0 ? [[{ name: 'node_zfs_zpool_datasets_left_out', labels: { zpool }, ...LEFT_OUT }, left] as const] : []),
    ...datasets.slice(0, MAX_DATASETS).flatMap((file) => {
      const text = read(path, file);
      // The name is the rest of the line: it may hold blanks.
      const dataset = /^dataset_name\s+\d+\s+(.+)$/m.exec(text)?.[1];
      return dataset === undefined ? [] : tableRows(text, 'node_zfs_zpool_dataset_', { dataset, zpool }, 'Work of a dataset.');
    }),
  ];
}

/** Lines of `name type data`; those before the heading and those that hold no number are left out. */
function tableRows(text: string, prefix: string, labels: Readonly<Record<string, string>>, help: string): Row[] {
  return text.split('\n').flatMap((line): Row[] => {
    const [key, type, data = '', ...more] = line.split(/\s+/);
    if (key === undefined || (type !== INT64 && type !== UINT64) || more.length > 0 || !/^-?\d+$/.test(data)) return [];
    return [[{ name: `${prefix}${nameOf(key)}`, labels, ...untyped(help) }, Number(data)]];
  });
}

/** Three lines: the table's own, headings, numbers. */
function ioRows(text: string, zpool: string): Row[] {
  const [, headings = '', numbers = ''] = text.split('\n').map((line) => line.trim());
  const values = numbers.split(/\s+/);
  return headings.split(/\s+/).flatMap((heading, i): Row[] => {
    if (!/^[a-z]\w*$/.test(heading) || !/^\d+$/.test(values[i] ?? '')) return [];
    return [
      [{ name: `node_zfs_zpool_${heading}`, labels: { zpool }, ...untyped('Work of a pool; times in nanoseconds.') }, Number(values[i])],
    ];
  });
}

function nameOf(key: string): string {
  return key.replace(/[^A-Za-z0-9_]/g, '_');
}

function read(folder: string, file: string): string {
  try {
    return readFileSync(join(folder, file), 'utf8');
  } catch {
    // Pools and datasets come and go between listing and reading.
    return '';
  }
}
