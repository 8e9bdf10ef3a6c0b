import { join } from 'node:path';
import { defineInput, gauge } from './input.ts';
import { entriesOf, type Sensor, sensorInput, textOf } from './sysfs.ts';

const INFO = gauge('What the supply is and how it is doing; always 1.');
const LABELS = 'capacity_level charge_type health manufacturer model_name serial_number status technology type usb_type scope'.split(' ');
const MICRO = 1e6;
const TENTHS = 10;

/** Files of a supply, what a number is divided by, and what the metric ends in where that is not the file's name. */
const FILES: readonly (readonly [string, number, string?])[] = [
  ...'authentic calibrate capacity capacity_alert_max capacity_alert_min online present'
    .split(' ')
    .map((file): [string, number] => [file, 1]),
  ['cycle_count', 1, 'cyclecount'],
  ['time_to_empty_now', 1, 'time_to_empty_seconds'],
  ['time_to_full_now', 1, 'time_to_full_seconds'],
  ...(
    'current_boot current_max energy_empty energy_empty_design energy_full energy_full_design voltage_boot voltage_max voltage_max_design ' +
    'voltage_min voltage_min_design voltage_ocv charge_control_limit charge_control_limit_max charge_counter charge_empty ' +
    'charge_empty_design charge_full charge_full_design charge_term_current constant_charge_current constant_charge_current_max ' +
    'constant_charge_voltage constant_charge_voltage_max precharge_current input_current_limit'
  )
    .split(' ')
    .map((file): [string, number] => [file, MICRO]),
  ['current_now', MICRO, 'current_ampere'],
  ['energy_now', MICRO, 'energy_watthour'],
  ['voltage_now', MICRO, 'voltage_volt'],
  ['charge_now', MICRO, 'charge_ampere'],
  ['power_now', MICRO, 'power_watt'],
  ...'temp temp_alert_max temp_alert_min temp_ambient temp_ambient_max temp_ambient_min temp_max temp_min'
    .split(' ')
    .map((file): [string, number, string] => [file, TENTHS, `${file}_celsius`]),
];

export default defineInput({
  name: 'powersupplyclass',
  help: 'Batteries, mains and uninterruptible supplies, from /sys/class/power_supply.',
  metrics: {
    node_power_supply_info: INFO,
    ...Object.fromEntries(FILES.map(([file, per, name]) => [`node_power_supply_${name ?? file}`, metricOf(file, per)])),
  },
  options: { 'ignored-supplies': { kind: 'pattern', default: '^$', help: 'Supplies to leave out.' } },
  intervalMs: 10_000,
  slow: true,
  create({ paths, frame, options }) {
    const folder = join(paths.sysfs, 'class/power_supply');
    const ignored = options.pattern('ignored-supplies');
    const find = () =>
      entriesOf(folder)
        .filter((supply) => ignored?.test(supply) !== true)
        .flatMap((supply) => supplySensors(folder, supply));
    // Whether it charges is a label, so the layout is as fresh as the numbers.
    return sensorInput(frame, find, 0);
  },
});

function metricOf(file: string, per: number) {
  const unit = per === MICRO ? ', in the unit without prefix' : per === TENTHS ? ', degrees Celsius' : '';
  return gauge(`The file ${file} of the supply${unit}.`);
}

function supplySensors(folder: string, supply: string): Sensor[] {
  const present = new Set(entriesOf(join(folder, supply)));
  const labels = Object.fromEntries(LABELS.map((label) => [label, present.has(label) ? (textOf(folder, supply, label) ?? '') : '']));
  const numbers = FILES.filter(([file]) => present.has(file)).map(([file, per, name]): Sensor => {
    const column = { name: `node_power_supply_${name ?? file}`, labels: { power_supply: supply }, ...metricOf(file, per) };
    return { column, path: join(folder, supply, file), per };
  });
  return [{ column: { name: 'node_power_supply_info', labels: { power_supply: supply, ...labels }, ...INFO }, value: 1 }, ...numbers];
}
