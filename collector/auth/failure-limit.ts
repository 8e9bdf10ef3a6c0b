import type { Millis } from '@bellwether/shared';

export interface FailureLimitOptions {
  /** Failures that cost no waiting. */
  readonly free: number;
  /** Wait after the first failure beyond; doubles with each further one. */
  readonly baseMs: Millis;
  readonly maxMs: Millis;
  /** A key is forgotten this long after its last failure. */
  readonly forgetMs: Millis;
  /** Keys held; beyond it the one untouched longest is forgotten. */
  readonly capacity: number;
}

/** Slows down whoever keeps failing: pure state with time as an argument, bounded in memory. */
export class FailureLimit {
  readonly #options: FailureLimitOptions;
  /** In the order of the last failure. */
  readonly #failures = new Map<string, { count: number; lastMs: Millis }>();

  constructor(options: FailureLimitOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#failures.size;
  }

  /** How long `key` has to wait from `now`; 0: it may try. */
  waitMs(key: string, now: Millis): Millis {
    const { free, baseMs, maxMs, forgetMs } = this.#options;
    const failures = this.#failures.get(key);
    if (failures === undefined || failures.count <= free || now - failures.lastMs >= forgetMs) return 0;
    const wait = Math.min(maxMs, baseMs * 2 ** Math.min(40, failures.count - free - 1));
    return Math.max(0, failures.lastMs + wait - now);
  }

  /** Also a try whose outcome is not known yet, taken back by `succeeded`. */
  failed(key: string, now: Millis): void {
    const before = this.#failures.get(key);
    const count = before !== undefined && now - before.lastMs < this.#options.forgetMs ? before.count + 1 : 1;
    this.#failures.delete(key);
    this.#failures.set(key, { count, lastMs: now });
    if (this.#failures.size > this.#options.capacity) this.#failures.delete(this.#failures.keys().next().value!);
  }

  succeeded(key: string): void {
    this.#failures.delete(key);
  }
}
