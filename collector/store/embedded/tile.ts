import { isPresent, isStaleAt, type Millis } from '@bellwether/shared';
import { copySample } from '../sample-bits.ts';

/** Rows a tile holds; one full tile is one block. */
export const TILE_ROWS = 60;

const SLAB_BYTES = 1 << 20;

/** Cuts the memory of small tiles from shared slabs, which a worker could read in place; given-back pieces are used again by size. */
export class Slabs {
  readonly #free = new Map<number, { buffer: SharedArrayBuffer; offset: number }[]>();
  #slab: SharedArrayBuffer | undefined;
  #used = 0;
  allocatedBytes = 0;

  /** `bytes` is a multiple of 8. */
  take(bytes: number): { buffer: SharedArrayBuffer; offset: number } {
    const reused = this.#free.get(bytes)?.pop();
    if (reused !== undefined) {
      new Uint8Array(reused.buffer, reused.offset, bytes).fill(0);
      return reused;
    }
    if (bytes > SLAB_BYTES / 8) {
      this.allocatedBytes += bytes;
      return { buffer: new SharedArrayBuffer(bytes), offset: 0 };
    }
    if (this.#slab === undefined || this.#used + bytes > SLAB_BYTES) {
      this.#slab = new SharedArrayBuffer(SLAB_BYTES);
      this.#used = 0;
      this.allocatedBytes += SLAB_BYTES;
    }
    const piece = { buffer: this.#slab, offset: this.#used };
    this.#used += bytes;
    return piece;
  }

  give(bytes: number, piece: { buffer: SharedArrayBuffer; offset: number }): void {
    const list = this.#free.get(bytes);
    if (list === undefined) this.#free.set(bytes, [piece]);
    else list.push(piece);
  }
}

/** Up to 60 rows of one group, ascending by time, row-major: times, then rows of values, then a presence bitmap per row. */
export class Tile {
  rows = 0;
  readonly columns: number;
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly presence: Uint8Array;
  readonly presenceBytes: number;
  readonly #slabs: Slabs;
  readonly #bytes: number;
  readonly #piece: { buffer: SharedArrayBuffer; offset: number };

  constructor(columns: number, slabs: Slabs) {
    this.columns = columns;
    this.presenceBytes = (columns + 7) >> 3;
    const samples = TILE_ROWS * (columns + 1) * 8;
    this.#bytes = samples + ((TILE_ROWS * this.presenceBytes + 7) & ~7);
    this.#slabs = slabs;
    this.#piece = slabs.take(this.#bytes);
    const { buffer, offset } = this.#piece;
    this.times = new Float64Array(buffer, offset, TILE_ROWS);
    this.values = new Float64Array(buffer, offset + TILE_ROWS * 8, TILE_ROWS * columns);
    this.presence = new Uint8Array(buffer, offset + samples, TILE_ROWS * this.presenceBytes);
  }

  get isFull(): boolean {
    return this.rows === TILE_ROWS;
  }

  get firstMs(): Millis {
    return this.times[0]!;
  }

  get lastMs(): Millis {
    return this.times[this.rows - 1]!;
  }

  /** Index of the first row later than `timeMs`. */
  firstAfter(timeMs: Millis): number {
    let at = this.rows;
    while (at > 0 && this.times[at - 1]! > timeMs) at--;
    return at;
  }

  /** Adds a row in its place, or its columns to the row of that time. There must be room unless that row exists. */
  put(timeMs: Millis, presence: Uint8Array | null, values: Float64Array): void {
    const at = this.firstAfter(timeMs);
    if (at > 0 && this.times[at - 1] === timeMs) this.#merge(at - 1, presence, values);
    else this.#insert(at, timeMs, presence, values);
  }

  has(timeMs: Millis): boolean {
    const at = this.firstAfter(timeMs);
    return at > 0 && this.times[at - 1] === timeMs;
  }

  #insert(at: number, timeMs: Millis, presence: Uint8Array | null, values: Float64Array): void {
    const { columns, presenceBytes } = this;
    if (at < this.rows) {
      this.times.copyWithin(at + 1, at, this.rows);
      this.values.copyWithin((at + 1) * columns, at * columns, this.rows * columns);
      this.presence.copyWithin((at + 1) * presenceBytes, at * presenceBytes, this.rows * presenceBytes);
    }
    this.times[at] = timeMs;
    this.values.set(values.length === columns ? values : values.subarray(0, columns), at * columns);
    if (presence === null) this.presence.fill(255, at * presenceBytes, (at + 1) * presenceBytes);
    else this.presence.set(presence.subarray(0, presenceBytes), at * presenceBytes);
    this.rows++;
  }

  #merge(at: number, presence: Uint8Array | null, values: Float64Array): void {
    for (let column = 0; column < this.columns; column++) {
      if (!isPresent(presence, column)) continue;
      copySample(values, column, this.values, at * this.columns + column);
      this.presence[at * this.presenceBytes + (column >> 3)]! |= 1 << (column & 7);
    }
  }

  /** Sets one cell of an existing row. */
  fill(row: number, column: number, from: Float64Array, fromIndex: number): void {
    copySample(from, fromIndex, this.values, row * this.columns + column);
    this.presence[row * this.presenceBytes + (column >> 3)]! |= 1 << (column & 7);
  }

  isPresent(row: number, column: number): boolean {
    return (this.presence[row * this.presenceBytes + (column >> 3)]! & (1 << (column & 7))) !== 0;
  }

  /** The newest row in (after, to] that has the column, or -1. */
  newestRow(column: number, afterMs: Millis, toMs: Millis): number {
    for (let row = this.firstAfter(toMs) - 1; row >= 0 && this.times[row]! > afterMs; row--) if (this.isPresent(row, column)) return row;
    return -1;
  }

  isStale(row: number, column: number): boolean {
    return isStaleAt(this.values, row * this.columns + column);
  }

  /** Copies a column densely into `out`; returns the count and leaves the bitmap of rows (LSB first) in `bitmap`. */
  column(column: number, out: Float64Array, bitmap: Uint8Array): number {
    let count = 0;
    bitmap.fill(0, 0, (this.rows + 7) >> 3);
    for (let row = 0; row < this.rows; row++) {
      if (!this.isPresent(row, column)) continue;
      copySample(this.values, row * this.columns + column, out, count++);
      bitmap[row >> 3]! |= 1 << (row & 7);
    }
    return count;
  }

  clear(): void {
    this.rows = 0;
  }

  /** Gives the memory back; the tile must not be used any more. */
  release(): void {
    this.#slabs.give(this.#bytes, this.#piece);
  }
}
