import { cellsFor } from '../inputs/cells.ts';
import { counter } from '../inputs/input.ts';
import { facadeInput, numberFrom } from './facade-input.ts';

const METRICS = {
  node_disk_reads_completed_total: counter('Reads of all disks together.'),
  node_disk_writes_completed_total: counter('Writes of all disks together.'),
};
const cell = cellsFor(METRICS);

export default facadeInput({
  name: 'diskstats',
  priority: 'essential',
  help: 'Reads and writes of all disks together (device `all`): these systems do not tell them apart.',
  metrics: METRICS,
  question: 'disksIO',
  cells: ({ rIO, wIO }) => [
    // No system has read nothing since it started: zero is how the library says that it cannot tell.
    cell('node_disk_reads_completed_total', { device: 'all' }, numberFrom(rIO, 1)),
    cell('node_disk_writes_completed_total', { device: 'all' }, numberFrom(wIO, 1)),
  ],
});
