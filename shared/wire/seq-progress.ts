/** JSON-able form: `contiguous` and the ranges above it, `[from0, to0, from1, to1, ...]`, inclusive, ascending, at least one number apart. */
export interface SeqProgressState {
  contiguous: number;
  ranges: number[];
}

/**
 * Which sequence numbers of one epoch have arrived or were skipped: everything up to `contiguous`, and ranges above it. Bounded: what would need
 * one range more than `maxRanges` is refused and counted, not stored and not acknowledged, so the agent sends it again once the holes below are
 * filled.
 */
export class SeqProgress {
  readonly maxRanges: number;
  #contiguous: number;
  /** from, to, from, to, ... */
  #ranges: number[] = [];
  #refused = 0;

  constructor(contiguous = 0, maxRanges = 1_024) {
    this.#contiguous = contiguous;
    this.maxRanges = maxRanges;
  }

  /** Takes back what `serialise` gave; a state that it cannot have given is a TypeError. */
  static restore(state: SeqProgressState, maxRanges = 1_024): SeqProgress {
    const progress = new SeqProgress(state.contiguous, maxRanges);
    const all = [state.contiguous, ...state.ranges];
    const valid = all.every((seq, i) => Number.isSafeInteger(seq) && (i === 0 ? seq >= 0 : seq >= all[i - 1]! + (i % 2 === 1 ? 2 : 0)));
    if (!valid || state.ranges.length % 2 !== 0) throw new TypeError('not a state of a SeqProgress');
    progress.#ranges = [...state.ranges];
    return progress;
  }

  /** Everything up to here has arrived or was skipped. */
  get contiguous(): number {
    return this.#contiguous;
  }

  /** How often there was no room for one range more. */
  get refused(): number {
    return this.#refused;
  }

  /** Whether `seq` arrived or was skipped before. */
  has(seq: number): boolean {
    if (seq <= this.#contiguous) return true;
    const at = this.#firstEndingAt(seq);
    return at < this.#ranges.length && this.#ranges[at]! <= seq;
  }

  /** Notes that `seq` arrived. False: it is a duplicate, or there is no room (`refused` rises); either way it is not to be stored. */
  add(seq: number): boolean {
    if (seq === this.#contiguous + 1 && this.#ranges.length === 0) {
      this.#contiguous = seq;
      return true;
    }
    return !this.has(seq) && this.skip(seq, seq);
  }

  /** Notes that `from..to` (inclusive) will not come again. False: there is no room; nothing changed and `refused` rises. */
  skip(from: number, to: number): boolean {
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to)) throw new TypeError(`not sequence numbers: ${from}, ${to}`);
    if (to < from || to <= this.#contiguous) return true;
    const ranges = this.#ranges;
    const start = from <= this.#contiguous + 1 ? 0 : this.#firstEndingAt(from - 1);
    let end = start;
    let low = from;
    let high = to;
    for (; end < ranges.length && ranges[end]! <= to + 1; end += 2) {
      low = Math.min(low, ranges[end]!);
      high = Math.max(high, ranges[end + 1]!);
    }
    if (low <= this.#contiguous + 1) {
      this.#contiguous = high;
      ranges.splice(0, end);
      return true;
    }
    if (end === start && ranges.length >= this.maxRanges * 2) {
      this.#refused++;
      return false;
    }
    ranges.splice(start, end - start, low, high);
    return true;
  }

  serialise(): SeqProgressState {
    return { contiguous: this.#contiguous, ranges: [...this.#ranges] };
  }

  /** Index of the first range whose end is at or above `seq`. */
  #firstEndingAt(seq: number): number {
    let low = 0;
    let high = this.#ranges.length / 2;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ranges[middle * 2 + 1]! < seq) low = middle + 1;
      else high = middle;
    }
    return low * 2;
  }
}
