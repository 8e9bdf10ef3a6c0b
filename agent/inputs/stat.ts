import { counter, defineInput, gauge } from './input.ts';
import type { TableLine } from './number-table.ts';
import { type CellColumn, someColumns, tableInput } from './table-input.ts';

const METRICS = {
  node_boot_time_seconds: gauge('When the host booted, seconds since the epoch.'),
  node_context_switches_total: counter('Context switches.'),
  node_forks_total: counter('Processes and threads started.'),
  node_intr_total: counter('Interrupts served.'),
  node_procs_running: gauge('Tasks that can run now.'),
  node_procs_blocked: gauge('Tasks that wait for I/O.'),
  node_softirqs_total: counter('Software interrupts served, by kind; only with the option softirq.'),
};
const LINES: Readonly<Record<string, Exclude<keyof typeof METRICS, 'node_softirqs_total'>>> = {
  intr: 'node_intr_total',
  ctxt: 'node_context_switches_total',
  btime: 'node_boot_time_seconds',
  processes: 'node_forks_total',
  procs_running: 'node_procs_running',
  procs_blocked: 'node_procs_blocked',
};
const VECTORS = ['hi', 'timer', 'net_tx', 'net_rx', 'block', 'block_iopoll', 'tasklet', 'sched', 'hrtimer', 'rcu'];

export default defineInput({
  name: 'stat',
  help: 'Context switches, interrupts, forks, boot time and running tasks, from /proc/stat.',
  metrics: METRICS,
  priority: 'essential',
  options: { softirq: { kind: 'boolean', default: false, help: 'Report software interrupts by kind.' } },
  create({ proc, frame, options }) {
    const softirq = options.flag('softirq');
    // The same form as the input cpu asks for, so both share one reading.
    const table = proc('stat', { names: 1, maxTokens: 12 });
    return tableInput(frame, [{ table }], ([lines]) =>
      someColumns(
        '/proc/stat',
        lines!.flatMap((line) => columnsOf(line, softirq)),
      ),
    );
  },
});

function columnsOf([key, ...cells]: TableLine, softirq: boolean): CellColumn[] {
  const name = LINES[String(key)];
  if (name !== undefined) return typeof cells[0] === 'number' ? [{ name, ...METRICS[name], cell: cells[0] }] : [];
  if (key !== 'softirq' || !softirq) return [];
  // The first number is the sum.
  return VECTORS.flatMap((vector, i) => {
    const cell = cells[i + 1];
    return typeof cell === 'number' ? [{ name: 'node_softirqs_total', labels: { vector }, ...METRICS.node_softirqs_total, cell }] : [];
  });
}
