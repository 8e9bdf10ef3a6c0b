import { BitReader } from './bits.ts';
import { malformed } from './bytes.ts';
import { type ColumnRange, type Columns, HIGH_WORD, LOW_WORD, UNKNOWN_LENGTH } from './columns.ts';
import { fromMantissa, isForm, MANTISSA_MAX, RAW_FORM, TWO_TO, toMantissa } from './decimal.ts';
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
} from './row-model.ts';

const LENGTH_MAX = 54;
/** Instead of a residual's code. */
const ESCAPED = -1;

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
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
