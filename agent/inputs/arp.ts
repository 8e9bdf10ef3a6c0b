import { join } from 'node:path';
import { defineInput, gauge } from './input.ts';
import { KeptFile, ReadBuffer } from './kept-file.ts';

const METRICS = { node_arp_entries: gauge('Neighbours known on this device.') };

export default defineInput({
  name: 'arp',
  help: 'Known neighbours by device, from /proc/net/arp; every 5 s at most unless its own interval says otherwise.',
  metrics: METRICS,
  options: {
    'device-include': { kind: 'pattern', default: '', help: 'Devices to report; empty = all that are not excluded.' },
    'device-exclude': { kind: 'pattern', default: '', help: 'Devices to leave out.' },
  },
  // A router has thousands of neighbours.
  floorMs: 5_000,
  slow: true,
  create({ paths, frame, options }) {
    const include = options.pattern('device-include');
    const exclude = options.pattern('device-exclude');
    const buffer = new ReadBuffer();
    const file = new KeptFile(join(paths.procfs, 'net/arp'), buffer);
    let seen = new Uint8Array(0);
    let counts: readonly number[] = [];
    return {
      read() {
        const bytes = buffer.view(file.read());
        if (Buffer.compare(bytes, seen) !== 0) {
          const byDevice = countByDevice(Buffer.from(bytes).toString('latin1'));
          const devices = [...byDevice.keys()].filter((device) => (include?.test(device) ?? true) && exclude?.test(device) !== true).sort();
          frame.setColumns(devices.map((device) => ({ name: 'node_arp_entries', labels: { device }, ...METRICS.node_arp_entries })));
          counts = devices.map((device) => byDevice.get(device)!);
          seen = Uint8Array.from(bytes);
        }
        frame.values.set(counts);
      },
      close: () => file.close(),
    };
  },
});

/** Lines of /proc/net/arp by their last field; the first line is a header. */
export function countByDevice(arp: string): ReadonlyMap<string, number> {
  const lines = arp.split('\n');
  if (!lines[0]!.includes('Device')) throw new Error('/proc/net/arp does not start with its header');
  const counts = new Map<string, number>();
  for (const line of lines.slice(1)) {
    const fields = line.trim().split(/\s+/);
    const device = fields.at(-1)!;
    if (fields.length >= 6) counts.set(device, (counts.get(device) ?? 0) + 1);
  }
  return counts;
}
