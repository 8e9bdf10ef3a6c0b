import { cpus } from 'node:os';
import { type Cell, cellsFor, showCells } from '../inputs/cells.ts';
import { counter, defineInput } from '../inputs/input.ts';

const METRICS = { node_cpu_seconds_total: counter('Time each CPU spent in each mode.') };
const cell = cellsFor(METRICS);
const MODES = ['user', 'nice', 'system', 'idle', 'irq'] as const;

type CpuTimes = Readonly<Record<'user' | 'nice' | 'sys' | 'idle' | 'irq', number>>;

export default defineInput({
  name: 'cpu',
  help: 'CPU time by mode, from the operating system through Node.',
  metrics: METRICS,
  priority: 'essential',
  create: ({ frame }) => ({
    read() {
      showCells(frame, cpuCells(cpus().map(({ times }) => times)));
    },
  }),
});

/** Times in ms since the start of the system. */
export function cpuCells(all: readonly CpuTimes[]): Cell[] {
  return all.flatMap((times, i) =>
    MODES.map((mode) => cell('node_cpu_seconds_total', { cpu: String(i), mode }, times[mode === 'system' ? 'sys' : mode] / 1000)),
  );
}
