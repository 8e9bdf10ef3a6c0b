/**
 * Every row from its reading to its acknowledgement: in memory first, on disk when the acknowledgement does not come. Rows on disk are always
 * older than rows in memory. Both places are bounded; the oldest goes, and is counted.
 */
import { join } from 'node:path';
import { type Cancel, type Clock, errorCode, errorMessage, type GroupRow, type Log, type Millis } from '@bellwether/shared';
import { type DroppedRange, type GroupColumns, type QueuedRow, rowBytes, sampleCount } from './row.ts';
import { Sequence } from './sequence.ts';
import { Spool, type SpoolFs } from './spool.ts';

export interface BacklogOptions {
  /** Holds meta.json and the segments. */
  readonly dir: string;
  readonly fs: SpoolFs;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxSpoolBytes: number;
  readonly maxMemoryBytes: number;
  /** Rows that wait this long for their acknowledgement go to disk. */
  readonly spoolAfterMs: Millis;
}

export interface BacklogStats {
  readonly queuedBatches: number;
  readonly queuedBytes: number;
  readonly spoolBytes: number;
  /** Since the agent started. */
  readonly droppedSamples: number;
  readonly spoolErrors: number;
}

interface Waiting {
  readonly row: QueuedRow;
  readonly sinceMonoMs: number;
  readonly bytes: number;
}

/** A spool that cannot be written is tried again this often. */
const RETRY_MS = 60_000;
/** Rows in one answer of `read` from memory. */
const READ_ROWS = 256;
const DROPPED_RANGES = 64;

export class Backlog {
  readonly #options: BacklogOptions;
  readonly #sequence: Sequence;
  readonly #spool: Spool | undefined;
  #waiting: Waiting[] = [];
  /** Rows that are being written to disk; older than `#waiting`, newer than the spool. */
  #flushing: Waiting[] = [];
  #flush: Promise<void> = Promise.resolve();
  #memoryBytes = 0;
  #ackedSeq: number;
  #dropped: DroppedRange[];
  #droppedSamples = 0;
  #spoolErrors = 0;
  #spoolOkAgainMonoMs = 0;
  #stopped = false;
  #cancelCheck: Cancel | undefined;

  private constructor(options: BacklogOptions, sequence: Sequence, spool: Spool | undefined, dropped: DroppedRange[]) {
    this.#options = options;
    this.#sequence = sequence;
    this.#spool = spool;
    this.#dropped = dropped;
    this.#droppedSamples = dropped.reduce((sum, range) => sum + range.samples, 0);
    this.#ackedSeq = (spool?.firstSeq ?? sequence.last + 1) - 1;
  }

  static async open(options: BacklogOptions): Promise<Backlog> {
    const { dir, fs, log } = options;
    let backlog: Backlog | undefined;
    const early: DroppedRange[] = [];
    const onDropped = (range: DroppedRange): void => {
      if (backlog === undefined) early.push(range);
      else backlog.#noteDropped(range);
    };
    let spool: Spool | undefined;
    try {
      spool = await Spool.open({ dir, fs, maxBytes: options.maxSpoolBytes, log, onDropped });
    } catch (error) {
      log.error({ dir, error: errorMessage(error) }, 'spool cannot be used; unsent data is kept in memory only');
    }
    const sequence = await Sequence.open({ path: join(dir, 'meta.json'), log, usedSeq: spool?.lastSeq ?? 0 });
    backlog = new Backlog(options, sequence, spool, early);
    if (spool === undefined) backlog.#spoolErrors++;
    return backlog;
  }

  get epoch(): string {
    return this.#sequence.epoch;
  }

  /** Oldest number that may still be sent; all below are acknowledged, dropped or were never used. */
  get firstSeq(): number {
    return Math.max(this.#ackedSeq + 1, this.#oldestSeq());
  }

  get lastSeq(): number {
    return this.#sequence.last;
  }

  get ackedSeq(): number {
    return this.#ackedSeq;
  }

  /** What was dropped and not yet passed by an acknowledgement, oldest first. */
  get dropped(): readonly DroppedRange[] {
    return this.#dropped;
  }

  stats(): BacklogStats {
    const spoolBytes = this.#spool?.bytes ?? 0;
    return {
      queuedBatches: this.#waiting.length + this.#flushing.length + (this.#spool?.rows ?? 0),
      queuedBytes: this.#memoryBytes + spoolBytes,
      spoolBytes,
      droppedSamples: this.#droppedSamples,
      spoolErrors: this.#spoolErrors,
    };
  }

  /** Takes a copy of `row` into the queue and gives it its number. */
  push(columns: GroupColumns, row: GroupRow): QueuedRow {
    const queued: QueuedRow = {
      seq: this.#sequence.next(),
      columns,
      timeMs: row.timeMs,
      presence: row.presence === null ? null : row.presence.slice(),
      values: row.values.slice(),
    };
    const bytes = rowBytes(queued);
    this.#waiting.push({ row: queued, sinceMonoMs: this.#options.clock.monotonic(), bytes });
    this.#memoryBytes += bytes;
    if (this.#memoryBytes > this.#options.maxMemoryBytes) this.#relieve();
    this.#armCheck();
    return queued;
  }

  /** Everything up to `seq` is on the collector's disk. */
  ackTo(seq: number): void {
    if (seq <= this.#ackedSeq) return;
    this.#ackedSeq = seq;
    this.#waiting = this.#without(this.#waiting, seq);
    if (this.#dropped.length > 0) this.#dropped = this.#dropped.filter((range) => range.toSeq > seq);
    if (this.#spool?.firstSeq !== undefined) void this.#releaseSpool();
  }

  /** The collector will never take `seq`: it counts as dropped. */
  reject(seq: number): void {
    const at = this.#waiting.findIndex((entry) => entry.row.seq === seq);
    if (at === -1) {
      // On disk, or on its way there: its size is not known here.
      this.#noteDropped({ fromSeq: seq, toSeq: seq, samples: 0 });
      return;
    }
    const [entry] = this.#waiting.splice(at, 1);
    this.#memoryBytes -= entry!.bytes;
    this.#noteDropped({ fromSeq: seq, toSeq: seq, samples: sampleCount(entry!.row) });
  }

  /**
   * The next rows at or above `fromSeq`, ascending, and the number through which this answer settles the sequence: numbers in between that have
   * no row will never have one. Undefined: there is none.
   */
  async read(fromSeq: number): Promise<{ rows: QueuedRow[]; throughSeq: number } | undefined> {
    // Rows may move from memory to disk while the disk is read: only when neither place has them are they nowhere.
    while ((this.#spool?.lastSeq ?? 0) >= fromSeq) {
      const spooled = await this.#spool!.read(fromSeq);
      if (spooled !== undefined) return spooled;
    }
    const rows = [...this.#flushing, ...this.#waiting]
      .filter((entry) => entry.row.seq >= fromSeq)
      .slice(0, READ_ROWS)
      .map((entry) => entry.row);
    return rows.length === 0 ? undefined : { rows, throughSeq: rows.at(-1)!.seq };
  }

  /** Samples known to have been dropped with numbers in `fromSeq..toSeq`. */
  droppedWithin(fromSeq: number, toSeq: number): number {
    return this.#dropped.reduce((sum, range) => (range.fromSeq >= fromSeq && range.toSeq <= toSeq ? sum + range.samples : sum), 0);
  }

  /** The collector knows numbers that this agent has not given out: its disk was set back in time. Everything kept is sent again in a new epoch. */
  async renewEpoch(): Promise<void> {
    await this.#sequence.renew();
    this.#ackedSeq = this.#oldestSeq() - 1;
  }

  /** Writes what is not acknowledged to disk and gives back unused numbers. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelCheck?.();
    await this.#flush;
    this.#startFlush();
    await this.#flush;
    await this.#spool?.close().catch((error: unknown) => this.#spoolFailed(error));
    const lost = this.#waiting.reduce((sum, entry) => sum + sampleCount(entry.row), 0);
    if (lost > 0) this.#options.log.error({ samples: lost }, 'unsent samples are lost: the spool cannot be written');
    await this.#sequence.stop();
  }

  #oldestSeq(): number {
    return this.#spool?.firstSeq ?? this.#flushing[0]?.row.seq ?? this.#waiting[0]?.row.seq ?? this.#sequence.last + 1;
  }

  /** Wakes up when the oldest row in memory will have waited too long; once in that time at most, and not while a flush is under way. */
  #armCheck(): void {
    const oldest = this.#waiting[0];
    if (oldest === undefined || this.#flushing.length > 0 || this.#cancelCheck !== undefined || this.#stopped || this.#spool === undefined)
      return;
    const { clock, spoolAfterMs } = this.#options;
    const dueMonoMs = Math.max(oldest.sinceMonoMs + spoolAfterMs, this.#spoolOkAgainMonoMs);
    this.#cancelCheck = clock.after(Math.max(0, dueMonoMs - clock.monotonic()), () => {
      this.#cancelCheck = undefined;
      this.#check();
      this.#armCheck();
    });
  }

  #check(): void {
    const now = this.#options.clock.monotonic();
    const oldest = this.#waiting[0];
    if (oldest !== undefined && now - oldest.sinceMonoMs >= this.#options.spoolAfterMs && now >= this.#spoolOkAgainMonoMs)
      this.#startFlush();
  }

  /** Memory is full: to disk if that works, else the oldest goes. */
  #relieve(): void {
    if (this.#options.clock.monotonic() >= this.#spoolOkAgainMonoMs) this.#startFlush();
    // While a flush is under way its rows still take memory: half the bound again is allowed for it.
    const bound = this.#options.maxMemoryBytes * (this.#flushing.length > 0 ? 1.5 : 1);
    let cut = 0;
    for (; this.#memoryBytes > bound && cut < this.#waiting.length; cut++) this.#memoryBytes -= this.#waiting[cut]!.bytes;
    for (const { row } of this.#waiting.splice(0, cut)) this.#noteDropped({ fromSeq: row.seq, toSeq: row.seq, samples: sampleCount(row) });
  }

  #startFlush(): void {
    if (this.#spool === undefined || this.#flushing.length > 0 || this.#waiting.length === 0) return;
    this.#flushing = this.#waiting;
    this.#waiting = [];
    this.#flush = this.#writeOut(this.#spool);
  }

  async #writeOut(spool: Spool): Promise<void> {
    try {
      await spool.append(this.#flushing.map((entry) => entry.row));
      if (this.#spoolOkAgainMonoMs > 0) this.#options.log.info({ dir: this.#options.dir }, 'spool can be written again');
      this.#spoolOkAgainMonoMs = 0;
      for (const entry of this.#flushing) this.#memoryBytes -= entry.bytes;
      this.#flushing = [];
      await this.#releaseSpool();
    } catch (error) {
      this.#waiting = this.#without([...this.#flushing, ...this.#waiting], this.#ackedSeq);
      this.#flushing = [];
      this.#spoolFailed(error);
    }
    this.#armCheck();
  }

  #spoolFailed(error: unknown): void {
    this.#spoolErrors++;
    const { log, dir, clock } = this.#options;
    if (this.#spoolOkAgainMonoMs === 0)
      log.error({ dir, code: errorCode(error), error: errorMessage(error) }, 'spool cannot be written; unsent data is kept in memory only');
    this.#spoolOkAgainMonoMs = clock.monotonic() + RETRY_MS;
  }

  async #releaseSpool(): Promise<void> {
    // The file being written may hold nothing but acknowledged rows: it goes too, and the next row begins another.
    if (this.#flushing.length === 0) await this.#spool?.releaseUpTo(this.#ackedSeq);
  }

  /** `entries` without those up to `seq`, whose memory is given back. */
  #without(entries: Waiting[], seq: number): Waiting[] {
    let cut = 0;
    while (cut < entries.length && entries[cut]!.row.seq <= seq) this.#memoryBytes -= entries[cut++]!.bytes;
    return cut === 0 ? entries : entries.slice(cut);
  }

  #noteDropped(range: DroppedRange): void {
    if (range.toSeq <= this.#ackedSeq) return;
    this.#droppedSamples += range.samples;
    const last = this.#dropped.at(-1);
    if (last !== undefined && last.toSeq + 1 >= range.fromSeq && last.fromSeq <= range.fromSeq)
      this.#dropped[this.#dropped.length - 1] = {
        fromSeq: last.fromSeq,
        toSeq: Math.max(last.toSeq, range.toSeq),
        samples: last.samples + range.samples,
      };
    else this.#dropped.push(range);
    // Beyond the bound the oldest is forgotten: its numbers are still declared, its samples still counted.
    if (this.#dropped.length > DROPPED_RANGES) this.#dropped.shift();
  }
}
