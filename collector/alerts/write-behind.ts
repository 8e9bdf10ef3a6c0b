import type { Log } from '@bellwether/shared';
import { errorMessage } from '@bellwether/shared';
import type { Kysely } from 'kysely';
import type { State, Tables } from '../state/index.ts';

type Write = (db: Kysely<Tables>) => Promise<unknown>;

/** Unwritten changes beyond this many are refused (and counted): memory stays right, only a restart would miss them. */
const CAPACITY = 10_000;

/** Rows of one statement. */
const CHUNK = 100;
/** Changes in one transaction; between transactions others have their turn. */
const TOGETHER = 10;

/** `rows` in parts that fit one statement. */
export function chunks<T>(rows: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(rows.length / CHUNK) }, (_, i) => rows.slice(i * CHUNK, (i + 1) * CHUNK));
}

/** Writes changes of the state in order, many in one transaction, without anybody waiting. */
export class WriteBehind {
  readonly #state: State;
  readonly #log: Log;
  readonly #queue: Write[] = [];
  #running: Promise<void> | undefined;
  /** Writes that were refused or failed. */
  lost = 0;
  /** Said once, not with every write of a disk that stays full. */
  #isFailing = false;

  constructor(state: State, log: Log) {
    this.#state = state;
    this.#log = log;
  }

  add(write: Write): void {
    if (this.#queue.length >= CAPACITY) {
      this.lost++;
      return;
    }
    this.#queue.push(write);
    this.#running ??= this.#run();
  }

  /** Resolves when everything added so far is written or lost. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // what is added in the same turn shares the transaction
    while (this.#queue.length > 0) {
      const writes = this.#queue.splice(0, TOGETHER);
      try {
        await this.#state.db.transaction().execute(async (transaction) => {
          for (const write of writes) await write(transaction);
        });
        this.#isFailing = false;
      } catch (error) {
        this.lost += writes.length;
        if (!this.#isFailing) this.#log.error({ writes: writes.length, error: errorMessage(error) }, 'alert state not written');
        this.#isFailing = true;
      }
      if (this.#queue.length > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#running = undefined;
  }
}
