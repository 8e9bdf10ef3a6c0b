/** The shape of an input: one file that reads one kind of local metric. */
import type { MetricType, SeriesMeta } from '@bellwether/shared';

export interface MetricInfo {
  readonly type: MetricType;
  readonly help: string;
}

/** Where the host's trees are mounted; containers mount them elsewhere. */
export interface HostPaths {
  readonly procfs: string;
  readonly sysfs: string;
  readonly rootfs: string;
}

export interface InputContext {
  readonly paths: HostPaths;
  /** Options of this input from the agent's file, already checked. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** What one input hands over after a reading. The arrays are reused by the next reading: copy what must be kept. */
export interface Reading {
  /** Input instance, the group's name on the wire. */
  readonly group: string;
  /** Rises whenever `series` changes. */
  readonly generation: number;
  readonly series: readonly SeriesMeta[];
  /** Bitmap, LSB first (shared/samples.ts); null = all present. A column that was present and now is not carries one staleness marker. */
  readonly presence: Uint8Array | null;
  readonly values: Float64Array;
}

/** All due readings of one tick, stamped with one time. */
export interface Collection {
  readonly timeMs: number;
  readonly readings: readonly Reading[];
}
