/**
 * The collector's time, as the agent knows it: the monotonic clock plus an offset that follows four-timestamp exchanges. Pure: the monotonic
 * time is an argument. Readings of `timeAt` never go backwards except by a jump that `observe` reports.
 */
import type { Millis } from '@bellwether/shared';

/** One exchange. Monotonic ms of the agent as it sent and got, the collector's wall clock as it received and replied. */
export interface Exchange {
  readonly sentMonoMs: number;
  readonly receivedMs: Millis;
  readonly repliedMs: Millis;
  readonly gotMonoMs: number;
}

/** The estimate was wrong by more than slewing can mend: time moved by `byMs` at once. */
export interface ClockJump {
  readonly byMs: number;
}

/** Largest rate at which a small error is worked off: 500 ms in 1,000 s, so that a rate() over slewed stamps is right to 0.05 %. */
const SLEW_RATIO = 500e-6;
/** An error beyond this is corrected at once and reported. */
const STEP_MS = 1_000;
/** Exchanges among which the one with the shortest round trip is believed: queueing only ever adds delay. */
const WINDOW = 8;

export class ClockSync {
  /** Collector time minus monotonic time at `#anchorMono`, and where it is heading. */
  #offset: number;
  #target: number;
  #anchorMono: number;
  #heardOfCollector = false;
  #stamped = false;
  readonly #window: { offset: number; delay: number }[] = [];

  /** Until the first exchange the agent's own wall clock is the best there is. */
  constructor(wallMs: Millis, monoMs: number) {
    this.#offset = wallMs - monoMs;
    this.#target = this.#offset;
    this.#anchorMono = monoMs;
  }

  /** Collector time in ms, with a fraction. */
  timeAt(monoMs: number): number {
    return monoMs + this.#offsetAt(monoMs);
  }

  /** Collector's clock minus the agent's wall clock, ms. */
  offsetFrom(wallMs: Millis, monoMs: number): number {
    return this.timeAt(monoMs) - wallMs;
  }

  /** From now on stamps have been given out: an error is slewed, not stepped, unless it is large. */
  markStamped(): void {
    this.#stamped = true;
  }

  observe(exchange: Exchange): ClockJump | undefined {
    const delay = exchange.gotMonoMs - exchange.sentMonoMs - (exchange.repliedMs - exchange.receivedMs);
    if (!Number.isFinite(delay) || exchange.gotMonoMs < exchange.sentMonoMs) return undefined;
    const offset = (exchange.receivedMs - exchange.sentMonoMs + (exchange.repliedMs - exchange.gotMonoMs)) / 2;
    const first = !this.#heardOfCollector;
    this.#heardOfCollector = true;
    // An exchange that no remembered one can agree with, whatever its delay, means that a clock was set: what is remembered is void.
    if (this.#window.some((entry) => Math.abs(entry.offset - offset) > STEP_MS + Math.max(0, entry.delay + delay) / 2))
      this.#window.length = 0;
    this.#window.push({ offset, delay });
    if (this.#window.length > WINDOW) this.#window.shift();
    const best = this.#window.reduce((a, b) => (b.delay <= a.delay ? b : a));
    return this.#steer(best.offset, exchange.gotMonoMs, first && !this.#stamped);
  }

  /** Before the first contact: follows the agent's wall clock, which time synchronisation may set after a boot without a battery clock. */
  observeWall(wallMs: Millis, monoMs: number): ClockJump | undefined {
    return this.#heardOfCollector ? undefined : this.#steer(wallMs - monoMs, monoMs, false);
  }

  #steer(target: number, monoMs: number, mayStepSilently: boolean): ClockJump | undefined {
    const offset = this.#offsetAt(monoMs);
    const error = target - offset;
    const step = mayStepSilently || Math.abs(error) > STEP_MS;
    this.#anchorMono = monoMs;
    this.#target = target;
    this.#offset = step ? target : offset;
    return Math.abs(error) > STEP_MS ? { byMs: Math.round(error) } : undefined;
  }

  #offsetAt(monoMs: number): number {
    const error = this.#target - this.#offset;
    const reach = Math.max(0, monoMs - this.#anchorMono) * SLEW_RATIO;
    return this.#offset + Math.max(-reach, Math.min(reach, error));
  }
}

/** A backward jump up to this long is waited out, so that no stamp is given twice; after a longer one the stamps go back with the clock. */
const HOLD_MS = 60_000;

/** The time (collector's) after which the next stamp must lie, given the last one. */
export function stampFloor(nowMs: number, lastStampMs: Millis | undefined): number {
  if (lastStampMs === undefined || lastStampMs <= nowMs || lastStampMs - nowMs > HOLD_MS) return nowMs;
  return lastStampMs;
}
