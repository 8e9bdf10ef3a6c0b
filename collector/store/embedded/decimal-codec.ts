import { type ByteSink, type ByteSource, FormatError } from './bytes.ts';
import { readResiduals, writeResiduals } from './residuals.ts';

/**
 * Columns whose values are integers m and a power of ten. Programs turn integers into seconds in different ways, and only the same way
 * back gives the same bits, so the way is part of the codec byte:
 * form 0: m / 10^e, form 1: m * 10^-e, form 2: m / 1000 / 10^(e-3).
 */
const FORMS = 3;
const MAX_EXPONENT = 15;
/** Two differences of integers up to this, zigzag coded, stay exact in a double. */
const MAX_INTEGER = 2 ** 49;
const POWER = Array.from({ length: MAX_EXPONENT + 1 }, (_, e) => Number(`1e${e}`));
const INVERSE = Array.from({ length: MAX_EXPONENT + 1 }, (_, e) => Number(`1e-${e}`));
/** Bits that one more decimal digit adds to each residual, and that one exception takes. */
const BITS_PER_DIGIT = 3.33;
const BITS_PER_EXCEPTION = 76;

const ORDER_CONSTANT = 3;
const MAX_SHIFT = 31;

/** Working arrays of one encoder or decoder, grown to the longest column seen. */
export class DecimalScratch {
  integers = new Float64Array(64);
  residuals = new Float64Array(64);
  best = new Float64Array(64);
  exceptions = new Uint32Array(64);
  /** How many values need each exponent. */
  readonly needs = new Uint32Array(MAX_EXPONENT + 1);

  fit(count: number): void {
    if (this.integers.length >= count) return;
    this.integers = new Float64Array(count);
    this.residuals = new Float64Array(count);
    this.best = new Float64Array(count);
    this.exceptions = new Uint32Array(count);
  }
}

function scaled(integer: number, form: number, exponent: number): number {
  if (form === 0) return integer / POWER[exponent]!;
  return form === 1 ? integer * INVERSE[exponent]! : integer / 1000 / POWER[exponent - 3]!;
}

/** The integer that `form` and `exponent` turn back into exactly `value`; NaN when there is none. */
function integerOf(value: number, form: number, exponent: number): number {
  const integer = Math.round(value * POWER[exponent]!);
  if (Math.abs(integer) > MAX_INTEGER || scaled(integer, form, exponent) !== value) return Number.NaN;
  return integer === 0 && Object.is(value, -0) ? Number.NaN : integer;
}

interface Choice {
  readonly form: number;
  readonly exponent: number;
  readonly exceptions: number;
  /** Bits beyond those of the integers at exponent 0, about. */
  readonly cost: number;
}

/**
 * Picks form and exponent and fills `scratch.integers` and `scratch.exceptions` (the indexes that fit neither). Returns the codec's low six
 * bits (form << 4 | exponent) and the number of exceptions, or undefined when more than an eighth of the values are exceptions.
 */
function toIntegers(values: Float64Array, count: number, scratch: DecimalScratch): { kind: number; exceptions: number } | undefined {
  const choice = chooseForm(values, count, scratch.needs);
  if (choice === undefined) return undefined;
  const { form, exponent } = choice;
  let exceptions = 0;
  let last = 0;
  for (let i = 0; i < count; i++) {
    const integer = integerOf(values[i]!, form, exponent);
    if (Number.isNaN(integer)) scratch.exceptions[exceptions++] = i;
    else last = integer;
    scratch.integers[i] = last;
  }
  // Leading exceptions repeat the first integer, not zero.
  for (let i = 0, first = firstKept(scratch, exceptions); i < first; i++) scratch.integers[i] = scratch.integers[first] ?? 0;
  return { kind: (form << 4) | exponent, exceptions };
}

function chooseForm(values: Float64Array, count: number, needs: Uint32Array): Choice | undefined {
  const allowed = Math.max(1, count >> 3);
  let best: Choice | undefined;
  for (let form = 0; form < FORMS && best?.exceptions !== 0; form++) {
    const choice = bestExponent(values, count, form, allowed, needs);
    if (choice !== undefined && choice.cost < (best?.cost ?? Number.POSITIVE_INFINITY)) best = choice;
  }
  return best;
}

function firstKept(scratch: DecimalScratch, exceptions: number): number {
  let first = 0;
  while (first < exceptions && scratch.exceptions[first] === first) first++;
  return first;
}

/** The exponent that costs least when what needs a higher one becomes an exception. */
function bestExponent(values: Float64Array, count: number, form: number, allowed: number, needs: Uint32Array): Choice | undefined {
  needs.fill(0);
  const lowest = form === 2 ? 4 : form;
  let odd = 0;
  let at = lowest;
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    // Neighbours mostly need the same exponent: look there first, then below it and above it.
    if (Number.isNaN(integerOf(value, form, at))) {
      let next = lowest;
      while (next <= MAX_EXPONENT && Number.isNaN(integerOf(value, form, next))) next++;
      if (next > MAX_EXPONENT) {
        if (++odd > allowed) return undefined;
        continue;
      }
      at = next;
    } else while (at > lowest && !Number.isNaN(integerOf(value, form, at - 1))) at--;
    needs[at]!++;
  }
  let best: Choice | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  let above = count - odd;
  for (let exponent = lowest; exponent <= MAX_EXPONENT; exponent++) {
    above -= needs[exponent]!;
    if (odd + above > allowed) continue;
    const cost = (odd + above) * BITS_PER_EXCEPTION + exponent * BITS_PER_DIGIT * count;
    if (cost < bestCost) {
      bestCost = cost;
      best = { form, exponent, exceptions: odd + above, cost };
    }
  }
  return best;
}

/**
 * Appends the codec byte (`tag` | form and exponent) and the column. False, with nothing written, when the values are no decimals:
 *
 *     codec u8 | first zigzag | control u8: order 2 bits, shift 5, exceptions 1 | [n varint, n x (index gap varint, f64)]
 *     | order < 3: reference zigzag, count-1 residuals
 */
export function writeDecimals(sink: ByteSink, tag: number, values: Float64Array, count: number, scratch: DecimalScratch): boolean {
  scratch.fit(count);
  const found = toIntegers(values, count, scratch);
  if (found === undefined) return false;
  const { integers } = scratch;
  const first = integers[0]!;
  let low = 0;
  let constant = true;
  for (let i = 1; i < count; i++) {
    const difference = integers[i]! - first;
    if (difference === 0) continue;
    constant = false;
    // Only the low 32 bits matter for a shift of at most 31.
    low |= (difference % 4294967296) | 0;
  }
  const shift = constant ? 0 : low === 0 ? MAX_SHIFT : Math.min(MAX_SHIFT, 31 - Math.clz32(low & -low));
  if (shift > 0) {
    const unit = 2 ** shift;
    for (let i = 1; i < count; i++) integers[i] = (integers[i]! - first) / unit;
  } else for (let i = 1; i < count; i++) integers[i] = integers[i]! - first;
  integers[0] = 0;
  const { order, reference } = constant ? { order: ORDER_CONSTANT, reference: 0 } : chooseOrder(integers, count, scratch);
  sink.u8(tag | found.kind);
  sink.zigzag(first);
  sink.u8((order << 6) | (shift << 1) | (found.exceptions > 0 ? 1 : 0));
  if (found.exceptions > 0) writeExceptions(sink, values, scratch.exceptions, found.exceptions);
  if (order === ORDER_CONSTANT) return true;
  sink.zigzag(reference);
  writeResiduals(sink, scratch.best, count - 1);
  return true;
}

/** Leaves the residuals of the cheapest order in `scratch.best`. */
function chooseOrder(q: Float64Array, count: number, scratch: DecimalScratch): { order: number; reference: number } {
  let order = 0;
  let reference = 0;
  let cost = Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let i = 1; i < count; i++) sum += q[i]!;
  const references = [Math.round(sum / (count - 1)), Math.round(q[count - 1]! / (count - 1)), q[1]!];
  for (let candidate = 0; candidate < 3; candidate++) {
    const bits = residualsOf(q, count, candidate, references[candidate]!, scratch.residuals, cost);
    if (bits >= cost) continue;
    cost = bits;
    order = candidate;
    reference = references[candidate]!;
    [scratch.best, scratch.residuals] = [scratch.residuals, scratch.best];
  }
  return { order, reference };
}

/** Fills `out` with the zigzag residuals of one order; returns about how many bits they take, or gives up beyond `limit`. */
function residualsOf(q: Float64Array, count: number, order: number, reference: number, out: Float64Array, limit: number): number {
  let bits = 0;
  let delta = reference;
  for (let i = 1; i < count; i++) {
    let residual: number;
    if (order === 0) residual = q[i]! - reference;
    else {
      const step = q[i]! - q[i - 1]!;
      residual = step - delta;
      if (order === 2) delta = step;
    }
    const coded = residual < 0 ? -2 * residual - 1 : 2 * residual;
    out[i - 1] = coded;
    bits += coded < 2147483648 ? 33 - Math.clz32(coded) : 34 + Math.log2(coded / 2147483648);
    if (bits >= limit) return bits;
  }
  return bits;
}

function writeExceptions(sink: ByteSink, values: Float64Array, indexes: Uint32Array, count: number): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  sink.varint(count);
  let previous = 0;
  for (let i = 0; i < count; i++) {
    sink.varint(indexes[i]! - previous);
    previous = indexes[i]!;
    sink.sample(words, previous);
  }
}

/** Reads a column whose codec byte (`kind`, its low six bits) was taken already, into `out[0..count)`. */
export function readDecimals(source: ByteSource, kind: number, out: Float64Array, count: number, scratch: DecimalScratch): void {
  const form = kind >> 4;
  const exponent = kind & 15;
  if (form >= FORMS || (form === 2 && exponent < 3)) throw new FormatError(`unknown decimal form ${kind}`);
  scratch.fit(count);
  const first = source.zigzag();
  const control = source.u8();
  const order = control >> 6;
  const exceptions = control & 1 ? readExceptions(source, count) : [];
  if (order === ORDER_CONSTANT) out.fill(scaled(first, form, exponent), 0, count);
  else {
    const reference = source.zigzag();
    readResiduals(source, scratch.residuals, count - 1);
    restore(scratch.residuals, count, order, reference, out);
    const unit = 2 ** ((control >> 1) & 31);
    if (form === 0 && exponent === 0) for (let i = 0; i < count; i++) out[i] = out[i]! * unit + first;
    else for (let i = 0; i < count; i++) out[i] = scaled(out[i]! * unit + first, form, exponent);
  }
  const words = new Uint32Array(out.buffer, out.byteOffset, count * 2);
  for (const { index, high, low } of exceptions) {
    words[index * 2 + 1] = high;
    words[index * 2] = low;
  }
}

function restore(residuals: Float64Array, count: number, order: number, reference: number, out: Float64Array): void {
  out[0] = 0;
  let value = 0;
  let delta = reference;
  for (let i = 1; i < count; i++) {
    const coded = residuals[i - 1]!;
    const residual = coded % 2 === 1 ? -(coded + 1) / 2 : coded / 2;
    if (order === 0) value = residual + reference;
    else {
      const step = residual + delta;
      if (order === 2) delta = step;
      value += step;
    }
    out[i] = value;
  }
}

interface Exception {
  readonly index: number;
  readonly high: number;
  readonly low: number;
}

function readExceptions(source: ByteSource, count: number): Exception[] {
  const found: Exception[] = [];
  const total = source.varint();
  if (total > count) throw new FormatError('more exceptions than values');
  let index = 0;
  for (let i = 0; i < total; i++) {
    index += source.varint();
    if (index >= count) throw new FormatError('an exception lies beyond the column');
    const high = source.u32();
    found.push({ index, high, low: source.u32() });
  }
  return found;
}
