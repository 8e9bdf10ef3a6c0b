import { defineInput, gauge } from './input.ts';
import { type CellColumn, someColumns, tableInput } from './table-input.ts';

const METRICS = {
  node_cgroups_cgroups: gauge('Control groups of this controller.'),
  node_cgroups_enabled: gauge('1 if the controller is on.'),
};

export default defineInput({
  name: 'cgroups',
  help: 'How many control groups there are, from /proc/cgroups.',
  metrics: METRICS,
  offByDefault: true,
  priority: 'extra',
  create: ({ proc, frame }) =>
    tableInput(frame, [{ table: proc('cgroups', { names: 1, headerLines: 1 }) }], ([lines]) => {
      const columns = lines!.slice(1).flatMap(([name, , count, enabled]): CellColumn[] => {
        if (typeof count !== 'number' || typeof enabled !== 'number') return [];
        const labels = { subsys_name: String(name) };
        return [
          { name: 'node_cgroups_cgroups', labels, ...METRICS.node_cgroups_cgroups, cell: count },
          { name: 'node_cgroups_enabled', labels, ...METRICS.node_cgroups_enabled, cell: enabled },
        ];
      });
      return someColumns('/proc/cgroups', columns);
    }),
});
