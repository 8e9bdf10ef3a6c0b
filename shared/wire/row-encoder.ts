import { BitWriter } from './bits.ts';
import type { ByteWriter } from './bytes.ts';
import { type ColumnRange, type Columns, HIGH_WORD, LOW_WORD, UNKNOWN_LENGTH } from './columns.ts';
import { bitLength, findForm, formDigits, fromMantissa, RAW_FORM, TWO_TO, toMantissa, trailingZeros } from './decimal.ts';
import {
  afterHeat,
  afterStep,
  averageOf,
  ESCAPE_FORM,
  ESCAPE_LENGTH,
  ESCAPE_LONG,
  ESCAPE_ONES,
  ESCAPE_RAW,
  ESCAPE_XOR,
  NEVER,
  predictsMotion,
  riceWidth,
  zigzag,
} from './row-model.ts';

/** A residual is at most this, so that its zigzag form is exact. No step is longer, so a column that stays can always be coded. */
const RESIDUAL_MAX = 2 ** 52;
/** Room for the worst case: gap 31 bits, escape 14, form and shift 10, length 6, residual 54 or XOR 70. */
const WORST_BYTES_PER_COLUMN = 16;
/** Flags of a column to be coded: its bits did not change; it was cold. */
const SAME = 1;
const COLD = 2;

/** The most bytes that a row of `count` columns can take. */
export function worstRowBytes(count: number): number {
  return count * WORST_BYTES_PER_COLUMN + (count >> 3) + 16;
}

/** Writes rows of a connection's groups against what the columns held before. */
export class RowEncoder {
  readonly #bits = new BitWriter();
  readonly #columns: Columns;
  #row = new Float64Array(0);
  #rowWords = new Int32Array(0);
  /** Columns of this row that need bits, x 4, with flags. */
  #coded = new Int32Array(0);
  /** Before each cold column among them: how many cold ones stayed. */
  #gaps = new Int32Array(1);

  constructor(columns: Columns) {
    this.#columns = columns;
  }

  /** Writes the bits of a row behind what is in `out`. `presence` (null = all) is written first if it changed, and says which columns follow. */
  encode(out: ByteWriter, range: ColumnRange, values: Float64Array, presence: Uint8Array | null, presenceChanged: boolean): void {
    const count = range.count;
    if (this.#row.length < count) {
      this.#row = new Float64Array(count);
      this.#rowWords = new Int32Array(this.#row.buffer);
      this.#coded = new Int32Array(count);
      this.#gaps = new Int32Array(count + 1);
    }
    this.#row.set(values.length === count ? values : values.subarray(0, count));
    out.reserve(worstRowBytes(count));
    const bits = this.#bits;
    bits.open(out);
    if (presenceChanged) {
      bits.put(presence === null ? 0 : 1, 1);
      if (presence !== null) for (let i = 0; i < count; i++) bits.put((presence[i >> 3]! >> (i & 7)) & 1, 1);
    }
    this.#encodeColumns(range, presence);
    bits.close(out);
  }

  #encodeColumns(range: ColumnRange, presence: Uint8Array | null): void {
    const { words, heats } = this.#columns;
    const { offset, count } = range;
    const rowWords = this.#rowWords;
    const coded = this.#coded;
    const gaps = this.#gaps;
    let codedCount = 0;
    let exceptions = 0;
    let gap = 0;
    for (let i = 0; i < count; i++) {
      if (presence !== null && (presence[i >> 3]! & (1 << (i & 7))) === 0) continue;
      const at = (offset + i) * 2;
      const same = words[at] === rowWords[i * 2] && words[at + 1] === rowWords[i * 2 + 1];
      if (heats[offset + i] !== 0) coded[codedCount++] = i * 4 + (same ? SAME : 0);
      else if (same) gap++;
      else {
        coded[codedCount++] = i * 4 + COLD;
        gaps[exceptions++] = gap;
        gap = 0;
      }
    }
    gaps[exceptions] = NEVER;
    let next = 0;
    this.#putGap(gaps[next++]!);
    for (let k = 0; k < codedCount; k++) {
      const entry = coded[k]!;
      this.#encodeColumn(offset + (entry >> 2), entry >> 2, (entry & SAME) !== 0);
      if ((entry & COLD) !== 0) this.#putGap(gaps[next++]!);
    }
  }

  /** Seldom changing columns that stay, before the next that does not. */
  #putGap(gap: number): void {
    if (gap === NEVER) this.#bits.put(0, 1);
    else {
      this.#bits.put(1, 1);
      this.#bits.putGamma(gap + 1);
    }
  }

  #encodeColumn(column: number, i: number, same: boolean): void {
    const columns = this.#columns;
    const form = columns.forms[column]!;
    const value = this.#row[i]!;
    if (form === RAW_FORM) {
      this.#bits.put(same ? 0 : 1, 1);
      if (!same) this.#changeForm(column, i, value, 0);
    } else {
      let step = 0;
      let fits = true;
      if (!same) {
        const mantissa = toMantissa(value, form);
        step = mantissa - toMantissa(columns.values[column]!, form);
        fits = step !== 0 && fromMantissa(mantissa, form) === value && (mantissa !== 0 || !Object.is(value, -0));
      }
      if (!fits || !this.#encodeStep(column, step)) {
        if (averageOf(columns, column) === UNKNOWN_LENGTH) this.#bits.put(ESCAPE_LENGTH, 6);
        else this.#bits.put(0xfff, ESCAPE_ONES);
        this.#changeForm(column, i, value, formDigits(form));
      }
    }
    afterHeat(columns, column, !same);
    columns.words[column * 2] = this.#rowWords[i * 2]!;
    columns.words[column * 2 + 1] = this.#rowWords[i * 2 + 1]!;
  }

  /** False, and nothing is written, if the step is not a multiple of the column's shift or too long. */
  #encodeStep(column: number, step: number): boolean {
    const columns = this.#columns;
    const bits = this.#bits;
    const motion = predictsMotion(columns, column);
    const residual = (motion ? step - columns.deltas[column]! : step) / TWO_TO[columns.shifts[column]!]!;
    if (!Number.isInteger(residual) || Math.abs(residual) > RESIDUAL_MAX) return false;
    const code = zigzag(residual);
    const average = averageOf(columns, column);
    if (average === UNKNOWN_LENGTH) this.#putLength(code);
    else {
      const width = riceWidth(average);
      const quotient = Math.floor(code / TWO_TO[width]!);
      if (quotient < ESCAPE_ONES) {
        bits.put((1 << (quotient + 1)) - 2, quotient + 1);
        bits.putLong(code - quotient * TWO_TO[width]!, width);
      } else {
        bits.put(0xfff, ESCAPE_ONES);
        bits.put(ESCAPE_LONG, 2);
        this.#putLength(code);
      }
    }
    afterStep(columns, column, step);
    return true;
  }

  #putLength(code: number): void {
    const length = bitLength(code);
    this.#bits.put(length, 6);
    this.#bits.putLong(code, length);
  }

  /** A value the column's form cannot say: with a new form and shift, or as XOR of the bits when no form can. */
  #changeForm(column: number, i: number, value: number, digits: number): void {
    const columns = this.#columns;
    const bits = this.#bits;
    const form = findForm(value, digits);
    const step = form === RAW_FORM ? 0 : toMantissa(value, form) - toMantissa(columns.values[column]!, form);
    if (step === 0) {
      // Full-precision numbers come in rows; NaN, infinities and -0 are guests in a column of decimals.
      const stays = columns.forms[column] !== RAW_FORM && Number.isFinite(value) && value !== 0;
      if (stays) columns.forms[column] = RAW_FORM;
      bits.put(stays ? ESCAPE_RAW : ESCAPE_XOR, 2);
      this.#putXor(column, i);
      return;
    }
    const shift = trailingZeros(step);
    bits.put(ESCAPE_FORM, 2);
    bits.put(form, 5);
    bits.put(shift, 5);
    this.#putLength(zigzag(step / TWO_TO[shift]!));
    columns.forms[column] = form;
    columns.shifts[column] = shift;
    columns.first[column] = UNKNOWN_LENGTH;
    columns.second[column] = UNKNOWN_LENGTH;
    columns.deltas[column] = 0;
  }

  /** Leading zero bytes, further bytes less one, then those bytes. */
  #putXor(column: number, i: number): void {
    const { words, deltas } = this.#columns;
    const low = words[column * 2 + LOW_WORD]! ^ this.#rowWords[i * 2 + LOW_WORD]!;
    const high = words[column * 2 + HIGH_WORD]! ^ this.#rowWords[i * 2 + HIGH_WORD]!;
    const leading = high !== 0 ? Math.clz32(high) >> 3 : 4 + (Math.clz32(low) >> 3);
    const trailing = low !== 0 ? trailingZeros(low) >> 3 : 4 + (trailingZeros(high) >> 3);
    const bytes = 8 - leading - trailing;
    this.#bits.put(leading, 3);
    this.#bits.put(bytes - 1, 3);
    for (let at = 7 - leading; at >= trailing; at--) {
      this.#bits.put((at >= 4 ? high >>> ((at - 4) * 8) : low >>> (at * 8)) & 0xff, 8);
    }
    deltas[column] = 0;
  }
}
