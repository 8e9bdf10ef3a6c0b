import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Millis } from '@bellwether/shared';
import type { Column } from './frame.ts';
import { defineInput, gauge } from './input.ts';
import { SysNumbers } from './sys-numbers.ts';

const METRICS = {
  node_thermal_zone_temp: gauge('Temperature of the zone, degrees Celsius.'),
  node_cooling_device_cur_state: gauge('How hard the device cools or throttles now.'),
  node_cooling_device_max_state: gauge('How hard it can.'),
};
const MILLIDEGREES = 1000;
/** Zones are looked for this often. */
const LAYOUT_MS: Millis = 60_000;

interface Sensor {
  readonly column: Column;
  readonly path: string;
  readonly per: number;
}

export default defineInput({
  name: 'thermal_zone',
  help: 'Temperatures and cooling devices, from /sys/class/thermal.',
  metrics: METRICS,
  slow: true,
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'class/thermal');
    const numbers = new SysNumbers();
    let sensors: Sensor[] = [];
    let lookedAtMs: Millis | undefined;
    return {
      read(timeMs) {
        if (lookedAtMs === undefined || timeMs - lookedAtMs >= LAYOUT_MS) {
          lookedAtMs = undefined;
          sensors = findSensors(folder);
          numbers.open(sensors.map(({ path }) => path));
          frame.setColumns(sensors.map(({ column }) => column));
          lookedAtMs = timeMs;
        }
        const { values } = frame;
        if (sensors.length > 0) numbers.read(timeMs, values, 0);
        for (const [i, { per }] of sensors.entries()) values[i] = values[i]! / per;
      },
      close: () => numbers.close(),
    };
  },
});

function findSensors(folder: string): Sensor[] {
  return readdirSync(folder).flatMap((entry): Sensor[] => {
    const [, kind, number] = /^(thermal_zone|cooling_device)(\d+)$/.exec(entry) ?? [];
    if (kind === undefined || number === undefined) return [];
    const type = readFileSync(join(folder, entry, 'type'), 'utf8').trim();
    const sensor = (name: keyof typeof METRICS, labels: Record<string, string>, file: string, per = 1): Sensor => ({
      column: { name, labels, ...METRICS[name] },
      path: join(folder, entry, file),
      per,
    });
    if (kind === 'thermal_zone') return [sensor('node_thermal_zone_temp', { zone: number, type }, 'temp', MILLIDEGREES)];
    const labels = { name: number, type };
    return [sensor('node_cooling_device_cur_state', labels, 'cur_state'), sensor('node_cooling_device_max_state', labels, 'max_state')];
  });
}
