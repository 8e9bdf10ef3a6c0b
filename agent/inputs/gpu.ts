import { realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { defineInput, gauge } from './input.ts';
import { entriesIfAny, entriesOf, type Sensor, sensorInput, textOf } from './sysfs.ts';

const METRICS = {
  node_gpu_info: gauge('What the graphics processor is; always 1.'),
  node_gpu_utilization_ratio: gauge('How busy it is, 0 to 1.'),
  node_gpu_memory_utilization_ratio: gauge('How busy its memory is, 0 to 1.'),
  node_gpu_memory_size_bytes: gauge('Memory of its own.'),
  node_gpu_memory_used_bytes: gauge('What of it is used.'),
  node_gpu_shared_memory_size_bytes: gauge('Memory of the host it may use.'),
  node_gpu_shared_memory_used_bytes: gauge('What of that it uses.'),
  node_gpu_power_watts: gauge('Power it draws.'),
  node_gpu_temperature_celsius: gauge('Temperature.'),
  node_gpu_frequency_hertz: gauge('Clock.'),
};
type Name = keyof typeof METRICS;
const PERCENT = 100;
const MEGAHERTZ = 1e6;
const MICRO = 1e6;
const MILLI = 1000;

/** Files below cardN, the metric, and what the number is multiplied by or divided by. Of two files for one metric the first counts. */
const FILES: readonly (readonly [string, Name, number, number])[] = [
  ['device/gpu_busy_percent', 'node_gpu_utilization_ratio', 1, PERCENT],
  ['device/mem_busy_percent', 'node_gpu_memory_utilization_ratio', 1, PERCENT],
  ['device/mem_info_vram_total', 'node_gpu_memory_size_bytes', 1, 1],
  ['device/mem_info_vram_used', 'node_gpu_memory_used_bytes', 1, 1],
  ['device/mem_info_gtt_total', 'node_gpu_shared_memory_size_bytes', 1, 1],
  ['device/mem_info_gtt_used', 'node_gpu_shared_memory_used_bytes', 1, 1],
  ['gt/gt0/rps_act_freq_mhz', 'node_gpu_frequency_hertz', MEGAHERTZ, 1],
  ['gt_act_freq_mhz', 'node_gpu_frequency_hertz', MEGAHERTZ, 1],
  ['device/tile0/gt0/freq0/act_freq', 'node_gpu_frequency_hertz', MEGAHERTZ, 1],
];
const SENSORS: readonly (readonly [string, Name, number])[] = [
  ['power1_average', 'node_gpu_power_watts', MICRO],
  ['power1_input', 'node_gpu_power_watts', MICRO],
  ['temp1_input', 'node_gpu_temperature_celsius', MILLI],
  ['freq1_input', 'node_gpu_frequency_hertz', 1],
];

export default defineInput({
  name: 'gpu',
  help: 'Graphics processors whose drivers tell their load in /sys/class/drm (amdgpu; clock alone: i915, xe).',
  metrics: METRICS,
  intervalMs: 10_000,
  slow: true,
  priority: 'extra',
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'class/drm');
    return sensorInput(frame, () => entriesOf(folder, /^card\d+$/).flatMap((card) => cardSensors(join(folder, card), card)));
  },
});

function cardSensors(path: string, card: string): Sensor[] {
  const device = join(path, 'device');
  const [chip] = entriesIfAny(join(device, 'hwmon'), /^hwmon\d+$/);
  const numbers = [
    ...FILES.map(([file, name, times, per]) => ({ path: join(path, file), name, times, per })),
    ...(chip === undefined ? [] : SENSORS.map(([file, name, per]) => ({ path: join(device, 'hwmon', chip, file), name, times: 1, per }))),
  ].filter((number) => textOf(number.path) !== undefined);
  // A display adapter without a number to tell (a virtual one, say) is no news.
  if (numbers.length === 0) return [];
  const info = { card, driver: driverOf(device), vendor_id: textOf(device, 'vendor') ?? '', device_id: textOf(device, 'device') ?? '' };
  return [
    { column: { name: 'node_gpu_info', labels: info, ...METRICS.node_gpu_info }, value: 1 },
    ...numbers.map(({ name, ...number }): Sensor => ({ column: { name, labels: { card }, ...METRICS[name] }, ...number })),
  ];
}

function driverOf(device: string): string {
  try {
    return basename(realpathSync(join(device, 'driver')));
  } catch {
    // Not every device shows its driver.
    return '';
  }
}
