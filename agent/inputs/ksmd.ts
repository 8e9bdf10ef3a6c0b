import { join } from 'node:path';
import { counter, defineInput, gauge, type MetricInfo } from './input.ts';
import { entriesOf, type Sensor, sensorInput } from './sysfs.ts';

const MILLI = 1000;
const FILES: Readonly<Record<string, readonly [string, MetricInfo, number?]>> = {
  full_scans: ['node_ksmd_full_scans_total', counter('Times all of the memory was scanned.')],
  general_profit: ['node_ksmd_general_profit_bytes', gauge('Memory saved less memory spent on saving it.')],
  merge_across_nodes: ['node_ksmd_merge_across_nodes', gauge('1 if pages of different nodes are merged.')],
  pages_shared: ['node_ksmd_pages_shared', gauge('Merged pages.')],
  pages_sharing: ['node_ksmd_pages_sharing', gauge('Pages that were saved.')],
  pages_to_scan: ['node_ksmd_pages_to_scan', gauge('Pages to scan before the next rest.')],
  pages_unshared: ['node_ksmd_pages_unshared', gauge('Pages that have no like.')],
  pages_volatile: ['node_ksmd_pages_volatile', gauge('Pages that change too fast to be merged.')],
  run: ['node_ksmd_run', gauge('0 off, 1 on, 2 off and undone.')],
  sleep_millisecs: ['node_ksmd_sleep_seconds', gauge('Rest between scans.'), MILLI],
};

export default defineInput({
  name: 'ksmd',
  help: 'Merging of equal pages of memory, from /sys/kernel/mm/ksm.',
  metrics: Object.fromEntries(Object.values(FILES).map(([name, info]) => [name, info])),
  offByDefault: true,
  priority: 'extra',
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'kernel/mm/ksm');
    return sensorInput(frame, () =>
      entriesOf(folder)
        .filter((file) => Object.hasOwn(FILES, file))
        .map((file): Sensor => {
          const [name, info, per] = FILES[file]!;
          return { column: { name, ...info }, path: join(folder, file), per };
        }),
    );
  },
});
