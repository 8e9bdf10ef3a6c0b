import { readFileSync } from 'node:fs';
import { machine } from 'node:os';
import { join } from 'node:path';
import { defineInput, gauge } from './input.ts';

const METRICS = { node_uname_info: gauge('Kernel and name of the host; always 1.') };
/** Label by file of /proc/sys/kernel. */
const FILES: Readonly<Record<string, string>> = {
  sysname: 'ostype',
  release: 'osrelease',
  version: 'version',
  nodename: 'hostname',
  domainname: 'domainname',
};

export default defineInput({
  name: 'uname',
  help: 'Kernel release and host name, from /proc/sys/kernel.',
  metrics: METRICS,
  intervalMs: 60_000,
  slow: true,
  create: ({ paths, frame }) => ({
    read() {
      const labels = Object.entries(FILES).map(([label, file]) => [
        label,
        readFileSync(join(paths.procfs, 'sys/kernel', file), 'utf8').trim(),
      ]);
      frame.setColumns([
        { name: 'node_uname_info', labels: { machine: machine(), ...Object.fromEntries(labels) }, ...METRICS.node_uname_info },
      ]);
      frame.values[0] = 1;
    },
  }),
});
