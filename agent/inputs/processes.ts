import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cell, cellsFor, showCells } from './cells.ts';
import { defineInput, gauge } from './input.ts';
import { ProcessFiles } from './process-files.ts';
import { slowReading } from './slow-reading.ts';

const METRICS = {
  node_processes_state: gauge('Processes in each state.'),
  node_processes_pids: gauge('Processes there are.'),
  node_processes_threads: gauge('Threads there are.'),
  node_processes_max_processes: gauge('Highest number a process or thread can get.'),
  node_processes_max_threads: gauge('Threads the kernel allows.'),
};
const cell = cellsFor(METRICS);

export default defineInput({
  name: 'processes',
  help: 'Processes by state, threads and their limits, from a walk over /proc. Off by default: it reads a file of every process.',
  metrics: METRICS,
  intervalMs: 30_000,
  slow: true,
  offByDefault: true,
  priority: 'extra',
  create({ paths, frame }) {
    const files = new ProcessFiles(paths.procfs);
    const limit = (file: string) => Number.parseInt(readFileSync(join(paths.procfs, 'sys/kernel', file), 'utf8'), 10);
    return slowReading({
      show: (cells: readonly Cell[]) => showCells(frame, cells),
      async run() {
        const states = new Map<string, number>();
        let pids = 0;
        let threads = 0;
        await files.walk((pid) => {
          const stat = files.stat(pid);
          if (stat === undefined) return;
          pids++;
          threads += stat.threads;
          states.set(stat.state, (states.get(stat.state) ?? 0) + 1);
        });
        return [
          ...[...states].sort().map(([state, count]) => cell('node_processes_state', { state }, count)),
          cell('node_processes_pids', {}, pids),
          cell('node_processes_threads', {}, threads),
          cell('node_processes_max_processes', {}, limit('pid_max')),
          cell('node_processes_max_threads', {}, limit('threads-max')),
        ];
      },
    });
  },
});
