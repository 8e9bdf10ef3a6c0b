/** Tells an answer from a polite "no idea". */

const NO_IDEA = new Set(
  [
    '',
    '-',
    '--',
    'unknown',
    'none',
    'n/a',
    'na',
    'not defined',
    'not specified',
    'not available',
    'not provided',
    'default string',
    'to be filled by o.e.m.',
    'system product name',
    'system manufacturer',
    'system serial number',
    '00:00:00:00:00:00',
  ].map((text) => text.toLowerCase()),
);
const MAX_TEXT = 256;

export type Fact = string | number | boolean | FactMap | readonly Fact[];
export interface FactMap {
  readonly [name: string]: Fact;
}

/** `value` if it says something. Zero, below zero and not finite are what the library says when it does not know a size, a speed or a count. */
export function knownNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : undefined;
}

export function knownText(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim().slice(0, MAX_TEXT);
  return NO_IDEA.has(text.toLowerCase()) || /^[0\s.-]+$/.test(text) ? undefined : text;
}

/** Keeps the fields that say something; undefined when none does. `false` is an answer. */
export function knownFields(fields: Readonly<Record<string, unknown>>): FactMap | undefined {
  const known = Object.entries(fields).flatMap(([name, value]): [string, Fact][] => {
    const fact = knownFact(value);
    return fact === undefined ? [] : [[name, fact]];
  });
  return known.length === 0 ? undefined : Object.fromEntries(known);
}

function knownFact(value: unknown): Fact | undefined {
  if (typeof value === 'number') return knownNumber(value);
  if (typeof value === 'string') return knownText(value);
  if (typeof value === 'boolean') return value;
  if (Array.isArray(value)) {
    const known = value.map(knownFact).filter((fact) => fact !== undefined);
    return known.length === 0 ? undefined : known;
  }
  return typeof value === 'object' && value !== null ? knownFields(value as Record<string, unknown>) : undefined;
}
