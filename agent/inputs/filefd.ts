import { defineInput, gauge } from './input.ts';
import { tableInput } from './table-input.ts';

const METRICS = {
  node_filefd_allocated: gauge('Open files of the whole host.'),
  node_filefd_maximum: gauge('Most files the host may have open.'),
};

export default defineInput({
  name: 'filefd',
  help: 'Open files, from /proc/sys/fs/file-nr.',
  metrics: METRICS,
  create: ({ proc, frame }) =>
    tableInput(frame, [{ table: proc('sys/fs/file-nr') }], ([lines]) => {
      const [first] = lines!;
      if (first?.length !== 3) throw new Error('/proc/sys/fs/file-nr does not hold three numbers');
      return [
        { name: 'node_filefd_allocated', ...METRICS.node_filefd_allocated, cell: first[0] as number },
        { name: 'node_filefd_maximum', ...METRICS.node_filefd_maximum, cell: first[2] as number },
      ];
    }),
});
