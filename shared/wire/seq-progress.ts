/** JSON-able form: `contiguous` and the ranges above it, `[from0, to0, from1, to1, ...]`, inclusive and ascending. */
export interface SeqProgressState {
  contiguous: number;
  ranges: number[];
}

/**
 * Which sequence numbers of one epoch have arrived: everything up to `contiguous`, and ranges above it. Bounded: a number that would need one
 * range more than `maxRanges` is refused (`add` returns false), so it is not acknowledged and will be sent again.
 */
export class SeqProgress {
  readonly maxRanges: number;

  constructor(contiguous = 0, maxRanges = 1_024) {
    this.maxRanges = maxRanges;
    void contiguous;
  }

  static restore(_state: SeqProgressState, _maxRanges = 1_024): SeqProgress {
    throw new TypeError('not built yet');
  }

  /** Everything up to here has arrived or was skipped. */
  get contiguous(): number {
    throw new TypeError('not built yet');
  }

  /** Whether `seq` arrived or was skipped before. */
  has(_seq: number): boolean {
    throw new TypeError('not built yet');
  }

  /** Notes that `seq` arrived. False: do not store it, it is a duplicate or there is no room (`refused` tells). */
  add(_seq: number): boolean {
    throw new TypeError('not built yet');
  }

  /** Notes that `from..to` (inclusive) will never come. False: no room; nothing changed. */
  skip(_from: number, _to: number): boolean {
    throw new TypeError('not built yet');
  }

  /** How many numbers were refused for want of room. */
  get refused(): number {
    throw new TypeError('not built yet');
  }

  serialise(): SeqProgressState {
    throw new TypeError('not built yet');
  }
}
