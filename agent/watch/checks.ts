/** Runs the checks this agent was given: each on its own schedule, several tries before a failure counts, none waiting for another. */
import { type Cancel, type Clock, errorMessage, type Log, type Millis } from '@bellwether/shared';
import type { CheckAssignment, WatchResult } from '@bellwether/shared/assignments';
import type { Reading } from '../inputs/input.ts';
import type { Probe, ProbeOutcome, ProbeTools } from '../probes/index.ts';
import { CheckSeries, seconds } from './check-series.ts';
import { firstDelayMs, nextRun } from './schedule.ts';

export interface ChecksOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly probes: Readonly<Record<string, Probe>>;
  readonly tools: ProbeTools;
  /** Name of this host: the label `agent`. */
  readonly hostname: () => string;
  readonly tags: Readonly<Record<string, string>>;
  /** Collector time, ms with a fraction. */
  now(): number;
  /** Takes a row; its arrays are reused by the check's next one. */
  push(reading: Reading, timeMs: Millis): void;
  /** A check came up, went down, or has another reason. */
  report(result: WatchResult): void;
}

export interface CheckCounters {
  runs: number;
  failures: number;
  /** Runs left out because the one before, or too many others, were still under way. */
  skipped: number;
}

/** Checks under way at a time: each may hold a socket until its timeout. */
const MAX_RUNNING = 256;
/** Between two tries; what fails at once gets a moment to come back. */
const RETRY_AFTER_MS: Millis = 1_000;

interface Watched {
  readonly check: CheckAssignment;
  readonly text: string;
  series: CheckSeries;
  result: WatchResult | undefined;
  cancel: Cancel;
  lastStampMs: Millis;
  isRunning: boolean;
  isOver: boolean;
}

export class Checks {
  readonly counters: CheckCounters = { runs: 0, failures: 0, skipped: 0 };
  readonly #options: ChecksOptions;
  readonly #watched = new Map<string, Watched>();
  #running = 0;

  constructor(options: ChecksOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#watched.size;
  }

  /** Replaces the checks; one that did not change goes on undisturbed, the series of one that is gone end. */
  assign(checks: readonly CheckAssignment[]): void {
    const texts = new Map(checks.map((check) => [check.id, JSON.stringify(check)]));
    for (const one of [...this.#watched.values()]) if (texts.get(one.check.id) !== one.text) this.#end(one);
    for (const check of checks) {
      if (this.#watched.has(check.id)) continue;
      const one: Watched = {
        check,
        text: texts.get(check.id)!,
        series: this.#seriesOf(check),
        result: undefined,
        cancel: () => {},
        lastStampMs: 0,
        isRunning: false,
        isOver: false,
      };
      this.#watched.set(check.id, one);
      this.#arm(one, this.#options.now() + firstDelayMs(check));
    }
  }

  /** What each check that ran was last found as. */
  results(): WatchResult[] {
    return [...this.#watched.values()].flatMap(({ result }) => result ?? []);
  }

  /** This host has another name: the series go on under it. */
  relabel(): void {
    for (const one of this.#watched.values()) {
      this.#pushEnd(one);
      one.series = this.#seriesOf(one.check);
    }
  }

  stop(): void {
    for (const one of this.#watched.values()) {
      one.cancel();
      one.isOver = true; // no staleness markers: the agent ends, the check does not
    }
    this.#watched.clear();
  }

  #seriesOf(check: CheckAssignment): CheckSeries {
    return new CheckSeries(check, this.#options.hostname(), this.#options.tags);
  }

  #end(one: Watched): void {
    one.cancel();
    one.isOver = true;
    this.#watched.delete(one.check.id);
    this.#pushEnd(one);
  }

  #pushEnd(one: Watched): void {
    const last = one.series.end();
    if (last !== undefined) this.#options.push(last, this.#stamp(one, this.#options.now()));
  }

  /** A stamp is a whole ms and later than the one before. */
  #stamp(one: Watched, timeMs: number): Millis {
    one.lastStampMs = Math.max(Math.round(timeMs), one.lastStampMs + 1);
    return one.lastStampMs;
  }

  #arm(one: Watched, atMs: Millis): void {
    const { clock, now } = this.#options;
    one.cancel = clock.after(Math.max(0, atMs - now()), () => {
      // Slewing of the clock lets a timer come early; then the grid point itself would come again.
      this.#arm(one, nextRun(one.check, Math.max(now(), atMs)));
      this.#start(one, Math.max(atMs, Math.round(now() - RETRY_AFTER_MS)));
    });
  }

  #start(one: Watched, plannedMs: Millis): void {
    if (one.isRunning || this.#running >= MAX_RUNNING) {
      this.counters.skipped++;
      return;
    }
    one.isRunning = true;
    this.#running++;
    void this.#run(one, this.#stamp(one, plannedMs))
      .catch((error: unknown) => this.#options.log.error({ check: one.check.name, error: errorMessage(error) }, 'check failed to run'))
      .finally(() => {
        one.isRunning = false;
        this.#running--;
      });
  }

  async #run(one: Watched, stampMs: Millis): Promise<void> {
    const { check } = one;
    const outcomes = await this.#tries(one);
    const last = outcomes.at(-1);
    if (one.isOver || last === undefined) return;
    this.counters.runs++;
    if (!last.success) this.counters.failures++;
    const reading = one.series.reading([
      { name: 'probe_success', value: last.success ? 1 : 0 },
      { name: 'probe_duration_seconds', value: seconds(last.durationMs) },
      { name: 'probe_attempts', value: outcomes.length },
      ...last.samples,
    ]);
    if (reading !== undefined) this.#options.push(reading, stampMs);
    const reason = last.success ? '' : reasonOfTries(outcomes.map(({ reason }) => reason));
    const before = one.result;
    one.result = { id: check.id, kind: 'check', timeMs: stampMs, up: last.success, reason };
    if (before?.up !== one.result.up || before.reason !== reason) this.#options.report(one.result);
  }

  async #tries(one: Watched): Promise<ProbeOutcome[]> {
    const { clock, probes, tools } = this.#options;
    const { probe: name, target, timeoutMs, intervalMs, attempts, options } = one.check;
    const probe = probes[name];
    const beganMs = clock.monotonic();
    const outcomes: ProbeOutcome[] = [];
    for (let attempt = 1; attempt <= attempts; attempt++) {
      if (probe === undefined) {
        outcomes.push({ success: false, reason: `this agent knows no probe "${name}"; update it`, durationMs: 0, samples: [] });
        break;
      }
      const outcome = await probe({ target, timeoutMs, options }, tools);
      outcomes.push(outcome);
      const usedMs = clock.monotonic() - beganMs;
      const hasTime = usedMs + RETRY_AFTER_MS + timeoutMs <= intervalMs;
      if (outcome.success || one.isOver || attempt === attempts || !hasTime) break;
      await new Promise<void>((resolve) => clock.after(RETRY_AFTER_MS, resolve));
    }
    return outcomes;
  }
}

/** `HTTP 503`, `HTTP 503 (3 tries)`, `no answer in 5 s, then HTTP 503`. */
export function reasonOfTries(reasons: readonly string[]): string {
  const distinct = reasons.filter((reason, i) => reason !== reasons[i - 1]);
  if (distinct.length === 1) return reasons.length === 1 ? reasons[0]! : `${reasons[0]} (${reasons.length} tries)`;
  return distinct.join(', then ');
}
