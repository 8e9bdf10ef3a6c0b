import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { counter, defineInput, gauge, type HostPaths, type MetricInfo } from './input.ts';
import type { TableLine } from './number-table.ts';
import { ALWAYS, type CellColumn, tableInput } from './table-input.ts';

const SECTOR_BYTES = 512;
const MILLISECONDS = 1000;

interface Field {
  readonly name: string;
  readonly info: MetricInfo;
  readonly times?: number;
  readonly per?: number;
}

/** In the order of the numbers in a line; older kernels end earlier. */
const FIELDS: readonly Field[] = [
  { name: 'node_disk_reads_completed_total', info: counter('Reads finished.') },
  { name: 'node_disk_reads_merged_total', info: counter('Reads that were merged with another.') },
  { name: 'node_disk_read_bytes_total', info: counter('Bytes read.'), times: SECTOR_BYTES },
  { name: 'node_disk_read_time_seconds_total', info: counter('Time all reads took, added up.'), per: MILLISECONDS },
  { name: 'node_disk_writes_completed_total', info: counter('Writes finished.') },
  { name: 'node_disk_writes_merged_total', info: counter('Writes that were merged with another.') },
  { name: 'node_disk_written_bytes_total', info: counter('Bytes written.'), times: SECTOR_BYTES },
  { name: 'node_disk_write_time_seconds_total', info: counter('Time all writes took, added up.'), per: MILLISECONDS },
  { name: 'node_disk_io_now', info: gauge('Requests in flight.') },
  { name: 'node_disk_io_time_seconds_total', info: counter('Time with at least one request in flight.'), per: MILLISECONDS },
  {
    name: 'node_disk_io_time_weighted_seconds_total',
    info: counter('Time with requests in flight, times their number.'),
    per: MILLISECONDS,
  },
  { name: 'node_disk_discards_completed_total', info: counter('Discards finished.') },
  { name: 'node_disk_discards_merged_total', info: counter('Discards that were merged with another.') },
  { name: 'node_disk_discarded_sectors_total', info: counter('Sectors of 512 bytes discarded.') },
  { name: 'node_disk_discard_time_seconds_total', info: counter('Time all discards took, added up.'), per: MILLISECONDS },
  { name: 'node_disk_flush_requests_total', info: counter('Flushes finished.') },
  { name: 'node_disk_flush_requests_time_seconds_total', info: counter('Time all flushes took, added up.'), per: MILLISECONDS },
];
const FACTS = {
  node_disk_info: gauge('What the device is; always 1.'),
  node_disk_filesystem_info: gauge('What filesystem the device holds; always 1.'),
  node_disk_device_mapper_info: gauge('What the device is to the device mapper; always 1.'),
  node_disk_ata_write_cache: gauge('1 if the disk has a write cache.'),
  node_disk_ata_write_cache_enabled: gauge('1 if the write cache of the disk is on.'),
  node_disk_ata_rotation_rate_rpm: gauge('Rotations a minute; 0 for disks that do not rotate.'),
};
const ATA: Readonly<Record<string, keyof typeof FACTS>> = {
  ID_ATA_WRITE_CACHE: 'node_disk_ata_write_cache',
  ID_ATA_WRITE_CACHE_ENABLED: 'node_disk_ata_write_cache_enabled',
  ID_ATA_ROTATION_RATE_RPM: 'node_disk_ata_rotation_rate_rpm',
};
/** udev may learn of a device after its line appeared. */
const FACTS_AGAIN_MS = 300_000;
const LEADING_NAMES = 3;

export default defineInput({
  name: 'diskstats',
  help: 'Reads, writes and waiting of each block device, from /proc/diskstats, and what udev knows about it.',
  metrics: { ...Object.fromEntries(FIELDS.map(({ name, info }) => [name, info])), ...FACTS },
  priority: 'essential',
  options: {
    'device-include': { kind: 'pattern', default: '', help: 'Devices to report; empty = all that are not excluded.' },
    'device-exclude': {
      kind: 'pattern',
      default: String.raw`^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$`,
      help: 'Devices to leave out.',
    },
  },
  create({ proc, frame, options, paths }) {
    const include = options.pattern('device-include');
    const exclude = options.pattern('device-exclude');
    const table = proc('diskstats', { names: 0b111 });
    const build = ([lines]: readonly TableLine[][]) => {
      if (lines!.some((line) => line.length <= LEADING_NAMES)) throw new Error('/proc/diskstats has a line without numbers');
      const wanted = lines!.filter(([, , name]) => (include?.test(String(name)) ?? true) && exclude?.test(String(name)) !== true);
      return wanted.flatMap((line) => [...numbersOf(line), ...factsOf(line, paths)]);
    };
    return tableInput(frame, [{ table }], build, FACTS_AGAIN_MS);
  },
});

function numbersOf([, , device, ...cells]: TableLine): CellColumn[] {
  return FIELDS.flatMap(({ name, info, times, per }, i) => {
    const cell = cells[i];
    return typeof cell === 'number' ? [{ name, labels: { device: String(device) }, ...info, cell, times, per }] : [];
  });
}

function factsOf([major, minor, name]: TableLine, paths: HostPaths): CellColumn[] {
  const device = String(name);
  const udev = udevProperties(join(paths.rootfs, 'run/udev/data', `b${major}:${minor}`));
  const of = (key: string) => udev.get(key) ?? '';
  const info = {
    device,
    major: String(major),
    minor: String(minor),
    path: of('ID_PATH'),
    wwn: of('ID_WWN'),
    model: of('ID_MODEL'),
    // The first is what is printed on the disk; virtio has only the last.
    serial: of('SCSI_IDENT_SERIAL') || of('ID_SERIAL_SHORT') || of('ID_SERIAL'),
    revision: of('ID_REVISION'),
    rotational: text(join(paths.sysfs, 'block', device, 'queue/rotational'))?.trim() ?? '0',
  };
  const facts: CellColumn[] = [fact('node_disk_info', info)];
  if (of('ID_FS_TYPE') !== '') {
    const filesystem = { device, type: of('ID_FS_TYPE'), usage: of('ID_FS_USAGE'), uuid: of('ID_FS_UUID'), version: of('ID_FS_VERSION') };
    facts.push(fact('node_disk_filesystem_info', filesystem));
  }
  if (of('DM_NAME') !== '') {
    const volume = { vg_name: of('DM_VG_NAME'), lv_name: of('DM_LV_NAME'), lv_layer: of('DM_LV_LAYER') };
    facts.push(fact('node_disk_device_mapper_info', { device, name: of('DM_NAME'), uuid: of('DM_UUID'), ...volume }));
  }
  for (const [key, metric] of of('ID_ATA') === '' ? [] : Object.entries(ATA)) {
    if (/^\d+$/.test(of(key))) facts.push(fact(metric, { device }, Number(of(key))));
  }
  return facts;
}

function fact(name: keyof typeof FACTS, labels: Readonly<Record<string, string>>, value = 1): CellColumn {
  return { name, labels, ...FACTS[name], cell: ALWAYS, times: value };
}

/** The `E:KEY=value` lines of udev's file about a device. */
function udevProperties(path: string): ReadonlyMap<string, string> {
  const lines = text(path)?.split('\n') ?? [];
  return new Map(
    lines.flatMap((line) => (line.startsWith('E:') && line.includes('=') ? [splitAt(line.slice(2), line.indexOf('=') - 2)] : [])),
  );
}

function splitAt(line: string, at: number): [string, string] {
  return [line.slice(0, at), line.slice(at + 1)];
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Hosts without udev, and devices without a queue, have no such file; the labels stay empty.
    return undefined;
  }
}
