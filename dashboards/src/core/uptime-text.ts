import type { UptimeBar, UptimeShare, Verdict, WatchedKind } from '@bellwether/shared/api';
import type { Millis } from '@bellwether/shared/time';
import type { TimeFormat } from './format.ts';
import { NO_VALUE } from './format.ts';
import type { Tone } from './words.ts';

export type Basis = 'seen' | 'proven';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const SPACE = '\u202f';

export interface UptimeWindow {
  /** As in the address: `days=30`. */
  readonly days: number;
  readonly text: string;
  readonly bucketMs: Millis;
}

export const WINDOWS: readonly UptimeWindow[] = [
  { days: 1, text: '24 h', bucketMs: HOUR_MS },
  { days: 7, text: '7 d', bucketMs: 6 * HOUR_MS },
  { days: 30, text: '30 d', bucketMs: DAY_MS },
  { days: 90, text: '90 d', bucketMs: DAY_MS },
];
export const DEFAULT_WINDOW = WINDOWS[2]!;

export const VERDICT_TONE: Readonly<Record<Verdict, Tone>> = { up: 'ok', down: 'critical', unknown: 'unknown' };
export const KIND_NAMES: Readonly<Record<WatchedKind, string>> = { host: 'Hosts', check: 'Checks', device: 'Devices' };

/** The window's start, so that every bar but the last is a whole bucket. */
export function windowStart({ days, bucketMs }: UptimeWindow, nowMs: Millis): Millis {
  return (Math.floor(nowMs / bucketMs) + 1) * bucketMs - days * DAY_MS;
}

/** Never rounded up: 99.9996 % is not all of the time. */
export function percentText(ratio: number | null): string {
  if (ratio === null) return NO_VALUE;
  return `${ratio === 1 ? '100' : (Math.floor(ratio * 100_000) / 1_000).toFixed(3)}${SPACE}%`;
}

/** `40 s`, `12 min`, `3 h 5 min`, `4 d 2 h`. */
export function lengthText(ms: Millis): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds}${SPACE}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes}${SPACE}min`;
  const pair = (large: number, one: string, small: number, other: string): string =>
    small === 0 ? `${large}${SPACE}${one}` : `${large}${SPACE}${one} ${small}${SPACE}${other}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return pair(hours, 'h', minutes % 60, 'min');
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

export function shareText({ upMs, downMs, unknownMs }: UptimeShare): string {
  const parts = [
    ['up', upMs],
    ['down', downMs],
    ['unknown', unknownMs],
  ] as const;
  const said = parts.filter(([, ms]) => ms > 0).map(([word, ms]) => `${word} ${lengthText(ms)}`);
  return said.length === 0 ? 'not watched yet' : said.join(', ');
}

/** The bar in a sentence: when, how long in each verdict, why, and what was proven when that differs. */
export function barText(bar: UptimeBar, times: TimeFormat, nowMs: Millis): string {
  const { seen, proven, reason } = bar;
  const differs = seen.upMs !== proven.upMs || seen.downMs !== proven.downMs || seen.unknownMs !== proven.unknownMs;
  const later = differs ? `; proven: ${shareText(proven)}` : '';
  return `${barTime(bar, times, nowMs)}: ${shareText(seen)}${later}${reason === '' ? '' : ` (${reason})`}`;
}

const UTC_DAY = { day: 'numeric', month: 'short', timeZone: 'UTC' } as const;

/** Days are those of UTC, shorter bars have the reader's own times. */
export function barTime({ fromMs, toMs }: Pick<UptimeBar, 'fromMs' | 'toMs'>, times: TimeFormat, nowMs: Millis): string {
  if (toMs - fromMs > 6 * HOUR_MS) return `${new Date(fromMs).toLocaleDateString('en-GB', UTC_DAY)} UTC`;
  return `${times.time(fromMs, nowMs)}–${times.time(toMs, toMs)}`;
}

export interface BarShape {
  /** Heights from 0 to 1 of the watched time, drawn from the bottom: up, unknown, down. What there is at all is never thinner than a hint. */
  readonly up: number;
  readonly unknown: number;
  readonly down: number;
}

const HINT = 0.12;

export function barShape({ upMs, downMs, unknownMs }: UptimeShare): BarShape {
  const total = upMs + downMs + unknownMs;
  if (total === 0) return { up: 0, unknown: 0, down: 0 };
  const atLeast = (ms: Millis): number => (ms === 0 ? 0 : Math.max(HINT, ms / total));
  const down = Math.min(1, atLeast(downMs));
  const unknown = Math.min(1 - down, atLeast(unknownMs));
  return { up: upMs === 0 ? 0 : 1 - down - unknown, unknown, down };
}
