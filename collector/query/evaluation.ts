/** What one running query shares between its nodes: its limits, its annotations and the series it has loaded. */
import { AppError, type Clock, isStaleAt, type Labels, labelValue, METRIC_NAME, type Millis } from '@bellwether/shared';
import type { Matcher, SeriesColumns, Store } from '../store/index.ts';
import type { DurationExpr, Span } from './ast.ts';
import { evaluateDuration } from './durations.ts';
import { position } from './parse-error.ts';
import type { Annotations, QueryLimits } from './types.ts';

export interface EvaluationOptions {
  readonly query: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly limits: QueryLimits;
  readonly lookbackMs: Millis;
  readonly timeoutMs: Millis;
  readonly startMs: Millis;
  readonly endMs: Millis;
  readonly stepMs: Millis;
  readonly signal: AbortSignal | undefined;
}

/** Samples of one series; rows of a subquery may be marked to lose their name. */
export interface Column {
  readonly labels: Labels;
  readonly dropName: boolean;
  readonly times: Float64Array;
  readonly values: Float64Array;
}

/** Work units (about a sample touched) between two looks at the clock and turns of the event loop. */
const BREATH = 400_000;

export class Evaluation {
  readonly query: string;
  readonly startMs: Millis;
  readonly endMs: Millis;
  readonly stepMs: Millis;
  readonly lookbackMs: Millis;
  readonly limits: QueryLimits;
  readonly #options: EvaluationOptions;
  readonly #deadline: number;
  readonly #warnings = new Set<string>();
  readonly #infos = new Set<string>();
  readonly #selections = new Map<string, Promise<readonly SeriesColumns[]>>();
  readonly #withoutStale = new WeakMap<SeriesColumns, Column>();
  #work = 0;
  #loaded = 0;
  #held = 0;

  constructor(options: EvaluationOptions) {
    this.#options = options;
    this.query = options.query;
    this.startMs = options.startMs;
    this.endMs = options.endMs;
    this.stepMs = options.stepMs;
    this.lookbackMs = options.lookbackMs;
    this.limits = options.limits;
    this.#deadline = options.clock.monotonic() + options.timeoutMs;
  }

  get annotations(): Annotations {
    return { warnings: [...this.#warnings], infos: [...this.#infos] };
  }

  warn(text: string, at: Span): void {
    this.#warnings.add(`PromQL warning: ${text} (${position(this.query, at.start)})`);
  }

  info(text: string, at: Span): void {
    this.#infos.add(`PromQL info: ${text} (${position(this.query, at.start)})`);
  }

  /** A duration in ms; the step and range it may name are those of the whole query. */
  duration(expr: DurationExpr): Millis {
    return evaluateDuration(this.query, expr, this.stepMs / 1000, (this.endMs - this.startMs) / 1000);
  }

  /** Counts samples a node makes. Throws AppError QUERY_TOO_LARGE when it and all that is held go beyond the limit. */
  hold(samples: number): void {
    this.#held += samples;
    if (this.#loaded + this.#held > this.limits.maxSamples) throw tooManySamples();
  }

  /** Samples made so far and not let go; give it back to `settle` when a node is done. */
  get held(): number {
    return this.#held;
  }

  /** Of all that was made since `before`, `kept` samples are still needed. */
  settle(before: number, kept: number): void {
    this.#held = before;
    this.hold(kept);
  }

  /** Counts work done; true means it is time to `await breathe()`. */
  spend(work: number): boolean {
    this.#work += work;
    return this.#work >= BREATH;
  }

  /** Lets other work of the process run. Throws AppError QUERY_TIMEOUT after the deadline or a cancellation. */
  async breathe(): Promise<void> {
    this.#work = 0;
    this.check();
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.check();
  }

  check(): void {
    if (this.#options.signal?.aborted === true) throw canceled();
    if (this.#options.clock.monotonic() > this.#deadline) {
      throw new AppError('QUERY_TIMEOUT', 'query timed out in expression evaluation');
    }
  }

  /** The series that match, with their samples in (fromMs, toMs]; equal requests of one query are asked once. */
  select(matchers: readonly Matcher[], fromMs: Millis, toMs: Millis, newestOnly: boolean): Promise<readonly SeriesColumns[]> {
    const key = JSON.stringify([fromMs, toMs, newestOnly, ...matchers.map(({ name, op, value }) => [name, op, value])]);
    let selection = this.#selections.get(key);
    if (selection === undefined) {
      selection = this.#load(matchers, fromMs, toMs, newestOnly);
      this.#selections.set(key, selection);
    }
    return selection;
  }

  async #load(matchers: readonly Matcher[], fromMs: Millis, toMs: Millis, newestOnly: boolean): Promise<readonly SeriesColumns[]> {
    this.check();
    const { store, limits, signal } = this.#options;
    const stepMs = this.startMs === this.endMs ? 0 : this.stepMs;
    const maxSamples = Math.max(0, limits.maxSamples - this.#loaded - this.#held);
    let columns: SeriesColumns[];
    try {
      columns = await store.select({ matchers, fromMs, toMs, newestOnly, stepMs, signal, maxSamples, maxSeries: limits.maxSeries });
    } catch (error) {
      if (signal?.aborted === true) throw canceled();
      if (error instanceof AppError && error.code === 'QUERY_TOO_LARGE') throw tooManySamples(error);
      throw error;
    }
    this.check();
    if (columns.length > limits.maxSeries) throw tooManySeries(limits.maxSeries);
    let samples = 0;
    for (const { times } of columns) samples += times.length;
    this.#loaded += samples;
    this.hold(0);
    if (this.spend(samples / 8)) await this.breathe();
    return columns;
  }

  /** A series as range selectors see it: without its staleness markers. */
  withoutStale(column: SeriesColumns): Column {
    let clean = this.#withoutStale.get(column);
    if (clean === undefined) {
      clean = stripStale(column);
      this.#withoutStale.set(column, clean);
    }
    return clean;
  }
}

function stripStale(column: SeriesColumns): Column {
  const { labels, times, values } = column;
  let kept = 0;
  const { length } = times;
  while (kept < length && !(Number.isNaN(values[kept]!) && isStaleAt(values, kept))) kept++;
  if (kept === length) return { labels, dropName: false, times, values };
  const cleanTimes = times.slice();
  const cleanValues = values.slice();
  for (let i = kept; i < length; i++) {
    if (isStaleAt(values, i)) continue;
    cleanTimes[kept] = times[i]!;
    cleanValues[kept++] = values[i]!;
  }
  return { labels, dropName: false, times: cleanTimes.subarray(0, kept), values: cleanValues.subarray(0, kept) };
}

function tooManySamples(cause?: AppError): AppError {
  const text = 'query processing would load too many samples into memory in query execution';
  return new AppError('QUERY_TOO_LARGE', cause === undefined ? text : `${text}: ${cause.message}`, { cause });
}

function tooManySeries(limit: number): AppError {
  return new AppError('QUERY_TOO_LARGE', `query would select more than ${limit} series; narrow its selectors`);
}

function canceled(): AppError {
  return new AppError('QUERY_TIMEOUT', 'query was canceled in expression evaluation');
}

export function metricName(labels: Labels): string {
  return labelValue(labels, METRIC_NAME);
}
