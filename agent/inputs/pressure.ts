import { counter, defineInput } from './input.ts';
import { type CellColumn, someColumns, tableInput } from './table-input.ts';

const METRICS = {
  node_pressure_cpu_waiting_seconds_total: counter('Time in which some task waited for a CPU.'),
  node_pressure_memory_waiting_seconds_total: counter('Time in which some task waited for memory.'),
  node_pressure_memory_stalled_seconds_total: counter('Time in which every task waited for memory.'),
  node_pressure_io_waiting_seconds_total: counter('Time in which some task waited for I/O.'),
  node_pressure_io_stalled_seconds_total: counter('Time in which every task waited for I/O.'),
  node_pressure_irq_stalled_seconds_total: counter('Time in which every task waited for interrupt handling.'),
};
const RESOURCES = ['cpu', 'memory', 'io', 'irq'];
const KINDS: Readonly<Record<string, string>> = { some: 'waiting', full: 'stalled' };
const MICROSECONDS = 1e6;

export default defineInput({
  name: 'pressure',
  help: 'Pressure stall information, from /proc/pressure.',
  metrics: METRICS,
  create: ({ proc, frame }) => {
    const sources = RESOURCES.map((resource) => ({ table: proc(`pressure/${resource}`), optional: resource === 'irq' }));
    return tableInput(frame, sources, (tables) => someColumns('/proc/pressure', tables.flatMap(columnsOf)));
  },
});

/** Lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=14036781`; the total is in microseconds. The kernel's "full" line for cpu means nothing. */
function columnsOf(lines: readonly (readonly (string | number)[])[], table: number): CellColumn[] {
  return lines.flatMap((line) => {
    const name = `node_pressure_${RESOURCES[table]}_${KINDS[String(line[0])]}_seconds_total`;
    const cell = line[line.indexOf('total') + 1];
    const info = METRICS[name as keyof typeof METRICS];
    return info !== undefined && typeof cell === 'number' ? [{ name, ...info, table, cell, per: MICROSECONDS }] : [];
  });
}
