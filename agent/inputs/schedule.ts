/** Which inputs are due when: pure functions over intervals on a grid that starts at the epoch. */
import type { Millis } from '@bellwether/shared';

export interface ScheduledInput {
  readonly name: string;
  readonly intervalMs: Millis;
}

/** Names of the inputs with a grid point in (previousMs, nowMs]; all of them without a previous tick. A missed tick is made up for once. */
export function dueInputs(schedule: readonly ScheduledInput[], previousMs: Millis | undefined, nowMs: Millis): string[] {
  return schedule
    .filter(({ intervalMs }) => previousMs === undefined || Math.floor(nowMs / intervalMs) > Math.floor(previousMs / intervalMs))
    .map(({ name }) => name);
}

/** The first grid point of any input after `afterMs`; undefined for an empty schedule. */
export function nextTick(schedule: readonly ScheduledInput[], afterMs: Millis): Millis | undefined {
  let next: Millis | undefined;
  for (const { intervalMs } of schedule) {
    const at = (Math.floor(afterMs / intervalMs) + 1) * intervalMs;
    if (next === undefined || at < next) next = at;
  }
  return next;
}
