/** Our own scalar kinds for configuration and API schemas. Each is written once with unit, default and bounds; `describeSchema` reads them back. */
import * as z from 'zod';
import { formatDuration, parseDuration } from '../time.ts';
import { Secret } from './secret.ts';
import { valueText } from './value-text.ts';

export interface TextBounds {
  /** Written like the value itself: `100ms`, `1MB`. */
  min?: string;
  max?: string;
}

export interface ListenAddress {
  /** Without brackets; `0.0.0.0` when only a port was given. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Both, as a URL has them. */
  readonly text: string;
}

/** What a kind tells the reference page about itself. */
export interface KindMeta {
  kind: string;
  bounds?: string;
}

type Required<Out, In> = z.ZodType<Out, In>;
type WithDefault<Out, In> = z.ZodPrefault<z.ZodType<Out, In>>;

/** `5m`, `1h30m`, `500ms` -> ms. */
export function duration(): Required<number, string>;
export function duration(defaultText: string | undefined, bounds?: TextBounds): WithDefault<number, string>;
export function duration(defaultText?: string, bounds: TextBounds = {}): z.ZodType {
  const kind = quantity('duration', 'a duration such as 30s, 5m or 1h30m', parseDuration, formatDuration, bounds);
  return defaultText === undefined ? kind : kind.prefault(defaultText);
}

/** `64MB`, `1.5GB`, `4096` -> bytes. Units are powers of 1024, with or without the i (KB = KiB). */
export function bytes(): Required<number, string | number>;
export function bytes(defaultText: string | undefined, bounds?: TextBounds): WithDefault<number, string | number>;
export function bytes(defaultText?: string, bounds: TextBounds = {}): z.ZodType {
  const kind = quantity('bytes', 'a size such as 512KB, 64MB or 2GB', parseBytes, formatBytes, bounds);
  return defaultText === undefined ? kind : kind.prefault(defaultText);
}

/** A share of a whole: `0.8` or `80%` -> 0.8. */
export function ratio(): Required<number, string | number>;
export function ratio(defaultRatio: number): WithDefault<number, string | number>;
export function ratio(defaultRatio?: number): z.ZodType {
  const what = 'a ratio from 0 to 1, or a percentage such as 80%';
  const kind = z
    .union([z.number(), z.string()], { error: `must be ${what}` })
    .transform((value, context) => {
      const percent = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*%$/.exec(value) : null;
      const parsed = percent === null ? Number(value) : Number(percent[1]) / 100;
      if (parsed >= 0 && parsed <= 1 && value !== '') return parsed;
      context.addIssue({ code: 'custom', message: `must be ${what}; got ${JSON.stringify(value)}` });
      return z.NEVER;
    })
    .meta({ kind: 'ratio', bounds: '0 to 1' } satisfies KindMeta);
  return defaultRatio === undefined ? kind : kind.prefault(defaultRatio);
}

/** Text that is never shown: see Secret. */
export function secret(): z.ZodType<Secret, string> {
  return z
    .string({ error: 'must be text, file:/path or env:NAME' })
    .min(1, { error: 'must not be empty' })
    .transform((text) => new Secret(text))
    .meta({ kind: 'secret' } satisfies KindMeta);
}

/** `127.0.0.1:8720`, `[::1]:8720`, `:8720`, `localhost:0`. */
export function listenAddress(): Required<ListenAddress, string>;
export function listenAddress(defaultText: string): WithDefault<ListenAddress, string>;
export function listenAddress(defaultText?: string): z.ZodType {
  const what = 'an address and port such as 127.0.0.1:8720, [::1]:8720 or :8720';
  const kind = z
    .string({ error: (issue) => `must be ${what}; got ${valueText(issue.input)}` })
    .transform((text, context) => {
      const parsed = parseListenAddress(text);
      if (parsed !== undefined) return parsed;
      context.addIssue({ code: 'custom', message: `must be ${what}; got "${text}"` });
      return z.NEVER;
    })
    .meta({ kind: 'address' } satisfies KindMeta);
  return defaultText === undefined ? kind : kind.prefault(defaultText);
}

/** undefined if `text` is no address with a port. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%\w+)?)\]|([^\s:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > 65_535) return undefined;
  const host = match[1] ?? (match[2] || '0.0.0.0');
  const port = Number(match[3]);
  return { host, port, text: `${host.includes(':') ? `[${host}]` : host}:${port}` };
}

const BYTE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `64MB`, `1.5 GiB`, `4096` in bytes; undefined if it is not a size. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?b)?$/i.exec(text);
  if (match === null) return undefined;
  const power = ['', 'k', 'm', 'g', 't', 'p'].indexOf(match[2]!.toLowerCase());
  const value = Number(match[1]) * 1024 ** power;
  return Number.isSafeInteger(Math.round(value)) ? Math.round(value) : undefined;
}

/** The shortest exact spelling: `64MB`, `1536KB`, `100B`. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value !== 0 && value % 1024 === 0 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value}${BYTE_UNITS[unit]}`;
}

function quantity(
  kind: 'duration' | 'bytes',
  what: string,
  parse: (text: string) => number | undefined,
  format: (value: number) => string,
  bounds: TextBounds,
): z.ZodType<number, string> {
  const bound = (text: string | undefined): number | undefined => {
    const value = text === undefined ? undefined : parse(text);
    if (text !== undefined && value === undefined) throw new TypeError(`"${text}" is no bound of a ${kind}`);
    return value;
  };
  const min = bound(bounds.min);
  const max = bound(bounds.max);
  const meta: KindMeta = { kind, bounds: boundsText(bounds) };
  const text = z.string({ error: (issue) => `must be ${what}; got ${valueText(issue.input)}` });
  const input = kind === 'bytes' ? z.union([z.number().int().nonnegative().transform(String), text], { error: `must be ${what}` }) : text;
  return (input as z.ZodType<string, string>)
    .transform((written, context) => {
      const value = parse(written);
      const problem =
        value === undefined
          ? `must be ${what}; got "${written}"`
          : min !== undefined && value < min
            ? `must be at least ${format(min)}; got ${written}`
            : max !== undefined && value > max
              ? `must be at most ${format(max)}; got ${written}`
              : undefined;
      if (problem === undefined) return value!;
      context.addIssue({ code: 'custom', message: problem });
      return z.NEVER;
    })
    .meta({ ...meta });
}

function boundsText({ min, max }: TextBounds): string | undefined {
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  if (min !== undefined) return `at least ${min}`;
  return max === undefined ? undefined : `at most ${max}`;
}
