import type { Column, Frame } from './frame.ts';

/** A column and its value; NaN = absent. */
export type Cell = readonly [Column, number];

/** Makes these the frame's columns and values. For inputs that are read seldom: it costs an object per value. */
export function showCells(frame: Frame, cells: readonly Cell[]): void {
  frame.setColumns(cells.map(([column]) => column));
  for (const [i, [, value]] of cells.entries()) frame.values[i] = value;
}

/** Cells of one input: `cellsFor(METRICS)('node_x', {label}, 1)`. */
export function cellsFor<M extends Readonly<Record<string, Pick<Column, 'type' | 'help'>>>>(metrics: M) {
  return (name: keyof M & string, labels: Column['labels'], value: number): Cell => [
    { name, ...(labels === undefined ? {} : { labels }), ...metrics[name]! },
    value,
  ];
}
