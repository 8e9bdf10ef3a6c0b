/** Prometheus' text format 0.0.4 as a program leaves it in a file: strict, so that half a file is never taken for a whole one. */
import { LABEL_NAME, LEGACY_METRIC_NAME, type MetricType } from '@bellwether/shared';

export interface ExposedSample {
  /** With the suffix (`_bucket`, `_sum`, `_count`) where the family has one. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Ms since the epoch, where the text gives one. */
  readonly timeMs?: number;
}

export interface ExposedFamily {
  readonly name: string;
  readonly type: MetricType;
  /** '' when the text has none. */
  readonly help: string;
  readonly samples: readonly ExposedSample[];
}

export interface ExpositionLimits {
  readonly samples: number;
  readonly labelsPerSample: number;
  /** UTF-16 units. */
  readonly nameLength: number;
  readonly valueLength: number;
}

const NO_LIMITS: ExpositionLimits = {
  samples: Number.POSITIVE_INFINITY,
  labelsPerSample: Number.POSITIVE_INFINITY,
  nameLength: Number.POSITIVE_INFINITY,
  valueLength: Number.POSITIVE_INFINITY,
};

/** What the parser throws, and nothing else. `message` names the line. */
export class ExpositionError extends Error {
  readonly line: number;

  constructor(line: number, what: string) {
    super(`line ${line}: ${what}`);
    this.name = 'ExpositionError';
    this.line = line;
  }
}

const TYPES: ReadonlySet<string> = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);
const NAME = /[a-zA-Z0-9_:]*/y;
const BLANKS = /[ \t]*/y;
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
const INFINITE = /^([+-]?)inf(inity)?$/i;

interface Family {
  readonly name: string;
  type: MetricType | undefined;
  help: string | undefined;
  readonly samples: ExposedSample[];
}

/** Families in order of their first mention; those that only have a HELP or TYPE are left out. */
export function parseExposition(text: string, limits: ExpositionLimits = NO_LIMITS): ExposedFamily[] {
  const families = new Map<string, Family>();
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new ExpositionError(lines.length + 1, 'the text ends in the middle of a line');
  let samples = 0;
  for (const [i, line] of lines.entries()) {
    const cursor = new Cursor(line, i + 1, limits);
    cursor.skipBlanks();
    if (cursor.atEnd) continue;
    if (cursor.take('#')) readComment(cursor, families);
    else {
      if (++samples > limits.samples) throw cursor.error(`more than ${limits.samples} samples`);
      readSample(cursor, families);
    }
  }
  return [...families.values()]
    .filter((family) => family.samples.length > 0)
    .map((family) => ({ name: family.name, type: family.type ?? 'untyped', help: family.help ?? '', samples: family.samples }));
}

function familyOf(families: Map<string, Family>, name: string): Family {
  let family = families.get(name);
  if (family === undefined) {
    family = { name, type: undefined, help: undefined, samples: [] };
    families.set(name, family);
  }
  return family;
}

function readComment(cursor: Cursor, families: Map<string, Family>): void {
  cursor.skipBlanks();
  const keyword = cursor.word();
  if (keyword !== 'HELP' && keyword !== 'TYPE') return;
  cursor.skipBlanks();
  if (cursor.atEnd) return;
  const name = cursor.metricName();
  if (!cursor.atEnd && !cursor.isBlank) throw cursor.error(`${keyword} of a name that is none`);
  cursor.skipBlanks();
  if (cursor.atEnd) return;
  const family = familyOf(families, name);
  if (keyword === 'HELP') {
    if (family.help !== undefined) throw cursor.error(`a second HELP for ${name}`);
    family.help = cursor.unescape(cursor.rest(), false);
    return;
  }
  const type = cursor.rest().trimEnd().toLowerCase();
  if (family.type !== undefined) throw cursor.error(`a second TYPE for ${name}`);
  if (family.samples.length > 0) throw cursor.error(`TYPE of ${name} after its samples`);
  if (!isType(type)) throw cursor.error(`unknown type ${JSON.stringify(type)}`);
  family.type = type;
}

function isType(text: string): text is MetricType {
  return TYPES.has(text);
}

function readSample(cursor: Cursor, families: Map<string, Family>): void {
  const name = cursor.metricName();
  cursor.skipBlanks();
  const labels = cursor.take('{') ? readLabels(cursor) : {};
  cursor.skipBlanks();
  const value = parseValue(cursor.word());
  if (value === undefined) throw cursor.error(`${name} has no value that is a number`);
  cursor.skipBlanks();
  const time = cursor.word();
  if (time !== '' && !/^[+-]?\d+$/.test(time)) throw cursor.error('the time is not a whole number of milliseconds');
  cursor.skipBlanks();
  if (!cursor.atEnd) throw cursor.error('something follows the sample');
  const family = ownerOf(families, name);
  const bound = family.type === 'histogram' ? labels.le : family.type === 'summary' ? labels.quantile : undefined;
  if (bound !== undefined && parseValue(bound) === undefined) throw cursor.error(`${JSON.stringify(bound)} is not a bound`);
  family.samples.push({ name, labels, value, ...(time === '' ? {} : { timeMs: Number(time) }) });
}

/** The family a sample belongs to: that of its name, or without the suffix where such a histogram or summary was announced. */
function ownerOf(families: Map<string, Family>, name: string): Family {
  if (!families.has(name)) {
    const [, stem, suffix] = /^(.+)(_bucket|_sum|_count)$/.exec(name) ?? [];
    const family = stem === undefined ? undefined : families.get(stem);
    if (family?.type === 'histogram' || (family?.type === 'summary' && suffix !== '_bucket')) return family;
  }
  return familyOf(families, name);
}

function readLabels(cursor: Cursor): Record<string, string> {
  const labels = new Map<string, string>();
  for (;;) {
    cursor.skipBlanks();
    if (cursor.take('}')) return Object.fromEntries(labels);
    const name = cursor.labelName();
    cursor.skipBlanks();
    if (!cursor.take('=')) throw cursor.error(`no = after label ${name}`);
    cursor.skipBlanks();
    const value = cursor.quoted();
    if (labels.has(name)) throw cursor.error(`label ${name} occurs twice`);
    labels.set(name, value);
    if (labels.size > cursor.limits.labelsPerSample) throw cursor.error(`more than ${cursor.limits.labelsPerSample} labels`);
    cursor.skipBlanks();
    if (cursor.take(',')) continue;
    if (cursor.take('}')) return Object.fromEntries(labels);
    throw cursor.error('no comma or brace after a label');
  }
}

/** A number in Go's spelling, or undefined. */
function parseValue(text: string): number | undefined {
  if (DECIMAL.test(text)) return Number(text);
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^nan$/i.test(text) ? Number.NaN : undefined;
}

/** A place in one line. */
class Cursor {
  readonly limits: ExpositionLimits;
  readonly #line: string;
  readonly #number: number;
  #at = 0;

  constructor(line: string, number: number, limits: ExpositionLimits) {
    this.#line = line;
    this.#number = number;
    this.limits = limits;
  }

  get atEnd(): boolean {
    return this.#at >= this.#line.length;
  }

  get isBlank(): boolean {
    return this.#line[this.#at] === ' ' || this.#line[this.#at] === '\t';
  }

  error(what: string): ExpositionError {
    return new ExpositionError(this.#number, what);
  }

  take(character: string): boolean {
    if (this.#line[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  skipBlanks(): void {
    this.#match(BLANKS);
  }

  /** Up to the next blank; '' at the end. */
  word(): string {
    const from = this.#at;
    while (!this.atEnd && !this.isBlank) this.#at++;
    return this.#line.slice(from, this.#at);
  }

  rest(): string {
    const rest = this.#line.slice(this.#at);
    this.#at = this.#line.length;
    return rest;
  }

  metricName(): string {
    const name = this.#match(NAME);
    if (!LEGACY_METRIC_NAME.test(name)) throw this.error('no metric name where one must be');
    return this.#bounded(name, this.limits.nameLength);
  }

  labelName(): string {
    const name = this.#match(NAME);
    if (!LABEL_NAME.test(name) || name === '__name__') throw this.error('no label name where one must be');
    return this.#bounded(name, this.limits.nameLength);
  }

  quoted(): string {
    if (!this.take('"')) throw this.error('a label value without quotes');
    const from = this.#at;
    while (!this.atEnd && this.#line[this.#at] !== '"') this.#at += this.#line[this.#at] === '\\' ? 2 : 1;
    const raw = this.#line.slice(from, this.#at);
    if (!this.take('"')) throw this.error('a label value without its closing quote');
    return this.#bounded(this.unescape(raw, true), this.limits.valueLength);
  }

  /** Backslash, newline and, in label values, quotes; anything else behind a backslash is a mistake of the writer. */
  unescape(raw: string, quotes: boolean): string {
    if (!raw.includes('\\')) return raw;
    return raw.replace(/\\(.?)/gs, (_, escaped: string) => {
      if (escaped === '\\') return '\\';
      if (escaped === 'n') return '\n';
      if (escaped === '"' && quotes) return '"';
      throw this.error(`unknown escape \\${escaped}`);
    });
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#line)![0];
    this.#at += found.length;
    return found;
  }

  #bounded(text: string, length: number): string {
    if (text.length > length) throw this.error(`a name or value longer than ${length} characters`);
    return text;
  }
}
