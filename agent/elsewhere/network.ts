import { type Cell, cellsFor } from '../inputs/cells.ts';
import { counter, gauge } from '../inputs/input.ts';
import { facadeInput, numberFrom } from './facade-input.ts';

const METRICS = {
  node_network_receive_bytes_total: counter('Bytes received.'),
  node_network_transmit_bytes_total: counter('Bytes sent.'),
  node_network_receive_errs_total: counter('Errors while receiving.'),
  node_network_transmit_errs_total: counter('Errors while sending.'),
  node_network_receive_drop_total: counter('Packets dropped while receiving.'),
  node_network_transmit_drop_total: counter('Packets dropped while sending.'),
  node_network_up: gauge('1 if the interface is up.'),
};
const cell = cellsFor(METRICS);

export default facadeInput({
  name: 'netdev',
  priority: 'essential',
  help: 'Traffic of each network interface.',
  metrics: METRICS,
  question: 'networkStats',
  cells: (all) => {
    const byDevice = new Map<string, Cell[]>();
    for (const { iface, operstate, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped } of all) {
      if (iface === '' || byDevice.has(iface)) continue;
      const labels = { device: iface };
      const isKnown = operstate === 'up' || operstate === 'down';
      byDevice.set(iface, [
        cell('node_network_receive_bytes_total', labels, numberFrom(rx_bytes)),
        cell('node_network_transmit_bytes_total', labels, numberFrom(tx_bytes)),
        cell('node_network_receive_errs_total', labels, numberFrom(rx_errors)),
        cell('node_network_transmit_errs_total', labels, numberFrom(tx_errors)),
        cell('node_network_receive_drop_total', labels, numberFrom(rx_dropped)),
        cell('node_network_transmit_drop_total', labels, numberFrom(tx_dropped)),
        cell('node_network_up', labels, isKnown ? (operstate === 'up' ? 1 : 0) : Number.NaN),
      ]);
    }
    return [...byDevice.values()].flat();
  },
});
