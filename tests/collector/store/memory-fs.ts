import type { StoreFile, StoreFs } from '../../../collector/store/index.ts';

/** What happens at one call: nothing, an error, an error after part of the work, or the end of the machine's life. */
export type Fault = 'ENOSPC' | 'EIO' | 'tear' | 'crash';

interface Inode {
  /** What a reader sees. */
  data: Uint8Array;
  /** What is on disk for sure. */
  synced: Uint8Array;
  /** Changes since the last sync, any of which may have reached the disk. */
  writes: { at: number; bytes: Uint8Array }[];
}

class SystemError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`${code}: injected`);
    this.code = code;
  }
}

/**
 * A file system in memory that can fail at any call and lose what was not synced. Names become durable by `syncFolder`, contents by `sync`;
 * a failed sync loses its writes for good, as kernels do.
 */
export class MemoryFs implements StoreFs {
  /** Numbered from 1; asked before each call. */
  fault: (call: number, what: string) => Fault | undefined = () => undefined;
  calls = 0;
  #names = new Map<string, Inode>();
  #syncedNames = new Map<string, Inode>();
  readonly #folders = new Set<string>(['/']);
  #isCrashed = false;

  /** A copy after a power cut: only what was synced, plus what `keeps` lets through of the rest, in any order. */
  afterCrash(keeps: () => boolean): MemoryFs {
    const next = new MemoryFs();
    const names = new Set([...this.#names.keys(), ...this.#syncedNames.keys()]);
    for (const name of names) {
      const synced = this.#syncedNames.get(name);
      const present = this.#names.get(name);
      const inode = synced === present || keeps() ? present : synced;
      if (inode === undefined) continue;
      let data = inode.synced;
      for (const { at, bytes } of inode.writes)
        if (keeps()) data = spliced(data, at, keeps() ? bytes : bytes.subarray(0, bytes.length >> 1));
      const copy: Inode = { data: data.slice(), synced: data.slice(), writes: [] };
      next.#names.set(name, copy);
      next.#syncedNames.set(name, copy);
    }
    for (const folder of this.#folders) next.#folders.add(folder);
    return next;
  }

  /** Flips one bit of one file. */
  damage(path: string, bit: number): void {
    const inode = this.#names.get(path)!;
    inode.data[bit >> 3]! ^= 1 << (bit & 7);
    inode.synced = inode.data.slice();
  }

  files(): { path: string; bytes: number }[] {
    return [...this.#names].map(([path, { data }]) => ({ path, bytes: data.length }));
  }

  #enter(what: string): Fault | undefined {
    if (this.#isCrashed) throw new SystemError('ECRASHED');
    const fault = this.fault(++this.calls, what);
    if (fault === 'crash') {
      this.#isCrashed = true;
      throw new SystemError('ECRASHED');
    }
    if (fault === 'ENOSPC' || fault === 'EIO') throw new SystemError(fault);
    return fault;
  }

  #find(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw new SystemError('ENOENT');
    return inode;
  }

  async create(path: string): Promise<StoreFile> {
    this.#enter('create');
    if (this.#names.has(path)) throw new SystemError('EEXIST');
    const inode: Inode = { data: new Uint8Array(0), synced: new Uint8Array(0), writes: [] };
    this.#names.set(path, inode);
    return this.#file(inode);
  }

  async open(path: string): Promise<StoreFile> {
    this.#enter('open');
    return this.#file(this.#find(path));
  }

  #file(inode: Inode): StoreFile {
    return {
      write: async (bytes, position) => {
        const fault = this.#enter('write');
        const part = fault === 'tear' ? bytes.slice(0, bytes.length >> 1) : bytes.slice();
        inode.data = spliced(inode.data, position, part);
        inode.writes.push({ at: position, bytes: part });
        if (fault === 'tear') throw new SystemError('ENOSPC');
      },
      read: async (position, length) => {
        this.#enter('read');
        return inode.data.slice(position, position + length);
      },
      sync: async () => {
        try {
          if (this.#enter('sync') === 'tear') throw new SystemError('EIO');
        } catch (error) {
          inode.writes = [];
          throw error;
        }
        inode.synced = inode.data.slice();
        inode.writes = [];
      },
      size: async () => {
        this.#enter('size');
        return inode.data.length;
      },
      close: async () => {
        this.#enter('close');
      },
    };
  }

  async readFile(path: string): Promise<Uint8Array> {
    this.#enter('readFile');
    return this.#find(path).data.slice();
  }

  async list(folder: string): Promise<string[]> {
    this.#enter('list');
    const found = new Set<string>();
    for (const path of [...this.#names.keys(), ...this.#folders])
      if (path.startsWith(`${folder}/`)) found.add(path.slice(folder.length + 1).split('/')[0]!);
    return [...found];
  }

  async makeFolder(path: string): Promise<void> {
    this.#enter('makeFolder');
    this.#folders.add(path);
  }

  async syncFolder(path: string): Promise<void> {
    this.#enter('syncFolder');
    for (const name of new Set([...this.#names.keys(), ...this.#syncedNames.keys()])) {
      if (name.slice(0, name.lastIndexOf('/')) !== path) continue;
      const inode = this.#names.get(name);
      if (inode === undefined) this.#syncedNames.delete(name);
      else this.#syncedNames.set(name, inode);
    }
  }

  async truncate(path: string, length: number): Promise<void> {
    this.#enter('truncate');
    const inode = this.#find(path);
    inode.data = inode.data.slice(0, length);
    inode.synced = inode.data.slice();
    inode.writes = [];
  }

  async rename(from: string, to: string): Promise<void> {
    this.#enter('rename');
    this.#names.set(to, this.#find(from));
    this.#names.delete(from);
  }

  async remove(path: string): Promise<void> {
    this.#enter('remove');
    this.#find(path);
    this.#names.delete(path);
  }

  async removeFolder(path: string): Promise<void> {
    this.#enter('removeFolder');
    for (const name of this.#names.keys()) if (name.startsWith(`${path}/`)) this.#names.delete(name);
    this.#folders.delete(path);
  }
}

function spliced(data: Uint8Array, at: number, bytes: Uint8Array): Uint8Array {
  const next = new Uint8Array(Math.max(data.length, at + bytes.length));
  next.set(data);
  next.set(bytes, at);
  return next;
}
