import { join } from 'node:path';
import type { Millis } from '@bellwether/shared';
import { defineInput, gauge } from './input.ts';
import { entriesOf, type Row, rowsInput, textOf } from './sysfs.ts';

const METRIC = gauge('What machine this is, as its firmware says; always 1. Serial numbers are for root alone.');
/** Files of the firmware's table that are told under another name. */
const RENAMED: Readonly<Record<string, string>> = { sys_vendor: 'system_vendor' };
const FILES = [
  ...'bios_date bios_release bios_vendor bios_version board_name board_serial board_vendor board_version chassis_asset_tag'.split(' '),
  ...'chassis_serial chassis_vendor chassis_version product_family product_name product_serial product_sku product_uuid'.split(' '),
  ...'product_version sys_vendor board_asset_tag'.split(' '),
];
/** Firmware does not change while a machine runs. */
const AGAIN_MS: Millis = 3_600_000;

export default defineInput({
  name: 'dmi',
  help: 'Vendor, model and firmware of the machine, from /sys/class/dmi/id; read once an hour, repeated in between.',
  metrics: { node_dmi_info: METRIC },
  intervalMs: 120_000,
  slow: true,
  priority: 'extra',
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'class/dmi/id');
    let rows: Row[] = [];
    let readAtMs: Millis | undefined;
    return rowsInput(frame, (timeMs) => {
      if (readAtMs !== undefined && timeMs - readAtMs < AGAIN_MS) return rows;
      const present = new Set(entriesOf(folder));
      const labels = Object.fromEntries(
        FILES.filter((file) => present.has(file)).map((file) => [RENAMED[file] ?? file, textOf(folder, file) ?? '']),
      );
      rows = [[{ name: 'node_dmi_info', labels, ...METRIC }, 1]];
      readAtMs = timeMs;
      return rows;
    });
  },
});
