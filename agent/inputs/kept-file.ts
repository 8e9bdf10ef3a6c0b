/** Files of the kernel, read again and again: the descriptor is kept, the bytes land in one buffer that all files share. */
import { closeSync, openSync, readSync } from 'node:fs';
import { AppError, errorCode, type Millis } from '@bellwether/shared';

const START_BYTES = 16 * 1024;
const MAX_BYTES = 8 * 1024 * 1024;
/** A kernel file made of records returns whole records up to a page at a time, so a shorter piece is its end (records are far below half a page). */
const SURELY_LAST_BYTES = 2048;
/** How long a file that does not exist is left alone: making the error costs more than reading most files. */
const MISSING_RETRY_MS = 60_000;

/** The bytes of the file read last. Whoever keeps them beyond the next reading copies them. */
export class ReadBuffer {
  bytes = new Uint8Array(START_BYTES);

  /** The first `length` bytes; no copy. */
  view(length: number): Uint8Array {
    return this.bytes.subarray(0, length);
  }

  grow(path: string): void {
    if (this.bytes.length >= MAX_BYTES) throw new AppError('TOO_LARGE', `${path} is larger than ${MAX_BYTES} bytes; it was not read.`);
    const grown = new Uint8Array(this.bytes.length * 2);
    grown.set(this.bytes);
    this.bytes = grown;
  }
}

export class KeptFile {
  readonly path: string;
  readonly #buffer: ReadBuffer;
  readonly #keep: boolean;
  #fd = -1;
  #missingSinceMs = Number.NEGATIVE_INFINITY;

  /** `keep: false` opens the file for each reading, where there are too many to hold. */
  constructor(path: string, buffer: ReadBuffer, keep = true) {
    this.path = path;
    this.#buffer = buffer;
    this.#keep = keep;
  }

  /** Reads the whole file into the shared buffer and returns its length. Throws what the system says; the next call opens the file anew. */
  read(): number {
    if (this.#fd >= 0) {
      try {
        return this.#readAll();
      } catch {
        // The descriptor may belong to a device that went and came back under its name; if not, the fresh one fails too.
        this.close();
      }
    }
    try {
      this.#fd = openSync(this.path, 'r');
      return this.#readAll();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #readAll(): number {
    let length = 0;
    for (;;) {
      if (length === this.#buffer.bytes.length) this.#buffer.grow(this.path);
      const { bytes } = this.#buffer;
      const got = readSync(this.#fd, bytes, length, bytes.length - length, length);
      length += got;
      if (got < SURELY_LAST_BYTES && length < bytes.length) break;
    }
    if (!this.#keep) this.close();
    return length;
  }

  /** Like `read`, but -1 for a file this kernel or device does not have (or that has no value now); such a file is tried again once a minute. */
  readIfPresent(timeMs: Millis): number {
    if (Math.abs(timeMs - this.#missingSinceMs) < MISSING_RETRY_MS) return -1;
    try {
      return this.read();
    } catch (error) {
      if (!isAbsence(error)) throw error;
      this.#missingSinceMs = timeMs;
      return -1;
    }
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    try {
      closeSync(fd);
    } catch {
      // The kernel releases the descriptor whatever close says.
    }
  }
}

const ABSENCE = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'EINVAL', 'EOPNOTSUPP', 'ENOTSUP', 'EACCES', 'EPERM']);

/** Whether an error says "there is no such thing here" rather than "it broke". */
export function isAbsence(error: unknown): boolean {
  return ABSENCE.has(errorCode(error) ?? '');
}
