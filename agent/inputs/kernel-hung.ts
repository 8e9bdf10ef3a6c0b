import { counter, defineInput } from './input.ts';
import { someColumns, tableInput } from './table-input.ts';

const METRIC = counter('Tasks the kernel found stuck since it started.');

export default defineInput({
  name: 'kernel_hung',
  help: 'Tasks that hang, from /proc/sys/kernel/hung_task_detect_count.',
  metrics: { node_kernel_hung_tasks_total: METRIC },
  intervalMs: 10_000,
  create: ({ proc, frame }) =>
    tableInput(frame, [{ table: proc('sys/kernel/hung_task_detect_count') }], ([lines]) => {
      const cell = lines![0]?.[0];
      return someColumns(
        '/proc/sys/kernel/hung_task_detect_count',
        typeof cell === 'number' ? [{ name: 'node_kernel_hung_tasks_total', ...METRIC, cell }] : [],
      );
    }),
});
