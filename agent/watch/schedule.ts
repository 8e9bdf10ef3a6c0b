/** When a check runs: pure functions over its id, its interval and the time. */
import type { Millis } from '@bellwether/shared';
import type { CheckAssignment } from '@bellwether/shared/assignments';
import { fnv1a } from '../probes/fnv.ts';

/** A new check shows itself within this time, whatever its interval. */
const FIRST_WITHIN_MS: Millis = 2_000;
/** A grid point so soon after the first run, in intervals, is left out. */
const TOO_SOON = 0.5;

type Scheduled = Pick<CheckAssignment, 'id' | 'probe' | 'intervalMs'>;

/** Where in each interval a check runs: checks spread evenly by their ids. Echoes share one child process, so they run together. */
export function phaseMs({ id, probe, intervalMs }: Scheduled): Millis {
  return fnv1a(Buffer.from(probe === 'icmp' ? 'icmp' : id)) % intervalMs;
}

/** From the assignment to the first run. */
export function firstDelayMs(check: Scheduled): Millis {
  return phaseMs({ ...check, intervalMs: Math.min(FIRST_WITHIN_MS, check.intervalMs) });
}

/** The first point of the check's grid after `afterMs`. */
export function nextRun(check: Scheduled, afterMs: Millis): Millis {
  const { intervalMs } = check;
  const phase = phaseMs(check);
  const next = (Math.floor((afterMs - phase) / intervalMs) + 1) * intervalMs + phase;
  return next - afterMs < intervalMs * TOO_SOON ? next + intervalMs : next;
}
