import { defineInput, gauge } from './input.ts';
import { isWanted } from './sysfs.ts';
import { type CellColumn, someColumns, tableInput } from './table-input.ts';

const METRICS = {
  node_slabinfo_active_objects: gauge('Objects in use.'),
  node_slabinfo_objects: gauge('Objects there is room for.'),
  node_slabinfo_object_size_bytes: gauge('Size of an object.'),
  node_slabinfo_objects_per_slab: gauge('Objects in a slab.'),
  node_slabinfo_pages_per_slab: gauge('Pages of a slab.'),
};
/** In the order of the numbers in a line. */
const NAMES = Object.keys(METRICS) as (keyof typeof METRICS)[];
const HEADER_LINES = 2;

export default defineInput({
  name: 'slabinfo',
  help: 'The kernel’s own memory by kind of object, from /proc/slabinfo (readable by root alone).',
  metrics: METRICS,
  priority: 'extra',
  options: {
    'slabs-include': { kind: 'pattern', default: '.*', help: 'Kinds to report.' },
    'slabs-exclude': { kind: 'pattern', default: '', help: 'Kinds to leave out.' },
  },
  offByDefault: true,
  slow: true,
  create({ proc, frame, options }) {
    const wanted = (slab: string) => isWanted(slab, options.pattern('slabs-include'), options.pattern('slabs-exclude'));
    return tableInput(
      frame,
      [{ table: proc('slabinfo', { names: 1, headerLines: HEADER_LINES, maxTokens: 1 + NAMES.length }) }],
      ([lines]) => {
        const slabs = lines!.slice(HEADER_LINES).filter(([slab]) => wanted(String(slab)));
        const columns = slabs.flatMap(([slab, ...cells]) =>
          NAMES.flatMap((name, i): CellColumn[] => {
            const cell = cells[i];
            return typeof cell === 'number' ? [{ name, labels: { slab: String(slab) }, ...METRICS[name], cell }] : [];
          }),
        );
        return someColumns('/proc/slabinfo', columns);
      },
    );
  },
});
