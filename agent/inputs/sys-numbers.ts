/** Files that hold one number each, as sysfs has them. */
import type { Millis } from '@bellwether/shared';
import { KeptFile, ReadBuffer } from './kept-file.ts';

const NEWLINE = 10;
const MINUS = 45;
const ZERO = 48;
const LOWER_X = 120;

/** A host of containers has hundreds of network devices with a dozen files each; descriptors are a limit that the sockets share. */
export const MAX_KEPT = 300;

/** The number at the start of `bytes`: decimal with an optional sign, or hexadecimal with 0x. NaN when there is none or something else follows it. */
export function parseNumber(bytes: Uint8Array, length: number): number {
  let pos = 0;
  const negative = length > 0 && bytes[0] === MINUS;
  if (negative) pos++;
  const base = bytes[pos] === ZERO && pos + 2 < length && bytes[pos + 1] === LOWER_X ? 16 : 10;
  if (base === 16) pos += 2;
  const start = pos;
  let value = 0;
  for (; pos < length && bytes[pos] !== NEWLINE; pos++) {
    const byte = bytes[pos]!;
    const digit = byte <= 57 ? byte - ZERO : (byte | 32) - 87;
    if (digit < 0 || digit >= base || (byte > 57 && digit < 10)) return Number.NaN;
    value = value * base + digit;
  }
  if (pos === start) return Number.NaN;
  return negative ? -value : value;
}

/** A list of such files, with descriptors kept; a file that is missing or has no value now reads as NaN. */
export class SysNumbers {
  readonly #buffer = new ReadBuffer();
  #files: KeptFile[] = [];

  open(paths: readonly string[]): void {
    this.close();
    const keep = paths.length <= MAX_KEPT;
    this.#files = paths.map((path) => new KeptFile(path, this.#buffer, keep));
  }

  read(timeMs: Millis, into: Float64Array, offset: number): void {
    for (let i = 0; i < this.#files.length; i++) {
      const length = this.#files[i]!.readIfPresent(timeMs);
      into[offset + i] = length < 0 ? Number.NaN : parseNumber(this.#buffer.bytes, length);
    }
  }

  close(): void {
    for (const file of this.#files) file.close();
    this.#files = [];
  }
}
