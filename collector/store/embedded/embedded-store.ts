import { join } from 'node:path';
import {
  AppError,
  type Cancel,
  type Clock,
  errorCode,
  errorMessage,
  type GroupRow,
  isPresent,
  type Labels,
  type Log,
  type Millis,
  type SeriesMeta,
  setStale,
  silentLog,
} from '@bellwether/shared';
import { type AdmissionLimits, DEFAULT_ADMISSION, refusal } from '../admission.ts';
import { type Producer, Producers } from '../producers.ts';
import type {
  AppendOutcome,
  GroupRef,
  Matcher,
  MetricMetadata,
  Progress,
  RowOrigin,
  SelectRequest,
  SeriesColumns,
  Store,
  StoreStats,
} from '../store.ts';
import { type BlockHead, BlockReader, BlockScratch, readBlockHead, writeBlock } from './block.ts';
import { ByteSink } from './bytes.ts';
import { Catalog } from './catalog.ts';
import { ColumnCodec } from './column-codec.ts';
import { prepareDirectory } from './directory.ts';
import { GroupHead } from './group-head.ts';
import { type BlockRef, PARTITION_MS, Partition, partitionStart, partitionStarts } from './partitions.ts';
import { Reader } from './reader.ts';
import { SampleBudget } from './series-builder.ts';
import { nodeFs, type StoreFs } from './store-fs.ts';
import { Slabs, Tile } from './tile.ts';
import { findSegments, replaySegments, Wal, type WalRow } from './wal.ts';

export interface EmbeddedStoreOptions extends Partial<AdmissionLimits> {
  /** The data directory; made when it is not there. Only one process may have it open. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log?: Log;
  readonly maxSeries?: number;
  /** Shortest time from one group commit to the next. The first one after a pause starts at once. */
  readonly commitDelayMs?: Millis;
  /** How long full tiles wait for others before they are written together. */
  readonly blockDelayMs?: Millis;
  readonly walSegmentBytes?: number;
  readonly walSegmentMs?: Millis;
  /** A tile whose oldest row has waited this long is flushed, so that WAL segments can go. */
  readonly tileAgeMs?: Millis;
  readonly fs?: StoreFs;
}

const DEFAULTS = {
  ...DEFAULT_ADMISSION,
  log: silentLog,
  maxSeries: 5_000_000,
  commitDelayMs: 200,
  blockDelayMs: 2_000,
  walSegmentBytes: 32 << 20,
  walSegmentMs: 120_000,
  tileAgeMs: 30 * 60_000,
};
const SWEEP_MS = 10_000;
const RETRY_MS = 1_000;
/** Encoded blocks that may wait for a disk that does not take them. */
const MAX_PENDING_BLOCK_BYTES = 256 << 20;
/** Bytes of the WAL that may wait for a disk that hangs. */
const MAX_PENDING_WAL_BYTES = 256 << 20;
/** Groups whose newest block is older than this before the start get no rows back into their tiles. */
const RESTORE_MS = 3_600_000;
const PRODUCER_MEMORY_MS = 90 * 86_400_000;

/** Opens the store in `dir`, replaying what was not yet in blocks. Throws AppError DATA_DIR_UNUSABLE. */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
  return EmbeddedStore.open(options);
}

/** What runs through one key's generations. */
interface KeyState {
  current: GroupHead;
  /** Series still live through an earlier generation, and where their newest sample is. */
  readonly carried: Map<number, { head: GroupHead; column: number }>;
  /** Those of them that the current generation lacks; marked stale with its next row. */
  dropped: number[];
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: AppError) => void;
}

/** The store of our own files. Appends and tiles are synchronous; everything on disk runs behind, through libuv. */
export class EmbeddedStore implements Store {
  readonly #options: typeof DEFAULTS & EmbeddedStoreOptions;
  readonly #fs: StoreFs;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #rawFolder: string;
  readonly #catalog: Catalog;
  readonly #reader: Reader;
  readonly #producers = new Producers();
  readonly #partitions = new Map<Millis, Partition>();
  readonly #heads: (GroupHead | undefined)[] = [];
  readonly #keys = new Map<string, KeyState>();
  readonly #slabs = new Slabs();
  readonly #codec = new ColumnCodec();
  readonly #scratch = new BlockScratch(new ByteSink());
  readonly #block = new ByteSink(1 << 16);
  readonly #counts = { samplesAppended: 0, rowsAppended: 0, rowsDuplicate: 0, rowsTooOld: 0, rowsTooNew: 0, commits: 0, samplesDropped: 0 };
  #wal!: Wal;
  #nextSequence = 1;

  #waiters: Waiter[] = [];
  readonly #dirty = new Set<Producer>();
  /** The WAL cannot be written. */
  #failure: AppError | undefined;
  /** Too many blocks wait for the disk. */
  #blockFailure: AppError | undefined;
  /** The last try to write blocks failed. */
  #blocksWait = false;
  #commitRound: Promise<void> | undefined;
  #commitTimer: Cancel | undefined;
  #lastCommitAt = Number.NEGATIVE_INFINITY;
  #blockRound: Promise<void> | undefined;
  #blockTimer: Cancel | undefined;
  #sweepTimer: Cancel | undefined;
  #isStopped = false;

  private constructor(options: EmbeddedStoreOptions, fs: StoreFs, catalog: Catalog) {
    this.#options = {
      ...DEFAULTS,
      ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    } as typeof DEFAULTS & EmbeddedStoreOptions;
    this.#fs = fs;
    this.#clock = options.clock;
    this.#log = this.#options.log;
    this.#rawFolder = join(options.dir, 'raw');
    this.#catalog = catalog;
    this.#reader = new Reader({
      catalog,
      head: (group) => this.#heads[group],
      partitions: () => this.#partitions.values(),
      log: this.#log,
    });
  }

  static async open(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    const fs = options.fs ?? nodeFs();
    await prepareDirectory(fs, options.dir);
    try {
      const store = new EmbeddedStore(options, fs, await Catalog.open(fs, join(options.dir, 'series')));
      await store.#recover();
      return store;
    } catch (cause) {
      if (errorCode(cause) === 'DATA_DIR_UNUSABLE') throw cause;
      throw new AppError('DATA_DIR_UNUSABLE', `the store in ${options.dir} cannot be opened: ${errorMessage(cause)}`, { cause });
    }
  }

  // ---------------------------------------------------------------- recovery

  async #recover(): Promise<void> {
    const startedAt = this.#clock.monotonic();
    for (const schema of this.#catalog.groups) this.#heads.push(new GroupHead(schema, this.#slabs));
    const folder = join(this.#options.dir, 'wal');
    const old = await findSegments(this.#fs, folder);
    await this.#loadPartitions(old.blocksBelow);
    let end = 0;
    for (const head of this.#heads) end = Math.max(end, head!.watermark);
    let rows = 0;
    const torn = await replaySegments(this.#fs, old, {
      producers: this.#producers,
      row: (row, position, rowEnd) => {
        if (this.#replayRow(row, position, rowEnd)) rows++;
      },
    });
    for (const { to } of old.list) if (to < Number.POSITIVE_INFINITY) end = Math.max(end, to);
    for (const producer of this.#producers) {
      producer.durableSeq = producer.seen.contiguous;
      // Its rows came after the last checkpoint, so lately.
      if (producer.touchedMs === 0) producer.touchedMs = this.#clock.now();
    }
    this.#wal = new Wal({ fs: this.#fs, folder, old, startAt: end, producers: this.#producers, blocksBelow: () => this.#blocksBelow() });
    await this.#restoreLatest();
    this.#restoreKeys();
    if (torn > 0) this.#log.warn({ segments: torn }, 'write-ahead log segments end in bytes that are no record; cut');
    this.#log.info(
      { replayedRows: rows, series: this.#catalog.index.size, partitions: this.#partitions.size, ms: this.#clock.monotonic() - startedAt },
      'store opened',
    );
    this.#sweepTimer = this.#clock.every(SWEEP_MS, () => this.#sweep());
  }

  async #loadPartitions(blocksBelow: number): Promise<void> {
    for (const tombstones of this.#catalog.tombstones.values())
      for (const { beforeSequence } of tombstones) this.#nextSequence = Math.max(this.#nextSequence, beforeSequence);
    for (const startMs of await partitionStarts(this.#fs, this.#rawFolder)) {
      const partition = new Partition(this.#fs, this.#rawFolder, startMs);
      this.#partitions.set(startMs, partition);
      await partition.load(blocksBelow, this.#log, (head) => {
        this.#nextSequence = Math.max(this.#nextSequence, head.sequence + 1);
        const group = this.#heads[head.group];
        if (group === undefined) return;
        group.watermark = Math.max(group.watermark, head.watermark);
        group.flushedToMs = Math.max(group.flushedToMs, head.lastMs);
        group.newestMs = Math.max(group.newestMs, head.lastMs);
      });
    }
  }

  /** Whether the row was not in a block yet. */
  #replayRow(row: WalRow, position: number, end: number): boolean {
    const head = this.#heads[row.group];
    if (head === undefined || row.values.length !== head.columns) {
      this.#counts.samplesDropped += row.values.length;
      return false;
    }
    if (position < head.watermark) return false;
    this.#put(head, row, position, end);
    return true;
  }

  /** Puts the rows of the newest block of each current group back into its tile: instant queries need them at once. */
  async #restoreLatest(): Promise<void> {
    const since = this.#clock.now() - RESTORE_MS;
    for (const head of this.#heads) {
      if (head!.flushedToMs < since || head!.isMainFlushed) continue;
      const refs: BlockRef[] = [];
      for (const partition of this.#partitions.values()) partition.find(head!.schema.id, head!.flushedToMs - 1, head!.flushedToMs, refs);
      const newest = refs.sort((a, b) => a.sequence - b.sequence).at(-1);
      const bytes = newest && (await newest.partition.read(newest.index));
      if (bytes !== undefined && refs.length === 1) this.#fillTile(head!, bytes);
    }
  }

  #fillTile(head: GroupHead, bytes: Uint8Array): void {
    let reader: BlockReader;
    try {
      reader = new BlockReader(bytes, this.#codec, this.#scratch);
    } catch {
      return; // A query that needs the block will say so.
    }
    const { rows, columns } = reader.head;
    const tile = new Tile(columns, this.#slabs);
    const empty = new Float64Array(columns);
    const absent = new Uint8Array((columns + 7) >> 3);
    for (let row = 0; row < rows; row++) tile.put(this.#scratch.times[row]!, absent, empty);
    for (let column = 0; column < columns; column++) {
      const count = reader.column(column);
      const { values, bitmap } = this.#scratch;
      let from = 0;
      for (let row = 0; row < rows && from < count; row++) {
        if (count === rows || isPresent(bitmap, row)) tile.fill(row, column, values, from++);
      }
    }
    head.restore(tile);
  }

  /** The generation of each key that wrote last is its current one; nothing is live through the others. */
  #restoreKeys(): void {
    for (const head of this.#heads) {
      const known = this.#keys.get(head!.schema.key);
      if (known === undefined) this.#keys.set(head!.schema.key, { current: head!, carried: new Map(), dropped: [] });
      else if (head!.newestReadingMs >= known.current.newestReadingMs) {
        known.current.retire();
        known.current = head!;
      } else head!.retire();
    }
  }

  // ---------------------------------------------------------------- writing

  openGroup(key: string, series: readonly SeriesMeta[]): GroupRef {
    const schema = this.#catalog.openGroup(key, series, this.#options.maxSeries);
    if (!this.#catalog.log.isClean) this.#requestCommit();
    this.#heads[schema.id] ??= new GroupHead(schema, this.#slabs);
    const head = this.#heads[schema.id]!;
    const state = this.#keys.get(key);
    if (state === undefined) this.#keys.set(key, { current: head, carried: new Map(), dropped: [] });
    else if (state.current !== head) supersede(state, head);
    return schema.id;
  }

  append(ref: GroupRef, row: GroupRow, origin?: RowOrigin): AppendOutcome {
    const head = this.#heads[ref];
    if (head === undefined) throw new TypeError(`no group ${ref}`);
    if (row.values.length < head.columns) throw new TypeError(`group ${ref} has ${head.columns} columns, the row ${row.values.length}`);
    this.#refuseWhenFailing();
    const producer = origin && this.#producer(origin.producer, origin.epoch);
    if (producer?.seen.has(origin!.seq)) {
      this.#counts.rowsDuplicate++;
      return 'duplicate';
    }
    const refused = refusal(row.timeMs, head.newestMs, this.#clock.now(), this.#options);
    if (refused === 'too-new') {
      this.#counts.rowsTooNew++;
      return refused;
    }
    // A row refused for its age never becomes welcome, so its number counts as settled.
    if (producer !== undefined && !this.#note(producer, origin!.seq)) return 'duplicate';
    if (refused === 'too-old') {
      if (producer !== undefined) this.#wal.skip(producer, origin!.seq, origin!.seq);
      this.#requestCommit();
      this.#counts.rowsTooOld++;
      return refused;
    }
    this.#write(head, row, producer, origin?.seq ?? 0);
    this.#counts.rowsAppended++;
    this.#counts.samplesAppended += row.presence === null ? head.columns : countPresent(row.presence, head.columns);
    const state = this.#keys.get(head.schema.key)!;
    if (state.carried.size > 0 && state.current === head) this.#takeOver(state, row);
    return 'stored';
  }

  #refuseWhenFailing(): void {
    if (this.#isStopped) throw new AppError('STORE_UNAVAILABLE', 'the store is closed');
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#blockFailure !== undefined) throw this.#blockFailure;
    if (this.#wal.log.position - this.#wal.log.durable > MAX_PENDING_WAL_BYTES)
      throw new AppError('STORE_UNAVAILABLE', `the disk of ${this.#options.dir} does not keep up; rows are refused until it has caught up`);
  }

  #producer(name: string, epoch: string): Producer {
    const known = this.#producers.get(name, epoch);
    if (known !== undefined) return known;
    const producer = this.#producers.add(name, epoch);
    producer.touchedMs = this.#clock.now();
    this.#wal.producer(producer);
    return producer;
  }

  #note(producer: Producer, seq: number): boolean {
    producer.touchedMs = this.#clock.now();
    this.#dirty.add(producer);
    return producer.seen.add(seq);
  }

  #write(head: GroupHead, row: GroupRow, producer: Producer | undefined, seq: number): void {
    const position = this.#wal.row(head.schema.id, head.columns, row, producer, seq);
    this.#put(head, row, position, this.#wal.log.position);
    this.#requestCommit();
  }

  #put(head: GroupHead, row: GroupRow, position: number, end: number): void {
    if (head.mustFlushBefore(row.timeMs)) this.#flush(head, position);
    head.put(row, position, this.#clock.now());
    if (head.isDue) this.#flush(head, end);
  }

  /** The first rows of a new generation: mark what it dropped, and what it has is no longer live through the old one. */
  #takeOver(state: KeyState, row: GroupRow): void {
    const { dropped } = state;
    state.dropped = [];
    this.#mark(state, dropped, row.timeMs);
    for (let column = 0; column < state.current.columns; column++) {
      if (isPresent(row.presence, column)) state.carried.delete(state.current.schema.series[column]!);
    }
  }

  /** Writes a staleness marker for each of these carried series, one row a group. */
  #mark(state: KeyState, series: Iterable<number>, timeMs: Millis): void {
    const rows = new Map<GroupHead, number[]>();
    for (const id of series) {
      const { head, column } = state.carried.get(id)!;
      state.carried.delete(id);
      const columns = rows.get(head);
      if (columns === undefined) rows.set(head, [column]);
      else columns.push(column);
    }
    for (const [head, columns] of rows) this.#writeMarkers(head, columns, timeMs);
  }

  #writeMarkers(head: GroupHead, columns: readonly number[], timeMs: Millis): void {
    const values = new Float64Array(head.columns);
    const presence = new Uint8Array((head.columns + 7) >> 3);
    for (const column of columns) {
      setStale(values, column);
      presence[column >> 3]! |= 1 << (column & 7);
    }
    // After everything the group holds: the newest sample must be the marker.
    this.#write(head, { timeMs: Math.max(timeMs, head.newestMs + 1), presence, values }, undefined, 0);
  }

  skip(producer: string, epoch: string, fromSeq: number, toSeq: number): void {
    const known = this.#producer(producer, epoch);
    known.touchedMs = this.#clock.now();
    known.seen.skip(fromSeq, toSeq);
    this.#dirty.add(known);
    this.#wal.skip(known, fromSeq, toSeq);
    this.#requestCommit();
  }

  markStale(keyPrefix: string, timeMs: Millis): void {
    this.#refuseWhenFailing();
    for (const [key, state] of this.#keys) {
      if (!key.startsWith(keyPrefix)) continue;
      this.#mark(state, [...state.carried.keys()], timeMs);
      state.dropped = [];
      const live = liveColumns(state.current);
      if (live.length > 0) this.#writeMarkers(state.current, live, timeMs);
    }
  }

  // ---------------------------------------------------------------- durability

  async commit(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#commitRound === undefined && this.#wal.log.isClean && this.#catalog.log.isClean) return;
    if (this.#isStopped) throw new AppError('STORE_UNAVAILABLE', 'the store is closed');
    await new Promise<void>((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#requestCommit();
    });
  }

  /** Starts a round now when none ran lately, else when the delay is over; a round that runs starts the next one itself. */
  #requestCommit(): void {
    if (this.#commitRound !== undefined || this.#commitTimer !== undefined || this.#isStopped) return;
    const waitMs = this.#lastCommitAt + this.#options.commitDelayMs - this.#clock.monotonic();
    if (waitMs <= 0) this.#startCommit();
    else this.#commitTimer = this.#clock.after(waitMs, () => this.#startCommit());
  }

  #startCommit(): void {
    this.#commitTimer = undefined;
    this.#lastCommitAt = this.#clock.monotonic();
    // What is appended in this same turn belongs to the round.
    this.#commitRound = Promise.resolve().then(() => this.#runCommit());
  }

  async #runCommit(): Promise<void> {
    const waiters = this.#waiters;
    this.#waiters = [];
    const progress = [...this.#dirty].map((producer) => ({ producer, contiguous: producer.seen.contiguous }));
    this.#dirty.clear();
    const { walSegmentBytes: segmentBytes, walSegmentMs: segmentMs } = this.#options;
    try {
      if (!this.#wal.log.isClean) this.#wal.prepare(this.#clock.now(), { segmentBytes, segmentMs });
      this.#catalog.log.prepare();
      // Rows name groups: those first.
      await this.#catalog.log.write();
      await this.#wal.log.write();
      for (const { producer, contiguous } of progress) producer.durableSeq = Math.max(producer.durableSeq, contiguous);
      if (this.#failure !== undefined) this.#log.info({}, 'store takes rows again');
      this.#failure = undefined;
      this.#counts.commits++;
      for (const { resolve } of waiters) resolve();
    } catch (cause) {
      for (const { producer } of progress) this.#dirty.add(producer);
      this.#fail(cause);
      for (const { reject } of waiters) reject(this.#failure!);
    }
    this.#commitRound = undefined;
    if (this.#failure !== undefined && !this.#isStopped) this.#commitTimer = this.#clock.after(RETRY_MS, () => this.#startCommit());
    else if (this.#waiters.length > 0 || !this.#wal.log.isClean || !this.#catalog.log.isClean) this.#requestCommit();
  }

  #fail(cause: unknown): void {
    const failure = this.#failureOf(cause);
    if (this.#failure === undefined) this.#log.error({ error: failure.message }, 'write-ahead log not written');
    this.#failure = failure;
    for (const { reject } of this.#waiters.splice(0)) reject(failure);
  }

  #failureOf(cause: unknown): AppError {
    const { dir } = this.#options;
    if (errorCode(cause) === 'ENOSPC' || errorCode(cause) === 'EDQUOT') {
      const message = `the disk of ${dir} is full; rows are refused until there is room (shorten the retention or add space)`;
      return new AppError('STORE_FULL', message, { cause });
    }
    return new AppError('STORE_UNAVAILABLE', `writing to ${dir} failed (${errorMessage(cause)}); rows are refused until it works again`, {
      cause,
    });
  }

  progress(producer: string, epoch: string): Progress | undefined {
    return this.#producers.progress(producer, epoch);
  }

  // ---------------------------------------------------------------- blocks

  /** Turns the tiles of a group into blocks; all its rows before `watermark` are in them then. */
  #flush(head: GroupHead, watermark: number): void {
    const from = head.unflushedFrom;
    head.flush(watermark, (tile, mark) => {
      const sink = this.#block;
      sink.length = 0;
      writeBlock(sink, tile, { group: head.schema.id, sequence: this.#nextSequence++, watermark: mark }, this.#codec, this.#scratch);
      const bytes = sink.take();
      this.#partition(tile.firstMs).append(readBlockHead(bytes, 0) as BlockHead, bytes, from);
    });
    if (!this.#isStopped) this.#requestBlocks(this.#options.blockDelayMs);
  }

  #partition(timeMs: Millis): Partition {
    const startMs = partitionStart(timeMs);
    let partition = this.#partitions.get(startMs);
    if (partition === undefined) {
      partition = new Partition(this.#fs, this.#rawFolder, startMs);
      this.#partitions.set(startMs, partition);
    }
    return partition;
  }

  #requestBlocks(delayMs: Millis): void {
    this.#blockTimer ??= this.#clock.after(delayMs, () => {
      this.#blockTimer = undefined;
      void this.#writeBlocks();
    });
  }

  /** Brings all encoded blocks to disk, then lets go of the WAL they came from. False when that failed; it is tried again. */
  async #writeBlocks(): Promise<boolean> {
    while (this.#blockRound !== undefined) await this.#blockRound;
    let worked = false;
    const round = this.#runBlocks().then((done) => {
      worked = done;
    });
    this.#blockRound = round;
    await round;
    this.#blockRound = undefined;
    return worked;
  }

  async #runBlocks(): Promise<boolean> {
    try {
      const partitions = [...this.#partitions.values()].sort((a, b) => a.startMs - b.startMs);
      for (const partition of partitions) partition.prepare();
      // Blocks name groups, and a watermark must not be ahead of the log.
      await this.commit();
      // In this order a late block is on disk before the main block whose watermark speaks for both.
      for (const partition of partitions) await partition.write(this.#rawFolder);
      this.#blockFailure = undefined;
      this.#blocksWait = false;
      await this.#wal.removeBelow(this.#neededFrom());
      return true;
    } catch (cause) {
      // Said once, and not at all when the same disk has just been reported for the log.
      if (!this.#blocksWait && this.#failure === undefined)
        this.#log.warn({ error: errorMessage(cause) }, 'blocks not written; trying again');
      this.#blocksWait = true;
      if (this.#pendingBlockBytes() > MAX_PENDING_BLOCK_BYTES) this.#blockFailure = this.#failureOf(cause);
      if (!this.#isStopped) this.#requestBlocks(RETRY_MS);
      return false;
    }
  }

  #pendingBlockBytes(): number {
    let sum = 0;
    for (const partition of this.#partitions.values()) sum += partition.pendingBytes;
    return sum;
  }

  /** Blocks with lower numbers are on disk. */
  #blocksBelow(): number {
    let below = this.#nextSequence;
    for (const partition of this.#partitions.values()) below = Math.min(below, partition.pendingSequence);
    return below;
  }

  /** The WAL before this position holds nothing that is not in blocks on disk. */
  #neededFrom(): number {
    let from = this.#wal.log.durable;
    for (const head of this.#heads) from = Math.min(from, head?.unflushedFrom ?? from);
    for (const partition of this.#partitions.values()) from = Math.min(from, partition.pendingFrom);
    return from;
  }

  /** Flushes every tile and brings everything to disk. */
  async flush(): Promise<void> {
    for (const head of this.#heads) if (head?.hasUnflushed) this.#flush(head, this.#wal.log.position);
    if (!(await this.#writeBlocks()))
      throw this.#failure ?? new AppError('STORE_UNAVAILABLE', `blocks cannot be written to ${this.#rawFolder} now`);
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const head of this.#heads) {
      if (head?.hasUnflushed && now - head.unflushedSinceMs >= this.#options.tileAgeMs) this.#flush(head, this.#wal.log.position);
      else if (head?.isMainFlushed && now - head.newestMs >= this.#options.tileAgeMs) head.dropKept();
    }
    for (const [startMs, partition] of this.#partitions) {
      // Only when no row that would still be taken belongs there.
      const goneMs = now - this.#options.retentionMs;
      if (partition.lastMs >= goneMs || startMs + PARTITION_MS > goneMs || partition.pendingBytes > 0) continue;
      this.#partitions.delete(startMs);
      this.#log.info({ folder: partition.folder, bytes: partition.diskBytes }, 'partition beyond the retention removed');
      void partition.remove(this.#log);
    }
    this.#producers.prune(now - PRODUCER_MEMORY_MS);
    this.#requestBlocks(0);
  }

  // ---------------------------------------------------------------- reading

  select(request: SelectRequest): Promise<SeriesColumns[]> {
    return this.#reader.select({ ...request, fromMs: Math.max(request.fromMs, this.#clock.now() - this.#options.retentionMs - 1) });
  }

  async series(matchers: readonly Matcher[], fromMs: Millis, toMs: Millis): Promise<Labels[]> {
    return Array.from(this.#reader.candidates(matchers, fromMs, toMs), (series) => this.#catalog.index.labels(series));
  }

  async labelNames(matchers: readonly Matcher[], fromMs: Millis, toMs: Millis): Promise<string[]> {
    const { index } = this.#catalog;
    const names = new Set<number>();
    for (const series of this.#reader.candidates(matchers, fromMs, toMs)) {
      const pairs = index.pairs(series);
      for (let i = 0; i < pairs.length; i += 2) names.add(pairs[i]!);
    }
    return [...names].map((symbol) => index.symbol(symbol)).sort();
  }

  async labelValues(name: string, matchers: readonly Matcher[], fromMs: Millis, toMs: Millis): Promise<string[]> {
    const { index } = this.#catalog;
    const symbol = index.findSymbol(name);
    if (symbol === undefined) return [];
    const values = new Set<number>();
    for (const series of this.#reader.candidates(matchers, fromMs, toMs)) values.add(index.valueSymbol(series, symbol));
    values.delete(-1);
    return [...values].map((value) => index.symbol(value)).sort();
  }

  metadata(): ReadonlyMap<string, MetricMetadata> {
    return this.#catalog.metadata;
  }

  async deleteSeries(matchers: readonly Matcher[], fromMs: Millis, toMs: Millis): Promise<number> {
    this.#refuseWhenFailing();
    const matched = this.#catalog.index.match(matchers);
    const loading = this.#reader.load(matched, { fromMs, toMs }, new SampleBudget());
    // The samples to delete go into blocks, on disk before the deletion is: what is replayed or comes later gets higher numbers and stays.
    for (const series of matched) {
      this.#catalog.groupsOf(series, (group) => {
        const head = this.#heads[group];
        if (head?.hasUnflushed) this.#flush(head, this.#wal.log.position);
        head?.dropKept();
      });
    }
    const beforeSequence = this.#nextSequence;
    const builders = (await loading).filter((builder) => builder.finish([]) !== undefined);
    if (!(await this.#writeBlocks()))
      throw this.#failure ?? new AppError('STORE_UNAVAILABLE', `blocks cannot be written to ${this.#rawFolder} now`);
    for (const { series } of builders) this.#catalog.addTombstone(series, { fromMs, toMs, beforeSequence });
    this.#requestCommit();
    await this.commit();
    return builders.length;
  }

  stats(): StoreStats {
    let blockBytes = 0;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const partition of this.#partitions.values()) {
      blockBytes += partition.diskBytes + partition.pendingBytes;
      oldestMs = Math.min(oldestMs, partition.firstMs);
    }
    for (const head of this.#heads) {
      for (const tile of [head?.main, head?.late]) if (tile !== undefined && tile.rows > 0) oldestMs = Math.min(oldestMs, tile.firstMs);
    }
    return {
      ...this.#counts,
      series: this.#catalog.index.size,
      openGroups: this.#keys.size,
      walBytes: this.#wal.bytes,
      blockBytes,
      oldestMs: oldestMs < Number.POSITIVE_INFINITY ? oldestMs : null,
    };
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#sweepTimer?.();
    this.#blockTimer?.();
    this.#commitTimer?.();
    this.#commitTimer = undefined;
    while (this.#blockRound !== undefined) await this.#blockRound;
    while (this.#commitRound !== undefined) await this.#commitRound;
    this.#isStopped = true;
    if (!this.#wal.log.isClean || !this.#catalog.log.isClean) await this.#runCommit();
    if (this.#failure !== undefined) this.#log.error({ error: this.#failure.message }, 'store closed with rows that are not on disk');
    else if (this.#pendingBlockBytes() > 0) await this.#writeBlocks();
    await this.#wal.log.close();
    await this.#catalog.log.close();
    for (const partition of this.#partitions.values()) await partition.close();
  }
}

/** Makes `next` the current generation; what is live through the old one is carried until `next` writes it. */
function supersede(state: KeyState, next: GroupHead): void {
  const old = state.current;
  for (const column of liveColumns(old)) state.carried.set(old.schema.series[column]!, { head: old, column });
  old.retire();
  next.retire();
  state.current = next;
  const kept = new Set(next.schema.series);
  state.dropped = [...state.carried.keys()].filter((series) => !kept.has(series));
}

function liveColumns(head: GroupHead): number[] {
  const live: number[] = [];
  for (let column = 0; column < head.columns; column++) if (head.isLive(column)) live.push(column);
  return live;
}

function countPresent(presence: Uint8Array, columns: number): number {
  let count = 0;
  for (let i = 0; i < columns; i++) if (isPresent(presence, i)) count++;
  return count;
}
