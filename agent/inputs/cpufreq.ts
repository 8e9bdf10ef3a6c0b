import { join } from 'node:path';
import { defineInput, gauge } from './input.ts';
import { entriesIfAny, entriesOf, type Sensor, sensorInput, textOf } from './sysfs.ts';

const METRICS = {
  node_cpu_frequency_hertz: gauge('Clock of this CPU as the hardware says.'),
  node_cpu_frequency_min_hertz: gauge('Lowest clock the hardware allows.'),
  node_cpu_frequency_max_hertz: gauge('Highest clock the hardware allows.'),
  node_cpu_scaling_frequency_hertz: gauge('Clock of this CPU as the kernel set it.'),
  node_cpu_scaling_frequency_min_hertz: gauge('Lowest clock the kernel may set.'),
  node_cpu_scaling_frequency_max_hertz: gauge('Highest clock the kernel may set.'),
  node_cpu_scaling_governor: gauge('1 for the governor that sets the clock now, 0 for those that could.'),
};
const KILOHERTZ = 1000;
const FILES: Readonly<Record<string, Exclude<keyof typeof METRICS, 'node_cpu_scaling_governor'>>> = {
  cpuinfo_cur_freq: 'node_cpu_frequency_hertz',
  scaling_cur_freq: 'node_cpu_scaling_frequency_hertz',
  scaling_min_freq: 'node_cpu_scaling_frequency_min_hertz',
  scaling_max_freq: 'node_cpu_scaling_frequency_max_hertz',
  cpuinfo_min_freq: 'node_cpu_frequency_min_hertz',
  cpuinfo_max_freq: 'node_cpu_frequency_max_hertz',
};

export default defineInput({
  name: 'cpufreq',
  help: 'Clock and governor of each CPU, from /sys/devices/system/cpu/cpu*/cpufreq.',
  metrics: METRICS,
  intervalMs: 10_000,
  slow: true,
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'devices/system/cpu');
    return sensorInput(frame, () =>
      entriesOf(folder, /^cpu\d+$/).flatMap((entry): Sensor[] => {
        const path = join(folder, entry, 'cpufreq');
        const present = new Set(entriesIfAny(path));
        const cpu = entry.slice('cpu'.length);
        const clocks = Object.entries(FILES).filter(([file]) => present.has(file));
        return [
          ...clocks.map(
            ([file, name]): Sensor => ({
              column: { name, labels: { cpu }, ...METRICS[name] },
              path: join(path, file),
              times: KILOHERTZ,
            }),
          ),
          ...(present.has('scaling_governor') ? governors(path, cpu) : []),
        ];
      }),
    );
  },
});

function governors(path: string, cpu: string): Sensor[] {
  const current = textOf(path, 'scaling_governor');
  const possible = (textOf(path, 'scaling_available_governors') ?? '').split(/\s+/).filter((word) => word !== '');
  const name = 'node_cpu_scaling_governor';
  return [...new Set(possible)].map((governor) => ({
    column: { name, labels: { cpu, governor }, ...METRICS[name] },
    value: governor === current ? 1 : 0,
  }));
}
