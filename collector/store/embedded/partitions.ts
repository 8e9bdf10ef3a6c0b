import { join } from 'node:path';
import { errorMessage, type Log, type Millis } from '@bellwether/shared';
import { BLOCK_HEAD_BYTES, type BlockHead, isBlockSound, readBlockHead } from './block.ts';
import { DurableLog, logFileName, logFileNumbers } from './durable-log.ts';
import type { StoreFile, StoreFs } from './store-fs.ts';

export const PARTITION_MS = 6 * 3_600_000;
const EXTENSION = 'l0';
const MAGIC = new TextEncoder().encode('BWL00001');
/** Heads are read in pieces of this size when a file is opened. */
const SCAN_BYTES = 1 << 20;

const FIELDS = 7;
const FIRST = 0;
const LAST = 1;
const FILE = 2;
const OFFSET = 3;
const LENGTH = 4;
const ROWS = 5;
const SEQUENCE = 6;

/** Where one block lies; `bytes` while it is not known to be on disk. */
export interface BlockRef {
  readonly partition: Partition;
  readonly index: number;
  readonly firstMs: Millis;
  readonly lastMs: Millis;
  readonly rows: number;
  readonly sequence: number;
}

interface Pending {
  readonly index: number;
  /** WAL position of the oldest row in it. */
  readonly from: number;
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** The blocks that begin in one 6-hour span (a block may run over its end), in append-only files of one folder. */
export class Partition {
  readonly startMs: Millis;
  readonly folder: string;
  firstMs = Number.POSITIVE_INFINITY;
  lastMs = Number.NEGATIVE_INFINITY;
  diskBytes = 0;
  readonly #fs: StoreFs;
  /** FIELDS numbers a block. */
  #table = new Float64Array(FIELDS * 16);
  #count = 0;
  readonly #ofGroup = new Map<number, number[]>();
  readonly #files: StoreFile[] = [];
  #log: DurableLog | undefined;
  #nextFile = 1;
  readonly #pending = new Map<number, Pending>();
  #preparedTo = 0;
  #isRemoved = false;

  constructor(fs: StoreFs, root: string, startMs: Millis) {
    this.#fs = fs;
    this.startMs = startMs;
    this.folder = join(root, new Date(startMs).toISOString().replace(/[-:]|\.000/g, ''));
  }

  get pendingBytes(): number {
    let sum = 0;
    for (const { bytes } of this.#pending.values()) sum += bytes.length;
    return sum;
  }

  /** The lowest sequence number that is not known to be on disk. */
  get pendingSequence(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const index of this.#pending.keys()) lowest = Math.min(lowest, this.#table[index * FIELDS + SEQUENCE]!);
    return lowest;
  }

  /** Reads the heads of what earlier runs left; what follows the last sound block of a file is cut off. */
  async load(blocksBelow: number, log: Log, seen: (head: BlockHead) => void): Promise<void> {
    for (const number of await logFileNumbers(this.#fs, this.folder, EXTENSION)) {
      this.#nextFile = number + 1;
      const path = join(this.folder, logFileName(number, EXTENSION));
      const file = await this.#fs.open(path);
      const size = await file.size();
      this.#files.push(file);
      const end = await this.#scan(file, size, blocksBelow, seen);
      this.diskBytes += end;
      if (end === size) continue;
      log.warn({ path, keptBytes: end, cutBytes: size - end }, 'block file ends in bytes that are no block; cut');
      await this.#fs.truncate(path, end);
    }
  }

  async #scan(file: StoreFile, size: number, blocksBelow: number, seen: (head: BlockHead) => void): Promise<number> {
    let window = await file.read(0, Math.min(size, SCAN_BYTES));
    if (MAGIC.some((byte, i) => window[i] !== byte)) return 0;
    let windowAt = 0;
    let offset = MAGIC.length;
    while (offset + BLOCK_HEAD_BYTES <= size) {
      if (offset < windowAt || offset + BLOCK_HEAD_BYTES > windowAt + window.length) {
        windowAt = offset;
        window = await file.read(offset, Math.min(size - offset, SCAN_BYTES));
      }
      const head = readBlockHead(window, offset - windowAt);
      if (head === undefined || offset + head.length > size) break;
      if (head.sequence >= blocksBelow) {
        const bytes = await file.read(offset, head.length);
        if (bytes.length < head.length || !isBlockSound(bytes)) break;
      }
      this.#add(head, this.#files.length - 1, offset);
      seen(head);
      offset += head.length;
    }
    return offset;
  }

  #add(head: BlockHead, file: number, offset: number): number {
    const index = this.#count++;
    if (this.#table.length < this.#count * FIELDS) {
      const grown = new Float64Array(this.#table.length * 2);
      grown.set(this.#table);
      this.#table = grown;
    }
    this.#table.set([head.firstMs, head.lastMs, file, offset, head.length, head.rows, head.sequence], index * FIELDS);
    const list = this.#ofGroup.get(head.group);
    if (list === undefined) this.#ofGroup.set(head.group, [index]);
    else list.push(index);
    this.firstMs = Math.min(this.firstMs, head.firstMs);
    this.lastMs = Math.max(this.lastMs, head.lastMs);
    return index;
  }

  /** WAL position of the oldest row that is in a block but not known to be on disk there. */
  get pendingFrom(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const { from } of this.#pending.values()) lowest = Math.min(lowest, from);
    return lowest;
  }

  /** Adds an encoded block whose oldest row is at `from` in the WAL; it is readable at once and on disk after `prepare` and `write`. */
  append(head: BlockHead, bytes: Uint8Array, from: number): void {
    this.#log ??= new DurableLog({
      fs: this.#fs,
      folder: this.folder,
      extension: EXTENSION,
      firstNumber: this.#nextFile,
      header: () => MAGIC,
    });
    const at = this.#log.position;
    this.#log.sink.raw(bytes);
    const index = this.#add(head, -1, 0);
    this.#pending.set(index, { index, from, at, bytes });
  }

  /** Fixes what the next `write` writes: the blocks added so far. */
  prepare(): void {
    this.#log?.prepare();
    this.#preparedTo = this.#log?.position ?? 0;
  }

  /** Brings the prepared blocks to disk. Rejects with the system error; they stay readable and another try may be made. */
  async write(root: string): Promise<void> {
    const log = this.#log;
    if (log === undefined || log.durable >= this.#preparedTo || this.#isRemoved) return;
    const end = this.#preparedTo;
    const hadFiles = log.files.length;
    if (hadFiles === 0) {
      await this.#fs.makeFolder(this.folder);
      await this.#fs.syncFolder(root);
    }
    await log.write();
    if (this.#isRemoved) return;
    const target = log.files.at(-1)!;
    if (log.files.length > hadFiles) {
      this.#files.push(target.file);
      this.diskBytes += target.headerBytes;
    }
    for (const { index, at, bytes } of [...this.#pending.values()]) {
      if (at >= end) continue;
      this.#table[index * FIELDS + FILE] = this.#files.indexOf(target.file);
      this.#table[index * FIELDS + OFFSET] = target.headerBytes + at - target.from;
      this.diskBytes += bytes.length;
      this.#pending.delete(index);
    }
  }

  /** Blocks of a group that may have samples in (fromMs, toMs]. */
  find(group: number, fromMs: Millis, toMs: Millis, into: BlockRef[]): void {
    const list = this.#ofGroup.get(group);
    if (list === undefined || this.lastMs <= fromMs || this.firstMs > toMs) return;
    for (const index of list) {
      const firstMs = this.#table[index * FIELDS + FIRST]!;
      const lastMs = this.#table[index * FIELDS + LAST]!;
      if (lastMs <= fromMs || firstMs > toMs) continue;
      const rows = this.#table[index * FIELDS + ROWS]!;
      into.push({ partition: this, index, firstMs, lastMs, rows, sequence: this.#table[index * FIELDS + SEQUENCE]! });
    }
  }

  hasAny(group: number, fromMs: Millis, toMs: Millis): boolean {
    const list = this.#ofGroup.get(group);
    if (list === undefined || this.lastMs <= fromMs || this.firstMs > toMs) return false;
    return list.some((index) => this.#table[index * FIELDS + LAST]! > fromMs && this.#table[index * FIELDS + FIRST]! <= toMs);
  }

  /** The bytes of a block; undefined when the partition went away meanwhile. */
  async read(index: number): Promise<Uint8Array | undefined> {
    const pending = this.#pending.get(index);
    if (pending !== undefined) return pending.bytes;
    if (this.#isRemoved) return undefined;
    const at = index * FIELDS;
    try {
      return await this.#files[this.#table[at + FILE]!]!.read(this.#table[at + OFFSET]!, this.#table[at + LENGTH]!);
    } catch (error) {
      if (this.#isRemoved) return undefined;
      throw error;
    }
  }

  async remove(log: Log): Promise<void> {
    this.#isRemoved = true;
    await this.close();
    try {
      await this.#fs.removeFolder(this.folder);
    } catch (error) {
      log.error({ folder: this.folder, error: errorMessage(error) }, 'old partition not removed');
    }
  }

  async close(): Promise<void> {
    for (const file of this.#files) {
      try {
        await file.close();
      } catch {
        // Files of the open log are closed here, too; nothing unwritten hangs on the handle.
      }
    }
  }
}

/** Start of the partition that a block whose first row is at `timeMs` belongs to. */
export function partitionStart(timeMs: Millis): Millis {
  return Math.floor(timeMs / PARTITION_MS) * PARTITION_MS;
}

/** Start times of the partition folders in `root`, ascending. */
export async function partitionStarts(fs: StoreFs, root: string): Promise<Millis[]> {
  const starts: Millis[] = [];
  for (const name of await fs.list(root)) {
    const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(name);
    if (match !== null) starts.push(Date.UTC(+match[1]!, +match[2]! - 1, +match[3]!, +match[4]!, +match[5]!, +match[6]!));
  }
  return starts.sort((a, b) => a - b);
}
