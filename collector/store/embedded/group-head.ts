import { type GroupRow, isPresent, type Millis } from '@bellwether/shared';
import type { GroupSchema } from './catalog.ts';
import { type Slabs, TILE_ROWS, Tile } from './tile.ts';

/** A tile spans no more than this, so that a block runs over the end of its partition by no more. */
const MAX_SPAN_MS = 2 * 3_600_000;

/**
 * The unflushed rows of one group and what is known of it. In-order rows go to the main tile; rows no later than the newest flushed one, or
 * far behind the main tile, to the late tile. Both are flushed together, the late one first, so of two blocks with the same time the later
 * written holds the later write.
 */
export class GroupHead {
  readonly schema: GroupSchema;
  readonly columns: number;
  main: Tile | undefined;
  late: Tile | undefined;
  /** The rows of `main` are in a block, too; they stay for instant queries until the next row. */
  isMainFlushed = false;
  newestMs: Millis = Number.NEGATIVE_INFINITY;
  flushedToMs: Millis = Number.NEGATIVE_INFINITY;
  /** All rows before this WAL position are in blocks. */
  watermark = 0;
  /** WAL position of the oldest row in the tiles; Infinity when there is none. */
  unflushedFrom = Number.POSITIVE_INFINITY;
  /** Store's clock when that row came. */
  unflushedSinceMs: Millis = Number.POSITIVE_INFINITY;
  /** Rows that bring about the next flush: the first is early, at a different row for each group, so that flushes spread out. */
  flushAt: number;
  #liveFromMs: Millis = Number.NEGATIVE_INFINITY;
  /** Columns whose newest flushed sample is no staleness marker. */
  #liveBefore: Uint8Array | undefined;
  readonly #slabs: Slabs;

  constructor(schema: GroupSchema, slabs: Slabs) {
    this.schema = schema;
    this.columns = schema.series.length;
    this.#slabs = slabs;
    this.flushAt = 1 + ((Math.imul(schema.id + 1, 0x9e3779b1) >>> 0) % TILE_ROWS);
  }

  get hasUnflushed(): boolean {
    return this.unflushedFrom < Number.POSITIVE_INFINITY;
  }

  get isDue(): boolean {
    return this.#mainRows >= this.flushAt || this.late?.isFull === true;
  }

  get #mainRows(): number {
    return this.isMainFlushed || this.main === undefined ? 0 : this.main.rows;
  }

  #isLate(timeMs: Millis): boolean {
    if (timeMs <= this.flushedToMs) return true;
    return this.#mainRows > 0 && timeMs < this.main!.firstMs && this.main!.lastMs - timeMs > MAX_SPAN_MS;
  }

  /** Whether the tile that a row of that time belongs to has no room for it. */
  mustFlushBefore(timeMs: Millis): boolean {
    const isLate = this.#isLate(timeMs);
    const tile = isLate ? this.late : this.main;
    if (tile === undefined || tile.rows === 0 || (!isLate && this.isMainFlushed)) return false;
    if (Math.max(tile.lastMs, timeMs) - Math.min(tile.firstMs, timeMs) > MAX_SPAN_MS) return true;
    return tile.isFull && !tile.has(timeMs);
  }

  /** Adds a row found at `position` of the WAL; `mustFlushBefore` is false for it. */
  put(row: GroupRow, position: number, nowMs: Millis): void {
    if (this.#isLate(row.timeMs)) {
      this.late ??= new Tile(this.columns, this.#slabs);
      this.late.put(row.timeMs, row.presence, row.values);
    } else {
      this.main ??= new Tile(this.columns, this.#slabs);
      if (this.isMainFlushed) this.main.clear();
      this.isMainFlushed = false;
      this.main.put(row.timeMs, row.presence, row.values);
    }
    if (row.timeMs > this.newestMs) this.newestMs = row.timeMs;
    if (this.unflushedFrom < Number.POSITIVE_INFINITY) return;
    this.unflushedFrom = position;
    this.unflushedSinceMs = nowMs;
  }

  /** Calls `write` with the tiles to turn into blocks, the one that carries the watermark last; afterwards they count as flushed. */
  flush(watermark: number, write: (tile: Tile, watermark: number) => void): void {
    const hasMain = this.#mainRows > 0;
    if (this.late !== undefined && this.late.rows > 0) {
      write(this.late, hasMain ? 0 : watermark);
      // It may hold later writes of the rows kept.
      this.dropKept();
      this.late.release();
      this.late = undefined;
    }
    if (hasMain) {
      write(this.main!, watermark);
      this.keepMain();
      this.flushAt = TILE_ROWS;
    }
    this.watermark = watermark;
    this.unflushedFrom = Number.POSITIVE_INFINITY;
    this.unflushedSinceMs = Number.POSITIVE_INFINITY;
  }

  /** The main tile's rows are in blocks. */
  keepMain(): void {
    const live = new Uint8Array((this.columns + 7) >> 3);
    for (let column = 0; column < this.columns; column++) if (this.isLive(column)) live[column >> 3]! |= 1 << (column & 7);
    this.#liveBefore = live;
    this.flushedToMs = Math.max(this.flushedToMs, this.main!.lastMs);
    this.isMainFlushed = true;
  }

  /** Takes the rows of the newest block, read back after a start. */
  restore(block: Tile): void {
    const replayed = this.main;
    this.main = block;
    this.keepMain();
    if (replayed === undefined) return;
    block.release();
    this.main = replayed;
    this.isMainFlushed = false;
  }

  /** Time of the newest row in the main tile that is more than staleness markers; without one, of the newest flushed row. */
  get newestReadingMs(): Millis {
    for (let row = (this.main?.rows ?? 0) - 1; row >= 0; row--) {
      for (let column = 0; column < this.columns; column++) {
        if (this.main!.isPresent(row, column) && !this.main!.isStale(row, column)) return this.main!.times[row]!;
      }
    }
    return this.main === undefined ? this.flushedToMs : Number.NEGATIVE_INFINITY;
  }

  /** Drops the rows kept for instant queries. */
  dropKept(): void {
    if (!this.isMainFlushed) return;
    this.main?.release();
    this.main = undefined;
    this.isMainFlushed = false;
  }

  /** Whether the newest sample of the column is one, not a staleness marker. */
  isLive(column: number): boolean {
    const row = this.main?.newestRow(column, this.#liveFromMs, Number.POSITIVE_INFINITY) ?? -1;
    if (row >= 0) return !this.main!.isStale(row, column);
    return this.#liveBefore !== undefined && isPresent(this.#liveBefore, column);
  }

  /** Nothing written so far counts as live: another generation took over. */
  retire(): void {
    this.#liveFromMs = this.newestMs;
    this.#liveBefore = undefined;
  }
}
