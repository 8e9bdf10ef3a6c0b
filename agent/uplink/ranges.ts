/** A set of sequence numbers as few ascending ranges: what still has to be sent on one connection. */
export class Ranges {
  readonly #ranges: { from: number; to: number }[] = [];
  readonly #maxRanges: number;

  /** Beyond `maxRanges` the two newest ranges are joined: the numbers between are sent twice, which the collector notices and drops. */
  constructor(maxRanges = 64) {
    this.#maxRanges = maxRanges;
  }

  get first(): { readonly from: number; readonly to: number } | undefined {
    return this.#ranges[0];
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** Adds `from..to`, both included; an empty range (`to < from`) adds nothing. */
  add(from: number, to: number): void {
    if (to < from) return;
    let at = 0;
    while (at < this.#ranges.length && this.#ranges[at]!.to < from - 1) at++;
    let end = at;
    const merged = { from, to };
    for (; end < this.#ranges.length && this.#ranges[end]!.from <= to + 1; end++) {
      merged.from = Math.min(merged.from, this.#ranges[end]!.from);
      merged.to = Math.max(merged.to, this.#ranges[end]!.to);
    }
    this.#ranges.splice(at, end - at, merged);
    if (this.#ranges.length > this.#maxRanges) {
      const newest = this.#ranges.pop()!;
      this.#ranges.at(-1)!.to = newest.to;
    }
  }

  /** Removes everything up to and including `seq`. */
  removeUpTo(seq: number): void {
    while (this.#ranges.length > 0 && this.#ranges[0]!.to <= seq) this.#ranges.shift();
    const first = this.#ranges[0];
    if (first !== undefined && first.from <= seq) first.from = seq + 1;
  }

  has(seq: number): boolean {
    return this.#ranges.some(({ from, to }) => from <= seq && seq <= to);
  }
}
