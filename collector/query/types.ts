/** What the query engine takes and gives; the engine itself is engine.ts. */
import type { Labels, Millis } from '@bellwether/shared';

export interface QueryLimits {
  /** Samples one query may hold in memory. */
  readonly maxSamples: number;
  readonly maxSeries: number;
  readonly timeoutMs: Millis;
  /** How far an instant selector looks back. */
  readonly lookbackMs: Millis;
  /** Points per series a range query may ask for. */
  readonly maxPoints: number;
  /** Default step of subqueries without one. */
  readonly subqueryStepMs: Millis;
}

export const DEFAULT_QUERY_LIMITS: QueryLimits = {
  maxSamples: 50_000_000,
  maxSeries: 1_000_000,
  timeoutMs: 120_000,
  lookbackMs: 300_000,
  maxPoints: 11_000,
  subqueryStepMs: 60_000,
};

export interface QueryOptions {
  readonly lookbackMs?: Millis;
  readonly timeoutMs?: Millis;
  readonly signal?: AbortSignal;
}

export interface VectorSample {
  readonly labels: Labels;
  readonly timeMs: Millis;
  readonly value: number;
}

export interface MatrixSeries {
  readonly labels: Labels;
  /** Times ascending, in ms; only the points that exist. */
  readonly times: Float64Array;
  readonly values: Float64Array;
}

export interface Annotations {
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

export type QueryValue =
  | { readonly kind: 'vector'; readonly samples: readonly VectorSample[] }
  | { readonly kind: 'matrix'; readonly series: readonly MatrixSeries[] }
  | { readonly kind: 'scalar'; readonly timeMs: Millis; readonly value: number }
  | { readonly kind: 'string'; readonly timeMs: Millis; readonly value: string };

export type QueryResult = QueryValue & Annotations;
export type MatrixResult = Extract<QueryValue, { kind: 'matrix' }> & Annotations;

/** Parse errors are AppError QUERY_INVALID with Prometheus' text (`1:5: parse error: ...`); run-time ones QUERY_FAILED, QUERY_TOO_LARGE, QUERY_TIMEOUT. */
export interface QueryEngine {
  instant(query: string, timeMs: Millis, options?: QueryOptions): Promise<QueryResult>;
  /** Evaluates at startMs, startMs + stepMs, ... <= endMs. */
  range(query: string, startMs: Millis, endMs: Millis, stepMs: Millis, options?: QueryOptions): Promise<MatrixResult>;
}
