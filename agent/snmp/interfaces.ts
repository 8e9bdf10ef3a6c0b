/** ifTable and ifXTable as one table of interfaces, with names that stay when a device numbers its interfaces anew. */
import type { ColumnInfo } from './mib.ts';
import { COUNTERS_32, IF_TABLE, IF_X_TABLE } from './mib.ts';
import { TYPE, type Varbind } from './session.ts';
import type { TableRow } from './table-group.ts';
import { textOf } from './values.ts';
import { MAX_ROWS, type TableRead, type TableRequest } from './walk.ts';

const IF_INDEX: ColumnInfo = {
  column: 1,
  name: 'ifIndex',
  type: 'gauge',
  help: 'The number the device has for the interface now; the label ifIndex is the one it was first seen by.',
  as: 'number',
};
/** The columns of a row, in the order of its cells. */
export const INTERFACE_COLUMNS: readonly ColumnInfo[] = [IF_INDEX, ...IF_TABLE.columns, ...IF_X_TABLE.columns];
const IF_AT = 1;
const X_AT = IF_AT + IF_TABLE.columns.length;

const X_COLUMNS = IF_X_TABLE.columns.map(({ column }) => column);
const IF_COLUMNS = IF_TABLE.columns.map(({ column }) => column);
const IF_COLUMNS_64 = IF_COLUMNS.filter((column) => !COUNTERS_32.includes(column));
const at = (name: string): number => INTERFACE_COLUMNS.findIndex((column) => column.name === name);
const DESCR = at('ifDescr');
const NAME = at('ifName');
const ALIAS = at('ifAlias');
/** Where a row's 32-bit counters stand, and those that make them needless. */
const NARROW_AND_WIDE = ['InOctets', 'InUcastPkts', 'OutOctets', 'OutUcastPkts'].map(
  (what) => [at(`if${what}`), at(`ifHC${what}`)] as const,
);

export const X_REQUEST: TableRequest = { entry: IF_X_TABLE.entry, columns: X_COLUMNS };

/** What to ask of ifTable: the 32-bit counters only where some interface has no others. */
export function ifRequest(narrow: boolean): TableRequest {
  return { entry: IF_TABLE.entry, columns: narrow ? IF_COLUMNS : IF_COLUMNS_64 };
}

export interface Interfaces {
  readonly rows: readonly TableRow[];
  /** Some interface has no 64-bit counters. */
  readonly narrow: boolean;
  /** Interfaces that have another number than before. */
  readonly moved: number;
}

/**
 * Remembers the number each interface was first seen by. A series is its labels, and `ifIndex` is one of them: without this memory every series
 * of a device would break off and begin anew when it numbers its interfaces anew, as many do when they restart or a card is put in. An
 * interface is the same one when its name (ifName, else ifDescr) is, and no other has that name.
 */
export class InterfaceMemory {
  readonly #first = new Map<string, string>();
  readonly #last = new Map<string, string>();

  /** Joins the two tables, in order of the first numbers. `columns` are those asked of ifTable. */
  join(ifTable: TableRead, columns: readonly number[], xTable: TableRead): Interfaces {
    const all = new Map<string, (Varbind | undefined)[]>();
    for (const [index, cells] of ifTable.rows) {
      const row = rowOf(all, index);
      for (const [i, cell] of cells.entries()) row[IF_AT + IF_COLUMNS.indexOf(columns[i]!)] = cell;
    }
    for (const [index, cells] of xTable.rows) {
      const row = rowOf(all, index);
      for (const [i, cell] of cells.entries()) row[X_AT + i] = cell;
    }
    const names = new Map<string, number>();
    for (const cells of all.values()) {
      const name = nameOf(cells);
      names.set(name, (names.get(name) ?? 0) + 1);
    }
    let narrow = false;
    let moved = 0;
    const rows: TableRow[] = [];
    for (const [index, cells] of all) {
      narrow = dropNarrow(cells) || narrow;
      const name = nameOf(cells);
      const isOnlyOne = name !== '' && names.get(name) === 1;
      const label = isOnlyOne ? (this.#first.get(name) ?? index) : index;
      if (isOnlyOne) {
        if (this.#first.size < 2 * MAX_ROWS) this.#first.set(name, label);
        const last = this.#last.get(name);
        if (last !== undefined && last !== index) moved++;
        if (this.#last.size < 2 * MAX_ROWS || last !== undefined) this.#last.set(name, index);
      }
      const labels = {
        ifIndex: label,
        ifName: textOf(cells[NAME]) ?? '',
        ifDescr: textOf(cells[DESCR]) ?? '',
        ifAlias: textOf(cells[ALIAS]) ?? '',
      };
      rows.push({ key: isOnlyOne ? name : `#${index}`, labels, cells });
    }
    rows.sort((a, b) => Number(a.labels.ifIndex) - Number(b.labels.ifIndex) || (a.key < b.key ? -1 : 1));
    return { rows, narrow, moved };
  }
}

function rowOf(rows: Map<string, (Varbind | undefined)[]>, index: string): (Varbind | undefined)[] {
  let row = rows.get(index);
  if (row === undefined) {
    row = new Array<Varbind | undefined>(INTERFACE_COLUMNS.length).fill(undefined);
    row[0] = { oid: '', type: TYPE.integer, value: Number(index) };
    rows.set(index, row);
  }
  return row;
}

function nameOf(cells: readonly (Varbind | undefined)[]): string {
  return textOf(cells[NAME]) || textOf(cells[DESCR]) || '';
}

/** Takes out 32-bit counters beside their 64-bit ones; true when one is needed. */
function dropNarrow(cells: (Varbind | undefined)[]): boolean {
  let needed = false;
  for (const [narrow, wide] of NARROW_AND_WIDE) {
    if (cells[wide] === undefined) needed = true;
    else cells[narrow] = undefined;
  }
  return needed;
}

/** Rows in parts that each fit into one group. A row stays in its part while the number of parts stays, and that grows in doubles. */
export function partsOf(rows: readonly TableRow[], atLeast: number, rowsPerPart = 128): TableRow[][] {
  let count = Math.max(1, atLeast);
  while (rows.length > rowsPerPart * 2 * count) count *= 2;
  const parts: TableRow[][] = Array.from({ length: count }, () => []);
  for (const row of rows) parts[count === 1 ? 0 : hash(row.key) % count]!.push(row);
  return parts;
}

/** FNV-1a, 32 bits. */
export function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return sum;
}
