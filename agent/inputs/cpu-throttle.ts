import { join } from 'node:path';
import { counter, defineInput, gauge } from './input.ts';
import { entriesOf, numberOf, type Row, rowsInput, textOf } from './sysfs.ts';

const METRICS = {
  node_cpu_core_throttles_total: counter('Times this core was slowed down because it was too hot.'),
  node_cpu_package_throttles_total: counter('Times this package was slowed down because it was too hot.'),
  node_cpu_isolated: gauge('This CPU is kept free of the scheduler; always 1.'),
};

export default defineInput({
  name: 'cpu_throttle',
  help: 'Slowing down for heat, and CPUs kept free of the scheduler, from /sys/devices/system/cpu.',
  metrics: METRICS,
  intervalMs: 10_000,
  slow: true,
  create: ({ paths, frame }) => rowsInput(frame, () => throttleRows(join(paths.sysfs, 'devices/system/cpu'))),
});

/** Every thread of a core, and of a package, has the same count: one of them is told. */
function throttleRows(folder: string): Row[] {
  const rows: Row[] = [];
  for (const entry of entriesOf(folder, /^cpu\d+$/)) {
    const path = join(folder, entry);
    const cores = numberOf(path, 'thermal_throttle/core_throttle_count');
    const packages = numberOf(path, 'thermal_throttle/package_throttle_count');
    if (cores === undefined && packages === undefined) break;
    const core = textOf(path, 'topology/core_id');
    const socket = textOf(path, 'topology/physical_package_id');
    if (core === undefined || socket === undefined) continue;
    if (cores !== undefined) rows.push([column('node_cpu_core_throttles_total', { core, package: socket }), cores]);
    if (packages !== undefined) rows.push([column('node_cpu_package_throttles_total', { package: socket }), packages]);
  }
  for (const cpu of parseCpuList(textOf(folder, 'isolated') ?? '')) rows.push([column('node_cpu_isolated', { cpu: String(cpu) }), 1]);
  return rows;
}

function column(name: keyof typeof METRICS, labels: Readonly<Record<string, string>>) {
  return { name, labels, ...METRICS[name] };
}

const MAX_CPUS = 8192;

/** The kernel's list of numbers: `1,3-5`. What is not of that form, or beyond any machine, is left out. */
export function parseCpuList(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? [];
    if (first === undefined || Number(last) >= MAX_CPUS || Number(last) < Number(first)) return [];
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i);
  });
}
