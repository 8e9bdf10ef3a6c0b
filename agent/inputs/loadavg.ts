import { defineInput, gauge } from './input.ts';
import { tableInput } from './table-input.ts';

const METRICS = {
  node_load1: gauge('Load average over 1 minute.'),
  node_load5: gauge('Load average over 5 minutes.'),
  node_load15: gauge('Load average over 15 minutes.'),
};

export default defineInput({
  name: 'loadavg',
  help: 'Load averages, from /proc/loadavg.',
  metrics: METRICS,
  priority: 'essential',
  create: ({ proc, frame }) =>
    tableInput(frame, [{ table: proc('loadavg', { maxTokens: 3 }) }], ([lines]) => {
      const [first] = lines!;
      if (first?.length !== 3) throw new Error('/proc/loadavg does not start with three numbers');
      return Object.entries(METRICS).map(([name, info], i) => ({ name, ...info, cell: first[i] as number }));
    }),
});
