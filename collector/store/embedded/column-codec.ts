import { ByteSink, type ByteSource, FormatError } from './bytes.ts';
import { DecimalScratch, readDecimals, writeDecimals } from './decimal-codec.ts';

/** The first byte of every column. */
const RAW = 0; // count x f64
const CONSTANT = 1; // f64
const CONSTANT_INTEGER = 2; // zigzag
const CONSTANT_ZERO = 3; // nothing
const XOR = 4; // each value against the one before
const DECIMAL = 0x40; // 0x40-0x7f: form and exponent in the low bits
/** Added to any of them: a presence bitmap of the chunk's rows (LSB first) comes before the values. */
const SPARSE = 0x80;
/** Decimals that take more bytes a value than this are tried against XOR. */
const DEAR_BYTES = 4;

/** Encodes and decodes columns of samples, bit for bit. Holds working memory, so one per thread. */
export class ColumnCodec {
  readonly #decimal = new DecimalScratch();
  readonly #other = new ByteSink(1_024);

  /**
   * Appends a column of `count` >= 1 values of a chunk of `rows` rows. `presence` (LSB first) says which rows they belong to; null when
   * count equals rows.
   */
  write(sink: ByteSink, values: Float64Array, count: number, presence: Uint8Array | null): void {
    const start = sink.length;
    const sparse = presence === null ? 0 : SPARSE;
    const isDecimal = this.#writeValues(sink, values, count, sparse, presence);
    if (isDecimal && sink.length - start > 8 + DEAR_BYTES * count) this.#tryXor(sink, start, values, count, sparse, presence);
    if (sink.length - start <= 1 + 8 * count + (presence?.length ?? 0)) return;
    sink.length = start;
    writeRaw(sink, sparse, values, count, presence);
  }

  #tryXor(sink: ByteSink, start: number, values: Float64Array, count: number, sparse: number, presence: Uint8Array | null): void {
    this.#other.length = 0;
    writeXor(this.#other, sparse, values, count, presence);
    if (this.#other.length >= sink.length - start) return;
    sink.length = start;
    sink.raw(this.#other.bytes.subarray(0, this.#other.length));
  }

  /** Whether the column became decimals. */
  #writeValues(sink: ByteSink, values: Float64Array, count: number, sparse: number, presence: Uint8Array | null): boolean {
    const start = sink.length;
    if (isConstant(values, count)) {
      writeConstant(sink, sparse, values, presence);
      return false;
    }
    if (presence === null) {
      if (writeDecimals(sink, DECIMAL, values, count, this.#decimal)) return true;
    } else {
      // The bitmap stands between the codec byte and the values.
      sink.raw(presence);
      const at = sink.length;
      if (writeDecimals(sink, DECIMAL | SPARSE, values, count, this.#decimal)) {
        const codec = sink.bytes[at]!;
        sink.bytes.copyWithin(start + 1, start, at);
        sink.bytes[start] = codec;
        return true;
      }
      sink.length = start;
    }
    writeXor(sink, sparse, values, count, presence);
    return false;
  }

  /**
   * Decodes one column of a chunk of `rows` rows into `out`, densely. Returns the number of values; `presence` (at least ceil(rows/8) bytes) is
   * filled with the bitmap when there are fewer than rows.
   */
  read(source: ByteSource, rows: number, out: Float64Array, presence: Uint8Array): number {
    const codec = source.u8();
    let count = rows;
    if (codec & SPARSE) {
      const bytes = (rows + 7) >> 3;
      presence.set(source.raw(bytes));
      count = popcount(presence, rows);
    }
    if (out.length < count) throw new RangeError('no room for the column');
    this.#readValues(source, codec & ~SPARSE, out, count);
    return count;
  }

  #readValues(source: ByteSource, codec: number, out: Float64Array, count: number): void {
    const words = new Uint32Array(out.buffer, out.byteOffset, count * 2);
    if (codec >= DECIMAL) readDecimals(source, codec & 0x3f, out, count, this.#decimal);
    else if (codec === CONSTANT_ZERO) out.fill(0, 0, count);
    else if (codec === CONSTANT_INTEGER) out.fill(source.zigzag(), 0, count);
    else if (codec === CONSTANT) {
      const high = source.u32();
      const low = source.u32();
      for (let i = 0; i < count; i++) {
        words[i * 2] = low;
        words[i * 2 + 1] = high;
      }
    } else if (codec === RAW) for (let i = 0; i < count; i++) source.sample(words, i);
    else if (codec === XOR) readXor(source, words, count);
    else throw new FormatError(`unknown codec ${codec}`);
  }
}

/** Ones among the first `bits` bits. */
export function popcount(bitmap: Uint8Array, bits: number): number {
  let count = 0;
  for (let i = 0; i < bits; i++) count += (bitmap[i >> 3]! >> (i & 7)) & 1;
  return count;
}

function isConstant(values: Float64Array, count: number): boolean {
  const words = new Uint32Array(values.buffer, values.byteOffset, count * 2);
  const low = words[0]!;
  const high = words[1]!;
  for (let i = 1; i < count; i++) if (words[i * 2] !== low || words[i * 2 + 1] !== high) return false;
  return true;
}

function writeRaw(sink: ByteSink, sparse: number, values: Float64Array, count: number, presence: Uint8Array | null): void {
  sink.u8(RAW | sparse);
  if (presence !== null) sink.raw(presence);
  const words = new Uint32Array(values.buffer, values.byteOffset, count * 2);
  for (let i = 0; i < count; i++) sink.sample(words, i);
}

function writeConstant(sink: ByteSink, sparse: number, values: Float64Array, presence: Uint8Array | null): void {
  const value = values[0]!;
  const codec = Object.is(value, 0)
    ? CONSTANT_ZERO
    : Number.isSafeInteger(value) && Math.abs(value) < 2 ** 48 && value !== 0
      ? CONSTANT_INTEGER
      : CONSTANT;
  sink.u8(codec | sparse);
  if (presence !== null) sink.raw(presence);
  if (codec === CONSTANT_INTEGER) sink.zigzag(value);
  else if (codec === CONSTANT) sink.sample(new Uint32Array(values.buffer, values.byteOffset, 2), 0);
}

/**
 * The first value whole, then per value: 0 = same as before; 10 = the changed bits lie within the window of the value before; 11 = a new window
 * (6 bits of leading zeros, 6 bits of length - 1), then those bits.
 */
function writeXor(sink: ByteSink, sparse: number, values: Float64Array, count: number, presence: Uint8Array | null): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, count * 2);
  sink.u8(XOR | sparse);
  if (presence !== null) sink.raw(presence);
  sink.sample(words, 0);
  let lead = 64;
  let trail = 0;
  for (let i = 1; i < count; i++) {
    const high = (words[i * 2 + 1]! ^ words[i * 2 - 1]!) >>> 0;
    const low = (words[i * 2]! ^ words[i * 2 - 2]!) >>> 0;
    if (high === 0 && low === 0) {
      sink.bits(0, 1);
      continue;
    }
    const leading = high === 0 ? 32 + Math.clz32(low) : Math.clz32(high);
    const trailing = low === 0 ? 63 - Math.clz32(high & -high) : 31 - Math.clz32(low & -low);
    if (leading >= lead && trailing >= trail && 64 - lead - trail < 77 - leading - trailing) sink.bits(0b10, 2);
    else {
      lead = leading;
      trail = trailing;
      sink.bits(0b11, 2);
      sink.bits(lead, 6);
      sink.bits(63 - lead - trail, 6);
    }
    writeWindow(sink, high, low, lead, trail);
  }
  sink.endBits();
}

/** Bits `trail` to `63 - lead` of the pair, high bits first. */
function writeWindow(sink: ByteSink, high: number, low: number, lead: number, trail: number): void {
  const highWidth = 32 - lead - Math.max(0, trail - 32);
  if (highWidth > 0) sink.bits(trail > 32 ? high >>> (trail - 32) : high, highWidth);
  const lowWidth = 32 - trail - Math.max(0, lead - 32);
  if (lowWidth > 0) sink.bits(trail < 32 ? low >>> trail : 0, lowWidth);
}

function readXor(source: ByteSource, words: Uint32Array, count: number): void {
  source.sample(words, 0);
  let lead = 0;
  let trail = 0;
  for (let i = 1; i < count; i++) {
    let high = words[i * 2 - 1]!;
    let low = words[i * 2 - 2]!;
    if (source.bits(1) === 1) {
      if (source.bits(1) === 1) {
        lead = source.bits(6);
        trail = 63 - lead - source.bits(6);
        if (trail < 0) throw new FormatError('a window is wider than a value');
      }
      const highWidth = 32 - lead - Math.max(0, trail - 32);
      if (highWidth > 0) high ^= shifted(source.bits(highWidth), Math.max(0, trail - 32));
      const lowWidth = 32 - trail - Math.max(0, lead - 32);
      if (lowWidth > 0) low ^= shifted(source.bits(lowWidth), trail);
    }
    words[i * 2 + 1] = high;
    words[i * 2] = low;
  }
  source.endBits();
}

function shifted(value: number, by: number): number {
  return by >= 32 ? 0 : value << by;
}
