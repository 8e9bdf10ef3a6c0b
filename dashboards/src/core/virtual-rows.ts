/** Which rows of a long list are in the DOM. Heights and offsets are CSS pixels; every row has the same height, so this is arithmetic. */
export interface RowWindow {
  /** Index of the first row drawn. */
  first: number;
  /** How many rows are drawn. */
  count: number;
  /** Height of all rows, for the scroll bar. */
  totalPx: number;
}

export interface RowWindowInput {
  scrollTopPx: number;
  viewportPx: number;
  rowPx: number;
  rows: number;
  /** Rows drawn beyond either edge, so that a fast scroll does not show white. */
  overscan: number;
}

export function rowWindow({ scrollTopPx, viewportPx, rowPx, rows, overscan }: RowWindowInput): RowWindow {
  const top = Math.max(0, Math.min(scrollTopPx, rows * rowPx - viewportPx));
  const first = Math.max(0, Math.floor(top / rowPx) - overscan);
  const last = Math.min(rows, Math.ceil((top + viewportPx) / rowPx) + overscan);
  return { first, count: Math.max(0, last - first), totalPx: rows * rowPx };
}

/** The scroll position that brings row `index` fully into view with the least movement. */
export function scrollToRow(
  index: number,
  { scrollTopPx, viewportPx, rowPx }: Pick<RowWindowInput, 'scrollTopPx' | 'viewportPx' | 'rowPx'>,
): number {
  const top = index * rowPx;
  if (top < scrollTopPx) return top;
  const overflow = top + rowPx - (scrollTopPx + viewportPx);
  return overflow > 0 ? scrollTopPx + overflow : scrollTopPx;
}
