/**
 * Copies of single samples that keep every bit. A NaN read into a JavaScript number may come out with other bits, and the bits are what
 * tells a staleness marker from an ordinary NaN; so NaNs travel by `set`, everything else by plain assignment, which is faster.
 */
export function copySample(from: Float64Array, fromIndex: number, to: Float64Array, toIndex: number): void {
  const value = from[fromIndex]!;
  if (Number.isNaN(value)) to.set(from.subarray(fromIndex, fromIndex + 1), toIndex);
  else to[toIndex] = value;
}
