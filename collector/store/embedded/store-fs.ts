import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@bellwether/shared';

/** An open file. Every method rejects with a Node system error (`code`: ENOSPC, EIO, ...). */
export interface StoreFile {
  /** Writes all of `bytes` at `position`; a failure may leave any part of them. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** The bytes at `position`; fewer than `length` only at the end of the file. */
  read(position: number, length: number): Promise<Uint8Array>;
  /** Brings what was written to the disk itself. After a failure nothing is known about the writes since the last success. */
  sync(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** Every file system call of the embedded store, so that tests can fail or tear each one. */
export interface StoreFs {
  /** A new file, readable too; fails when it exists. */
  create(path: string): Promise<StoreFile>;
  /** For reading. */
  open(path: string): Promise<StoreFile>;
  readFile(path: string): Promise<Uint8Array>;
  /** Names in a folder; none when there is no such folder. */
  list(folder: string): Promise<string[]>;
  makeFolder(path: string): Promise<void>;
  /** Makes creations, renames and removals in a folder durable. */
  syncFolder(path: string): Promise<void>;
  truncate(path: string, length: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  removeFolder(path: string): Promise<void>;
}

class NodeFile implements StoreFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#handle.read(bytes, done, length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done === length ? bytes : bytes.subarray(0, done);
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** The machine's own file system. */
export function nodeFs(): StoreFs {
  return {
    create: async (path) => new NodeFile(await open(path, 'wx+', 0o640)),
    open: async (path) => new NodeFile(await open(path, 'r')),
    readFile: (path) => readFile(path),
    list: async (folder) => {
      try {
        return await readdir(folder);
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return [];
        throw error;
      }
    },
    makeFolder: async (path) => {
      await mkdir(path, { recursive: true, mode: 0o750 });
    },
    syncFolder: async (path) => {
      const handle = await open(path, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
    truncate: (path, length) => truncate(path, length),
    rename: (from, to) => rename(from, to),
    remove: (path) => unlink(path),
    removeFolder: (path) => rm(path, { recursive: true, force: true }),
  };
}

/** Writes a small file so that a crash leaves either the old one or the new one. */
export async function replaceFile(fs: StoreFs, folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(folder, `${name}.new`);
  if ((await fs.list(folder)).includes(`${name}.new`)) await fs.remove(temporary);
  const file = await fs.create(temporary);
  try {
    await file.write(bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await fs.rename(temporary, join(folder, name));
  await fs.syncFolder(folder);
}
