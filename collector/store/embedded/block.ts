import { crc32 } from 'node:zlib';
import type { Millis } from '@bellwether/shared';
import { type ByteSink, ByteSource, FormatError } from './bytes.ts';
import type { ColumnCodec } from './column-codec.ts';
import type { Tile } from './tile.ts';

/** "BWB1" */
const MAGIC = 0x42574231;
export const BLOCK_HEAD_BYTES = 60;

/** One tile on disk: rows of one group. Later sequence numbers win where two blocks of a group hold the same time. */
export interface BlockHead {
  /** Of the whole block, head included. */
  readonly length: number;
  readonly group: number;
  readonly rows: number;
  readonly columns: number;
  readonly sequence: number;
  /** All rows of the group before this WAL position are in blocks; 0 when another block of the same flush says so. */
  readonly watermark: number;
  readonly firstMs: Millis;
  readonly lastMs: Millis;
}

/**
 * Appends the tile as a block:
 *
 *     magic u32 | CRC of the head's rest u32 | CRC of the body u32 | length u32 | group u32 | rows u32 | columns u32 | sequence u64
 *     | watermark u64 | first f64 | last f64
 *     body: length varint of the time column, it; columns x length varint (0: no samples); the columns
 */
export function writeBlock(
  sink: ByteSink,
  tile: Tile,
  ids: Pick<BlockHead, 'group' | 'sequence' | 'watermark'>,
  codec: ColumnCodec,
  scratch: BlockScratch,
): void {
  const start = sink.length;
  sink.reserve(BLOCK_HEAD_BYTES);
  sink.length += BLOCK_HEAD_BYTES;
  const { rows, columns } = tile;
  scratch.fit(rows, columns);
  const { body, lengths, values, bitmap } = scratch;
  body.length = 0;
  values.set(tile.times.subarray(0, rows));
  codec.write(body, values, rows, null);
  sink.varint(body.length);
  sink.raw(body.bytes.subarray(0, body.length));
  body.length = 0;
  for (let column = 0; column < columns; column++) {
    const at = body.length;
    const count = tile.column(column, values, bitmap);
    if (count > 0) codec.write(body, values, count, count === rows ? null : bitmap.subarray(0, (rows + 7) >> 3));
    lengths[column] = body.length - at;
  }
  for (let column = 0; column < columns; column++) sink.varint(lengths[column]!);
  sink.raw(body.bytes.subarray(0, body.length));
  patchHead(sink, start, { ...ids, rows, columns, firstMs: tile.firstMs, lastMs: tile.lastMs, length: sink.length - start });
}

function patchHead(sink: ByteSink, start: number, head: BlockHead): void {
  const end = sink.length;
  const bodyCrc = crc32(sink.bytes.subarray(start + BLOCK_HEAD_BYTES, end));
  sink.length = start;
  sink.u32(MAGIC);
  sink.u32(0);
  sink.u32(bodyCrc);
  sink.u32(head.length);
  sink.u32(head.group);
  sink.u32(head.rows);
  sink.u32(head.columns);
  sink.u64(head.sequence);
  sink.u64(head.watermark);
  sink.f64(head.firstMs);
  sink.f64(head.lastMs);
  sink.patchU32(start + 4, crc32(sink.bytes.subarray(start + 8, start + BLOCK_HEAD_BYTES)));
  sink.length = end;
}

/** The head at `at`; undefined when there is none or it is damaged. */
export function readBlockHead(bytes: Uint8Array, at: number): BlockHead | undefined {
  if (at + BLOCK_HEAD_BYTES > bytes.length) return undefined;
  const source = new ByteSource(bytes, at, at + BLOCK_HEAD_BYTES);
  if (source.u32() !== MAGIC || source.u32() !== crc32(bytes.subarray(at + 8, at + BLOCK_HEAD_BYTES))) return undefined;
  source.u32();
  const [length, group, rows, columns] = [source.u32(), source.u32(), source.u32(), source.u32()];
  const [sequence, watermark] = [source.u64(), source.u64()];
  return { length, group, rows, columns, sequence, watermark, firstMs: source.f64(), lastMs: source.f64() };
}

/** Whether the body of a whole block is as it was written. */
export function isBlockSound(bytes: Uint8Array): boolean {
  return crc32(bytes.subarray(BLOCK_HEAD_BYTES)) === new ByteSource(bytes, 8).u32();
}

/** Working memory for writing and reading blocks; one per thread. */
export class BlockScratch {
  values = new Float64Array(64);
  times = new Float64Array(64);
  bitmap = new Uint8Array(8);
  lengths = new Uint32Array(64);
  readonly body: ByteSink;

  constructor(body: ByteSink) {
    this.body = body;
  }

  fit(rows: number, columns: number): void {
    if (this.values.length < rows) {
      this.values = new Float64Array(rows);
      this.times = new Float64Array(rows);
      this.bitmap = new Uint8Array((rows + 7) >> 3);
    }
    if (this.lengths.length < columns) this.lengths = new Uint32Array(columns);
  }
}

/** Reads single columns of one block. Throws FormatError when the bytes are not a sound block. */
export class BlockReader {
  readonly head: BlockHead;
  readonly #bytes: Uint8Array;
  readonly #starts: Uint32Array;
  readonly #codec: ColumnCodec;
  readonly #scratch: BlockScratch;

  /** Leaves the times of the rows in `scratch.times`. */
  constructor(bytes: Uint8Array, codec: ColumnCodec, scratch: BlockScratch) {
    const head = readBlockHead(bytes, 0);
    if (head === undefined || head.length !== bytes.length || !isBlockSound(bytes)) throw new FormatError('the block is damaged');
    this.head = head;
    this.#bytes = bytes;
    this.#codec = codec;
    this.#scratch = scratch;
    scratch.fit(head.rows, head.columns);
    const source = new ByteSource(bytes, BLOCK_HEAD_BYTES);
    const timesEnd = source.varint() + source.at;
    codec.read(new ByteSource(bytes, source.at, timesEnd), head.rows, scratch.times, scratch.bitmap);
    source.at = timesEnd;
    this.#starts = new Uint32Array(head.columns + 1);
    for (let column = 0; column < head.columns; column++) this.#starts[column + 1] = source.varint() + this.#starts[column]!;
    for (let column = 0; column <= head.columns; column++) this.#starts[column]! += source.at;
  }

  /** Decodes a column densely into `scratch.values`; `scratch.bitmap` tells the rows when the count is below `head.rows`. */
  column(column: number): number {
    const start = this.#starts[column]!;
    const end = this.#starts[column + 1]!;
    if (start === end) return 0;
    const { values, bitmap } = this.#scratch;
    return this.#codec.read(new ByteSource(this.#bytes, start, end), this.head.rows, values, bitmap);
  }
}
