import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { counter, defineInput, gauge, type MetricInfo } from './input.ts';
import { entriesIfAny, entriesOf, isWanted, type Sensor, sensorInput, textOf } from './sysfs.ts';

const CHIP_NAMES = gauge('What the driver calls the chip; always 1.');
const SENSOR_LABEL = gauge('What the board calls the sensor; always 1.');
const TYPES = new Set('vrm beep_enable update_interval in cpu fan pwm temp curr power energy humidity intrusion freq'.split(' '));
const FAN_SPEEDS = new Set(['input', 'min', 'max', 'target']);
const POWER_INTERVALS = new Set(['average_interval', 'average_interval_min', 'average_interval_max']);
const MILLI = 1000;
const MICRO = 1e6;

/** How one file of a sensor is reported. */
interface Meaning {
  readonly name: string;
  readonly info: MetricInfo;
  readonly per?: number;
}

export default defineInput({
  name: 'hwmon',
  help: 'Temperatures, fans, voltages, currents and power from the chips of /sys/class/hwmon.',
  metrics: {
    node_hwmon_chip_names: CHIP_NAMES,
    node_hwmon_sensor_label: SENSOR_LABEL,
    'node_hwmon_temp*_celsius': gauge('Temperature and its limits.'),
    'node_hwmon_fan*_rpm': gauge('Speed of a fan and its limits.'),
    'node_hwmon_in*_volts': gauge('Voltage and its limits.'),
    'node_hwmon_curr*_amps': gauge('Current and its limits.'),
    'node_hwmon_power*_watt': gauge('Power and its limits.'),
    'node_hwmon_energy*_joule_total': counter('Energy used so far.'),
    node_hwmon_freq_freq_mhz: gauge('Clock of the chip.'),
    'node_hwmon_*': gauge('Whatever else the driver gives for a sensor, as it gives it.'),
  },
  options: {
    'chip-include': { kind: 'pattern', default: '', help: 'Chips to report; empty = all that are not excluded.' },
    'chip-exclude': { kind: 'pattern', default: '', help: 'Chips to leave out.' },
    'sensor-include': { kind: 'pattern', default: '', help: 'Sensors to report, as `chip;sensor`; empty = all that are not excluded.' },
    'sensor-exclude': { kind: 'pattern', default: '', help: 'Sensors to leave out, as `chip;sensor`.' },
  },
  intervalMs: 10_000,
  slow: true,
  create({ paths, frame, options }) {
    const folder = join(paths.sysfs, 'class/hwmon');
    const wantsChip = (chip: string) => isWanted(chip, options.pattern('chip-include'), options.pattern('chip-exclude'));
    const wantsSensor = (sensor: string) => isWanted(sensor, options.pattern('sensor-include'), options.pattern('sensor-exclude'));
    return sensorInput(frame, () =>
      namedChips(folder).flatMap(({ path, chip }) => (wantsChip(chip) ? chipSensors(path, chip, wantsSensor) : [])),
    );
  },
});

/** Chips with names that do not depend on the order in which drivers were loaded, and no two alike. */
function namedChips(folder: string): { path: string; chip: string }[] {
  const chips = entriesOf(folder).map((entry) => {
    const path = join(folder, entry);
    return { path, entry, chip: deviceName(path) ?? nameFile(path) ?? clean(entry) };
  });
  const uses = countOf(chips.map(({ chip }) => chip));
  const distinct = chips.map(({ path, entry, chip }) => ({
    path,
    entry,
    chip: uses.get(chip)! > 1 ? `${chip}_${nameFile(path) ?? clean(entry)}` : chip,
  }));
  const again = countOf(distinct.map(({ chip }) => chip));
  return distinct.map(({ path, entry, chip }) => ({ path, chip: again.get(chip)! > 1 ? `${chip}_${clean(entry)}` : chip }));
}

function countOf(names: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function deviceName(path: string): string | undefined {
  try {
    const device = realpathSync(join(path, 'device'));
    const [kind, name] = [clean(basename(dirname(device))), clean(basename(device))];
    if (name !== '') return kind === '' ? name : `${kind}_${name}`;
  } catch {
    // Chips without a device behind them go by another name.
  }
  return undefined;
}

function nameFile(path: string): string | undefined {
  return clean(textOf(path, 'name') ?? '') || undefined;
}

function clean(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9:_]/g, '_')
    .replace(/^_+|_+$/g, '');
}

/** Older drivers keep the files with the device instead of the chip. */
function chipSensors(path: string, chip: string, wanted: (sensor: string) => boolean): Sensor[] {
  const files = new Map<string, Map<string, string>>();
  for (const folder of [path, join(path, 'device')]) {
    for (const file of entriesIfAny(folder)) {
      const [, type, number, property = ''] = /^([^0-9]+?)(\d*)(?:_(.+))?$/.exec(file) ?? [];
      const whole = TYPES.has(file) ? [file, '0', ''] : [type, number === '' ? '0' : number, property];
      if (!TYPES.has(whole[0]!)) continue;
      const sensor = `${whole[0]}${whole[1]}`;
      if (!wanted(`${chip};${sensor}`)) continue;
      const properties = files.get(sensor) ?? new Map<string, string>();
      files.set(sensor, properties.set(whole[2]!, join(folder, file)));
    }
  }
  const name = nameFile(path);
  const chipName: Sensor[] =
    name === undefined ? [] : [{ column: { name: 'node_hwmon_chip_names', labels: { chip, chip_name: name }, ...CHIP_NAMES }, value: 1 }];
  return [...chipName, ...[...files].flatMap(([sensor, properties]) => sensorColumns(chip, sensor, properties))];
}

function sensorColumns(chip: string, sensor: string, properties: ReadonlyMap<string, string>): Sensor[] {
  const label = properties.has('label') ? textOf(properties.get('label')!) : undefined;
  const columns: Sensor[] = [];
  if (label !== undefined && label !== '')
    columns.push({ column: { name: 'node_hwmon_sensor_label', labels: { chip, sensor, label }, ...SENSOR_LABEL }, value: 1 });
  const type = sensor.replace(/\d+$/, '');
  for (const [property, path] of properties) {
    if (property === 'label') continue;
    const meaning = meaningOf(type, property, properties.has(''));
    const shown = type === 'freq' && property === 'input' ? clean(label ?? '') : sensor;
    if (shown === '') continue;
    columns.push({
      column: { name: `node_hwmon_${meaning.name}`, labels: { chip, sensor: shown }, ...meaning.info },
      path,
      per: meaning.per,
    });
  }
  return columns;
}

/** `hasPlain`: the sensor also has a file without property, which then is the plain value. */
function meaningOf(type: string, property: string, hasPlain: boolean): Meaning {
  if (type === 'beep_enable') return { name: 'beep_enabled', info: gauge('1 if the chip may beep.') };
  if (type === 'vrm') return { name: 'voltage_regulator_version', info: gauge('Version of the voltage regulator.') };
  if (type === 'update_interval') return { name: 'update_interval_seconds', info: gauge('Time between readings of the chip.'), per: MILLI };
  const suffix = property === 'input' ? (hasPlain ? '_input' : '') : property === '' ? '' : `_${clean(property)}`;
  const name = `${type}${suffix}`;
  const info = gauge(`Sensor of kind ${type}, ${property === '' ? 'value' : property} as the driver gives it.`);
  if (property === 'fault' || property === 'alarm') return { name, info };
  if (property === 'beep') return { name: `${name}_enabled`, info };
  if (type === 'in' || type === 'cpu') return { name: `${name}_volts`, info, per: MILLI };
  if (type === 'temp' && property !== 'type') return { name: `${name}_celsius`, info, per: MILLI };
  if (type === 'curr') return { name: `${name}_amps`, info, per: MILLI };
  if (type === 'energy') return { name: `${name}_joule_total`, info: counter('Energy used so far.'), per: MICRO };
  if (type === 'power') {
    if (property === 'accuracy') return { name, info, per: MICRO };
    if (POWER_INTERVALS.has(property)) return { name: `${name}_seconds`, info, per: MILLI };
    return { name: `${name}_watt`, info, per: MICRO };
  }
  if (type === 'humidity') return { name, info, per: MICRO };
  if (type === 'fan' && FAN_SPEEDS.has(property)) return { name: `${name}_rpm`, info };
  if (type === 'freq' && property === 'input') return { name: `${name}_freq_mhz`, info, per: MICRO };
  return { name, info };
}
