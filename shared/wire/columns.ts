import { RAW_FORM } from './decimal.ts';

/** A group's place in the columns of its connection. */
export interface ColumnRange {
  /** First column; -1 before the first row, so that what is only registered costs nothing. */
  offset: number;
  readonly count: number;
  /** The decoder's view of the group's values, made when first needed; dropped when the columns move. */
  view: Float64Array | null;
}

/** Average bit lengths start unknown; the first difference sets them. */
export const UNKNOWN_LENGTH = 0xffff;

/** Which of a double's two words in memory holds its sign and exponent. */
export const HIGH_WORD = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;
export const LOW_WORD = 1 - HIGH_WORD;

/**
 * What both sides remember of every column of one connection, in one allocation (23 bytes a column): thousands of connections must not cost
 * thousands of small arrays.
 */
export class Columns {
  values!: Float64Array;
  /** The same memory as `values`, two words each: the bits of a NaN survive here. */
  words!: Int32Array;
  /** Last difference of mantissas. */
  deltas!: Float64Array;
  /** Average bit lengths x 32 of the residuals, were the column coded by difference (`first`) or by difference of differences (`second`). */
  first!: Uint16Array;
  second!: Uint16Array;
  forms!: Uint8Array;
  /** All mantissas differ by multiples of 2^shift. */
  shifts!: Uint8Array;
  /** 0: changes seldom and is coded by exception; else falls by one with each row that does not change it. */
  heats!: Uint8Array;
  #used = 0;

  constructor() {
    this.#allocate(0);
  }

  /** Gives `range` fresh columns; ranges in `live` keep theirs, moved together if there is no room left. */
  place(range: ColumnRange, live: Iterable<ColumnRange>): void {
    if (this.#used + range.count > this.values.length) this.#move(range, live);
    range.offset = this.#used;
    this.#used += range.count;
    const end = this.#used;
    this.values.fill(0, range.offset, end);
    this.deltas.fill(0, range.offset, end);
    this.first.fill(UNKNOWN_LENGTH, range.offset, end);
    this.second.fill(UNKNOWN_LENGTH, range.offset, end);
    this.forms.fill(RAW_FORM, range.offset, end);
    this.shifts.fill(0, range.offset, end);
    this.heats.fill(0, range.offset, end);
  }

  #move(added: ColumnRange, live: Iterable<ColumnRange>): void {
    const ranges = [...live];
    const kept = ranges.filter((range) => range !== added && range.offset >= 0);
    // Groups that were only registered so far will want room next.
    const needed = ranges.reduce((sum, range) => sum + range.count, 0);
    const { values, deltas, first, second, forms, shifts, heats } = this;
    // The quarter more keeps groups that come and go from moving everything each time.
    this.#allocate(needed + (needed >> 2));
    let used = 0;
    for (const range of kept) {
      const from = range.offset;
      const end = from + range.count;
      this.values.set(values.subarray(from, end), used);
      this.deltas.set(deltas.subarray(from, end), used);
      this.first.set(first.subarray(from, end), used);
      this.second.set(second.subarray(from, end), used);
      this.forms.set(forms.subarray(from, end), used);
      this.shifts.set(shifts.subarray(from, end), used);
      this.heats.set(heats.subarray(from, end), used);
      range.offset = used;
      range.view = null;
      used += range.count;
    }
    this.#used = used;
  }

  #allocate(count: number): void {
    const buffer = new ArrayBuffer(count * 23);
    this.values = new Float64Array(buffer, 0, count);
    this.words = new Int32Array(buffer, 0, count * 2);
    this.deltas = new Float64Array(buffer, count * 8, count);
    this.first = new Uint16Array(buffer, count * 16, count);
    this.second = new Uint16Array(buffer, count * 18, count);
    this.forms = new Uint8Array(buffer, count * 20, count);
    this.shifts = new Uint8Array(buffer, count * 21, count);
    this.heats = new Uint8Array(buffer, count * 22, count);
  }
}
