import { join } from 'node:path';
import { AppError, errorCode, errorMessage } from '@bellwether/shared';
import { replaceFile, type StoreFs } from './store-fs.ts';

const FORMAT = 'bellwether-store';
/** Raised when an older collector could misread what this one writes. */
export const FORMAT_VERSION = 1;
const FOLDERS = ['series', 'wal', 'raw'];

/**
 * Makes `dir` a data directory, or checks that it is one of ours. Throws AppError DATA_DIR_UNUSABLE when it belongs to a newer version, to
 * something else, or cannot be written.
 */
export async function prepareDirectory(fs: StoreFs, dir: string): Promise<void> {
  // WAL values are copied as the machine holds them.
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1)
    throw new AppError('DATA_DIR_UNUSABLE', 'the embedded store needs a little-endian machine; use another store driver here');
  try {
    await fs.makeFolder(dir);
    const names = await fs.list(dir);
    if (names.includes('FORMAT')) checkFormat(dir, await fs.readFile(join(dir, 'FORMAT')));
    else if (FOLDERS.some((name) => names.includes(name)))
      throw new AppError(
        'DATA_DIR_UNUSABLE',
        `${dir} has store folders but no FORMAT file, so it is not a data directory of ours; choose an empty one`,
      );
    else await replaceFile(fs, dir, 'FORMAT', new TextEncoder().encode(`${JSON.stringify({ format: FORMAT, version: FORMAT_VERSION })}\n`));
    for (const name of FOLDERS) await fs.makeFolder(join(dir, name));
    await fs.syncFolder(dir);
  } catch (cause) {
    if (errorCode(cause) === 'DATA_DIR_UNUSABLE') throw cause;
    throw new AppError('DATA_DIR_UNUSABLE', `the data directory ${dir} cannot be prepared: ${errorMessage(cause)}`, { cause });
  }
}

function checkFormat(dir: string, bytes: Uint8Array): void {
  let found: unknown;
  try {
    found = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    found = undefined; // Not JSON is not ours; the sentence below says so.
  }
  const format = typeof found === 'object' && found !== null && 'format' in found ? found.format : undefined;
  const version = typeof found === 'object' && found !== null && 'version' in found ? found.version : undefined;
  if (format !== FORMAT || typeof version !== 'number')
    throw new AppError('DATA_DIR_UNUSABLE', `${join(dir, 'FORMAT')} was not written by this store; choose another data directory`);
  if (version > FORMAT_VERSION)
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `${dir} was written by a newer version (format ${version}, this one knows ${FORMAT_VERSION}); upgrade the collector`,
    );
}
