import { join } from 'node:path';
import { counter, defineInput } from './input.ts';
import { entriesOf, type Sensor, sensorInput, textOf } from './sysfs.ts';

const JOULES = counter('Energy this part of the processor used; starts over when its register is full.');
const MICROJOULES = 1e6;

export default defineInput({
  name: 'rapl',
  help: 'Energy used by processor packages, cores and memory, from /sys/class/powercap (readable by root alone on most kernels).',
  metrics: { 'node_rapl_*_joules_total': JOULES },
  intervalMs: 10_000,
  slow: true,
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'class/powercap');
    return sensorInput(frame, () => {
      const used = new Map<string, number>();
      return entriesOf(folder, /^[\w-]+(:\d+)+$/).flatMap((zone): Sensor[] => {
        const name = textOf(folder, zone, 'name');
        if (name === undefined || name === '') return [];
        // `package-1` says its number; others are numbered in the order they come.
        const [, plain = name, own] = /^(.+)-(\d+)$/.exec(name) ?? [];
        const index = own ?? String(used.get(name) ?? 0);
        used.set(name, (used.get(name) ?? 0) + 1);
        const metric = `node_rapl_${plain.replace(/[^a-zA-Z0-9_]/g, '_')}_joules_total`;
        const path = join(folder, zone);
        return [{ column: { name: metric, labels: { index, path }, ...JOULES }, path: join(path, 'energy_uj'), per: MICROJOULES }];
      });
    });
  },
});
