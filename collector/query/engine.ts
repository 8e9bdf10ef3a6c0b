import { AppError, type Clock, compareLabels, EMPTY_LABELS, type Labels, type Millis } from '@bellwether/shared';
import type { Store } from '../store/index.ts';
import { childrenOf, type Expr, valueTypeOf } from './ast.ts';
import { sameLabelset } from './binary.ts';
import { Evaluation } from './evaluation.ts';
import { Evaluator } from './evaluator.ts';
import { parse } from './parser.ts';
import { columnsOf } from './selectors.ts';
import {
  DEFAULT_QUERY_LIMITS,
  type MatrixResult,
  type MatrixSeries,
  type QueryEngine,
  type QueryLimits,
  type QueryOptions,
  type QueryResult,
  type VectorSample,
} from './types.ts';
import { type Grid, type VectorValue, withoutMetadata } from './vector.ts';

/** Parsed queries kept, oldest dropped first. */
const KEPT_EXPRESSIONS = 1_000;

export interface QueryEngineOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly limits?: Partial<QueryLimits>;
}

export function createQueryEngine(options: QueryEngineOptions): QueryEngine {
  return new Engine(options);
}

class Engine implements QueryEngine {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #limits: QueryLimits;
  readonly #expressions = new Map<string, Expr>();

  constructor({ store, clock, limits }: QueryEngineOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#limits = { ...DEFAULT_QUERY_LIMITS, ...limits };
  }

  /** Rules, panels and dashboards ask the same again and again; an expression is never changed once parsed. */
  #parsed(query: string): Expr {
    let expr = this.#expressions.get(query);
    if (expr === undefined) {
      expr = parse(query);
      if (this.#expressions.size >= KEPT_EXPRESSIONS) this.#expressions.delete(this.#expressions.keys().next().value!);
      this.#expressions.set(query, expr);
    }
    return expr;
  }

  async instant(query: string, timeMs: Millis, options: QueryOptions = {}): Promise<QueryResult> {
    const expr = this.#parsed(query);
    const run = this.#start(query, timeMs, timeMs, 0, options);
    const evaluator = new Evaluator(run);
    const grid: Grid = { startMs: timeMs, stepMs: 1, count: 1 };
    if (valueTypeOf(expr) === 'matrix') {
      const series = await matrixAt(evaluator, expr, grid);
      return { kind: 'matrix', series, ...run.annotations };
    }
    const value = await evaluator.evaluate(expr, grid);
    if (value.kind === 'scalar') return { kind: 'scalar', timeMs, value: value.values[0]!, ...run.annotations };
    if (value.kind === 'string') return { kind: 'string', timeMs, value: value.value, ...run.annotations };
    const samples = samplesOf(value, timeMs);
    if (!isOrdered(expr)) samples.sort((a, b) => compareLabels(a.labels, b.labels));
    return { kind: 'vector', samples, ...run.annotations };
  }

  async range(query: string, startMs: Millis, endMs: Millis, stepMs: Millis, options: QueryOptions = {}): Promise<MatrixResult> {
    const expr = this.#parsed(query);
    const type = valueTypeOf(expr);
    if (type !== 'scalar' && type !== 'vector') {
      const shown = type === 'matrix' ? 'range vector' : 'string';
      throw new AppError('QUERY_INVALID', `invalid expression type "${shown}" for range query, must be Scalar or instant Vector`);
    }
    if (!(stepMs > 0))
      throw new AppError('QUERY_INVALID', 'zero or negative query resolution step widths are not accepted. Try a positive integer');
    const count = Math.floor((endMs - startMs) / stepMs) + 1;
    if (count > this.#limits.maxPoints + 1) throw tooManyPoints(this.#limits.maxPoints);
    const run = this.#start(query, startMs, endMs, stepMs, options);
    if (count < 1) return { kind: 'matrix', series: [], ...run.annotations };
    const grid: Grid = { startMs, stepMs, count };
    const value = await new Evaluator(run).evaluate(expr, grid);
    if (value.kind === 'string') throw new TypeError('a string where the type check saw a number');
    if (value.kind === 'scalar') {
      const times = Float64Array.from({ length: count }, (_, step) => startMs + step * stepMs);
      return { kind: 'matrix', series: [{ labels: EMPTY_LABELS, times, values: value.values }], ...run.annotations };
    }
    return { kind: 'matrix', series: matrixOf(value, grid), ...run.annotations };
  }

  #start(query: string, startMs: Millis, endMs: Millis, stepMs: Millis, options: QueryOptions): Evaluation {
    const run = new Evaluation({
      query,
      store: this.#store,
      clock: this.#clock,
      limits: this.#limits,
      lookbackMs: options.lookbackMs ?? this.#limits.lookbackMs,
      timeoutMs: Math.min(options.timeoutMs ?? Number.POSITIVE_INFINITY, this.#limits.timeoutMs),
      startMs,
      endMs,
      stepMs,
      signal: options.signal,
    });
    run.check();
    return run;
  }
}

/** The error of a range query that asks for more points than a chart can show. */
export function tooManyPoints(limit: number): AppError {
  const shown = String(limit).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
  return new AppError(
    'QUERY_INVALID',
    `exceeded maximum resolution of ${shown} points per timeseries. Try decreasing the query resolution (?step=XX)`,
  );
}

const ORDERING = new Set(['sort', 'sort_desc', 'sort_by_label', 'sort_by_label_desc']);

/** Whether something in the query gives an instant result an order of its own. */
function isOrdered(expr: Expr): boolean {
  if (expr.kind === 'aggregate') return expr.op === 'topk' || expr.op === 'bottomk' || (expr.op === 'limitk' && isOrdered(expr.expr));
  if (expr.kind === 'call' && ORDERING.has(expr.fn.name)) return true;
  return childrenOf(expr).some(isOrdered);
}

function finalLabels(labels: Labels, dropName: boolean): Labels {
  return dropName ? withoutMetadata(labels) : labels;
}

function samplesOf({ labels, dropName, values, present }: VectorValue, timeMs: Millis): VectorSample[] {
  const samples: VectorSample[] = [];
  for (const [row, rowLabels] of labels.entries()) {
    if (present[row] === 1) samples.push({ labels: finalLabels(rowLabels, dropName[row]!), timeMs, value: values[row]! });
  }
  if (dropName.includes(true)) {
    const seen = new Set(samples.map((sample) => sample.labels.join('\xff')));
    if (seen.size < samples.length) throw sameLabelset();
  }
  return samples;
}

async function matrixAt(evaluator: Evaluator, expr: Expr, grid: Grid): Promise<MatrixSeries[]> {
  const { columns, rangeMs, gaze } = await evaluator.rangeInput(expr, grid);
  const endMs = gaze.baseMs;
  const startMs = endMs - rangeMs;
  const series: MatrixSeries[] = [];
  for (const { labels, dropName, times, values } of columns) {
    let lo = 0;
    let hi = times.length;
    while (lo < hi && times[lo]! <= startMs) lo++;
    while (hi > lo && times[hi - 1]! > endMs) hi--;
    if (hi > lo) series.push({ labels: finalLabels(labels, dropName), times: times.subarray(lo, hi), values: values.subarray(lo, hi) });
  }
  return merged(
    series,
    columns.some((column) => column.dropName),
  );
}

function matrixOf(vector: VectorValue, grid: Grid): MatrixSeries[] {
  const series: MatrixSeries[] = [];
  for (const { labels, dropName, times, values } of columnsOf(vector, grid)) {
    if (times.length > 0) series.push({ labels: finalLabels(labels, dropName), times, values });
  }
  return merged(series, vector.dropName.includes(true));
}

/** Sorts by labels; where names were taken away, joins series that became equal, unless their times overlap. */
function merged(series: MatrixSeries[], mayCollide: boolean): MatrixSeries[] {
  series.sort((a, b) => compareLabels(a.labels, b.labels));
  if (!mayCollide) return series;
  const out: MatrixSeries[] = [];
  for (const next of series) {
    const last = out.at(-1);
    if (last !== undefined && compareLabels(last.labels, next.labels) === 0) out[out.length - 1] = joined(last, next);
    else out.push(next);
  }
  return out;
}

function joined(a: MatrixSeries, b: MatrixSeries): MatrixSeries {
  const length = a.times.length + b.times.length;
  const times = new Float64Array(length);
  const values = new Float64Array(length);
  for (let i = 0, j = 0, to = 0; to < length; to++) {
    if (i < a.times.length && a.times[i] === b.times[j]) throw sameLabelset();
    const fromA = j >= b.times.length || (i < a.times.length && a.times[i]! < b.times[j]!);
    times[to] = fromA ? a.times[i]! : b.times[j]!;
    values[to] = fromA ? a.values[i++]! : b.values[j++]!;
  }
  return { labels: a.labels, times, values };
}
