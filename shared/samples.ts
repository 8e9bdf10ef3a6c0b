/**
 * Staleness: one bit pattern of NaN (0x7ff0000000000002) marks the end of a series. It survives typed arrays and Buffers only: plain array
 * literals, arithmetic, JSON and structuredClone of a number turn it into an ordinary NaN. So samples stay in typed arrays from end to end.
 */
const STALE_HIGH = 0x7ff00000;
const STALE_LOW = 2;

const probe = new Float64Array(1);
const probeBits = new Uint32Array(probe.buffer);
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const HIGH_WORD = LITTLE_ENDIAN ? 1 : 0;
const LOW_WORD = LITTLE_ENDIAN ? 0 : 1;

/** Writes the staleness marker into `values[index]`. */
export function setStale(values: Float64Array, index: number): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset + index * 8, 2);
  bits[HIGH_WORD] = STALE_HIGH;
  bits[LOW_WORD] = STALE_LOW;
}

/** Whether `values[index]` is the staleness marker (and not any other NaN). */
export function isStaleAt(values: Float64Array, index: number): boolean {
  const value = values[index]!;
  if (!Number.isNaN(value)) return false;
  probe.set(values.subarray(index, index + 1));
  return probeBits[HIGH_WORD] === STALE_HIGH && probeBits[LOW_WORD] === STALE_LOW;
}

/** Bit `index` (LSB first) of a presence bitmap; `null` stands for "every column is present". */
export function isPresent(presence: Uint8Array | null, index: number): boolean {
  return presence === null || (presence[index >> 3]! & (1 << (index & 7))) !== 0;
}

export function setPresent(presence: Uint8Array, index: number, present: boolean): void {
  if (present) presence[index >> 3]! |= 1 << (index & 7);
  else presence[index >> 3]! &= ~(1 << (index & 7));
}
