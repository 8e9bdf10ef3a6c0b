/** Tells a restart of a device from the wrap of its uptime counter. */

export interface Uptime {
  /** sysUpTime: hundredths of a second, modulo 2^32 (497 days). */
  readonly ticks: number;
  /** snmpEngineTime, where there is one. */
  readonly engineSeconds: number | undefined;
  /** When it was read, ms on any clock that does not step. */
  readonly atMs: number;
}

/** Devices' clocks are bad, and an answer may wait in a queue. */
const SLACK_MS = 60_000;

/** `after` was read later than `before`. */
export function uptimeStep(before: Uptime, after: Uptime): 'running' | 'restarted' {
  if (after.ticks >= before.ticks) return 'running';
  if (before.engineSeconds !== undefined && after.engineSeconds !== undefined) {
    return after.engineSeconds >= before.engineSeconds ? 'running' : 'restarted';
  }
  const expected = before.ticks + (after.atMs - before.atMs) / 10 - 2 ** 32;
  return Math.abs(after.ticks - expected) * 10 <= SLACK_MS ? 'running' : 'restarted';
}
