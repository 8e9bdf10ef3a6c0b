import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, type Log, type Millis } from '@bellwether/shared';
import type { GoodbyeReason } from '@bellwether/shared/wire';
import { readJsonFile, removeFile, writeJsonFile } from './data-file.ts';

const REASONS: readonly string[] = ['stopping', 'shutting-down', 'restarting', 'upgrading'];

export interface LastGoodbye {
  readonly reason: GoodbyeReason;
  readonly timeMs: Millis;
}

/** Last words that no collector heard, kept on disk for the next run. */
export class GoodbyeNote {
  readonly #path: string;
  readonly #log: Log;

  constructor(dataDir: string, log: Log) {
    this.#path = join(dataDir, 'goodbye.json');
    this.#log = log;
  }

  async read(): Promise<LastGoodbye | null> {
    try {
      const note = await readJsonFile(this.#path);
      if (typeof note !== 'object' || note === null || !('reason' in note) || !('timeMs' in note)) return null;
      const { reason, timeMs } = note;
      return isReason(reason) && typeof timeMs === 'number' && Number.isSafeInteger(timeMs) ? { reason, timeMs } : null;
    } catch (error) {
      this.#log.warn({ file: this.#path, error: errorMessage(error) }, 'last goodbye cannot be read');
      return null;
    }
  }

  async write(note: LastGoodbye): Promise<void> {
    await writeJsonFile(this.#path, note).catch((error: unknown) => this.#warn(error));
  }

  async remove(): Promise<void> {
    await removeFile(this.#path).catch((error: unknown) => this.#warn(error));
  }

  #warn(error: unknown): void {
    this.#log.warn({ file: this.#path, error: errorMessage(error) }, 'last goodbye cannot be kept');
  }
}

function isReason(value: unknown): value is GoodbyeReason {
  return typeof value === 'string' && REASONS.includes(value);
}

/** What systemd leaves while the machine goes down: nobody may log in any more, or a shutdown runs. */
const SHUTDOWN_SIGNS = ['/run/nologin', '/run/systemd/shutdown/scheduled'];

/** Why the agent was asked to end: the whole machine goes down, or the agent alone. */
export async function stopReason(signs: readonly string[] = SHUTDOWN_SIGNS): Promise<GoodbyeReason> {
  for (const sign of signs) {
    try {
      await access(sign);
      return 'shutting-down';
    } catch {
      // Not there: the next sign.
    }
  }
  return 'stopping';
}

/** An id of this boot of the machine, or undefined where the kernel has none. */
export async function readBootId(procfs: string): Promise<string | undefined> {
  try {
    return (await readFile(join(procfs, 'sys/kernel/random/boot_id'), 'utf8')).trim();
  } catch {
    return undefined;
  }
}
