import type { Labels } from './labels.ts';

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped';

/** One column of a SeriesGroup. `help` belongs to the metric name, not to the single series. */
export interface SeriesMeta {
  readonly labels: Labels;
  readonly type: MetricType;
  readonly help: string;
}

/**
 * One reading of a SeriesGroup: the columns of one producer at one time. `values[i]` belongs to `series[i]` of the group's schema.
 * `presence` is a bitmap (LSB first, 1 = there is a sample; null = all present). A staleness marker is a present column whose value has the
 * staleness bits (samples.ts). The arrays may be reused by the producer: whoever keeps them copies them.
 */
export interface GroupRow {
  readonly timeMs: number;
  readonly presence: Uint8Array | null;
  readonly values: Float64Array;
}
