/**
 * The one interface to time series. Drivers: `embedded` (our own files), `memory` (tests), later `influx` and `prometheus`; all pass
 * tests/collector/store/driver-suite.ts.
 */
import type { GroupRow, Labels, Millis, SeriesMeta, Stoppable } from '@bellwether/shared';

/** Number of an open SeriesGroup generation; lives as long as the store is open. */
export type GroupRef = number;

/** Where a row came from; rows of one producer are stored exactly once by (epoch, seq). */
export interface RowOrigin {
  /** Agent id. */
  readonly producer: string;
  readonly epoch: string;
  readonly seq: number;
}

/** What the store has on disk of one producer's epoch. */
export interface Progress {
  readonly epoch: string;
  /** Every number up to here is stored or was declared skipped. */
  readonly contiguousSeq: number;
}

export type AppendOutcome =
  /** Stored (visible now, durable after the next `commit`). */
  | 'stored'
  /** (epoch, seq) was stored before: dropped. */
  | 'duplicate'
  /** Older than the out-of-order window, or than the retention. */
  | 'too-old'
  /** More than 10 minutes ahead of the store's clock. */
  | 'too-new';

export type MatcherOp = '=' | '!=' | '=~' | '!~';

/** A label matcher; regular expressions are RE2 syntax, anchored at both ends, and were compiled by whoever built the matcher. */
export interface Matcher {
  readonly name: string;
  readonly op: MatcherOp;
  readonly value: string;
  /** Whether the label value (or '' when the label is absent) satisfies this matcher. */
  matches(value: string): boolean;
}

/** The samples of one series in (from, to], oldest first, one per timestamp; staleness markers included. The arrays are the caller's. */
export interface SeriesColumns {
  readonly labels: Labels;
  readonly times: Float64Array;
  readonly values: Float64Array;
}

export interface SelectRequest {
  readonly matchers: readonly Matcher[];
  /** Exclusive lower bound, ms. */
  readonly fromMs: Millis;
  /** Inclusive upper bound, ms. */
  readonly toMs: Millis;
  /** Only the newest sample in the range is wanted (instant selectors); a driver may return more. */
  readonly newestOnly?: boolean;
  /** The evaluation step, for drivers that keep rollups. 0: instant query. */
  readonly stepMs?: Millis;
  readonly signal?: AbortSignal;
  /** A select that would load more fails with QUERY_TOO_LARGE before it does. */
  readonly maxSamples?: number;
  readonly maxSeries?: number;
}

export interface MetricMetadata {
  readonly type: SeriesMeta['type'];
  readonly help: string;
}

export interface StoreStats {
  /** Series in the index. */
  readonly series: number;
  readonly openGroups: number;
  readonly samplesAppended: number;
  readonly rowsAppended: number;
  readonly rowsDuplicate: number;
  readonly rowsTooOld: number;
  readonly rowsTooNew: number;
  readonly walBytes: number;
  readonly blockBytes: number;
  readonly commits: number;
  /** Samples thrown away by policy (retention excluded). */
  readonly samplesDropped: number;
  readonly oldestMs: Millis | null;
}

export interface Store extends Stoppable {
  /**
   * Opens the group `key` (`<agent id>/<input instance>`) with these columns and returns its number; the same key with equal label sets in
   * the same order returns the same number. With other columns a new generation is made: the series of the old one that the new one lacks
   * get a staleness marker in the next row's time. Parses no labels afterwards: `append` is all that runs per row.
   * Throws AppError TOO_LARGE beyond the series limit.
   */
  openGroup(key: string, series: readonly SeriesMeta[]): GroupRef;

  /**
   * Adds one row; queries see it at once. The same timestamp again replaces what it holds (last write wins). Copies what it keeps.
   * Throws AppError STORE_FULL or STORE_UNAVAILABLE when rows cannot be made durable now.
   */
  append(group: GroupRef, row: GroupRow, origin?: RowOrigin): AppendOutcome;

  /** Marks a producer's numbers as never coming, so that its contiguous number can pass them. Durable with the next commit. */
  skip(producer: string, epoch: string, fromSeq: number, toSeq: number): void;

  /** Writes one staleness marker at `timeMs` into every live series of the groups whose key starts with `keyPrefix`; nothing follows until a new row. */
  markStale(keyPrefix: string, timeMs: Millis): void;

  /** Resolves once everything appended before the call is on disk (group commit); rejects with AppError when that failed. */
  commit(): Promise<void>;

  /** What is on disk of a producer's epoch; undefined if nothing is known. */
  progress(producer: string, epoch: string): Progress | undefined;

  /** Series with at least one sample in the range, each once (samples of several groups merged), in no particular order. */
  select(request: SelectRequest): Promise<SeriesColumns[]>;

  /** Label sets of the series that match and may have samples in the range. */
  series(matchers: readonly Matcher[], fromMs: Millis, toMs: Millis): Promise<Labels[]>;
  labelNames(matchers: readonly Matcher[], fromMs: Millis, toMs: Millis): Promise<string[]>;
  labelValues(name: string, matchers: readonly Matcher[], fromMs: Millis, toMs: Millis): Promise<string[]>;
  metadata(): ReadonlyMap<string, MetricMetadata>;

  /** Deletes the samples of matching series in the range; returns how many series were touched. */
  deleteSeries(matchers: readonly Matcher[], fromMs: Millis, toMs: Millis): Promise<number>;

  stats(): StoreStats;
}
