/** The rows that wait on disk: a ring of segment files. When it is full the oldest segment goes, and whoever listens is told what it held. */
import { join } from 'node:path';
import { errorCode, errorMessage, type Log } from '@bellwether/shared';
import { type DroppedRange, type QueuedRow, sampleCount } from './row.ts';
import { type RecordHead, SegmentDecoder, SegmentEncoder, scanSegment } from './segment.ts';

/** The part of node:fs/promises that the spool uses; tests put a failing disk behind it. */
export interface SpoolFs {
  mkdir(path: string, options: { recursive: true; mode: number }): Promise<unknown>;
  readdir(path: string): Promise<string[]>;
  readFile(path: string): Promise<Buffer>;
  unlink(path: string): Promise<void>;
  open(path: string, flags: string, mode: number): Promise<SpoolFile>;
}

export interface SpoolFile {
  write(bytes: Uint8Array): Promise<{ bytesWritten: number }>;
  truncate(length: number): Promise<void>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

export interface SpoolOptions {
  readonly dir: string;
  readonly fs: SpoolFs;
  readonly maxBytes: number;
  readonly log: Log;
  /** Rows that were on disk and can never be sent: the ring was full, or the file is damaged. */
  onDropped(range: DroppedRange, reason: 'full' | 'damaged'): void;
}

interface Segment {
  readonly path: string;
  firstSeq: number;
  lastSeq: number;
  bytes: number;
  samples: number;
  rows: number;
}

export interface SpoolAnswer {
  readonly rows: QueuedRow[];
  readonly throughSeq: number;
}

interface Writing {
  readonly segment: Segment;
  readonly file: SpoolFile;
  readonly encoder: SegmentEncoder;
}

/** Where the reader is: one segment in memory while a backlog is drained, nothing otherwise. */
interface Cursor {
  readonly segment: Segment;
  readonly decoder: SegmentDecoder;
  bytes: Buffer;
  records: readonly RecordHead[];
  next: number;
}

const SEGMENT_BYTES = 1024 * 1024;
const SEGMENT_NAME = /^\d{16}\.seg$/;

export class Spool {
  readonly #options: SpoolOptions;
  readonly #segments: Segment[] = [];
  readonly #segmentBytes: number;
  #writing: Writing | undefined;
  #cursor: Cursor | undefined;
  #reading: Promise<unknown> = Promise.resolve();

  private constructor(options: SpoolOptions) {
    this.#options = options;
    this.#segmentBytes = Math.max(16 * 1024, Math.min(SEGMENT_BYTES, Math.floor(options.maxBytes / 8)));
  }

  /** Opens the ring in `dir`, made if missing. Throws the file system's error when the folder cannot be used at all. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options);
    await options.fs.mkdir(options.dir, { recursive: true, mode: 0o700 });
    for (const name of (await options.fs.readdir(options.dir)).sort()) {
      if (SEGMENT_NAME.test(name)) await spool.#adopt(join(options.dir, name));
    }
    await spool.#enforceBound();
    return spool;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Rows on disk; an estimate for segments of an earlier run. */
  get rows(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.rows, 0);
  }

  get firstSeq(): number | undefined {
    return this.#segments[0]?.firstSeq;
  }

  get lastSeq(): number | undefined {
    return this.#segments.at(-1)?.lastSeq;
  }

  /** Makes `rows` (ascending, above everything in the ring) durable. When it throws, none of them counts as kept. */
  async append(rows: readonly QueuedRow[]): Promise<void> {
    const added: { segment: Segment; firstSeq: number; lastSeq: number; bytes: number; samples: number; rows: number }[] = [];
    try {
      for (let at = 0; at < rows.length; ) {
        const { segment, file, encoder } = this.#writing ?? (await this.#begin(rows[at]!.seq));
        const { record, taken, samples, unfit } = encoder.encode(rows.slice(at));
        const { bytesWritten } = await file.write(record);
        if (bytesWritten !== record.byteLength)
          throw Object.assign(new Error(`wrote ${bytesWritten} of ${record.byteLength} bytes`), { code: 'ENOSPC' });
        added.push({
          segment,
          firstSeq: rows[at]!.seq,
          lastSeq: rows[at + taken - 1]!.seq,
          bytes: record.byteLength,
          samples,
          rows: taken,
        });
        for (const row of unfit) this.#options.onDropped({ fromSeq: row.seq, toSeq: row.seq, samples: sampleCount(row) }, 'damaged');
        at += taken;
        // What was written before a roll is synced by it; a failure afterwards makes the caller keep rows that are also here, which harms nothing.
        if (
          segment.bytes + added.filter((entry) => entry.segment === segment).reduce((sum, entry) => sum + entry.bytes, 0) >=
          this.#segmentBytes
        )
          await this.#roll();
      }
      await this.#writing?.file.datasync();
    } catch (error) {
      await this.#abandon();
      throw error;
    }
    for (const entry of added) {
      const { segment } = entry;
      if (segment.rows === 0) {
        segment.firstSeq = entry.firstSeq;
        this.#segments.push(segment);
      }
      segment.lastSeq = entry.lastSeq;
      segment.bytes += entry.bytes;
      segment.samples += entry.samples;
      segment.rows += entry.rows;
    }
    await this.#enforceBound();
  }

  /**
   * The next record with a row at or above `fromSeq`: its rows from there on, and the last sequence number that this answer settles. No rows:
   * the record was damaged. Undefined: nothing at or above `fromSeq` is on disk.
   */
  read(fromSeq: number): Promise<SpoolAnswer | undefined> {
    // One at a time: the readers of an old and a new connection would move one cursor under each other's feet.
    const answer = this.#reading.then(() => this.#read(fromSeq));
    this.#reading = answer.catch(() => {});
    return answer;
  }

  async #read(fromSeq: number): Promise<SpoolAnswer | undefined> {
    const segment = this.#segments.find((candidate) => candidate.lastSeq >= fromSeq);
    if (segment === undefined) {
      this.#cursor = undefined;
      return undefined;
    }
    try {
      const cursor = await this.#cursorAt(segment, fromSeq);
      for (; cursor.next < cursor.records.length; cursor.next++) {
        const head = cursor.records[cursor.next]!;
        // Records before `fromSeq` are decoded too: later ones in the block refer to them.
        const rows = cursor.decoder.decode(cursor.bytes, head);
        if (head.lastSeq < fromSeq) continue;
        cursor.next++;
        if (rows === undefined) this.#options.onDropped({ fromSeq: head.firstSeq, toSeq: head.lastSeq, samples: head.samples }, 'damaged');
        return { rows: (rows ?? []).filter((row) => row.seq >= fromSeq), throughSeq: head.lastSeq };
      }
      return { rows: [], throughSeq: segment.lastSeq };
    } catch (error) {
      if (!this.#segments.includes(segment)) return { rows: [], throughSeq: fromSeq - 1 };
      this.#options.log.error({ file: segment.path, error: errorMessage(error) }, 'spool segment cannot be read; its rows are lost');
      await this.#drop(segment, 'damaged');
      return { rows: [], throughSeq: segment.lastSeq };
    }
  }

  /** Deletes the segments that hold nothing above `seq`. */
  async releaseUpTo(seq: number): Promise<void> {
    for (let oldest = this.#segments[0]; oldest !== undefined && oldest.lastSeq <= seq; oldest = this.#segments[0]) {
      this.#segments.shift();
      await this.#forget(oldest);
    }
  }

  async close(): Promise<void> {
    if (this.#writing !== undefined) await this.#roll();
    this.#cursor = undefined;
  }

  async #adopt(path: string): Promise<void> {
    const { fs, log } = this.#options;
    const { records, damagedBytes, goodEnd } = await fs.readFile(path).then(scanSegment);
    if (damagedBytes > 0)
      log.warn({ file: path, damagedBytes, goodEnd }, 'spool segment is damaged or was cut short; the rest of it is used');
    const first = records[0];
    if (first === undefined) {
      await fs.unlink(path);
      return;
    }
    this.#segments.push({
      path,
      firstSeq: first.firstSeq,
      lastSeq: records.reduce((last, record) => Math.max(last, record.lastSeq), 0),
      bytes: goodEnd,
      samples: records.reduce((sum, record) => sum + record.samples, 0),
      rows: records.reduce((sum, record) => sum + record.lastSeq - record.firstSeq + 1, 0),
    });
  }

  async #cursorAt(segment: Segment, fromSeq: number): Promise<Cursor> {
    const cursor = this.#cursor;
    if (cursor?.segment === segment && cursor.next > 0 && cursor.records[cursor.next - 1]!.lastSeq < fromSeq) {
      if (cursor.records.at(-1)!.lastSeq < fromSeq) {
        // The segment has grown since it was read, whether all of that was asked for or not.
        cursor.bytes = await this.#options.fs.readFile(segment.path);
        cursor.records = scanSegment(cursor.bytes).records;
      }
      return cursor;
    }
    const bytes = await this.#options.fs.readFile(segment.path);
    const { records } = scanSegment(bytes);
    const wanted = records.findIndex((record) => record.lastSeq >= fromSeq);
    let next = wanted === -1 ? records.length : wanted;
    while (next > 0 && records[next]?.restart !== true) next--;
    this.#cursor = { segment, decoder: new SegmentDecoder(), bytes, records, next };
    return this.#cursor;
  }

  async #begin(firstSeq: number): Promise<Writing> {
    const { dir, fs } = this.#options;
    const path = join(dir, `${String(firstSeq).padStart(16, '0')}.seg`);
    // 'w': what a failed attempt left under this name holds none of the rows that count.
    const file = await fs.open(path, 'w', 0o600);
    const segment: Segment = { path, firstSeq, lastSeq: firstSeq - 1, bytes: 0, samples: 0, rows: 0 };
    this.#writing = { segment, file, encoder: new SegmentEncoder() };
    return this.#writing;
  }

  async #roll(): Promise<void> {
    const { file } = this.#writing!;
    await file.datasync();
    this.#writing = undefined;
    await file.close();
  }

  /** After a failed write: what was good before stays, the next attempt begins a new segment. */
  async #abandon(): Promise<void> {
    const writing = this.#writing;
    this.#writing = undefined;
    if (writing === undefined) return;
    try {
      await writing.file.truncate(writing.segment.bytes);
    } catch {
      // The torn end is recognised by its checksum.
    }
    await writing.file.close().catch(() => {});
    if (writing.segment.rows === 0) await this.#options.fs.unlink(writing.segment.path).catch(() => {});
  }

  async #enforceBound(): Promise<void> {
    while (this.bytes > this.#options.maxBytes && this.#segments.length > 1) await this.#drop(this.#segments[0]!, 'full');
  }

  async #drop(segment: Segment, reason: 'full' | 'damaged'): Promise<void> {
    const at = this.#segments.indexOf(segment);
    if (at === -1) return;
    this.#segments.splice(at, 1);
    this.#options.onDropped({ fromSeq: segment.firstSeq, toSeq: segment.lastSeq, samples: segment.samples }, reason);
    await this.#forget(segment);
  }

  async #forget(segment: Segment): Promise<void> {
    if (this.#cursor?.segment === segment) this.#cursor = undefined;
    if (this.#writing?.segment === segment) {
      const { file } = this.#writing;
      this.#writing = undefined;
      await file.close().catch(() => {});
    }
    await this.#options.fs.unlink(segment.path).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOENT')
        this.#options.log.warn({ file: segment.path, error: errorMessage(error) }, 'spool segment cannot be deleted');
    });
  }
}
