import { cellsFor } from '../inputs/cells.ts';
import { gauge } from '../inputs/input.ts';
import { facadeInput, numberFrom } from './facade-input.ts';

const METRICS = {
  node_memory_MemTotal_bytes: gauge('Physical memory.'),
  node_memory_MemFree_bytes: gauge('Memory nobody uses.'),
  node_memory_MemAvailable_bytes: gauge('Memory that programs can get without swapping.'),
  node_memory_SwapTotal_bytes: gauge('Swap space.'),
  node_memory_SwapFree_bytes: gauge('Swap space nobody uses.'),
};
const cell = cellsFor(METRICS);

export default facadeInput({
  name: 'meminfo',
  priority: 'essential',
  help: 'Memory and swap, under the names they have on Linux.',
  metrics: METRICS,
  question: 'mem',
  cells: ({ total, free, available, swaptotal, swapfree }) => {
    const swap = numberFrom(swaptotal);
    return [
      cell('node_memory_MemTotal_bytes', {}, numberFrom(total, 1)),
      cell('node_memory_MemFree_bytes', {}, numberFrom(free, 1)),
      cell('node_memory_MemAvailable_bytes', {}, numberFrom(available, 1)),
      cell('node_memory_SwapTotal_bytes', {}, swap),
      cell('node_memory_SwapFree_bytes', {}, Number.isNaN(swap) ? swap : numberFrom(swapfree)),
    ];
  },
});
