import { join } from 'node:path';
import { errorMessage, type Log } from '@bellwether/shared';
import type { AgentSettings } from '@bellwether/shared/wire';
import { readJsonFile, writeJsonFile } from './data-file.ts';

/** What the collector asked for last, so that an agent that starts without it keeps the pace. */
export class KeptSettings {
  readonly #path: string;
  readonly #log: Log;
  #written = '';

  constructor(dataDir: string, log: Log) {
    this.#path = join(dataDir, 'settings.json');
    this.#log = log;
  }

  /** undefined: nothing usable is kept. */
  async read(): Promise<AgentSettings | undefined> {
    const kept = await readJsonFile(this.#path).catch(() => undefined);
    if (typeof kept !== 'object' || kept === null || !('intervalMs' in kept) || !('heartbeatMs' in kept)) return undefined;
    const { intervalMs, heartbeatMs } = kept;
    if (!isPositive(intervalMs) || !isPositive(heartbeatMs)) return undefined;
    this.#written = JSON.stringify({ intervalMs, heartbeatMs });
    return { intervalMs, heartbeatMs };
  }

  async write({ intervalMs, heartbeatMs }: AgentSettings): Promise<void> {
    const text = JSON.stringify({ intervalMs, heartbeatMs });
    if (text === this.#written) return;
    this.#written = text;
    await writeJsonFile(this.#path, { intervalMs, heartbeatMs }).catch((error: unknown) =>
      this.#log.warn({ file: this.#path, error: errorMessage(error) }, 'settings of the collector cannot be kept'),
    );
  }
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}
