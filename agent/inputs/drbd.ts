import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { counter, defineInput, gauge } from './input.ts';
import { type Row, rowsInput } from './sysfs.ts';

const METRICS = {
  node_drbd_network_sent_bytes_total: counter('Bytes sent to the other node.'),
  node_drbd_network_received_bytes_total: counter('Bytes received from the other node.'),
  node_drbd_disk_written_bytes_total: counter('Bytes written to the local disk.'),
  node_drbd_disk_read_bytes_total: counter('Bytes read from the local disk.'),
  node_drbd_activitylog_writes_total: counter('Writes to the activity log.'),
  node_drbd_bitmap_writes_total: counter('Writes to the bitmap.'),
  node_drbd_local_pending: gauge('Requests the local disk has not answered.'),
  node_drbd_remote_pending: gauge('Requests the other node has not answered.'),
  node_drbd_remote_unacknowledged: gauge('Requests of the other node that have no answer yet.'),
  node_drbd_application_pending: gauge('Requests of applications that have no answer yet.'),
  node_drbd_epochs: gauge('Epochs on the way.'),
  node_drbd_out_of_sync_bytes: gauge('Data that differs between the nodes.'),
  node_drbd_node_role_is_primary: gauge('1 if the node may write.'),
  node_drbd_disk_state_is_up_to_date: gauge('1 if the node’s disk is up to date.'),
  node_drbd_connected: gauge('1 if the nodes are connected.'),
};
const KIBIBYTE = 1024;
/** Metric by key of /proc/drbd, and the unit. The received bytes are in the unit node_exporter gives them. */
const NUMBERS: Readonly<Record<string, readonly [keyof typeof METRICS, number]>> = {
  ns: ['node_drbd_network_sent_bytes_total', KIBIBYTE],
  nr: ['node_drbd_network_received_bytes_total', 1],
  dw: ['node_drbd_disk_written_bytes_total', KIBIBYTE],
  dr: ['node_drbd_disk_read_bytes_total', KIBIBYTE],
  al: ['node_drbd_activitylog_writes_total', 1],
  bm: ['node_drbd_bitmap_writes_total', 1],
  lo: ['node_drbd_local_pending', 1],
  pe: ['node_drbd_remote_pending', 1],
  ua: ['node_drbd_remote_unacknowledged', 1],
  ap: ['node_drbd_application_pending', 1],
  ep: ['node_drbd_epochs', 1],
  oos: ['node_drbd_out_of_sync_bytes', KIBIBYTE],
};
const PAIRS: Readonly<Record<string, readonly [keyof typeof METRICS, string]>> = {
  ro: ['node_drbd_node_role_is_primary', 'Primary'],
  ds: ['node_drbd_disk_state_is_up_to_date', 'UpToDate'],
};

export default defineInput({
  name: 'drbd',
  help: 'Disks mirrored over the network (DRBD 8), from /proc/drbd.',
  metrics: METRICS,
  offByDefault: true,
  intervalMs: 10_000,
  create: ({ paths, frame }) => rowsInput(frame, () => parseDrbd(readFileSync(join(paths.procfs, 'drbd'), 'utf8'))),
});

/** Blocks of ` 1: key:value ...`, one a device. */
export function parseDrbd(text: string): Row[] {
  return text.split(/\n(?=\s*\d+: )/).flatMap((block) => {
    const [, number, rest] = /^\s*(\d+): ([\s\S]*)$/.exec(block) ?? [];
    return rest === undefined ? [] : rest.split(/\s+/).flatMap((pair) => pairRows(`drbd${number}`, pair));
  });
}

function pairRows(device: string, pair: string): Row[] {
  const [key = '', value = ''] = pair.split(':');
  if (key === 'cs') return [row('node_drbd_connected', { device }, value === 'Connected' ? 1 : 0)];
  if (Object.hasOwn(NUMBERS, key) && /^\d+$/.test(value)) {
    const [name, unit] = NUMBERS[key]!;
    return [row(name, { device }, Number(value) * unit)];
  }
  if (!Object.hasOwn(PAIRS, key)) return [];
  const [name, good] = PAIRS[key]!;
  const [local, remote] = value.split('/');
  return [row(name, { device, node: 'local' }, local === good ? 1 : 0), row(name, { device, node: 'remote' }, remote === good ? 1 : 0)];
}

function row(name: keyof typeof METRICS, labels: Readonly<Record<string, string>>, value: number): Row {
  return [{ name, labels, ...METRICS[name] }, value];
}
