/** Numeric building blocks with Prometheus' exact rounding. */

/** Running sum with Neumaier's compensation: `sum + c` is the total. */
export class CompensatedSum {
  sum = 0;
  c = 0;

  reset(sum = 0, c = 0): void {
    this.sum = sum;
    this.c = c;
  }

  add(value: number): void {
    const { sum } = this;
    const next = sum + value;
    if (next === Number.POSITIVE_INFINITY || next === Number.NEGATIVE_INFINITY) this.c = 0;
    else if (Math.abs(sum) >= Math.abs(value)) this.c += sum - next + value;
    else this.c += value - next + sum;
    this.sum = next;
  }

  /** The total; an infinite sum carries no correction. */
  get total(): number {
    return isInfinite(this.sum) ? this.sum : this.sum + this.c;
  }
}

/** Mean of values added one by one; changes to an incremental mean when the plain sum would overflow. */
export class CompensatedMean {
  readonly #sum = new CompensatedSum();
  #count = 0;
  #incremental = false;

  reset(): void {
    this.#sum.reset();
    this.#count = 0;
    this.#incremental = false;
  }

  add(value: number): void {
    const sum = this.#sum;
    const count = ++this.#count;
    if (count === 1) return sum.reset(value);
    if (!this.#incremental) {
      const before = sum.sum;
      const beforeC = sum.c;
      sum.add(value);
      if (!isInfinite(sum.sum)) return;
      this.#incremental = true;
      sum.reset(before / (count - 1), beforeC / (count - 1));
    }
    const share = (count - 1) / count;
    sum.reset(share * sum.sum, share * sum.c);
    sum.add(value / count);
  }

  get mean(): number {
    const { sum, c } = this.#sum;
    return this.#incremental ? sum + c : sum / this.#count + c / this.#count;
  }
}

export function isInfinite(value: number): boolean {
  return value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY;
}

/** The q-quantile of the first `count` values, which it sorts; NaN counts as the smallest. */
export function quantileOf(q: number, values: Float64Array, count: number): number {
  if (count === 0 || Number.isNaN(q)) return Number.NaN;
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  const sorted = values.subarray(0, count).sort();
  // Typed arrays sort NaN last.
  let nans = 0;
  while (nans < count && Number.isNaN(sorted[count - 1 - nans]!)) nans++;
  const at = (index: number) => (index < nans ? Number.NaN : sorted[index - nans]!);
  const rank = q * (count - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(count - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return at(lower) * (1 - weight) + at(upper) * weight;
}

/** C's pow, which differs from `**` where the base is 1 or -1 and the exponent not finite. */
export function power(base: number, exponent: number): number {
  if (base === 1 || (base === -1 && isInfinite(exponent))) return 1;
  return base ** exponent;
}
