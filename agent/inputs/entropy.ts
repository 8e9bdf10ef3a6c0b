import { defineInput, gauge } from './input.ts';
import { tableInput } from './table-input.ts';

const METRICS = {
  node_entropy_available_bits: gauge('Randomness the kernel holds ready.'),
  node_entropy_pool_size_bits: gauge('Randomness the kernel can hold.'),
};

export default defineInput({
  name: 'entropy',
  help: 'The random pool, from /proc/sys/kernel/random.',
  metrics: METRICS,
  slow: true,
  create: ({ proc, frame }) =>
    tableInput(frame, [{ table: proc('sys/kernel/random/entropy_avail') }, { table: proc('sys/kernel/random/poolsize') }], (tables) =>
      Object.entries(METRICS).map(([name, info], table) => {
        const cell = tables[table]?.[0]?.[0];
        if (typeof cell !== 'number') throw new Error('/proc/sys/kernel/random does not hold numbers');
        return { name, ...info, table, cell };
      }),
    ),
});
