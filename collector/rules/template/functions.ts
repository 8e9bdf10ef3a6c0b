/** The functions a rule template may call: Go's own and Prometheus'. */
import { parseDuration } from '@bellwether/shared';
import { RE2JS } from 're2js';
import {
  formatFloat,
  humanize,
  humanize1024,
  humanizeDuration,
  humanizePercentage,
  humanizeTimestamp,
  show,
  sprintf,
  typeName,
} from './format.ts';
import type { Value } from './value.ts';
import { isTrue, Sample } from './value.ts';

/** What a template may ask of its surroundings. */
export interface TemplateWorld {
  /** The answer of a PromQL instant query at the evaluation's time. */
  query(expression: string): readonly Sample[];
  readonly externalUrl: string;
  readonly nowMs: number;
}

type TemplateFunction = (args: readonly Value[], world: TemplateWorld) => Value;

/** Thrown by a function; the interpreter adds where. */
export class TemplateError extends Error {}

function fail(text: string): never {
  throw new TemplateError(text);
}

function text(value: Value | undefined, what: string): string {
  if (typeof value === 'string') return value;
  return fail(value === undefined ? `wrong number of args for ${what}` : `wrong type for value; expected string; got ${typeName(value)}`);
}

/** A float from a float, an int, or a string that holds one, as Prometheus' humanize functions accept. */
function number(value: Value | undefined, what: string): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string') {
    const parsed = /^[-+]?inf(inity)?$/i.test(value)
      ? value.startsWith('-')
        ? -Infinity
        : Infinity
      : /^[-+]?nan$/i.test(value)
        ? Number.NaN
        : Number(value);
    if (value.trim() === '' || (Number.isNaN(parsed) && !/nan/i.test(value)))
      fail(`${what}: cannot parse ${JSON.stringify(value)} as a number`);
    return parsed;
  }
  return fail(value === undefined ? `wrong number of args for ${what}` : `${what}: cannot convert ${typeName(value)} to float`);
}

function samples(value: Value | undefined, what: string): readonly Sample[] {
  if (Array.isArray(value) && value.every((item) => item instanceof Sample)) return value;
  return fail(`${what} needs the result of a query, not ${value === undefined ? 'nothing' : typeName(value)}`);
}

function sample(value: Value | undefined, what: string): Sample {
  return value instanceof Sample ? value : fail(`${what} needs one sample, not ${value === undefined ? 'nothing' : typeName(value)}`);
}

function expression(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch {
    return fail(`${JSON.stringify(pattern)} is not a regular expression`);
  }
}

function basicKind(value: Value): string {
  return value === null ? 'nil' : typeof value === 'object' ? 'object' : typeof value;
}

function compare(a: Value, b: Value): number {
  if (basicKind(a) !== basicKind(b) || basicKind(a) === 'object' || basicKind(a) === 'nil' || typeof a === 'boolean')
    fail('incompatible types for comparison');
  return a === b ? 0 : a! < b! ? -1 : a! > b! ? 1 : Number.NaN;
}

function equals(a: Value, b: Value): boolean {
  if (a === null || b === null) return a === b;
  if (basicKind(a) !== basicKind(b)) fail('incompatible types for comparison');
  if (basicKind(a) === 'object') fail('non-comparable types');
  return a === b;
}

function pair(args: readonly Value[], what: string): [Value, Value] {
  return args.length === 2 ? [args[0]!, args[1]!] : fail(`wrong number of args for ${what}: want 2 got ${args.length}`);
}

function index(args: readonly Value[]): Value {
  let value = args[0] ?? null;
  for (const key of args.slice(1)) {
    if (value instanceof Map && typeof key === 'string') value = value.get(key) ?? '';
    else if (Array.isArray(value) && typeof key === 'bigint') {
      value = value[Number(key)] ?? fail(`index out of range: ${key}`);
    } else if (typeof value === 'string' && typeof key === 'bigint') {
      value = BigInt(Buffer.from(value)[Number(key)] ?? fail(`index out of range: ${key}`));
    } else fail(`cannot index ${typeName(value)} with ${typeName(key)}`);
  }
  return value;
}

function length(value: Value | undefined): Value {
  if (typeof value === 'string') return BigInt(Buffer.byteLength(value));
  if (value instanceof Map) return BigInt(value.size);
  return Array.isArray(value) ? BigInt(value.length) : fail(`len of type ${typeName(value ?? null)}`);
}

/** Go's Sprint: a space between operands when neither is a string. */
function sprint(args: readonly Value[]): string {
  return args.map((arg, i) => (i > 0 && typeof arg !== 'string' && typeof args[i - 1] !== 'string' ? ' ' : '') + show(arg)).join('');
}

const escapeHtml = (value: string): string =>
  value.replace(/[&<>"']/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' })[c]!);

function stripPort(host: string): string {
  const match = /^\[([^\]]*)\](?::\d+)?$|^([^:]*)(?::\d*)?$/.exec(host);
  return match === null ? host : (match[1] ?? match[2] ?? host);
}

function stripDomain(host: string): string {
  const port = /:\d+$/.exec(host)?.[0] ?? '';
  const name = stripPort(host);
  if (/^[\d.]+$/.test(name) || name.includes(':')) return host;
  return name.split('.')[0]! + port;
}

function title(value: string): string {
  return value.replace(/(^|[^\p{L}\p{N}_'])(\p{L})/gu, (_, before: string, letter: string) => before + letter.toUpperCase());
}

/** Go's `$1`, `${name}` in a replacement. */
function expandReplacement(replacement: string, groups: (name: string) => string): string {
  return replacement.replace(/\$(?:\$|\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) =>
    whole === '$$' ? '$' : groups(braced ?? bare ?? ''),
  );
}

function reReplaceAll(pattern: string, replacement: string, input: string): string {
  const matcher = expression(pattern).matcher(input);
  let result = '';
  let last = 0;
  while (matcher.find()) {
    const group = (name: string): string => {
      try {
        return (/^\d+$/.test(name) ? matcher.group(Number(name)) : matcher.group(name)) ?? '';
      } catch {
        return ''; // Go gives '' for a group that does not exist
      }
    };
    result += input.slice(last, matcher.start()) + expandReplacement(replacement, group);
    last = matcher.end();
  }
  return result + input.slice(last);
}

function graphLink(expr: string, tab: number): string {
  return `/graph?g0.expr=${encodeURIComponent(expr)}&g0.tab=${tab}`;
}

export const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ['print', (args) => sprint(args)],
  ['println', (args) => `${args.map(show).join(' ')}\n`],
  ['printf', ([format, ...rest]) => sprintf(text(format, 'printf'), rest)],
  ['len', ([value]) => length(value)],
  ['index', (args) => index(args)],
  ['html', (args) => escapeHtml(sprint(args))],
  ['js', (args) => JSON.stringify(sprint(args)).slice(1, -1)],
  ['urlquery', (args) => encodeURIComponent(sprint(args)).replaceAll('%20', '+')],
  ['not', ([value]) => !isTrue(value ?? fail('wrong number of args for not: want 1 got 0'))],
  [
    'eq',
    ([first, ...rest]) =>
      first === undefined || rest.length === 0 ? fail('missing argument for comparison') : rest.some((value) => equals(first, value)),
  ],
  ['ne', (args) => !equals(...pair(args, 'ne'))],
  ['lt', (args) => compare(...pair(args, 'lt')) < 0],
  ['le', (args) => compare(...pair(args, 'le')) <= 0],
  ['gt', (args) => compare(...pair(args, 'gt')) > 0],
  ['ge', (args) => compare(...pair(args, 'ge')) >= 0],
  ['query', ([value], world) => world.query(text(value, 'query'))],
  ['first', ([value]) => samples(value, 'first')[0] ?? fail('first() called on vector with no elements')],
  ['label', ([name, value]) => sample(value, 'label').labels.get(text(name, 'label')) ?? ''],
  ['value', ([value]) => sample(value, 'value').value],
  ['strvalue', ([value]) => sample(value, 'strvalue').labels.get('__value__') ?? ''],
  [
    'sortByLabel',
    ([name, value]) => {
      const key = (item: Sample): string => String(item.labels.get(text(name, 'sortByLabel')) ?? '');
      return [...samples(value, 'sortByLabel')].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
    },
  ],
  ['args', (args) => new Map(args.map((value, i) => [`arg${i}`, value]))],
  [
    'reReplaceAll',
    ([pattern, replacement, input]) =>
      reReplaceAll(text(pattern, 'reReplaceAll'), text(replacement, 'reReplaceAll'), text(input, 'reReplaceAll')),
  ],
  ['match', ([pattern, input]) => expression(text(pattern, 'match')).matcher(text(input, 'match')).find()],
  ['safeHtml', ([value]) => text(value, 'safeHtml')],
  ['title', ([value]) => title(text(value, 'title'))],
  ['toUpper', ([value]) => text(value, 'toUpper').toUpperCase()],
  ['toLower', ([value]) => text(value, 'toLower').toLowerCase()],
  ['stripPort', ([value]) => stripPort(text(value, 'stripPort'))],
  ['stripDomain', ([value]) => stripDomain(text(value, 'stripDomain'))],
  ['graphLink', ([value]) => graphLink(text(value, 'graphLink'), 0)],
  ['tableLink', ([value]) => graphLink(text(value, 'tableLink'), 1)],
  ['humanize', ([value]) => humanize(number(value, 'humanize'))],
  ['humanize1024', ([value]) => humanize1024(number(value, 'humanize1024'))],
  ['humanizeDuration', ([value]) => humanizeDuration(number(value, 'humanizeDuration'))],
  ['humanizePercentage', ([value]) => humanizePercentage(number(value, 'humanizePercentage'))],
  [
    'humanizeTimestamp',
    ([value]) => humanizeTimestamp(number(value, 'humanizeTimestamp')) ?? fail(`${show(value!)} cannot be represented as a timestamp`),
  ],
  [
    'parseDuration',
    ([value]) => (parseDuration(text(value, 'parseDuration')) ?? fail(`not a valid duration string: ${JSON.stringify(value)}`)) / 1000,
  ],
  ['toTime', ([value]) => humanizeTimestamp(number(value, 'toTime')) ?? fail('out of range')],
  ['now', (_, world) => world.nowMs / 1000],
  ['externalURL', (_, world) => world.externalUrl],
  ['pathPrefix', (_, world) => (URL.canParse(world.externalUrl) ? new URL(world.externalUrl).pathname.replace(/\/$/, '') : '')],
]);

/** `and` and `or` stop at the first operand that decides, so the interpreter runs them itself. */
export const FUNCTION_NAMES: ReadonlySet<string> = new Set([...FUNCTIONS.keys(), 'and', 'or']);

/** A float as `__value__` of a sample. */
export const floatText = (value: number): string => formatFloat(value, 'f', 6);

export function functionNamed(name: string): TemplateFunction {
  return FUNCTIONS.get(name) ?? fail(`function "${name}" not defined`);
}
