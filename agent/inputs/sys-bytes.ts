/** Small files whose bytes are only compared with those of the reading before. */
import type { Millis } from '@bellwether/shared';
import { KeptFile, ReadBuffer } from './kept-file.ts';
import { MAX_KEPT } from './sys-numbers.ts';

const WIDTH = 32;

export class SysBytes {
  readonly #buffer = new ReadBuffer();
  #files: KeptFile[] = [];
  /** Length, then the first bytes, of each file. */
  #seen = new Uint8Array(0);

  open(paths: readonly string[]): void {
    this.close();
    this.#files = paths.map((path) => new KeptFile(path, this.#buffer, paths.length <= MAX_KEPT));
    this.#seen = new Uint8Array(paths.length * WIDTH);
  }

  /** Reads all files and says whether any differs from the last time; a missing file counts as an empty one. */
  changed(timeMs: Millis): boolean {
    let changed = false;
    for (let i = 0; i < this.#files.length; i++) {
      const length = Math.min(Math.max(0, this.#files[i]!.readIfPresent(timeMs)), WIDTH - 1);
      const at = i * WIDTH;
      if (this.#seen[at] !== length) changed = true;
      this.#seen[at] = length;
      for (let k = 0; k < length; k++) {
        if (this.#seen[at + 1 + k] !== this.#buffer.bytes[k]) changed = true;
        this.#seen[at + 1 + k] = this.#buffer.bytes[k]!;
      }
    }
    return changed;
  }

  close(): void {
    for (const file of this.#files) file.close();
    this.#files = [];
  }
}
