import type { Millis } from './time.ts';

/** Undoes `after` or `every`; safe to call twice. */
export type Cancel = () => void;

/** The only source of time. Everything that waits or reads the time takes one of these, so that tests step through a day in milliseconds. */
export interface Clock {
  /** Wall time, ms since the epoch. */
  now(): Millis;
  /** Monotonic time in ms from an arbitrary start, with a fraction; never steps. */
  monotonic(): number;
  after(delayMs: Millis, run: () => void): Cancel;
  every(intervalMs: Millis, run: () => void): Cancel;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  every(intervalMs, run) {
    const timer = setInterval(run, intervalMs);
    return () => clearInterval(timer);
  },
};

interface Due {
  at: number;
  order: number;
  everyMs: number | undefined;
  run: () => void;
}

/** A clock that moves only when told to. `advance` runs what falls due, in order, and lets promises settle in between. */
export class SteppedClock implements Clock {
  #now: number;
  readonly #startMs: number;
  #order = 0;
  readonly #due = new Set<Due>();

  constructor(startMs: Millis = 0) {
    this.#now = startMs;
    this.#startMs = startMs;
  }

  now(): Millis {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - this.#startMs;
  }

  after(delayMs: Millis, run: () => void): Cancel {
    return this.#add(delayMs, undefined, run);
  }

  every(intervalMs: Millis, run: () => void): Cancel {
    return this.#add(intervalMs, intervalMs, run);
  }

  async advance(ms: Millis): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next.at);
      if (next.everyMs === undefined) this.#due.delete(next);
      else next.at += next.everyMs;
      next.run();
      await settle();
    }
    this.#now = end;
  }

  #add(delayMs: number, everyMs: number | undefined, run: () => void): Cancel {
    const due: Due = { at: this.#now + Math.max(0, delayMs), order: this.#order++, everyMs, run };
    this.#due.add(due);
    return () => this.#due.delete(due);
  }

  #next(end: number): Due | undefined {
    let first: Due | undefined;
    for (const due of this.#due) {
      if (due.at <= end && (first === undefined || due.at < first.at || (due.at === first.at && due.order < first.order))) first = due;
    }
    return first;
  }
}

/** Lets pending promise callbacks and I/O callbacks of this turn run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
