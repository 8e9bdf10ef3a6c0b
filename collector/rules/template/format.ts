/** How Go prints values: the verbs of `printf`, `%v`, and Prometheus' humanize family. Pure; floats are numbers, Go's ints are bigints. */
import type { Value } from './value.ts';
import { Sample, Struct } from './value.ts';

/** Digits `value` has with `precision` decimals, halves of exact ties to even as in Go (JavaScript rounds them up). */
function fixed(value: number, precision: number): string {
  if (Math.abs(value) >= 1e21) return precision > 0 ? `${BigInt(value)}.${'0'.repeat(precision)}` : `${BigInt(value)}`;
  const digits = Math.min(precision, 100);
  const text = value.toFixed(digits);
  if (digits > 60 || !isTie(value, digits)) return text;
  const last = text.charCodeAt(text.length - 1) - 48;
  if (last % 2 === 0) return text;
  const down = Math.abs(value).toFixed(digits + 1);
  const cut = down.slice(0, digits === 0 ? -2 : -1);
  return value < 0 ? `-${cut}` : cut;
}

function isTie(value: number, digits: number): boolean {
  return (
    /^-?\d+\.\d*50*$/.test(value.toFixed(digits + 35)) &&
    /^50*$/.test(
      value
        .toFixed(digits + 35)
        .split('.')[1]!
        .slice(digits),
    )
  );
}

function exponential(value: number, precision: number | undefined): string {
  const text = precision === undefined ? value.toExponential() : value.toExponential(Math.min(precision, 100));
  const [mantissa, exponent] = text.split('e') as [string, string];
  return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

/** From this decimal exponent on, the shortest form is `1.5e+06`. */
const SHORTEST_EXPONENT = 6;

function general(value: number, precision: number | undefined): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const text = precision === undefined ? exponential(value, undefined) : exponential(value, Math.max(precision, 1) - 1);
  const split = text.indexOf('e');
  const exponent = Number(text.slice(split + 1));
  const threshold = precision === undefined ? SHORTEST_EXPONENT : Math.max(precision, 1);
  if (exponent < -4 || exponent >= threshold) return `${trimZeros(text.slice(0, split))}${text.slice(split)}`;
  if (precision === undefined) return plain(value);
  return trimZeros(fixed(value, Math.max(0, Math.max(precision, 1) - 1 - exponent)));
}

function plain(value: number): string {
  const text = String(value);
  return text.includes('e-') ? trimZeros(value.toFixed(Math.min(100, Number(text.split('e-')[1]) + 17))) : text;
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** Go's float formatting with the verb `e`, `f` or `g`; no precision = the shortest that reads back (for `e`, `f`: 6 decimals). */
export function formatFloat(value: number, verb: 'e' | 'f' | 'g', precision?: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (verb === 'e') return exponential(value, precision ?? 6);
  if (verb === 'f') return fixed(value, precision ?? 6);
  return general(value, precision);
}

/** What `{{ value }}`, `print` and `%v` show. */
export function show(value: Value): string {
  if (value === null) return '<no value>';
  if (typeof value === 'number') return formatFloat(value, 'g');
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value instanceof Map)
    return `map[${[...value.keys()]
      .sort()
      .map((key) => `${key}:${show(value.get(key)!)}`)
      .join(' ')}]`;
  if (value instanceof Sample) return `{${show(value.labels)} ${show(value.value)}}`;
  if (value instanceof Struct) return value.name;
  return `[${(value as readonly Value[]).map(show).join(' ')}]`;
}

export function typeName(value: Value): string {
  if (value === null) return 'nil';
  if (typeof value === 'number') return 'float64';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (value instanceof Map) return 'map[string]string';
  if (value instanceof Sample) return '*template.sample';
  return value instanceof Struct ? value.name : '[]*template.sample';
}

const DIRECTIVE = /%([-+# 0]*)(\d+|\*)?(?:\.(\d+)?)?([a-zA-Z%])?/g;
const MAX_WIDTH = 1_000;

/** Go's `fmt.Sprintf` for the verbs templates use: v s q d f F e E g G t x X b o c U T and %%. Widths above 1,000 are cut. */
export function sprintf(format: string, args: readonly Value[]): string {
  let next = 0;
  const text = format.replace(
    DIRECTIVE,
    (whole: string, flags: string, width: string | undefined, decimals: string | undefined, verb: string) => {
      if (verb === '%') return '%';
      if (verb === undefined) return '%!(NOVERB)';
      const columns = width === '*' ? Number(args[next++] ?? 0) : Number(width ?? 0);
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const precision = whole.includes('.') ? Math.min(Number(decimals ?? 0), MAX_WIDTH) : undefined;
      return pad(directive(verb, args[next++]!, flags, precision), Math.min(columns, MAX_WIDTH), flags);
    },
  );
  if (next >= args.length) return text;
  return `${text}%!(EXTRA ${args
    .slice(next)
    .map((arg) => `${typeName(arg)}=${show(arg)}`)
    .join(', ')})`;
}

/** The sign that the flags `+` and space ask for, before a number that has none. */
function signed(text: string, flags: string): string {
  if (/^[-+]/.test(text)) return text;
  return flags.includes('+') ? `+${text}` : flags.includes(' ') ? ` ${text}` : text;
}

function directive(verb: string, value: Value, flags: string, precision: number | undefined): string {
  const sign = (text: string): string => signed(text, flags);
  if (verb === 'T') return typeName(value);
  if (verb === 'v') {
    if (value === null) return '<nil>';
    if (typeof value === 'number') return sign(formatFloat(value, 'g', precision));
    return typeof value === 'bigint' ? sign(show(value)) : show(value);
  }
  if (typeof value === 'number') {
    const lower = verb.toLowerCase();
    if (lower === 'f' || lower === 'e' || lower === 'g') {
      const text = sign(formatFloat(value, lower, precision));
      return verb === 'E' || verb === 'G' ? text.replace('e', 'E') : text;
    }
  } else if (typeof value === 'bigint') {
    const radix = { d: 10, x: 16, X: 16, o: 8, b: 2 }[verb];
    if (radix !== undefined) return sign(verb === 'X' ? value.toString(16).toUpperCase() : value.toString(radix));
    if (verb === 'c') return value >= 0n && value <= 0x10ffffn ? String.fromCodePoint(Number(value)) : '\ufffd';
    if (verb === 'U') return `U+${value.toString(16).toUpperCase().padStart(4, '0')}`;
    if (verb === 'q') return JSON.stringify(String.fromCodePoint(Number(value & 0xffffn)));
  } else if (typeof value === 'string') {
    const cut = precision === undefined ? value : [...value].slice(0, precision).join('');
    if (verb === 's') return cut;
    if (verb === 'q') return JSON.stringify(cut);
    if (verb === 'x' || verb === 'X') {
      const hex = Buffer.from(cut, 'utf8').toString('hex');
      return verb === 'X' ? hex.toUpperCase() : hex;
    }
  } else if (typeof value === 'boolean') {
    if (verb === 't') return String(value);
  } else if (verb === 's') return value === null ? '%!s(<nil>)' : show(value);
  return `%!${verb}(${value === null ? '<nil>' : `${typeName(value)}=${show(value)}`})`;
}

function pad(text: string, width: number, flags: string): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (!flags.includes('0') || /Inf|NaN/.test(text)) return ' '.repeat(missing) + text;
  const signed = /^[-+ ]/.test(text) ? 1 : 0;
  return text.slice(0, signed) + '0'.repeat(missing) + text.slice(signed);
}

const four = (value: number): string => formatFloat(value, 'g', 4);
const LARGE = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
const SMALL = ['m', 'u', 'n', 'p', 'f', 'a', 'z', 'y'];

function shrink(value: number): string {
  let prefix = '';
  for (const next of SMALL) {
    if (Math.abs(value) >= 1) break;
    prefix = next;
    value *= 1000;
  }
  return four(value) + prefix;
}

/** `1.234M`, `56.7m`: SI prefixes, four significant digits. */
export function humanize(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return four(value);
  if (Math.abs(value) < 1) return shrink(value);
  let prefix = '';
  for (const next of LARGE) {
    if (Math.abs(value) < 1000) break;
    prefix = next;
    value /= 1000;
  }
  return four(value) + prefix;
}

/** `1.5Gi`: powers of 1024, four significant digits. */
export function humanize1024(value: number): string {
  if (Math.abs(value) <= 1 || !Number.isFinite(value)) return four(value);
  let prefix = '';
  for (const next of LARGE) {
    if (Math.abs(value) < 1024) break;
    prefix = `${next}i`;
    value /= 1024;
  }
  return four(value) + prefix;
}

/** Seconds as `1d 2h 3m 4s`; below one second `12ms`. */
export function humanizeDuration(value: number): string {
  if (!Number.isFinite(value)) return four(value);
  if (value === 0) return `${four(value)}s`;
  if (Math.abs(value) < 1) return `${shrink(value)}s`;
  const sign = value < 0 ? '-' : '';
  const whole = Math.trunc(Math.abs(value));
  const [days, hours, minutes, seconds] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3_600) % 24,
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  if (days > 0) return `${sign}${days}d ${hours}h ${minutes}m ${seconds}s`;
  if (hours > 0) return `${sign}${hours}h ${minutes}m ${seconds}s`;
  if (minutes > 0) return `${sign}${minutes}m ${seconds}s`;
  return `${sign}${four(Math.abs(value))}s`;
}

/** A ratio as `12.34%`. */
export function humanizePercentage(value: number): string {
  return `${four(value * 100)}%`;
}

/** Seconds since the epoch as `2006-01-02 15:04:05.678 +0000 UTC`; undefined when out of range. */
export function humanizeTimestamp(value: number): string | undefined {
  if (!Number.isFinite(value)) return four(value);
  const date = new Date(Math.trunc(value * 1000));
  if (Number.isNaN(date.getTime())) return undefined;
  const [day, time] = date.toISOString().slice(0, -1).split('T') as [string, string];
  return `${day} ${trimZeros(time)} +0000 UTC`;
}

/** Go's `%e` with as many digits as needed: `1e+00`, `1.25e-03`. */
export function shortestExponent(value: number): string {
  return Number.isFinite(value) ? exponential(value, undefined) : formatFloat(value, 'g');
}
