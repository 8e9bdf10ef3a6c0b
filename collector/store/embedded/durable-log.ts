import { join } from 'node:path';
import { ByteSink } from './bytes.ts';
import type { StoreFile, StoreFs } from './store-fs.ts';

export interface DurableLogOptions {
  readonly fs: StoreFs;
  readonly folder: string;
  readonly extension: string;
  /** Number of the first file this log creates. */
  readonly firstNumber: number;
  /** Position of the first byte appended, in the logical stream. */
  readonly startAt?: number;
  /** First bytes of the file `number` whose contents begin at `position` of the stream. */
  readonly header: (number: number, position: number) => Uint8Array;
}

/** A file of the log: the stream from `from` up to `to` lies in it, behind `headerBytes`. */
export interface LogFile {
  readonly number: number;
  readonly path: string;
  readonly from: number;
  readonly headerBytes: number;
  readonly file: StoreFile;
  to: number;
}

/**
 * One stream of bytes in numbered files. `append` adds in memory; `prepare` fixes what the next `write` brings to disk. What is not yet known
 * to be on disk stays in memory: after any failed write or sync the file is left alone and the same bytes go to a new one, so a file's
 * contents up to the start of the next file's are always whole. The stream position therefore names a record better than file and offset do.
 */
export class DurableLog {
  readonly #options: DurableLogOptions;
  readonly files: LogFile[] = [];
  #nextNumber: number;
  #sink = new ByteSink(4_096);
  #spare = new ByteSink(64);
  /** Prepared and not yet on disk. */
  #prepared: Uint8Array | undefined;
  #open: LogFile | undefined;
  #appended: number;
  #durable: number;

  constructor(options: DurableLogOptions) {
    this.#options = options;
    this.#nextNumber = options.firstNumber;
    this.#appended = options.startAt ?? 0;
    this.#durable = this.#appended;
  }

  /** Where records are encoded; call `appended` after each. */
  get sink(): ByteSink {
    return this.#sink;
  }

  /** Position behind the last byte appended. */
  get position(): number {
    return this.#appended + this.#sink.length;
  }

  /** Position up to which everything is on disk. */
  get durable(): number {
    return this.#durable;
  }

  get isClean(): boolean {
    return this.#prepared === undefined && this.#sink.length === 0;
  }

  /** Whether the next write begins a new file. */
  get needsFile(): boolean {
    return this.#open === undefined;
  }

  /** Bytes of the stream in the open file. */
  get openBytes(): number {
    return this.#open === undefined ? 0 : this.#open.to - this.#open.from;
  }

  /** The next write begins a new file. */
  rotate(): void {
    this.#open = undefined;
  }

  /** Fixes what the next `write` writes: everything appended so far. */
  prepare(): void {
    if (this.#sink.length === 0) return;
    const full = this.#sink;
    this.#appended += full.length;
    if (this.#prepared === undefined) {
      this.#sink = this.#spare;
      this.#sink.length = 0;
      this.#spare = full;
      this.#prepared = full.bytes.subarray(0, full.length);
      return;
    }
    const joined = new Uint8Array(this.#prepared.length + full.length);
    joined.set(this.#prepared);
    joined.set(full.bytes.subarray(0, full.length), this.#prepared.length);
    full.length = 0;
    this.#prepared = joined;
  }

  /** Writes and syncs what was prepared. Rejects with the system error; then nothing was lost and another try may be made. */
  async write(): Promise<void> {
    const bytes = this.#prepared;
    if (bytes === undefined) return;
    let target = this.#open;
    try {
      target ??= await this.#begin();
      await target.file.write(bytes, target.headerBytes + target.to - target.from);
      await target.file.sync();
      if (!this.files.includes(target)) {
        await this.#options.fs.syncFolder(this.#options.folder);
        this.files.push(target);
      }
      target.to += bytes.length;
      this.#open = target;
    } catch (error) {
      this.#open = undefined;
      if (target !== undefined && !this.files.includes(target)) await this.#discard(target.file, target.path);
      throw error;
    }
    this.#durable += bytes.length;
    this.#prepared = undefined;
  }

  async #begin(): Promise<LogFile> {
    const number = this.#nextNumber++;
    const { fs, folder, extension, header } = this.#options;
    const path = join(folder, logFileName(number, extension));
    const file = await fs.create(path);
    try {
      const head = header(number, this.#durable);
      await file.write(head, 0);
      return { number, path, from: this.#durable, headerBytes: head.length, file, to: this.#durable };
    } catch (error) {
      await this.#discard(file, path);
      throw error;
    }
  }

  async #discard(file: StoreFile, path: string): Promise<void> {
    await closeQuietly(file);
    try {
      await this.#options.fs.remove(path);
    } catch {
      // A file that stays behind holds nothing that the next one does not.
    }
  }

  /** Forgets and removes a file, never the open one. */
  async remove(target: LogFile): Promise<void> {
    this.files.splice(this.files.indexOf(target), 1);
    await closeQuietly(target.file);
    await this.#options.fs.remove(target.path);
  }

  async close(): Promise<void> {
    for (const { file } of this.files.splice(0)) await closeQuietly(file);
    this.#open = undefined;
  }
}

export function logFileName(number: number, extension: string): string {
  return `${String(number).padStart(8, '0')}.${extension}`;
}

/** Numbers of the files with that extension, ascending. */
export async function logFileNumbers(fs: StoreFs, folder: string, extension: string): Promise<number[]> {
  const pattern = new RegExp(`^(\\d{8,})\\.${extension}$`);
  const numbers: number[] = [];
  for (const name of await fs.list(folder)) {
    const match = pattern.exec(name);
    if (match !== null) numbers.push(Number(match[1]));
  }
  return numbers.sort((a, b) => a - b);
}

async function closeQuietly(file: StoreFile): Promise<void> {
  try {
    await file.close();
  } catch {
    // Whatever mattered was synced before or goes to another file; a handle that cannot be closed is only a leaked number.
  }
}
