import { join } from 'node:path';
import { counter, defineInput } from './input.ts';
import { entriesOf, type Row, rowsInput, textOf } from './sysfs.ts';

const METRIC = counter('Errors on the way to this device, by severity: correctable, nonfatal, fatal.');
const SEVERITIES = ['correctable', 'nonfatal', 'fatal'];

export default defineInput({
  name: 'pci_aer',
  help: 'Errors of PCI Express devices that report them, from /sys/bus/pci/devices/*/aer_dev_*.',
  metrics: { node_pci_aer_errors_total: METRIC },
  intervalMs: 60_000,
  slow: true,
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'bus/pci/devices');
    return rowsInput(frame, () =>
      entriesOf(folder).flatMap((device) =>
        SEVERITIES.flatMap((severity): Row[] => {
          const total = /^TOTAL_ERR_\w+ (\d+)$/m.exec(textOf(folder, device, `aer_dev_${severity}`) ?? '')?.[1];
          return total === undefined
            ? []
            : [[{ name: 'node_pci_aer_errors_total', labels: { device, severity }, ...METRIC }, Number(total)]];
        }),
      ),
    );
  },
});
