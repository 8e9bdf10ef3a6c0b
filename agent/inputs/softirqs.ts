import { counter, defineInput } from './input.ts';
import { type CellColumn, someColumns, tableInput } from './table-input.ts';

const METRIC = counter('Soft interrupts by CPU and kind.');

export default defineInput({
  name: 'softirqs',
  help: 'Soft interrupts of each CPU, from /proc/softirqs.',
  metrics: { node_softirqs_functions_total: METRIC },
  offByDefault: true,
  priority: 'extra',
  create: ({ proc, frame }) =>
    tableInput(frame, [{ table: proc('softirqs', { names: 1, headerLines: 1 }) }], ([lines]) => {
      const [cpus = [], ...kinds] = lines!;
      const columns = kinds.flatMap(([type, ...cells]) =>
        cells.flatMap((cell, i): CellColumn[] => {
          // CPUs that are off have no column: the heading says which these are.
          const cpu = /^CPU(\d+)$/.exec(String(cpus[i]))?.[1];
          if (typeof cell !== 'number' || cpu === undefined) return [];
          return [{ name: 'node_softirqs_functions_total', labels: { cpu, type: String(type) }, ...METRIC, cell }];
        }),
      );
      return someColumns('/proc/softirqs', columns);
    }),
});
