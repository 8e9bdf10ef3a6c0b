import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineInput, gauge } from './input.ts';
import { isAbsence } from './kept-file.ts';

const METRICS = {
  node_bonding_slaves: gauge('Links that belong to the bond.'),
  node_bonding_active: gauge('Links of the bond that are up.'),
};

export default defineInput({
  name: 'bonding',
  help: 'Bonded network links, from /sys/class/net.',
  metrics: METRICS,
  slow: true,
  create({ paths, frame }) {
    const net = join(paths.sysfs, 'class/net');
    const words = (path: string) =>
      readFileSync(join(net, path), 'utf8')
        .split(/\s+/)
        .filter((word) => word !== '');
    return {
      read() {
        const bonds = words('bonding_masters').map((master) => {
          const slaves = words(`${master}/bonding/slaves`);
          return { master, slaves: slaves.length, active: slaves.filter((slave) => isUp(join(net, master), slave)).length };
        });
        frame.setColumns(
          bonds.flatMap(({ master }) => [
            { name: 'node_bonding_slaves', labels: { master }, ...METRICS.node_bonding_slaves },
            { name: 'node_bonding_active', labels: { master }, ...METRICS.node_bonding_active },
          ]),
        );
        for (const [i, { slaves, active }] of bonds.entries()) frame.values.set([slaves, active], i * 2);
      },
    };
  },
});

/** Kernels before 3.13 name the link to the slave otherwise. */
function isUp(bond: string, slave: string): boolean {
  for (const link of [`lower_${slave}`, `slave_${slave}`]) {
    try {
      return readFileSync(join(bond, link, 'bonding_slave/mii_status'), 'utf8').trim() === 'up';
    } catch (error) {
      if (!isAbsence(error)) throw error;
    }
  }
  return false;
}
