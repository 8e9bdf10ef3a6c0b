/** An input made of tables: every column is one cell of one table, scaled. */
import type { Millis } from '@bellwether/shared';
import type { Column, Frame } from './frame.ts';
import type { Input } from './input.ts';
import type { NumberTable, TableLine } from './number-table.ts';

/** A column and the cell it shows, as `cell * times / per`: dividing keeps decimals short (1234 / 100 is 12.34; 1234 * 0.01 is not). */
export interface CellColumn extends Column {
  /** Index of `cells`; ABSENT = the input fills it in itself, or not at all; ALWAYS = the value is `times`. */
  readonly cell: number;
  /** Which table, in the order given to `tableInput`; default 0. */
  readonly table?: number;
  readonly times?: number;
  readonly per?: number;
}

export const ABSENT = -1;
export const ALWAYS = -2;

export interface TableSource {
  readonly table: NumberTable;
  /** The input works without it. */
  readonly optional?: boolean;
}

/** Maps the tables' text to columns, whenever the text changed. Throws for a file that is not what it should be. */
export type BuildColumns = (tables: readonly TableLine[][]) => CellColumn[];

/** `rebuildMs`: columns are also built anew that often, for labels that come from elsewhere. */
export function tableInput(
  frame: Frame,
  sources: readonly TableSource[],
  build: BuildColumns,
  rebuildMs = Number.POSITIVE_INFINITY,
): Input {
  let columns: CellColumn[] = [];
  let seen = -1;
  let builtAtMs = 0;
  let cellOf = new Int32Array(0);
  let tableOf = new Int32Array(0);
  let times = new Float64Array(0);
  let per = new Float64Array(0);
  /** 1 = `times` or `per` is not 1. */
  let scaled = new Uint8Array(0);

  const rebuild = () => {
    columns = build(sources.map(({ table }) => table.lines()));
    frame.setColumns(columns);
    cellOf = Int32Array.from(columns, ({ cell }) => cell);
    tableOf = Int32Array.from(columns, ({ table }) => table ?? 0);
    times = Float64Array.from(columns, (column) => column.times ?? 1);
    per = Float64Array.from(columns, (column) => column.per ?? 1);
    scaled = Uint8Array.from(columns, (_, i) => (times[i] === 1 && per[i] === 1 ? 0 : 1));
    for (const [i, { table }] of sources.entries()) {
      const cells = columns.filter((column) => column.cell >= 0 && (column.table ?? 0) === i).map(({ cell }) => cell);
      if (cells.length > 0) table.want(cells);
    }
  };

  return {
    read(timeMs: Millis) {
      let generations = 0;
      for (const { table, optional } of sources) {
        if (optional === true) table.updateIfPresent(timeMs);
        else table.update(timeMs);
        generations += table.generation;
      }
      if (generations !== seen || timeMs - builtAtMs >= rebuildMs) {
        // Not "seen" until it worked: a garbled file must fail again next time.
        seen = -1;
        rebuild();
        seen = generations;
        builtAtMs = timeMs;
      }
      const { values } = frame;
      for (let i = 0; i < values.length; i++) {
        const cell = cellOf[i]!;
        if (cell >= 0) {
          const { cells } = sources[tableOf[i]!]!.table;
          // Each step of the arithmetic makes a number object, and most columns need none of it.
          values[i] = scaled[i] === 0 ? cells[cell]! : (cells[cell]! * times[i]!) / per[i]!;
        } else if (cell === ALWAYS) values[i] = times[i]!;
      }
    },
  };
}

/** Throws unless something was found: a file without a single number we know is garbled, which must not pass for "all absent". */
export function someColumns(path: string, columns: CellColumn[]): CellColumn[] {
  if (columns.length === 0) throw new Error(`${path} holds nothing that this input knows`);
  return columns;
}
