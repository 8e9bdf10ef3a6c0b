/** Measures the agent once a minute and says when it has to step back, or may step forward again. */
import type { Millis } from '@bellwether/shared';
import { beginShedding, type Shedding, type SheddingLevel, stepShedding, type Usage, type UsageLimits, WINDOW_MS } from './shedding.ts';

export interface LevelChange {
  readonly level: SheddingLevel;
  /** Limits that were exceeded, in words; empty when the level fell. */
  readonly exceeded: readonly string[];
}

export type ReadUsage = (timeMs: Millis) => Usage;

/** Ticks come a little early or late: a window may be this much shorter than a minute. */
const SLACK_MS: Millis = 1_000;

export class Limiter {
  readonly #limits: UsageLimits;
  readonly #read: ReadUsage;
  #shedding: Shedding;

  /** `startMs` and all later times are monotonic. */
  constructor(limits: UsageLimits, read: ReadUsage, startMs: Millis) {
    this.#limits = limits;
    this.#read = read;
    this.#shedding = beginShedding(read(startMs));
  }

  get level(): SheddingLevel {
    return this.#shedding.level;
  }

  /** Called at every tick; measures when a minute has passed. */
  observe(timeMs: Millis): LevelChange | undefined {
    const { level, last } = this.#shedding;
    if (timeMs - last.timeMs < WINDOW_MS - SLACK_MS) return undefined;
    const { next, exceeded } = stepShedding(this.#shedding, this.#read(timeMs), this.#limits);
    this.#shedding = next;
    return next.level === level ? undefined : { level: next.level, exceeded };
  }
}
