/** Orders cells of a column block by their values. */
export type CellOrder = (a: number, b: number) => number;

/** Orders cells by value, NaN behind all others; equal ones stay as they are. */
export function ascending(values: Float64Array): CellOrder {
  return (a, b) => {
    const x = values[a]!;
    const y = values[b]!;
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return x < y ? -1 : x > y ? 1 : 0;
  };
}

export function descending(values: Float64Array): CellOrder {
  return (a, b) => {
    const x = values[a]!;
    const y = values[b]!;
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return x > y ? -1 : x < y ? 1 : 0;
  };
}
