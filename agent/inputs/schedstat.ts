import { counter, defineInput } from './input.ts';
import { type CellColumn, someColumns, tableInput } from './table-input.ts';

const METRICS = {
  node_schedstat_running_seconds_total: counter('Time this CPU ran tasks.'),
  node_schedstat_waiting_seconds_total: counter('Time tasks waited for this CPU, added up.'),
  node_schedstat_timeslices_total: counter('Time slices this CPU gave to tasks.'),
};
const NANOSECONDS = 1e9;
/** The last three of nine numbers; what is before them differs between kernels. */
const FIELDS = [
  ['node_schedstat_running_seconds_total', 7, NANOSECONDS],
  ['node_schedstat_waiting_seconds_total', 8, NANOSECONDS],
  ['node_schedstat_timeslices_total', 9, 1],
] as const;

export default defineInput({
  name: 'schedstat',
  help: 'How long tasks ran on each CPU and waited for it, from /proc/schedstat.',
  metrics: METRICS,
  priority: 'extra',
  create: ({ proc, frame }) =>
    tableInput(frame, [{ table: proc('schedstat', { names: 1, maxTokens: 10 }) }], ([lines]) => {
      const cpus = lines!.filter(([name]) => /^cpu\d/.test(String(name)));
      const columns = cpus.flatMap((line) =>
        FIELDS.flatMap(([name, position, per]): CellColumn[] => {
          const cell = line[position];
          const labels = { cpu: String(line[0]).slice('cpu'.length) };
          return typeof cell === 'number' ? [{ name, labels, ...METRICS[name], cell, per }] : [];
        }),
      );
      return someColumns('/proc/schedstat', columns);
    }),
});
