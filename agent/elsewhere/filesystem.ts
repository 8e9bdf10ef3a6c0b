import { type Cell, cellsFor } from '../inputs/cells.ts';
import { gauge } from '../inputs/input.ts';
import { facadeInput, numberFrom } from './facade-input.ts';

const METRICS = {
  node_filesystem_size_bytes: gauge('Size of the filesystem.'),
  node_filesystem_free_bytes: gauge('Free space, that kept for the system included.'),
  node_filesystem_avail_bytes: gauge('Space that users can fill.'),
  node_filesystem_readonly: gauge('1 if it is mounted read-only.'),
};
const cell = cellsFor(METRICS);
const NO_DISK = /^(autofs|devfs|fdescfs|linprocfs|linsysfs|mqueue|nullfs|procfs|tmpfs)$/;

export default facadeInput({
  name: 'filesystem',
  priority: 'essential',
  help: 'Space of each mounted filesystem.',
  metrics: METRICS,
  question: 'fsSize',
  cells: (all) => {
    const byMount = new Map<string, Cell[]>();
    for (const { fs, type, size, used, available, mount, rw } of all) {
      if (NO_DISK.test(type) || !(numberFrom(size, 1) > 0) || byMount.has(mount)) continue;
      const labels = { device: fs, mountpoint: mount, fstype: type };
      byMount.set(mount, [
        cell('node_filesystem_size_bytes', labels, size),
        cell('node_filesystem_free_bytes', labels, numberFrom(size - used)),
        cell('node_filesystem_avail_bytes', labels, numberFrom(available)),
        cell('node_filesystem_readonly', labels, rw === null ? Number.NaN : rw ? 0 : 1),
      ]);
    }
    return [...byMount.values()].flat();
  },
});
