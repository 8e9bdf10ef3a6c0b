import type { Frame } from './frame.ts';
import { counter, defineInput, type Input } from './input.ts';
import { ABSENT, type CellColumn, someColumns, tableInput } from './table-input.ts';

const METRICS = {
  node_cpu_seconds_total: counter('Time each CPU spent in each mode.'),
  node_cpu_guest_seconds_total: counter('Time each CPU ran guests, by niceness; it is part of the modes user and nice as well.'),
};
const MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'];
const GUEST_MODES = ['user', 'nice'];
const IDLE = MODES.indexOf('idle');
const TICKS_PER_SECOND = 100;
/** An idle counter that falls by more than this is a CPU that was taken out and put back, not the kernel's rounding. */
const REPLUGGED_SECONDS = 3;

export default defineInput({
  name: 'cpu',
  help: 'Seconds of each CPU by mode, from /proc/stat.',
  metrics: METRICS,
  priority: 'essential',
  options: { guest: { kind: 'boolean', default: true, help: 'Report time spent in guests.' } },
  create({ proc, frame, options }) {
    const table = proc('stat', { names: 1, maxTokens: 12 });
    const modes = options.flag('guest') ? MODES.length + GUEST_MODES.length : MODES.length;
    const cells = tableInput(frame, [{ table }], ([lines]) => {
      const columns = lines!.filter(([name]) => /^cpu\d/.test(String(name))).flatMap((line) => cpuColumns(line, modes));
      return someColumns('/proc/stat', columns);
    });
    return neverFalling(cells, frame, modes);
  },
});

function cpuColumns(line: readonly (string | number)[], modes: number): CellColumn[] {
  const cpu = String(line[0]).slice('cpu'.length);
  return Array.from({ length: modes }, (_, i): CellColumn => {
    const guest = i - MODES.length;
    const name = guest < 0 ? 'node_cpu_seconds_total' : 'node_cpu_guest_seconds_total';
    const mode = guest < 0 ? MODES[i]! : GUEST_MODES[guest]!;
    // A kernel without the field leaves its column absent.
    return {
      name,
      labels: { cpu, mode },
      ...METRICS[name],
      cell: typeof line[i + 1] === 'number' ? (line[i + 1] as number) : ABSENT,
      per: TICKS_PER_SECOND,
    };
  });
}

/** The kernel's idle and iowait counters step back a little now and then; a counter that falls would read as a reset, so the higher value stays. */
function neverFalling(cells: Input, frame: Frame, perCpu: number): Input {
  let last = new Float64Array(0);
  let generation = 0;
  return {
    read(timeMs) {
      void cells.read(timeMs);
      const { values } = frame;
      if (frame.generation !== generation) last = new Float64Array(values.length);
      generation = frame.generation;
      for (let first = 0; first < values.length; first += perCpu) {
        const replugged = last[first + IDLE]! - values[first + IDLE]! >= REPLUGGED_SECONDS;
        for (let i = first; i < first + perCpu; i++) {
          if (!replugged && values[i]! < last[i]!) values[i] = last[i]!;
          else last[i] = values[i]!;
        }
      }
    },
  };
}
