/** Bytes that do not say what they should; the file or record they came from is named by whoever catches this. */
export class FormatError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FormatError';
  }
}

const TWO_32 = 2 ** 32;
const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder();

/** A growing buffer written front to back; numbers are big-endian, bits run from the most significant end. */
export class ByteSink {
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;
  #view: DataView;
  #pending = 0;
  #pendingBits = 0;

  constructor(capacity = 1_024) {
    this.bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  u32(value: number): void {
    this.reserve(4);
    this.#view.setUint32(this.length, value);
    this.length += 4;
  }

  /** An integer below 2^53 in 8 bytes. */
  u64(value: number): void {
    this.u32(Math.floor(value / TWO_32));
    this.u32(value % TWO_32);
  }

  f64(value: number): void {
    this.reserve(8);
    this.#view.setFloat64(this.length, value);
    this.length += 8;
  }

  /** The sample `values[index]`, bit for bit. */
  sample(bits: Uint32Array, index: number): void {
    this.u32(bits[index * 2 + 1]!);
    this.u32(bits[index * 2]!);
  }

  /** 7 bits a byte, low bits first, of an integer from 0 to 2^53. */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest > 127) {
      this.bytes[this.length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.length++] = rest;
  }

  /** A signed integer of up to 52 bits as a varint. */
  zigzag(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  text(text: string): void {
    const bytes = utf8.encode(text);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** The low `width` (0 to 32) bits of `value`. Ends with `endBits`. */
  bits(value: number, width: number): void {
    if (width > 16) {
      this.bits(value >>> 16, width - 16);
      this.bits(value & 0xffff, 16);
      return;
    }
    this.reserve(3);
    let pending = (this.#pending << width) | (value & ((1 << width) - 1));
    let count = this.#pendingBits + width;
    while (count >= 8) {
      count -= 8;
      this.bytes[this.length++] = pending >>> count;
    }
    pending &= (1 << count) - 1;
    this.#pending = pending;
    this.#pendingBits = count;
  }

  /** Fills the last begun byte with zeros. */
  endBits(): void {
    if (this.#pendingBits > 0) this.bits(0, 8 - this.#pendingBits);
  }

  /** Overwrites 4 bytes written before. */
  patchU32(at: number, value: number): void {
    this.#view.setUint32(at, value);
  }

  /** A copy of what was written. */
  take(from = 0): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(from, this.length);
  }
}

/** Reads what a ByteSink wrote. Throws FormatError at the end of the bytes. */
export class ByteSource {
  at: number;
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly #view: DataView;
  #pending = 0;
  #pendingBits = 0;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #take(count: number): number {
    const at = this.at;
    if (at + count > this.end) throw new FormatError('ends too early');
    this.at = at + count;
    return at;
  }

  u8(): number {
    return this.bytes[this.#take(1)]!;
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): number {
    const high = this.u32();
    return high * TWO_32 + this.u32();
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8));
  }

  /** Into the sample `index` of the array whose words are `bits`. */
  sample(bits: Uint32Array, index: number): void {
    bits[index * 2 + 1] = this.u32();
    bits[index * 2] = this.u32();
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw new FormatError('a number is too long');
  }

  zigzag(): number {
    const coded = this.varint();
    return coded % 2 === 1 ? -(coded + 1) / 2 : coded / 2;
  }

  raw(count: number): Uint8Array {
    const at = this.#take(count);
    return this.bytes.subarray(at, at + count);
  }

  text(): string {
    return utf8Decoder.decode(this.raw(this.varint()));
  }

  bits(width: number): number {
    if (width > 16) return this.bits(width - 16) * 65_536 + this.bits(16);
    let pending = this.#pending;
    let count = this.#pendingBits;
    while (count < width) {
      pending = (pending << 8) | this.u8();
      count += 8;
    }
    count -= width;
    this.#pending = pending & ((1 << count) - 1);
    this.#pendingBits = count;
    return pending >>> count;
  }

  /** How many zero bits come before the next one bit; takes that one, too. */
  unary(): number {
    let zeros = 0;
    for (;;) {
      if (this.#pending !== 0) {
        const lead = Math.clz32(this.#pending) - (32 - this.#pendingBits);
        this.#pendingBits -= lead + 1;
        this.#pending &= (1 << this.#pendingBits) - 1;
        return zeros + lead;
      }
      zeros += this.#pendingBits;
      this.#pending = this.u8();
      this.#pendingBits = 8;
    }
  }

  /** Drops what is left of a byte begun by `bits`. */
  endBits(): void {
    this.#pending = 0;
    this.#pendingBits = 0;
  }
}
