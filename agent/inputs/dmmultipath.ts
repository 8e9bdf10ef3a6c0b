import { join } from 'node:path';
import { defineInput, gauge } from './input.ts';
import { entriesIfAny, entriesOf, numberOf, type Row, rowsInput, textOf } from './sysfs.ts';

const METRICS = {
  node_dmmultipath_device_info: gauge('The device; always 1.'),
  node_dmmultipath_device_active: gauge('1 if the device takes requests, 0 if it is suspended.'),
  node_dmmultipath_device_size_bytes: gauge('Size of the device.'),
  node_dmmultipath_device_paths: gauge('Ways to the device.'),
  node_dmmultipath_device_paths_active: gauge('Ways that work.'),
  node_dmmultipath_device_paths_failed: gauge('Ways that do not.'),
  node_dmmultipath_path_state: gauge('State of a way, as its driver says; always 1.'),
};
const SECTOR_BYTES = 512;
/** SCSI says running, NVMe live. */
const WORKING = new Set(['running', 'live']);

export default defineInput({
  name: 'dmmultipath',
  help: 'Disks with several ways to them, from /sys/block/dm-*.',
  metrics: METRICS,
  intervalMs: 10_000,
  slow: true,
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'block');
    return rowsInput(frame, () => entriesOf(folder, /^dm-\d+$/).flatMap((entry) => deviceRows(folder, entry)));
  },
});

function deviceRows(folder: string, sysfs_name: string): Row[] {
  const path = join(folder, sysfs_name);
  const uuid = textOf(path, 'dm/uuid') ?? '';
  if (!uuid.startsWith('mpath-')) return [];
  const device = textOf(path, 'dm/name') ?? '';
  const labels = { device, sysfs_name };
  const size = numberOf(path, 'size');
  const ways = entriesIfAny(join(path, 'slaves')).map((way) => ({ way, state: textOf(folder, way, 'device/state') ?? 'unknown' }));
  const working = ways.filter(({ state }) => WORKING.has(state)).length;
  return [
    row('node_dmmultipath_device_info', { ...labels, uuid }, 1),
    row('node_dmmultipath_device_active', labels, numberOf(path, 'dm/suspended') === 0 ? 1 : 0),
    ...(size === undefined ? [] : [row('node_dmmultipath_device_size_bytes', labels, size * SECTOR_BYTES)]),
    row('node_dmmultipath_device_paths', labels, ways.length),
    row('node_dmmultipath_device_paths_active', labels, working),
    row('node_dmmultipath_device_paths_failed', labels, ways.length - working),
    ...ways.map(({ way, state }) => row('node_dmmultipath_path_state', { device, path: way, state }, 1)),
  ];
}

function row(name: keyof typeof METRICS, labels: Readonly<Record<string, string>>, value: number): Row {
  return [{ name, labels, ...METRICS[name] }, value];
}
