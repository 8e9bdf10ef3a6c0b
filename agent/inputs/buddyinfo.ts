import { defineInput, gauge } from './input.ts';
import { type CellColumn, someColumns, tableInput } from './table-input.ts';

const METRIC = gauge('Free blocks of 2^size pages.');

export default defineInput({
  name: 'buddyinfo',
  help: 'Free memory by size of block, which shows fragmentation, from /proc/buddyinfo.',
  metrics: { node_buddyinfo_blocks: METRIC },
  offByDefault: true,
  priority: 'extra',
  create: ({ proc, frame }) =>
    // Node 0, zone NAME counts: the first four words are names.
    tableInput(frame, [{ table: proc('buddyinfo', { names: 0b1111 }) }], ([lines]) => {
      const columns = lines!.flatMap(([word, node, , zone, ...cells]) =>
        cells.flatMap((cell, size): CellColumn[] => {
          if (typeof cell !== 'number' || word !== 'Node') return [];
          const labels = { node: String(node).replace(/,$/, ''), zone: String(zone), size: String(size) };
          return [{ name: 'node_buddyinfo_blocks', labels, ...METRIC, cell }];
        }),
      );
      return someColumns('/proc/buddyinfo', columns);
    }),
});
