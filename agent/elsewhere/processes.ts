import { cellsFor } from '../inputs/cells.ts';
import { gauge } from '../inputs/input.ts';
import { facadeInput, numberFrom } from './facade-input.ts';

const METRICS = {
  node_processes_pids: gauge('Processes there are.'),
  node_procs_running: gauge('Processes that run or could run.'),
  node_procs_blocked: gauge('Processes that wait for a disk.'),
};
const cell = cellsFor(METRICS);

export default facadeInput({
  name: 'processes',
  priority: 'extra',
  help: 'Processes by state. Off by default: it starts a program that lists them all.',
  metrics: METRICS,
  question: 'processes',
  intervalMs: 60_000,
  offByDefault: true,
  cells: ({ all, running, blocked }) => {
    const count = numberFrom(all, 1);
    // Without a list there are no states either.
    const of = (value: number) => (Number.isNaN(count) ? count : numberFrom(value));
    return [
      cell('node_processes_pids', {}, count),
      cell('node_procs_running', {}, of(running)),
      cell('node_procs_blocked', {}, of(blocked)),
    ];
  },
});
