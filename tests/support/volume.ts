/** A small disk of its own, for suites that fill one. Needs root, mkfs.ext4 and loop devices; a suite without them is skipped by name. */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDir } from './bellwether.ts';

const MEGABYTE = 1024 * 1024;
const MKFS = '/sbin/mkfs.ext4';

export interface Volume {
  readonly folder: string;
  /** Takes every byte that is left. */
  fill(): void;
  /** Gives them back. */
  free(): void;
  unmount(): void;
}

/** A fresh ext4 of `sizeMb` in a file, mounted at `folder`, which is made when missing. Throws where that is not possible. */
export function mountVolume(folder: string, sizeMb: number): Volume {
  const dir = temporaryDir();
  const image = join(dir, 'image');
  const filler = join(folder, 'filler');
  writeFileSync(image, '');
  truncateSync(image, sizeMb * MEGABYTE);
  mkdirSync(folder, { recursive: true });
  execFileSync(MKFS, ['-q', '-F', '-m', '0', image], { stdio: 'pipe' });
  execFileSync('mount', ['-o', 'loop', image, folder], { stdio: 'pipe' });
  return {
    folder,
    fill: () => fillDisk(filler),
    free: () => rmSync(filler, { force: true }),
    unmount() {
      execFileSync('umount', [folder], { stdio: 'pipe' });
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export function canMountVolumes(): boolean {
  if (process.getuid?.() !== 0 || !existsSync(MKFS)) return false;
  const folder = temporaryDir();
  try {
    mountVolume(folder, 4).unmount();
    return true;
  } catch {
    return false; // no loop devices here, or no right to mount
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function fillDisk(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (let bytes = MEGABYTE; bytes >= 1; ) {
      try {
        writeSync(file, Buffer.alloc(bytes, 1));
      } catch {
        bytes = Math.floor(bytes / 4); // full for this much; the rest goes in smaller pieces
      }
    }
  } finally {
    closeSync(file);
  }
}
