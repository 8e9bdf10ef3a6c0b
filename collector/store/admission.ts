import type { Millis } from '@bellwether/shared';

/** Which rows a store takes, by their time. */
export interface AdmissionLimits {
  /** Raw samples older than this are dropped, and rows older than this refused. */
  readonly retentionMs: Millis;
  /** How far behind the newest row of its group a row may be. */
  readonly outOfOrderMs: Millis;
  /** How far ahead of the store's clock a row may be. */
  readonly maxAheadMs: Millis;
}

export const DEFAULT_ADMISSION: AdmissionLimits = { retentionMs: 15 * 86_400_000, outOfOrderMs: 86_400_000, maxAheadMs: 600_000 };

/** Why a row at `timeMs` is refused; undefined when it is not. `newestMs` is the group's newest row (-Infinity without one). */
export function refusal(timeMs: Millis, newestMs: Millis, nowMs: Millis, limits: AdmissionLimits): 'too-old' | 'too-new' | undefined {
  if (timeMs > nowMs + limits.maxAheadMs) return 'too-new';
  return timeMs < nowMs - limits.retentionMs || timeMs < newestMs - limits.outOfOrderMs ? 'too-old' : undefined;
}
