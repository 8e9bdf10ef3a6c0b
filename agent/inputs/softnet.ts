import { counter, defineInput, gauge, type MetricInfo } from './input.ts';
import type { TableLine } from './number-table.ts';
import { type CellColumn, someColumns, tableInput } from './table-input.ts';

/** Metric by position in a line; the lines grew with the kernel's versions. */
const FIELDS: Readonly<Record<number, readonly [string, MetricInfo]>> = {
  0: ['node_softnet_processed_total', counter('Packets handled by this CPU.')],
  1: ['node_softnet_dropped_total', counter('Packets dropped because the queue of this CPU was full.')],
  2: ['node_softnet_times_squeezed_total', counter('Times this CPU stopped with packets left because its time was used up.')],
  8: ['node_softnet_cpu_collision_total', counter('Times two CPUs wanted to send on one device at once.')],
  9: ['node_softnet_received_rps_total', counter('Times another CPU woke this one to handle packets.')],
  10: ['node_softnet_flow_limit_count_total', counter('Packets dropped because one flow took too much of the queue.')],
  11: ['node_softnet_backlog_len', gauge('Packets that wait in the queue of this CPU.')],
};
const CPU_FIELD = 12;

export default defineInput({
  name: 'softnet',
  help: 'Packet handling of each CPU, from /proc/net/softnet_stat.',
  metrics: Object.fromEntries(Object.values(FIELDS)),
  create: ({ proc, frame }) => {
    // The CPU's number is a label, so it is read as text.
    const table = proc('net/softnet_stat', { hex: true, names: 1 << CPU_FIELD });
    return tableInput(frame, [{ table }], ([lines]) => someColumns('/proc/net/softnet_stat', lines!.flatMap(columnsOf)));
  },
});

/** Line n belongs to CPU n, unless the kernel says which (it leaves out CPUs that are offline). */
function columnsOf(line: TableLine, index: number): CellColumn[] {
  const named = Number.parseInt(String(line[CPU_FIELD]), 16);
  const cpu = typeof line[CPU_FIELD] === 'string' && named >= 0 ? String(named) : String(index);
  return Object.entries(FIELDS).flatMap(([position, [name, info]]) => {
    const cell = line[Number(position)];
    return typeof cell === 'number' ? [{ name, labels: { cpu }, ...info, cell }] : [];
  });
}
