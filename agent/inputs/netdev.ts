import { join } from 'node:path';
import type { Column } from './frame.ts';
import { counter, defineInput, type MetricInfo } from './input.ts';
import type { TableLine } from './number-table.ts';
import { SysNumbers } from './sys-numbers.ts';
import { ABSENT, type CellColumn, tableInput } from './table-input.ts';

const RECEIVE: Readonly<Record<string, MetricInfo>> = {
  bytes: counter('Bytes received.'),
  packets: counter('Packets received.'),
  errs: counter('Packets received with an error.'),
  drop: counter('Packets received and dropped.'),
  fifo: counter('Packets lost because the receive queue overflowed.'),
  frame: counter('Packets received with a framing error.'),
  compressed: counter('Compressed packets received.'),
  multicast: counter('Multicast packets received.'),
};
const TRANSMIT: Readonly<Record<string, MetricInfo>> = {
  bytes: counter('Bytes sent.'),
  packets: counter('Packets sent.'),
  errs: counter('Packets not sent because of an error.'),
  drop: counter('Packets dropped instead of sent.'),
  fifo: counter('Packets lost because the send queue overflowed.'),
  colls: counter('Collisions while sending.'),
  carrier: counter('Packets not sent because the carrier was lost or the like.'),
  compressed: counter('Compressed packets sent.'),
};
const NO_HANDLER: Column = {
  name: 'node_network_receive_nohandler_total',
  type: 'counter',
  help: 'Packets received that no protocol handler took.',
};
/** Every device's first 16 numbers; a new kernel's further ones are not known to us. */
const FIELDS: readonly { readonly name: string; readonly info: MetricInfo }[] = [
  ...Object.entries(RECEIVE).map(([field, info]) => ({ name: `node_network_receive_${field}_total`, info })),
  ...Object.entries(TRANSMIT).map(([field, info]) => ({ name: `node_network_transmit_${field}_total`, info })),
];

export default defineInput({
  name: 'netdev',
  help: 'Traffic, errors and drops of each network device, from /proc/net/dev.',
  metrics: { ...Object.fromEntries(FIELDS.map(({ name, info }) => [name, info])), [NO_HANDLER.name]: NO_HANDLER },
  priority: 'essential',
  options: {
    'device-include': { kind: 'pattern', default: '', help: 'Devices to report; empty = all that are not excluded.' },
    'device-exclude': { kind: 'pattern', default: '', help: 'Devices to leave out.' },
  },
  create({ proc, frame, options, paths }) {
    const include = options.pattern('device-include');
    const exclude = options.pattern('device-exclude');
    const table = proc('net/dev', { names: 1, headerLines: 2 });
    const noHandler = new SysNumbers();
    let fromTable = 0;
    const cells = tableInput(frame, [{ table }], ([lines]) => {
      if (lines!.length < 2) throw new Error('/proc/net/dev has no header');
      const devices = lines!.slice(2).filter(([name]) => (include?.test(String(name)) ?? true) && exclude?.test(String(name)) !== true);
      const columns = devices.flatMap(columnsOf);
      fromTable = columns.length;
      noHandler.open(devices.map(([device]) => join(paths.sysfs, 'class/net', String(device), 'statistics/rx_nohandler')));
      return [...columns, ...devices.map(([device]) => ({ ...NO_HANDLER, labels: { device: String(device) }, cell: ABSENT }))];
    });
    return {
      read(timeMs) {
        void cells.read(timeMs);
        noHandler.read(timeMs, frame.values, fromTable);
      },
      close: () => noHandler.close(),
    };
  },
});

function columnsOf([device, ...cells]: TableLine): CellColumn[] {
  return FIELDS.flatMap(({ name, info }, i) => {
    const cell = cells[i];
    return typeof cell === 'number' ? [{ name, labels: { device: String(device) }, ...info, cell }] : [];
  });
}
