/** The rows of a device's table as one SeriesGroup: columns are laid out anew only when rows, their labels or the cells that exist change. */
import { type Column, Frame } from '../inputs/frame.ts';
import type { Reading } from '../inputs/input.ts';
import { type ColumnInfo, ifTypeName } from './mib.ts';
import type { Varbind } from './session.ts';
import { numberOf, physicalAddress, textOf } from './values.ts';

export type Cells = readonly (Varbind | undefined)[];

/** One row with the labels all of its series carry; `cells` stand in the order of the group's columns. */
export interface TableRow {
  /** What it is the same row by in the next reading. */
  readonly key: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly cells: Cells;
}

interface Known {
  readonly labels: string;
  /** Of each column: 1 = it has had a value. */
  readonly seen: Uint8Array;
  /** The readings that are labels, joined: another one is another series. */
  texts: string;
}

export class TableGroup {
  readonly #frame: Frame;
  readonly #columns: readonly ColumnInfo[];
  #known = new Map<string, Known>();

  constructor(name: string, baseLabels: Readonly<Record<string, string>>, columns: readonly ColumnInfo[]) {
    this.#frame = new Frame(name, baseLabels);
    this.#columns = columns;
  }

  /** undefined when there is nothing to send: no rows now, and none before. Its arrays are reused by the next one. */
  read(rows: readonly TableRow[]): Reading | undefined {
    if (this.#learn(rows)) this.#layOut(rows);
    const { values } = this.#frame;
    this.#frame.clear();
    if (rows.length === 0) return this.#frame.finish();
    let i = 0;
    for (const { key, cells } of rows) {
      const { seen } = this.#known.get(key)!;
      for (let column = 0; column < seen.length; column++) {
        if (seen[column] === 1) values[i++] = readingOf(cells[column], this.#columns[column]!) ?? Number.NaN;
      }
    }
    return this.#frame.finish();
  }

  /** Whether the columns of the group have to be laid out anew. */
  #learn(rows: readonly TableRow[]): boolean {
    let changed = rows.length !== this.#known.size;
    const known = new Map<string, Known>();
    for (const { key, labels, cells } of rows) {
      const text = JSON.stringify(labels);
      let row = this.#known.get(key);
      if (row?.labels !== text) row = { labels: text, seen: new Uint8Array(this.#columns.length), texts: '' };
      let texts = '';
      for (let i = 0; i < cells.length; i++) {
        const info = this.#columns[i]!;
        if (info.as === 'label' || readingOf(cells[i], info) === undefined) continue;
        if (info.as !== 'number') texts += `${i}=${labelOf(cells[i], info)}\n`;
        if (row.seen[i] === 1) continue;
        row.seen[i] = 1;
        changed = true;
      }
      if (texts !== row.texts) {
        row.texts = texts;
        changed = true;
      }
      known.set(key, row);
    }
    // Rows are filled in their order, so another order is another layout.
    if (!changed) {
      const before = this.#known.keys();
      for (const key of known.keys()) if (before.next().value !== key) changed = true;
    }
    this.#known = known;
    return changed;
  }

  #layOut(rows: readonly TableRow[]): void {
    const columns: Column[] = [];
    for (const { key, labels, cells } of rows) {
      const { seen } = this.#known.get(key)!;
      for (const [i, { name, type, help, as }] of this.#columns.entries()) {
        if (seen[i] !== 1) continue;
        const label = as === 'number' ? {} : { [name.replace(/_info$/, '')]: labelOf(cells[i], this.#columns[i]!) };
        columns.push({ name, type, help, labels: { ...labels, ...label } });
      }
    }
    this.#frame.setColumns(columns);
  }
}

/** undefined: absent. */
function readingOf(cell: Varbind | undefined, info: ColumnInfo): number | undefined {
  if (cell === undefined || info.as === 'label') return undefined;
  if (info.as === 'number') return numberOf(cell);
  return labelOf(cell, info) === '' ? undefined : 1;
}

function labelOf(cell: Varbind | undefined, { as }: ColumnInfo): string {
  if (as === 'address') return physicalAddress(cell);
  if (as === 'text') return textOf(cell) ?? '';
  const type = numberOf(cell);
  return type === undefined ? '' : ifTypeName(type);
}
