import type { Millis } from '@bellwether/shared';

const FIRST_MS = 200;
const LONGEST_MS = 30_000;

/**
 * How long to wait before connection attempt `attempt` (0 = the first after a loss). Doubles from 0.2 s to 30 s; `random` (0 to 1) spreads a
 * fleet over the second half of the delay, so that a collector that comes back is not met by all its agents at once.
 */
export function backoffMs(attempt: number, random: number): Millis {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 20));
  return Math.round(full / 2 + (full / 2) * random);
}
