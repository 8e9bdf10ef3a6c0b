import { isUtf8 } from 'node:buffer';
import { WIRE_CLOSE, WireError } from './messages.ts';

const START_BYTES = 1_024;
/** A buffer that grew beyond this for one large frame is given back when the next frame begins. */
const KEEP_BYTES = 64 * 1_024;
const LOW_7_BITS = 128;

export function malformed(what: string): WireError {
  return new WireError(WIRE_CLOSE.malformed, `The peer sent a frame that is not of protocol v1: ${what}.`);
}

export function tooLarge(what: string, size: number, limit: number): WireError {
  return new WireError(WIRE_CLOSE.tooLarge, `${what}: ${size} is above the limit of ${limit}.`);
}

/** Appends to one buffer that grows by doubling. */
export class ByteWriter {
  bytes = new Uint8Array(START_BYTES);
  length = 0;

  clear(): void {
    this.length = 0;
    if (this.bytes.length > KEEP_BYTES) this.bytes = new Uint8Array(START_BYTES);
  }

  /** Makes room for `count` more bytes, so that the caller may write into `bytes` itself. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** An integer in 0..2^53-1, 7 bits a byte, low bits first, the high bit set on all but the last. */
  uint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`not an unsigned integer of at most 53 bits: ${value}`);
    this.reserve(8);
    let rest = value;
    while (rest >= LOW_7_BITS) {
      this.bytes[this.length++] = (rest % LOW_7_BITS) | LOW_7_BITS;
      rest = Math.floor(rest / LOW_7_BITS);
    }
    this.bytes[this.length++] = rest;
  }

  /** An integer of at most 52 bits and a sign: 0, -1, 1, -2, ... as 0, 1, 2, 3, ... */
  int(value: number): void {
    this.uint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  /** IEEE 754, little endian. */
  f64(value: number): void {
    this.reserve(8);
    new DataView(this.bytes.buffer).setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** UTF-8 after its length in bytes. */
  text(value: string, limit: number, what: string): void {
    // No UTF-8 form is shorter than a byte per code unit, so what is far too long is refused before it is encoded.
    const size = value.length > limit ? value.length : Buffer.byteLength(value, 'utf8');
    if (size > limit) throw tooLarge(what, size, limit);
    this.uint(size);
    this.reserve(size);
    Buffer.from(this.bytes.buffer, this.length, size).write(value, 'utf8');
    this.length += size;
  }
}

/** Reads a part of a frame; whatever does not fit throws WireError. */
export class ByteReader {
  bytes: Uint8Array = new Uint8Array(0);
  position = 0;
  end = 0;

  open(bytes: Uint8Array, position: number, end: number): void {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  get atEnd(): boolean {
    return this.position >= this.end;
  }

  u8(): number {
    if (this.position >= this.end) throw malformed('a message ends inside a field');
    return this.bytes[this.position++]!;
  }

  uint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= LOW_7_BITS) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < LOW_7_BITS) break;
      // The eighth byte is the last: 2^49 * 128 is beyond 53 bits.
      if (scale >= 2 ** 49) throw malformed('an integer of more than eight bytes');
    }
    if (value > Number.MAX_SAFE_INTEGER) throw malformed('an integer above 2^53-1');
    return value;
  }

  int(): number {
    const value = this.uint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  f64(): number {
    const at = this.position;
    if (at + 8 > this.end) throw malformed('a message ends inside a number');
    this.position += 8;
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + at, 8).getFloat64(0, true);
  }

  text(limit: number, what: string): string {
    const size = this.uint();
    if (size > limit) throw tooLarge(what, size, limit);
    const from = this.position;
    if (size > this.end - from) throw malformed('a message ends inside a text');
    this.position = from + size;
    const part = Buffer.from(this.bytes.buffer, this.bytes.byteOffset + from, size);
    if (!isUtf8(part)) throw malformed(`${what} is not UTF-8`);
    return part.toString('utf8');
  }
}
