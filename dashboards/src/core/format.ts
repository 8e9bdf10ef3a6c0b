import type { Millis } from '@bellwether/shared/time';

/** Shown wherever there is no value: never 0, never an empty cell. */
export const NO_VALUE = '–';

export type Unit = 'ratio' | 'bytes' | 'bytes/s' | 'number' | 'seconds';

const DECIMAL = ['', 'k', 'M', 'G', 'T', 'P'] as const;
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'] as const;
const SPACE = '\u202f';

/** A value with its unit in at most about eight characters; `–` for null and anything not finite. */
export function formatValue(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NO_VALUE;
  switch (unit) {
    case 'ratio':
      return `${percent(value)}${SPACE}%`;
    case 'bytes':
      return scaled(value, 1024, BINARY, 'B');
    case 'bytes/s':
      return scaled(value, 1000, DECIMAL, 'B/s');
    case 'seconds':
      return formatAge(value * 1000);
    case 'number':
      return significant(value);
  }
}

/** A tick of an axis whose ticks are `increment` apart: as exact as telling neighbours apart needs. */
export function formatTick(value: number, increment: number, unit: Unit): string {
  if (unit !== 'ratio') return formatValue(value, unit);
  const step = increment * 100;
  const digits = step >= 1 && Math.abs(step - Math.round(step)) < 1e-9 ? 0 : step >= 0.1 ? 1 : 2;
  return `${(value * 100).toFixed(digits)}${SPACE}%`;
}

function percent(ratio: number): string {
  const value = ratio * 100;
  // 99.96 % must not read as full, and 0.04 % not as idle, but a dense table has no room for more than one decimal near the ends.
  if (value > 99 && value < 100) return (Math.floor(value * 10) / 10).toFixed(1);
  if (value > 0 && value < 1) return value < 0.1 ? '<0.1' : value.toFixed(1);
  return Math.round(value).toString();
}

function scaled(value: number, base: number, prefixes: readonly string[], unit: string): string {
  let size = Math.abs(value);
  let power = 0;
  // 999.6 would print as "1000": step up before rounding does.
  while (power < prefixes.length - 1 && Math.round(size) >= base) {
    size /= base;
    power++;
  }
  const whole = power === 0 && (size >= 10 || Number.isInteger(size));
  const digits = whole || size >= 99.95 ? 0 : 1;
  return `${value < 0 ? '-' : ''}${size.toFixed(digits)}${SPACE}${prefixes[power]}${unit}`;
}

function significant(value: number): string {
  const size = Math.abs(value);
  if (size >= 10_000) return scaled(value, 1000, DECIMAL, '').trimEnd();
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** A length of time for people: `6 s`, `18 min`, `3 h 12 min`, `41 d`. Negative lengths (clocks differ a little) read `0 s`. */
export function formatAge(ms: Millis): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 100) return `${seconds}${SPACE}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 100) return `${minutes}${SPACE}min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 10) return minutes % 60 === 0 ? `${hours}${SPACE}h` : `${hours}${SPACE}h ${minutes % 60}${SPACE}min`;
  if (hours < 48) return `${hours}${SPACE}h`;
  return `${Math.floor(hours / 24)}${SPACE}d`;
}

export interface TimeFormat {
  /** `14:02`, `14:02:09` when `seconds`, with the date in front when it is not the day of `nowMs`. */
  time(timeMs: Millis, nowMs: Millis, seconds?: boolean): string;
  /** A tick of a time axis whose ticks are `incrementMs` apart: the time, and at midnight the day. */
  tick(timeMs: Millis, incrementMs: Millis): string;
  /** Date, time with seconds, and zone. */
  full(timeMs: Millis): string;
  utc(timeMs: Millis): string;
  /** The zone's short name, such as `GMT+1`. */
  zone: string;
}

/** Formats for one time zone (the browser's when left out). Made once: an Intl formatter costs milliseconds to build. */
export function timeFormat(timeZone?: string): TimeFormat {
  const at = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat('en-GB', { timeZone, ...options });
  const clock = at({ hour: '2-digit', minute: '2-digit' });
  const clockSeconds = at({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const day = at({ day: 'numeric', month: 'short' });
  const full = at({
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
  });
  const utc = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const zone = full.formatToParts(0).find((part) => part.type === 'timeZoneName')?.value ?? 'UTC';
  return {
    time(timeMs, nowMs, seconds = false) {
      const text = (seconds ? clockSeconds : clock).format(timeMs);
      return day.format(timeMs) === day.format(nowMs) ? text : `${day.format(timeMs)}, ${text}`;
    },
    tick(timeMs, incrementMs) {
      const text = clock.format(timeMs);
      if (text === '00:00' || incrementMs >= 86_400_000) return day.format(timeMs);
      return incrementMs < 60_000 ? clockSeconds.format(timeMs) : text;
    },
    full: (timeMs) => full.format(timeMs),
    utc: (timeMs) => `${utc.format(timeMs)} UTC`,
    zone,
  };
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}
