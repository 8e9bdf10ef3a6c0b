/** What `smartctl --json` says about one disk, as rows. */
import { counter, gauge } from './input.ts';
import type { Row } from './sysfs.ts';

export const SMART_METRICS = {
  node_smart_device_info: gauge('What the disk is; always 1.'),
  node_smart_device_readable: gauge(
    '1 if the disk told its health at the last attempt, 0 if it could not be asked; a sleeping disk is not asked and keeps its row.',
  ),
  node_smart_device_checked_timestamp_seconds: gauge('When the disk was last asked successfully, seconds since the epoch.'),
  node_smart_device_standby: gauge('1 if the disk slept at the last attempt and was left asleep; the other numbers are those from before.'),
  node_smart_device_healthy: gauge('The disk’s own verdict: 1 passed, 0 about to fail.'),
  node_smart_device_temperature_celsius: gauge('Temperature.'),
  node_smart_device_power_on_seconds: gauge('Time the disk has been on in its life.'),
  node_smart_device_power_cycles_total: counter('Times the disk was switched on.'),
  node_smart_device_media_errors_total: counter(
    'Data that could not be read: media errors (NVMe), reported uncorrectable errors (ATA), uncorrected errors (SCSI).',
  ),
  node_smart_device_error_log_entries_total: counter('Entries of the disk’s error log.'),
  node_smart_device_percentage_used: gauge('Wear as the maker reckons it, per cent of the promised life; may exceed 100.'),
  node_smart_device_available_spare_ratio: gauge('Spare blocks left, 0 to 1.'),
  node_smart_device_available_spare_threshold_ratio: gauge('Spare blocks below which the maker warns.'),
  node_smart_device_critical_warning: gauge('Bits of the NVMe critical warning; 0 is well.'),
  node_smart_device_unsafe_shutdowns_total: counter('Times the power went before the disk was ready.'),
  node_smart_device_read_bytes_total: counter('Bytes read in the life of the disk.'),
  node_smart_device_written_bytes_total: counter('Bytes written in the life of the disk.'),
  node_smart_device_reallocated_sectors: gauge('Sectors replaced by spare ones.'),
  node_smart_device_pending_sectors: gauge('Sectors that could not be read and wait for a write.'),
  node_smart_device_offline_uncorrectable_sectors: gauge('Sectors the disk’s own scan could not read.'),
  node_smart_device_interface_crc_errors_total: counter('Transfers spoilt on the cable.'),
  node_smart_device_attributes_failing: gauge('Attributes that are beyond their threshold now.'),
  node_smart_device_grown_defects: gauge('Defects since the disk was made (SCSI).'),
};
type Name = keyof typeof SMART_METRICS;

const HOUR_SECONDS = 3600;
const PERCENT = 100;
/** NVMe counts data in thousands of blocks of 512 bytes. */
const NVME_UNIT_BYTES = 512_000;
/** ATA attributes whose raw value means the same with every maker. */
const ATA_ATTRIBUTES: Readonly<Record<number, Name>> = {
  5: 'node_smart_device_reallocated_sectors',
  187: 'node_smart_device_media_errors_total',
  197: 'node_smart_device_pending_sectors',
  198: 'node_smart_device_offline_uncorrectable_sectors',
  199: 'node_smart_device_interface_crc_errors_total',
};

/** Where a number stands in the report, and what it is multiplied by or divided by. */
const NUMBERS: readonly (readonly [Name, string, number?, number?])[] = [
  ['node_smart_device_temperature_celsius', 'temperature.current'],
  ['node_smart_device_power_on_seconds', 'power_on_time.hours', HOUR_SECONDS],
  ['node_smart_device_power_cycles_total', 'power_cycle_count'],
  ['node_smart_device_error_log_entries_total', 'ata_smart_error_log.summary.count'],
  ['node_smart_device_error_log_entries_total', 'nvme_smart_health_information_log.num_err_log_entries'],
  ['node_smart_device_media_errors_total', 'nvme_smart_health_information_log.media_errors'],
  ['node_smart_device_percentage_used', 'nvme_smart_health_information_log.percentage_used'],
  ['node_smart_device_available_spare_ratio', 'nvme_smart_health_information_log.available_spare', 1, PERCENT],
  ['node_smart_device_available_spare_threshold_ratio', 'nvme_smart_health_information_log.available_spare_threshold', 1, PERCENT],
  ['node_smart_device_critical_warning', 'nvme_smart_health_information_log.critical_warning'],
  ['node_smart_device_unsafe_shutdowns_total', 'nvme_smart_health_information_log.unsafe_shutdowns'],
  ['node_smart_device_read_bytes_total', 'nvme_smart_health_information_log.data_units_read', NVME_UNIT_BYTES],
  ['node_smart_device_written_bytes_total', 'nvme_smart_health_information_log.data_units_written', NVME_UNIT_BYTES],
  ['node_smart_device_grown_defects', 'scsi_grown_defect_list'],
  ['node_smart_device_percentage_used', 'scsi_percentage_used_endurance_indicator'],
];
/** Sleep, standby, standby_y. */
const STANDBY_MODES: ReadonlySet<unknown> = new Set([-1, 0, 1]);
const SCSI_UNCORRECTED = ['read', 'write', 'verify'].map((kind) => `scsi_error_counter_log.${kind}.total_uncorrected_errors`);

export interface SmartReport {
  /** The disk slept and was left asleep. */
  readonly standby: boolean;
  /** Empty when the disk could not be asked. */
  readonly rows: readonly Row[];
}

/** Reads what smartctl printed about `device`. What is not there, or not of its type, is left out; text that is no JSON is no answer. */
export function parseSmartReport(text: string, device: string): SmartReport {
  const report = parseJson(text);
  const standby = isStandby(report);
  const rows = [...NUMBERS.flatMap((entry) => numberRow(report, device, ...entry)), ...otherRows(report, device)];
  if (rows.length === 0) return { standby, rows };
  const info = Object.fromEntries(
    Object.entries({
      model: 'model_name',
      family: 'model_family',
      serial: 'serial_number',
      firmware: 'firmware_version',
      protocol: 'device.protocol',
    }).map(([label, path]) => [label, textAt(report, path)]),
  );
  return { standby, rows: [row('node_smart_device_info', device, 1, info), ...rows] };
}

/** Newer versions say it as a number, older ones in a message only; the exit status is that of other troubles too. */
function isStandby(report: unknown): boolean {
  if (STANDBY_MODES.has(at(report, 'power_mode.ata_value'))) return true;
  const messages = at(report, 'smartctl.messages');
  return Array.isArray(messages) && messages.some((message) => /\bin (STANDBY|SLEEP)\b/i.test(String(at(message, 'string'))));
}

export function smartRow(name: Name, device: string, value: number): Row {
  return row(name, device, value);
}

function otherRows(report: unknown, device: string): Row[] {
  const rows: Row[] = [];
  const passed = at(report, 'smart_status.passed');
  if (typeof passed === 'boolean') rows.push(row('node_smart_device_healthy', device, passed ? 1 : 0));
  const uncorrected = SCSI_UNCORRECTED.map((path) => at(report, path)).filter(isCount);
  if (uncorrected.length > 0)
    rows.push(
      row(
        'node_smart_device_media_errors_total',
        device,
        uncorrected.reduce((sum, count) => sum + count, 0),
      ),
    );
  const attributes = at(report, 'ata_smart_attributes.table');
  if (!Array.isArray(attributes)) return rows;
  for (const attribute of attributes) {
    const id = at(attribute, 'id');
    const raw = at(attribute, 'raw.value');
    const name = isCount(id) && Object.hasOwn(ATA_ATTRIBUTES, id) ? ATA_ATTRIBUTES[id] : undefined;
    if (name !== undefined && isCount(raw)) rows.push(row(name, device, raw));
  }
  const failing = attributes.filter((attribute) => String(at(attribute, 'when_failed')).toLowerCase() === 'now');
  rows.push(row('node_smart_device_attributes_failing', device, failing.length));
  return rows;
}

function numberRow(report: unknown, device: string, name: Name, path: string, times = 1, per = 1): Row[] {
  const value = at(report, path);
  return isCount(value) || (path === 'temperature.current' && typeof value === 'number' && Number.isFinite(value))
    ? [row(name, device, (value * times) / per)]
    : [];
}

function row(name: Name, device: string, value: number, labels: Readonly<Record<string, string>> = {}): Row {
  return [{ name, labels: { device, ...labels }, ...SMART_METRICS[name] }, value];
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

const MAX_TEXT = 200;

function textAt(value: unknown, path: string): string {
  const text = at(value, path);
  return typeof text === 'string' ? text.trim().slice(0, MAX_TEXT) : '';
}

/** The value at `a.b.c`, or undefined where the way ends. */
function at(value: unknown, path: string): unknown {
  let here: unknown = value;
  for (const key of path.split('.')) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, key)) return undefined;
    here = (here as Readonly<Record<string, unknown>>)[key];
  }
  return here;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Cut off, or an smartctl too old for --json: the disk counts as not readable.
    return undefined;
  }
}

/** A disk as smartctl names it: a path, and for those behind a controller how to reach it. */
export interface SmartTarget {
  readonly path: string;
  readonly type?: string;
}

/** `/dev/sda`, or `/dev/bus/0@megaraid,3`. Undefined for what is no such name: nothing else may reach the command line. */
export function parseSmartTarget(text: string): SmartTarget | undefined {
  const [, path, type] = /^(\/dev\/[\w./:-]+)(?:@([\w,+/:-]+))?$/.exec(text) ?? [];
  if (path === undefined || type?.startsWith('-') === true) return undefined;
  return type === undefined ? { path } : { path, type };
}

/** The disks of `smartctl --scan --json`. */
export function parseSmartScan(text: string): SmartTarget[] {
  const devices = at(parseJson(text), 'devices');
  if (!Array.isArray(devices)) return [];
  return devices.flatMap((device) => {
    const [name, type] = [textAt(device, 'name'), textAt(device, 'type')];
    // A plain type is what smartctl would find out by itself.
    const target = parseSmartTarget(type.includes(',') ? `${name}@${type}` : name);
    return target === undefined ? [] : [target];
  });
}
