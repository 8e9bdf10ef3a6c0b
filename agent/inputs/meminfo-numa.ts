import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { counter, defineInput, gauge } from './input.ts';
import { entriesOf, type Row, rowsInput } from './sysfs.ts';

const MEMORY = gauge('A line of the node’s meminfo.');
const EVENTS = counter('A line of the node’s numastat.');
const KIBIBYTE = 1024;

export default defineInput({
  name: 'meminfo_numa',
  help: 'Memory of each NUMA node, from /sys/devices/system/node.',
  metrics: { 'node_memory_numa_*': MEMORY, 'node_memory_numa_*_total': EVENTS },
  offByDefault: true,
  intervalMs: 10_000,
  priority: 'extra',
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'devices/system/node');
    return rowsInput(frame, () =>
      entriesOf(folder, /^node\d+$/).flatMap((entry) => {
        const node = entry.slice('node'.length);
        const read = (file: string) => readFileSync(join(folder, entry, file), 'utf8');
        return [...memoryRows(read('meminfo'), node), ...eventRows(read('numastat'), node)];
      }),
    );
  },
});

/** `Node 0 Active(anon): 706984 kB`; pages of huge memory have no unit. */
function memoryRows(text: string, node: string): Row[] {
  return [...text.matchAll(/^Node\s+\d+\s+([\w()]+):\s+(\d+)( kB)?$/gm)].map(([, key, number, unit]) => [
    { name: `node_memory_numa_${key!.replace(/\(/g, '_').replace(/\)/g, '')}`, labels: { node }, ...MEMORY },
    Number(number) * (unit === undefined ? 1 : KIBIBYTE),
  ]);
}

function eventRows(text: string, node: string): Row[] {
  return [...text.matchAll(/^(\w+) (\d+)$/gm)].map(([, key, number]) => [
    { name: `node_memory_numa_${key}_total`, labels: { node }, ...EVENTS },
    Number(number),
  ]);
}
