import { defineInput, gauge } from './input.ts';
import type { TableLine } from './number-table.ts';
import { type CellColumn, someColumns, tableInput } from './table-input.ts';

const METRICS = { 'node_memory_*': gauge('A line of /proc/meminfo: bytes when the name ends so, else a count.') };
const HELP: Readonly<Record<string, string>> = {
  MemTotal: 'Memory the kernel can use.',
  MemFree: 'Memory nobody uses for anything; MemAvailable says more.',
  MemAvailable: 'Memory programs can get without swapping.',
  Cached: 'Page cache and shared memory.',
  SwapTotal: 'Swap space.',
  SwapFree: 'Swap space not in use.',
  Dirty: 'Memory that waits to be written to disk.',
};

export default defineInput({
  name: 'meminfo',
  help: 'Memory and swap, every line of /proc/meminfo.',
  metrics: METRICS,
  priority: 'essential',
  create: ({ proc, frame }) =>
    tableInput(frame, [{ table: proc('meminfo', { names: 1 }) }], ([lines]) => someColumns('/proc/meminfo', lines!.flatMap(columnOf))),
});

/** `["Active(anon)", cell, "kB"]` is node_memory_Active_anon_bytes. */
function columnOf([key, cell, unit]: TableLine): CellColumn[] {
  if (typeof cell !== 'number') return [];
  const field = String(key).replace(/\((.*)\)/, '_$1');
  if (!/^\w+$/.test(field)) return [];
  const help = HELP[field] ?? `The line ${key} of /proc/meminfo.`;
  const inKib = unit === 'kB';
  return [{ name: `node_memory_${field}${inKib ? '_bytes' : ''}`, type: 'gauge', help, cell, times: inKib ? 1024 : 1 }];
}
