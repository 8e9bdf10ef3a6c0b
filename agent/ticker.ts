import { type Cancel, type Clock, errorMessage, type Log, type Millis } from '@bellwether/shared';
import { stampFloor } from './clock-sync.ts';
import { dueInputs, nextTick, type ScheduledInput } from './inputs/schedule.ts';

export interface TickerOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Collector time, ms with a fraction. */
  now(): number;
  schedule(): readonly ScheduledInput[];
  tick(timeMs: Millis, due: readonly string[]): Promise<void>;
}

/** A timer that fires this much early still means its grid point. */
const EARLY_MS = 2;

/**
 * Calls `tick` on the grid points of collector time at which an input is due. The stamp is the grid point, not the instant of the call, so
 * stamps are whole intervals apart. A point missed while the process was held up is not made up for; its inputs are due at the next one.
 */
export class Ticker {
  readonly #options: TickerOptions;
  #cancel: Cancel = () => {};
  #lastStampMs: Millis | undefined;
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;
  #isStopped = true;
  #skipped = 0;

  constructor(options: TickerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#isStopped = false;
    this.#arm();
  }

  /** How often the process was held up past a grid point, however many it missed at once. */
  stats(): { readonly skippedTicks: number } {
    return { skippedTicks: this.#skipped };
  }

  /** The schedule or the clock changed. */
  reschedule(): void {
    if (!this.#isStopped && !this.#isRunning) this.#arm();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel();
    await this.#running;
  }

  #arm(): void {
    this.#cancel();
    const { clock, now, schedule } = this.#options;
    const nowMs = now();
    const stampMs = nextTick(schedule(), stampFloor(nowMs, this.#lastStampMs));
    if (stampMs !== undefined) this.#cancel = clock.after(Math.max(0, stampMs - nowMs), () => this.#fire(stampMs));
  }

  #fire(plannedMs: Millis): void {
    const { now, schedule, tick, log } = this.#options;
    const nowMs = now();
    // Timers fire early when the estimate of the collector's time was slewed meanwhile.
    if (nowMs < plannedMs - EARLY_MS) return this.#arm();
    const stampMs = newestPoint(schedule(), plannedMs, nowMs);
    if (this.#lastStampMs !== undefined && stampMs > (nextTick(schedule(), this.#lastStampMs) ?? stampMs)) this.#skipped++;
    const back = this.#lastStampMs !== undefined && stampMs < this.#lastStampMs;
    const due = dueInputs(schedule(), back ? undefined : this.#lastStampMs, stampMs);
    this.#lastStampMs = stampMs;
    this.#isRunning = true;
    this.#running = tick(stampMs, due)
      .catch((error: unknown) => log.error({ error: errorMessage(error) }, 'reading failed'))
      .then(() => {
        this.#isRunning = false;
        if (!this.#isStopped) this.#arm();
      });
  }
}

/** The last grid point of any input at or before `nowMs`, at least `plannedMs`. */
function newestPoint(schedule: readonly ScheduledInput[], plannedMs: Millis, nowMs: number): Millis {
  return schedule.reduce((newest, { intervalMs }) => Math.max(newest, Math.floor(nowMs / intervalMs) * intervalMs), plannedMs);
}
