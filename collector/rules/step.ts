import type { Millis } from '@bellwether/shared';

/** Where one alert of a rule stands. All times are ms since the epoch. */
export type AlertState =
  | { readonly kind: 'inactive' }
  | { readonly kind: 'pending'; readonly since: Millis }
  /** `clearedAt`: the condition ended then and `keep_firing_for` holds the alert. */
  | { readonly kind: 'firing'; readonly since: Millis; readonly firedAt: Millis; readonly clearedAt?: Millis | undefined }
  | { readonly kind: 'resolved'; readonly since: Millis; readonly firedAt: Millis; readonly resolvedAt: Millis };

export interface AlertTiming {
  readonly forMs: Millis;
  readonly keepFiringMs: Millis;
}

export const INACTIVE: AlertState = { kind: 'inactive' };

/**
 * The next state of one alert; `active`: its condition holds at `now`. A later `now` is always >= an earlier one. The same object comes back
 * when nothing changed.
 */
export function stepAlert(prev: AlertState, active: boolean, now: Millis, { forMs, keepFiringMs }: AlertTiming): AlertState {
  if (active) {
    if (prev.kind === 'firing') return prev.clearedAt === undefined ? prev : { ...prev, clearedAt: undefined };
    const since = prev.kind === 'pending' ? prev.since : now;
    if (now - since >= forMs) return { kind: 'firing', since, firedAt: now };
    return prev.kind === 'pending' ? prev : { kind: 'pending', since };
  }
  if (prev.kind === 'resolved') return prev;
  if (prev.kind !== 'firing') return INACTIVE;
  const clearedAt = prev.clearedAt ?? now;
  if (now - clearedAt < keepFiringMs) return prev.clearedAt === undefined ? { ...prev, clearedAt } : prev;
  return { kind: 'resolved', since: prev.since, firedAt: prev.firedAt, resolvedAt: now };
}

/** A pending alert after `gapMs` in which nobody looked: that time does not count towards `for`. */
export function discountGap(state: AlertState, gapMs: Millis): AlertState {
  return state.kind === 'pending' ? { ...state, since: state.since + gapMs } : state;
}
