import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { defineInput, gauge } from './input.ts';
import { entriesOf, numberOf, type Row, rowsInput, textOf } from './sysfs.ts';

const METRICS = {
  node_pcidevice_info: gauge('What the device is and where it is plugged in; always 1.'),
  node_pcidevice_current_link_transfers_per_second: gauge('Speed of the link.'),
  node_pcidevice_current_link_width: gauge('Lanes of the link.'),
  node_pcidevice_max_link_transfers_per_second: gauge('Speed the link could have.'),
  node_pcidevice_max_link_width: gauge('Lanes the link could have.'),
  node_pcidevice_d3cold_allowed: gauge('1 if the device may be switched off whole.'),
  node_pcidevice_power_state: gauge('1 for the power state the device is in.'),
  node_pcidevice_numa_node: gauge('Node the device is next to.'),
  node_pcidevice_sriov_drivers_autoprobe: gauge('1 if virtual functions get a driver by themselves.'),
  node_pcidevice_sriov_numvfs: gauge('Virtual functions there are.'),
  node_pcidevice_sriov_totalvfs: gauge('Virtual functions there can be.'),
  node_pcidevice_sriov_vf_total_msix: gauge('Interrupts the virtual functions share.'),
};
type Name = keyof typeof METRICS;
const INFO = {
  class_id: 'class',
  vendor_id: 'vendor',
  device_id: 'device',
  subsystem_vendor_id: 'subsystem_vendor',
  subsystem_device_id: 'subsystem_device',
  revision: 'revision',
};
const NUMBERS: Readonly<Record<string, Name>> = {
  current_link_width: 'node_pcidevice_current_link_width',
  max_link_width: 'node_pcidevice_max_link_width',
  d3cold_allowed: 'node_pcidevice_d3cold_allowed',
  numa_node: 'node_pcidevice_numa_node',
  sriov_drivers_autoprobe: 'node_pcidevice_sriov_drivers_autoprobe',
  sriov_numvfs: 'node_pcidevice_sriov_numvfs',
  sriov_totalvfs: 'node_pcidevice_sriov_totalvfs',
  sriov_vf_total_msix: 'node_pcidevice_sriov_vf_total_msix',
};
const SPEEDS: Readonly<Record<string, Name>> = {
  current_link_speed: 'node_pcidevice_current_link_transfers_per_second',
  max_link_speed: 'node_pcidevice_max_link_transfers_per_second',
};
const POWER_STATES = ['D0', 'D1', 'D2', 'D3hot', 'D3cold', 'unknown', 'error'];
const GIGA = 1e9;
/** Where a device is: segment, bus, device, function. */
const PLACE = /^([0-9a-f]{4,}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/;

export default defineInput({
  name: 'pcidevice',
  help: 'Links and power states of PCI devices, from /sys/bus/pci/devices.',
  metrics: METRICS,
  offByDefault: true,
  intervalMs: 60_000,
  slow: true,
  priority: 'extra',
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'bus/pci/devices');
    return rowsInput(frame, () => entriesOf(folder, PLACE).flatMap((entry) => deviceRows(join(folder, entry), entry)));
  },
});

function deviceRows(path: string, entry: string): Row[] {
  const labels = placeOf(entry, '')!;
  const state = textOf(path, 'power_state');
  const info = Object.fromEntries(Object.entries(INFO).map(([label, file]) => [label, textOf(path, file) ?? '']));
  return [
    row('node_pcidevice_info', { ...labels, ...parentOf(path), ...info }, 1),
    ...Object.entries(SPEEDS).map(([file, name]) =>
      row(name, labels, Number(/^([\d.]+) GT\/s/.exec(textOf(path, file) ?? '')?.[1] ?? Number.NaN) * GIGA),
    ),
    ...Object.entries(NUMBERS).flatMap(([file, name]) => {
      const number = numberOf(path, file);
      // -1: the device is next to no node, or next to all of them.
      return number === undefined || number < 0 ? [] : [row(name, labels, number)];
    }),
    ...(state === undefined
      ? []
      : POWER_STATES.map((one) => row('node_pcidevice_power_state', { ...labels, state: one }, one === state ? 1 : 0))),
  ];
}

/** The bridge a device hangs on; stars for those on a root bus. */
function parentOf(path: string): Record<string, string> {
  let parent: Record<string, string> | undefined;
  try {
    parent = placeOf(basename(dirname(realpathSync(path))), 'parent_');
  } catch {
    // The device went away meanwhile.
  }
  return parent ?? { parent_segment: '*', parent_bus: '*', parent_device: '*', parent_function: '*' };
}

function placeOf(entry: string, prefix: string): Record<string, string> | undefined {
  const [, segment, bus, device, fn] = PLACE.exec(entry) ?? [];
  if (segment === undefined) return undefined;
  return { [`${prefix}segment`]: segment, [`${prefix}bus`]: bus!, [`${prefix}device`]: device!, [`${prefix}function`]: fn! };
}

function row(name: Name, labels: Readonly<Record<string, string>>, value: number): Row {
  return [{ name, labels, ...METRICS[name] }, value];
}
