import type { GroupRow, Millis } from '@bellwether/shared';
import type { Producer, ProducerState, Producers } from '../producers.ts';
import { ByteSink, ByteSource, FormatError } from './bytes.ts';
import { DurableLog, logFileName, logFileNumbers } from './durable-log.ts';
import { beginRecord, endRecord, readRecords } from './records.ts';
import type { StoreFs } from './store-fs.ts';

const MAGIC = new TextEncoder().encode('BWWAL001');
/** magic, position of the first record u64, blocks numbered below this were on disk when the segment was begun u64. */
const HEADER_BYTES = 24;
const ROW = 1; // flags, group, time, [producer, seq], columns, [presence], values
const PRODUCER = 2; // id, name, epoch
const SKIP = 3; // producer, from, to
const CHECKPOINT = 4; // all producers, as JSON
const HAS_ORIGIN = 1;
const HAS_PRESENCE = 2;
const text = { encode: new TextEncoder(), decode: new TextDecoder() };

export interface WalRow extends GroupRow {
  readonly group: number;
}

/** What recovery does with the records it finds, in order. */
export interface WalReplay {
  /** `position` is that of the record, `end` of the one behind it. */
  row(row: WalRow, position: number, end: number): void;
  producers: Producers;
}

/** A segment left by an earlier run. */
interface OldSegment {
  readonly path: string;
  /** Infinity: not even the header is whole, so nothing in it was ever acknowledged. */
  readonly from: number;
  to: number;
  readonly bytes: number;
}

/** What earlier runs left. */
export interface OldSegments {
  readonly list: OldSegment[];
  readonly nextNumber: number;
  /** Blocks numbered below this were on disk: their bodies need no check. */
  readonly blocksBelow: number;
}

/** Reads the headers of the segments in `folder`. */
export async function findSegments(fs: StoreFs, folder: string): Promise<OldSegments> {
  const numbers = await logFileNumbers(fs, folder, 'wal');
  const list: OldSegment[] = [];
  let blocksBelow = 0;
  for (const number of numbers) {
    const path = `${folder}/${logFileName(number, 'wal')}`;
    const file = await fs.open(path);
    try {
      const head = await file.read(0, HEADER_BYTES);
      const isWhole = head.length === HEADER_BYTES && MAGIC.every((byte, i) => head[i] === byte);
      const source = new ByteSource(head, MAGIC.length);
      const from = isWhole ? source.u64() : Number.POSITIVE_INFINITY;
      if (isWhole) blocksBelow = source.u64();
      list.push({ path, from, to: from, bytes: await file.size() });
    } finally {
      await file.close();
    }
  }
  return { list, nextNumber: (numbers.at(-1) ?? 0) + 1, blocksBelow };
}

/**
 * Gives every whole record to `replay`, oldest first, and notes where each segment ends. Returns how many segments end in bytes that are no
 * record: a torn tail, or damage.
 */
export async function replaySegments(fs: StoreFs, { list }: OldSegments, replay: WalReplay): Promise<number> {
  const whole = list.filter(({ from }) => from < Number.POSITIVE_INFINITY);
  let torn = list.length - whole.length;
  for (const [i, segment] of whole.entries()) {
    const bytes = await fs.readFile(segment.path);
    const limit = whole[i + 1]?.from ?? Number.POSITIVE_INFINITY;
    const stop = readRecords(bytes, HEADER_BYTES, (body, offset) => {
      const position = segment.from + offset - HEADER_BYTES;
      if (position < limit) applyRecord(body, replay, position, position + body.end - offset);
    });
    segment.to = Math.min(limit, segment.from + stop - HEADER_BYTES);
    if (stop < bytes.length && segment.to < limit) torn++;
  }
  return torn;
}

export interface WalOptions {
  readonly fs: StoreFs;
  readonly folder: string;
  readonly old: OldSegments;
  /** Where the stream goes on; past everything an old segment or a block's watermark speaks of. */
  readonly startAt: number;
  readonly producers: Producers;
  /** Below which number all blocks are on disk, for the headers of segments to come. */
  readonly blocksBelow: () => number;
}

/**
 * The write-ahead log. Rows are addressed by their position in one endless stream; a block's watermark is such a position. A segment that was
 * begun after a failed write repeats what was not known to be on disk, so on recovery a later segment hides what an earlier one has past its start.
 */
export class Wal {
  readonly log: DurableLog;
  readonly #fs: StoreFs;
  readonly #old: OldSegment[];
  readonly #producers: Producers;
  /** Stream position of the last checkpoint, and whether it is on disk. */
  #checkpointAt = -1;
  #openedAt: Millis = 0;

  constructor({ fs, folder, old, startAt, producers, blocksBelow }: WalOptions) {
    this.#fs = fs;
    this.#old = [...old.list];
    this.#producers = producers;
    const header = (_number: number, position: number): Uint8Array => {
      const sink = new ByteSink(HEADER_BYTES);
      sink.raw(MAGIC);
      sink.u64(position);
      sink.u64(blocksBelow());
      return sink.bytes;
    };
    this.log = new DurableLog({ fs, folder, extension: 'wal', firstNumber: old.nextNumber, startAt, header });
  }

  /** Bytes of all segments on disk. */
  get bytes(): number {
    let sum = 0;
    for (const old of this.#old) sum += old.bytes;
    for (const file of this.log.files) sum += file.headerBytes + file.to - file.from;
    return sum;
  }

  /** Adds a row; returns its position. `columns` is the number of columns of the group. */
  row(group: number, columns: number, row: GroupRow, producer: Producer | undefined, seq: number): number {
    const position = this.log.position;
    const { sink } = this.log;
    const start = beginRecord(sink);
    sink.u8(ROW);
    sink.u8((producer === undefined ? 0 : HAS_ORIGIN) | (row.presence === null ? 0 : HAS_PRESENCE));
    sink.varint(group);
    sink.f64(row.timeMs);
    if (producer !== undefined) {
      sink.varint(producer.id);
      sink.varint(seq);
    }
    sink.varint(columns);
    if (row.presence !== null) sink.raw(row.presence.subarray(0, (columns + 7) >> 3));
    sink.raw(new Uint8Array(row.values.buffer, row.values.byteOffset, columns * 8));
    endRecord(sink, start);
    return position;
  }

  producer({ id, name, epoch }: Producer): void {
    const { sink } = this.log;
    const start = beginRecord(sink);
    sink.u8(PRODUCER);
    sink.varint(id);
    sink.text(name);
    sink.text(epoch);
    endRecord(sink, start);
  }

  skip(producer: Producer, fromSeq: number, toSeq: number): void {
    const { sink } = this.log;
    const start = beginRecord(sink);
    sink.u8(SKIP);
    sink.varint(producer.id);
    sink.varint(fromSeq);
    sink.varint(toSeq);
    endRecord(sink, start);
  }

  /** Fixes what the next `log.write` brings to disk; begins a new segment when the open one is large or old, or after a failure. */
  prepare(nowMs: Millis, limits: { segmentBytes: number; segmentMs: Millis }): void {
    if (!this.log.needsFile && (this.log.openBytes >= limits.segmentBytes || nowMs - this.#openedAt >= limits.segmentMs)) this.log.rotate();
    if (this.log.needsFile) {
      // Behind the rows, not before them: a checkpoint speaks for everything before it in the stream.
      this.#checkpoint();
      this.#openedAt = nowMs;
    }
    this.log.prepare();
  }

  #checkpoint(): void {
    this.#checkpointAt = this.log.position;
    const { sink } = this.log;
    const start = beginRecord(sink);
    sink.u8(CHECKPOINT);
    sink.raw(text.encode.encode(JSON.stringify(this.#producers.serialise())));
    endRecord(sink, start);
  }

  /** Removes the segments that lie wholly below `neededFrom`, once a checkpoint behind them is on disk. */
  async removeBelow(neededFrom: number): Promise<void> {
    if (this.#checkpointAt < 0 || this.log.durable <= this.#checkpointAt) return;
    const limit = Math.min(neededFrom, this.#checkpointAt);
    while (this.#old.length > 0 && (this.#old[0]!.to <= limit || this.#old[0]!.from === Number.POSITIVE_INFINITY)) {
      await this.#fs.remove(this.#old[0]!.path);
      this.#old.shift();
    }
    if (this.#old.length > 0) return;
    for (const file of this.log.files.slice(0, -1)) {
      if (file.to > limit) break;
      await this.log.remove(file);
    }
  }
}

function applyRecord(body: ByteSource, replay: WalReplay, position: number, end: number): void {
  const type = body.u8();
  if (type === ROW) applyRow(body, replay, position, end);
  else if (type === PRODUCER) {
    const id = body.varint();
    if (replay.producers.byId(id) === undefined) replay.producers.add(body.text(), body.text(), id);
  } else if (type === SKIP) {
    const producer = replay.producers.byId(body.varint());
    const fromSeq = body.varint();
    producer?.seen.skip(fromSeq, body.varint());
  } else if (type === CHECKPOINT) {
    const json = text.decode.decode(body.raw(body.end - body.at));
    replay.producers.restore(JSON.parse(json) as ProducerState[]);
  }
  // Types of later versions are passed over.
}

function applyRow(body: ByteSource, replay: WalReplay, position: number, end: number): void {
  const flags = body.u8();
  const group = body.varint();
  const timeMs = body.f64();
  // A producer declared in a segment that is gone: the checkpoint further on in this one knows what it sent.
  if (flags & HAS_ORIGIN) {
    const producer = replay.producers.byId(body.varint());
    const seq = body.varint();
    producer?.seen.add(seq);
  }
  const columns = body.varint();
  const presence = flags & HAS_PRESENCE ? body.raw((columns + 7) >> 3) : null;
  const values = new Float64Array(columns);
  new Uint8Array(values.buffer).set(body.raw(columns * 8)); // copied by hand: `slice` of a Buffer is no copy
  if (body.at !== body.end) throw new FormatError('a row is longer than its columns');
  replay.row({ group, timeMs, presence, values }, position, end);
}
