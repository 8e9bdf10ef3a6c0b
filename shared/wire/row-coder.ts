import { BitReader, BitWriter } from './bits.ts';
import { type ByteWriter, malformed } from './bytes.ts';
import { type ColumnRange, type Columns, HIGH_WORD, LOW_WORD, UNKNOWN_LENGTH } from './columns.ts';
import {
  bitLength,
  findForm,
  formDigits,
  fromMantissa,
  isForm,
  MANTISSA_MAX,
  RAW_FORM,
  TWO_TO,
  toMantissa,
  trailingZeros,
} from './decimal.ts';

/** Ones that begin an escape; a Rice code has fewer. */
const ESCAPE_ONES = 12;
const ESCAPE_LONG = 0;
const ESCAPE_XOR = 1;
const ESCAPE_FORM = 2;
const ESCAPE_RAW = 3;
/** Where a column's average is unknown a length is written instead of a Rice code; this one begins an escape. */
const ESCAPE_LENGTH = 63;
const LENGTH_MAX = 54;
/** A residual is below this, so that its zigzag form is below 2^53. */
const RESIDUAL_MAX = 2 ** 52;
/** Room for the worst case: gap 31 bits, escape 14, form and shift 10, length 6, residual 54 or XOR 70. */
const WORST_BYTES_PER_COLUMN = 16;
const HEAT_GAIN = 4;
const HEAT_MAX = 8;
const NEVER = -1;
const ESCAPED = -1;

export function worstRowBytes(count: number): number {
  return count * WORST_BYTES_PER_COLUMN + (count >> 3) + 16;
}

/** k of the Rice code for an average bit length x 32. */
function riceWidth(average: number): number {
  return (average + 28) >> 5;
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

function learn(averages: Uint16Array, column: number, bits: number): void {
  const old = averages[column]!;
  averages[column] = old === UNKNOWN_LENGTH ? bits << 5 : old + (((bits << 5) - old) >> 2);
}

/** What both sides do after a column: remember the step, and how well each way of prediction would have done. */
function afterStep(columns: Columns, column: number, step: number): void {
  const scale = TWO_TO[columns.shifts[column]!]!;
  learn(columns.first, column, bitLength(zigzag(Math.floor(step / scale))));
  learn(columns.second, column, bitLength(zigzag(Math.floor((step - columns.deltas[column]!) / scale))));
  columns.deltas[column] = step;
}

function afterHeat(columns: Columns, column: number, changed: boolean): void {
  const heat = columns.heats[column]!;
  if (changed) columns.heats[column] = Math.min(heat + HEAT_GAIN, HEAT_MAX);
  else if (heat > 0) columns.heats[column] = heat - 1;
}

/** Whether the column is predicted to move on by its last difference (else to stay). */
function predictsMotion(columns: Columns, column: number): boolean {
  return columns.second[column]! < columns.first[column]!;
}

function averageOf(columns: Columns, column: number): number {
  return predictsMotion(columns, column) ? columns.second[column]! : columns.first[column]!;
}

/** Writes rows of a connection's groups against what the columns held before. */
export class RowEncoder {
  readonly #bits = new BitWriter();
  readonly #columns: Columns;
  #row = new Float64Array(0);
  #rowWords = new Int32Array(0);
  /** Seldom changing columns of this row that did change. */
  #exceptions = new Int32Array(0);

  constructor(columns: Columns) {
    this.#columns = columns;
  }

  /** Writes the bits of a row behind what is in `out`. `presence` (null = all) is written first if it changed, and says which columns follow. */
  encode(out: ByteWriter, range: ColumnRange, values: Float64Array, presence: Uint8Array | null, presenceChanged: boolean): void {
    const count = range.count;
    if (this.#row.length < count) {
      this.#row = new Float64Array(count);
      this.#rowWords = new Int32Array(this.#row.buffer);
      this.#exceptions = new Int32Array(count);
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
    const exceptions = this.#exceptions;
    let exceptionCount = 0;
    let cold = 0;
    for (let i = 0; i < count; i++) {
      if (presence !== null && (presence[i >> 3]! & (1 << (i & 7))) === 0) continue;
      if (heats[offset + i] !== 0) continue;
      const at = (offset + i) * 2;
      if (words[at] !== rowWords[i * 2] || words[at + 1] !== rowWords[i * 2 + 1]) exceptions[exceptionCount++] = cold;
      cold++;
    }
    let next = 0;
    cold = 0;
    this.#putGap(exceptionCount > 0 ? exceptions[0]! : NEVER);
    for (let i = 0; i < count; i++) {
      if (presence !== null && (presence[i >> 3]! & (1 << (i & 7))) === 0) continue;
      const column = offset + i;
      const same = words[column * 2] === rowWords[i * 2] && words[column * 2 + 1] === rowWords[i * 2 + 1];
      if (heats[column] === 0) {
        cold++;
        if (same) continue;
        this.#encodeColumn(column, i, false);
        this.#putGap(++next < exceptionCount ? exceptions[next]! - cold : NEVER);
      } else this.#encodeColumn(column, i, same);
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
    if (!Number.isInteger(residual) || Math.abs(residual) >= RESIDUAL_MAX) return false;
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

/** The mirror of RowEncoder. Throws WireError for bits it could not have written. */
export class RowDecoder {
  readonly #bits = new BitReader();
  readonly #columns: Columns;

  constructor(columns: Columns) {
    this.#columns = columns;
  }

  open(bytes: Uint8Array, position: number, end: number): void {
    this.#bits.open(bytes, position, end);
  }

  /** A presence bitmap; null if all columns are present. */
  decodePresence(count: number): Uint8Array | null {
    if (this.#bits.take(1) === 0) return null;
    const presence = new Uint8Array((count + 7) >> 3);
    for (let i = 0; i < count; i++) presence[i >> 3]! |= this.#bits.take(1) << (i & 7);
    return presence;
  }

  decodeColumns(range: ColumnRange, presence: Uint8Array | null): void {
    const heats = this.#columns.heats;
    const { offset, count } = range;
    let gap = this.#takeGap();
    for (let i = 0; i < count; i++) {
      if (presence !== null && (presence[i >> 3]! & (1 << (i & 7))) === 0) continue;
      const column = offset + i;
      if (heats[column] !== 0) this.#decodeColumn(column);
      else if (gap > 0) gap--;
      else if (gap === 0) {
        this.#decodeColumn(column);
        gap = this.#takeGap();
      }
    }
    if (gap !== NEVER) throw malformed('a changed column lies behind the last one');
  }

  /** Unchanged columns before the next exception. */
  #takeGap(): number {
    if (this.#bits.take(1) === 0) return NEVER;
    const gamma = this.#bits.takeGamma();
    if (gamma === 0) throw malformed('a gap between columns has no length');
    return gamma - 1;
  }

  #decodeColumn(column: number): void {
    const columns = this.#columns;
    const bits = this.#bits;
    if (columns.forms[column] === RAW_FORM) {
      const changed = bits.take(1) === 1;
      if (changed) this.#decodeEscape(column, bits.take(2));
      afterHeat(columns, column, changed);
      return;
    }
    const motion = predictsMotion(columns, column);
    const average = averageOf(columns, column);
    let code: number;
    if (average === UNKNOWN_LENGTH) code = this.#takeLength();
    else {
      const quotient = bits.takeOnes(ESCAPE_ONES);
      const width = riceWidth(average);
      code = quotient < ESCAPE_ONES ? quotient * TWO_TO[width]! + bits.takeLong(width) : ESCAPED;
    }
    if (code === ESCAPED) {
      const kind = bits.take(2);
      if (kind !== ESCAPE_LONG) {
        this.#decodeEscape(column, kind);
        afterHeat(columns, column, true);
        return;
      }
      code = this.#takeLength();
      if (code === ESCAPED) throw malformed('an escape within an escape');
    }
    this.#applyCode(column, code, motion);
  }

  #applyCode(column: number, code: number, motion: boolean): void {
    const columns = this.#columns;
    const residual = unzigzag(code) * TWO_TO[columns.shifts[column]!]!;
    const step = motion ? columns.deltas[column]! + residual : residual;
    if (step !== 0) this.#move(column, step);
    afterStep(columns, column, step);
    afterHeat(columns, column, step !== 0);
  }

  #move(column: number, step: number): void {
    const { values, forms } = this.#columns;
    const form = forms[column]!;
    const mantissa = toMantissa(values[column]!, form) + step;
    if (!(Math.abs(mantissa) <= MANTISSA_MAX)) throw malformed('a value is out of the range of its decimal form');
    values[column] = fromMantissa(mantissa, form);
  }

  /** A residual's code after its length; ESCAPED for the length that is none. */
  #takeLength(): number {
    const length = this.#bits.take(6);
    if (length === ESCAPE_LENGTH) return ESCAPED;
    if (length > LENGTH_MAX) throw malformed('a residual of more than 54 bits');
    return this.#bits.takeLong(length);
  }

  #decodeEscape(column: number, kind: number): void {
    const columns = this.#columns;
    const bits = this.#bits;
    switch (kind) {
      case ESCAPE_RAW:
        columns.forms[column] = RAW_FORM;
        this.#decodeXor(column);
        return;
      case ESCAPE_XOR:
        this.#decodeXor(column);
        return;
      case ESCAPE_FORM: {
        const form = bits.take(5);
        const shift = bits.take(5);
        if (!isForm(form)) throw malformed(`decimal form ${form}`);
        columns.forms[column] = form;
        columns.shifts[column] = shift;
        columns.first[column] = UNKNOWN_LENGTH;
        columns.second[column] = UNKNOWN_LENGTH;
        columns.deltas[column] = 0;
        const code = this.#takeLength();
        if (code === ESCAPED) throw malformed('an escape within an escape');
        this.#move(column, unzigzag(code) * TWO_TO[shift]!);
        return;
      }
      default:
        throw malformed('an escape of no meaning');
    }
  }

  #decodeXor(column: number): void {
    const { words, deltas } = this.#columns;
    const leading = this.#bits.take(3);
    const bytes = this.#bits.take(3) + 1;
    const trailing = 8 - leading - bytes;
    if (trailing < 0) throw malformed('an XOR of more than eight bytes');
    for (let at = 7 - leading; at >= trailing; at--) {
      const byte = this.#bits.take(8);
      if (at >= 4) words[column * 2 + HIGH_WORD]! ^= byte << ((at - 4) * 8);
      else words[column * 2 + LOW_WORD]! ^= byte << (at * 8);
    }
    deltas[column] = 0;
  }
}
