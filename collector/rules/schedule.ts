/** When a RuleGroup is evaluated: every interval, each group at its own offset so that not all run at once. Pure. */
import { createHash } from 'node:crypto';
import type { Millis } from '@bellwether/shared';

/** The offset of a group within its interval: spread by its identity, the same after every restart. */
export function groupOffsetMs(groupId: string, intervalMs: Millis): Millis {
  return createHash('sha256').update(groupId).digest().readUIntBE(0, 6) % intervalMs;
}

/** The first evaluation time > `now`. */
export function nextEvaluationMs(now: Millis, intervalMs: Millis, offsetMs: Millis): Millis {
  return Math.floor((now - offsetMs) / intervalMs) * intervalMs + intervalMs + offsetMs;
}

export interface Turn {
  /** The time to evaluate for. */
  readonly atMs: Millis;
  /** Evaluations whose time passed without one. */
  readonly missed: number;
  readonly nextMs: Millis;
}

/** What a timer that was armed for `armedMs` and woke at `now` has to do. */
export function planTurn(armedMs: Millis, now: Millis, intervalMs: Millis): Turn {
  const missed = Math.max(0, Math.floor((now - armedMs) / intervalMs));
  const atMs = armedMs + missed * intervalMs;
  return { atMs, missed, nextMs: atMs + intervalMs };
}
