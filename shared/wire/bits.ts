import type { ByteWriter } from './bytes.ts';

const TWO_24 = 2 ** 24;

/** Bits, most significant first, behind what is already in a ByteWriter; the caller has reserved the room. */
export class BitWriter {
  bytes: Uint8Array = new Uint8Array(0);
  position = 0;
  #held = 0;
  #count = 0;

  open(out: ByteWriter): void {
    this.bytes = out.bytes;
    this.position = out.length;
    this.#held = 0;
    this.#count = 0;
  }

  /** The low `width` (0-24) bits of `value`; bits above them must be zero. */
  put(value: number, width: number): void {
    let count = this.#count + width;
    // At most 7 bits are held, so 31 fit.
    const held = (this.#held << width) | value;
    while (count >= 8) {
      count -= 8;
      this.bytes[this.position++] = held >>> count;
    }
    this.#held = held & ((1 << count) - 1);
    this.#count = count;
  }

  /** An integer of `width` (0-54) bits. */
  putLong(value: number, width: number): void {
    if (width > 48) {
      this.put(Math.floor(value / 2 ** 48), width - 48);
      this.putLong(value % 2 ** 48, 48);
    } else if (width > 24) {
      this.put(Math.floor(value / TWO_24), width - 24);
      this.put(value % TWO_24, 24);
    } else this.put(value, width);
  }

  /** A positive integer below 2^16: a zero for each bit after its first, then its bits. */
  putGamma(value: number): void {
    const bits = 31 - Math.clz32(value);
    this.put(0, bits);
    this.put(value, bits + 1);
  }

  /** Pads the last byte with zeros, drops zero bytes at the end (a reader takes what is missing for zeros) and tells `out` its new length. */
  close(out: ByteWriter): void {
    if (this.#count > 0) this.bytes[this.position++] = this.#held << (8 - this.#count);
    while (this.position > out.length && this.bytes[this.position - 1] === 0) this.position--;
    out.length = this.position;
  }
}

/** Reads what BitWriter wrote; behind the end it reads zeros. */
export class BitReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #position = 0;
  #end = 0;
  /** The next bits, from the top of an int32 down; the rest of it is zero. */
  #held = 0;
  #count = 0;

  open(bytes: Uint8Array, position: number, end: number): void {
    this.#bytes = bytes;
    this.#position = position;
    this.#end = end;
    this.#held = 0;
    this.#count = 0;
  }

  /** `width` (0-24) bits. */
  take(width: number): number {
    if (width === 0) return 0;
    if (this.#count < width) this.#fill();
    const value = this.#held >>> (32 - width);
    this.#held <<= width;
    this.#count -= width;
    return value;
  }

  takeLong(width: number): number {
    if (width > 48) return this.take(width - 48) * 2 ** 48 + this.takeLong(48);
    if (width > 24) return this.take(width - 24) * TWO_24 + this.take(24);
    return this.take(width);
  }

  /** How many ones come before the next zero, which is taken too; `most` (below 24) ones end without one. */
  takeOnes(most: number): number {
    if (this.#count <= most) this.#fill();
    const ones = Math.clz32(~this.#held);
    if (ones >= most) {
      this.take(most);
      return most;
    }
    this.take(ones + 1);
    return ones;
  }

  /** What putGamma wrote; 0 if it is none. */
  takeGamma(): number {
    if (this.#count < 16) this.#fill();
    const bits = Math.clz32(this.#held);
    if (bits > 15) return 0;
    this.take(bits);
    return this.take(bits + 1);
  }

  /** Brings the bits held to 25 or more. */
  #fill(): void {
    let count = this.#count;
    let held = this.#held;
    let position = this.#position;
    for (; count <= 24; count += 8, position++) if (position < this.#end) held |= this.#bytes[position]! << (24 - count);
    this.#held = held;
    this.#count = count;
    this.#position = position;
  }
}
