import { readFileSync } from 'node:fs';
import { defineInput, gauge } from './input.ts';
import type { TableLine } from './number-table.ts';
import { type CellColumn, someColumns, tableInput } from './table-input.ts';

export default defineInput({
  name: 'sockstat',
  help: 'Sockets in use by protocol, from /proc/net/sockstat and sockstat6.',
  metrics: { 'node_sockstat_*': gauge('Sockets of a protocol in a state; `mem` counts pages, `mem_bytes` and `memory` bytes.') },
  create: ({ proc, frame }) => {
    const pageBytes = pageSize();
    return tableInput(frame, [{ table: proc('net/sockstat') }, { table: proc('net/sockstat6'), optional: true }], (tables) =>
      someColumns(
        '/proc/net/sockstat',
        tables.flatMap((lines, table) => lines.flatMap((line) => columnsOf(line, table, pageBytes))),
      ),
    );
  },
});

/** `TCP: inuse 4 orphan 0 tw 4 alloc 17 mem 1` */
function columnsOf([protocol, ...pairs]: TableLine, table: number, pageBytes: number): CellColumn[] {
  const columns: CellColumn[] = [];
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const [state, cell] = [pairs[i], pairs[i + 1]];
    const field = `${protocol}_${state}`;
    if (typeof cell !== 'number' || !/^\w+$/.test(field)) continue;
    columns.push({ name: `node_sockstat_${field}`, type: 'gauge', help: `${protocol} sockets: ${state}.`, table, cell });
    if (state === 'mem')
      columns.push({
        name: `node_sockstat_${field}_bytes`,
        type: 'gauge',
        help: `Memory of ${protocol} sockets.`,
        table,
        cell,
        times: pageBytes,
      });
  }
  return columns;
}

const AT_PAGESZ = 6n;

/** Bytes of a page of memory, which the kernel tells every process in its auxiliary vector. */
function pageSize(): number {
  try {
    const vector = new BigUint64Array(new Uint8Array(readFileSync('/proc/self/auxv')).buffer);
    for (let i = 0; i + 1 < vector.length; i += 2) if (vector[i] === AT_PAGESZ) return Number(vector[i + 1]);
  } catch {
    // A 32-bit or shielded process: nearly all of those have pages of 4 KiB.
  }
  return 4096;
}
