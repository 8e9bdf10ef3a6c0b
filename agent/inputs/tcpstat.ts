import { join } from 'node:path';
import { type Cell, cellsFor, showCells } from './cells.ts';
import { defineInput, gauge } from './input.ts';
import { isAbsence } from './kept-file.ts';
import { slowReading } from './slow-reading.ts';
import { readSocketTable } from './socket-table.ts';

const METRICS = {
  node_tcp_connection_states: gauge('TCP sockets in each state; and, as rx_queued_bytes and tx_queued_bytes, what waits in them.'),
};
const cell = cellsFor(METRICS);
/** By the kernel's number, from 1. */
const STATES = 'established syn_sent syn_recv fin_wait1 fin_wait2 time_wait close close_wait last_ack listen closing'.split(' ');

export default defineInput({
  name: 'tcpstat',
  help: 'TCP sockets by state, from /proc/net/tcp and tcp6. Off by default: the kernel walks its whole table for it.',
  metrics: METRICS,
  intervalMs: 30_000,
  slow: true,
  offByDefault: true,
  priority: 'extra',
  create({ paths, frame }) {
    return slowReading({
      show: (cells: readonly Cell[]) => showCells(frame, cells),
      async run() {
        const counts = new Float64Array(STATES.length + 1);
        let received = 0;
        let sent = 0;
        const count = (file: string) =>
          readSocketTable(join(paths.procfs, 'net', file), ({ state, sendQueueBytes, receiveQueueBytes }) => {
            if (state < counts.length) counts[state]!++;
            received += receiveQueueBytes;
            sent += sendQueueBytes;
            return true;
          });
        await count('tcp');
        await count('tcp6').catch((error: unknown) => {
          // A host without IPv6.
          if (!isAbsence(error)) throw error;
        });
        return [
          ...STATES.map((state, i) => cell('node_tcp_connection_states', { state }, counts[i + 1]!)),
          cell('node_tcp_connection_states', { state: 'rx_queued_bytes' }, received),
          cell('node_tcp_connection_states', { state: 'tx_queued_bytes' }, sent),
        ];
      },
    });
  },
});
