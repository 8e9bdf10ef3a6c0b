import { join } from 'node:path';
import { defineInput, gauge } from './input.ts';
import { entriesIfAny, entriesOf, numberOf, type Row, rowsInput, textOf } from './sysfs.ts';

const METRICS = {
  node_nvme_info: gauge('What the controller is and how it is doing; always 1.'),
  node_nvme_namespace_info: gauge('State of the path to the namespace; always 1.'),
  node_nvme_namespace_capacity_bytes: gauge('Size of the namespace.'),
  node_nvme_namespace_size_bytes: gauge('Size of the namespace: its file `size` times its block size.'),
  node_nvme_namespace_used_bytes: gauge('What of the namespace is in use.'),
  node_nvme_namespace_logical_block_size_bytes: gauge('Block size of the namespace.'),
};
const INFO = { firmware_revision: 'firmware_rev', model: 'model', serial: 'serial', state: 'state', cntlid: 'cntlid' };

export default defineInput({
  name: 'nvme',
  help: 'NVMe controllers and their namespaces, from /sys/class/nvme.',
  metrics: METRICS,
  intervalMs: 60_000,
  slow: true,
  create: ({ paths, frame }) =>
    rowsInput(frame, () => {
      const folder = join(paths.sysfs, 'class/nvme');
      return entriesOf(folder, /^nvme\d+$/).flatMap((device) => [
        row('node_nvme_info', { device, ...infoOf(join(folder, device)) }, 1),
        ...entriesIfAny(join(folder, device), /^nvme\d+(c\d+)?n\d+$/).flatMap((entry) =>
          namespaceRows(join(folder, device, entry), device, /\d+$/.exec(entry)![0]),
        ),
      ]);
    }),
});

function infoOf(path: string): Record<string, string> {
  return Object.fromEntries(Object.entries(INFO).map(([label, file]) => [label, textOf(path, file) ?? '']));
}

function namespaceRows(path: string, device: string, nsid: string): Row[] {
  const labels = { device, nsid };
  const blockSize = numberOf(path, 'queue/logical_block_size');
  const size = numberOf(path, 'size');
  const used = numberOf(path, 'nuse');
  const rows = [row('node_nvme_namespace_info', { ...labels, ana_state: textOf(path, 'ana_state') ?? 'unknown' }, 1)];
  if (blockSize === undefined) return rows;
  rows.push(row('node_nvme_namespace_logical_block_size_bytes', labels, blockSize));
  if (size !== undefined) {
    rows.push(row('node_nvme_namespace_size_bytes', labels, size * blockSize));
    rows.push(row('node_nvme_namespace_capacity_bytes', labels, size * blockSize));
  }
  if (used !== undefined) rows.push(row('node_nvme_namespace_used_bytes', labels, used * blockSize));
  return rows;
}

function row(name: keyof typeof METRICS, labels: Readonly<Record<string, string>>, value: number): Row {
  return [{ name, labels, ...METRICS[name] }, value];
}
