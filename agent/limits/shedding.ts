/** How far the agent steps back to stay within its limits: pure functions over readings of its own use. */
import type { Millis } from '@bellwether/shared';

/** What an input is worth when not all can be read; see `pacedMs`. */
export type Priority = 'essential' | 'normal' | 'extra';

/**
 * 0: all as configured. 1: no live mode, extra inputs six times slower. 2: extra inputs off, normal ones three times slower. 3: essential inputs
 * only, at their intervals.
 */
export type SheddingLevel = 0 | 1 | 2 | 3;

/** 0 means no limit. */
export interface UsageLimits {
  /** Share of one core, averaged over a minute. */
  readonly cpu: number;
  /** Resident memory. */
  readonly memoryBytes: number;
}

/** One reading of what the agent uses. */
export interface Usage {
  /** Monotonic. */
  readonly timeMs: Millis;
  /** Since some start that stays the same. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

export interface Shedding {
  readonly level: SheddingLevel;
  /** The reading the next window begins with. */
  readonly last: Usage;
  /** Windows in a row, since the level last changed, above a limit. */
  readonly over: number;
  /** The same, well below all limits. */
  readonly calm: number;
}

export interface SheddingStep {
  readonly next: Shedding;
  /** The limits that this window was above, in words; empty for none. */
  readonly exceeded: readonly string[];
}

export const WINDOW_MS: Millis = 60_000;
const MAX_LEVEL = 3;
const RAISE_AFTER = 2;
const LOWER_AFTER = 5;
/** Between this share of a limit and the limit itself the level stays as it is. */
const CALM_SHARE = 0.7;
const MIN_NORMAL_MS: Millis = 30_000;
const EXTRA_FACTOR = 6;
const NORMAL_FACTOR = 3;

export function beginShedding(usage: Usage): Shedding {
  return { level: 0, last: usage, over: 0, calm: 0 };
}

/** Judges the window from the last reading to `usage`, which must be later. One level at a time: what a step saves shows in the next windows. */
export function stepShedding(shedding: Shedding, usage: Usage, limits: UsageLimits): SheddingStep {
  const seconds = (usage.timeMs - shedding.last.timeMs) / 1000;
  const cpu = (usage.cpuSeconds - shedding.last.cpuSeconds) / seconds;
  const exceeded: string[] = [];
  if (isAbove(cpu, limits.cpu)) exceeded.push(`CPU ${percent(cpu)} of a core, limit ${percent(limits.cpu)}`);
  if (isAbove(usage.rssBytes, limits.memoryBytes))
    exceeded.push(`memory ${megabytes(usage.rssBytes)}, limit ${megabytes(limits.memoryBytes)}`);
  const isCalm = !isAbove(cpu, limits.cpu * CALM_SHARE) && !isAbove(usage.rssBytes, limits.memoryBytes * CALM_SHARE);
  const over = exceeded.length > 0 ? shedding.over + 1 : 0;
  const calm = isCalm ? shedding.calm + 1 : 0;
  const level = levelAfter(shedding.level, over, calm);
  const next = level === shedding.level ? { level, last: usage, over, calm } : { level, last: usage, over: 0, calm: 0 };
  return { next, exceeded };
}

/** The interval of an input that is otherwise read every `usualMs`, at most `maxMs`; undefined: not at all. */
export function pacedMs(level: SheddingLevel, priority: Priority, usualMs: Millis, maxMs: Millis): Millis | undefined {
  if (level === 0 || priority === 'essential') return usualMs;
  if (priority === 'extra') return level === 1 ? Math.min(usualMs * EXTRA_FACTOR, maxMs) : undefined;
  if (level === 1) return usualMs;
  return level === 2 ? Math.min(Math.max(usualMs * NORMAL_FACTOR, MIN_NORMAL_MS), maxMs) : undefined;
}

function levelAfter(level: SheddingLevel, over: number, calm: number): SheddingLevel {
  if (over >= RAISE_AFTER && level < MAX_LEVEL) return (level + 1) as SheddingLevel;
  if (calm >= LOWER_AFTER && level > 0) return (level - 1) as SheddingLevel;
  return level;
}

function isAbove(value: number, limit: number): boolean {
  return limit > 0 && value > limit;
}

const percent = (ratio: number): string => `${Math.round(ratio * 1000) / 10}%`;
const megabytes = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)} MB`;
