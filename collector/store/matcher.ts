import { AppError, errorMessage } from '@bellwether/shared';
import { RE2JS } from 're2js';
import type { Matcher, MatcherOp } from './store.ts';

/** A matcher that also tells an index how to find its values without testing them all. */
export interface CompiledMatcher extends Matcher {
  /** A regular expression that is nothing but these whole values. */
  readonly literals?: readonly string[];
}

type Test = (value: string) => boolean;

const MAX_PATTERN_LENGTH = 64 * 1024;
const META = /[\\.+*?()[\]{}^$|]/;
/** Pattern text without meaning of its own, or a punctuation character made literal by a backslash. */
const LITERAL_PART = /^(?:[^\\.+*?()[\]{}^$|]|\\[\\.+*?()[\]{}^$|\-/])*$/;

/**
 * Builds a matcher. Regular expressions are RE2 (linear time), anchored at both ends, and the dot also matches a newline, as in Prometheus.
 * Throws AppError QUERY_INVALID when the expression does not parse.
 */
export function compileMatcher(name: string, op: MatcherOp, value: string): CompiledMatcher {
  if (op === '=') return { name, op, value, literals: [value], matches: (candidate) => candidate === value };
  if (op === '!=') return { name, op, value, matches: (candidate) => candidate !== value };
  const literals = literalAlternatives(value);
  const positive = literals !== undefined ? oneOf(literals) : (wildcardTest(value) ?? re2Test(name, value));
  if (op === '=~') return { name, op, value, ...(literals !== undefined ? { literals } : {}), matches: positive };
  return { name, op, value, matches: (candidate) => !positive(candidate) };
}

function oneOf(values: readonly string[]): Test {
  if (values.length === 1) {
    const only = values[0]!;
    return (candidate) => candidate === only;
  }
  const set = new Set(values);
  return (candidate) => set.has(candidate);
}

/** The values of `a`, `a|b|c`, `(a|b)`, `(?:a|b)`; undefined when the expression is anything more. */
function literalAlternatives(pattern: string): string[] | undefined {
  if (!META.test(pattern)) return [pattern];
  const inner = /^\((?:\?:)?([^()]*)\)$/.exec(pattern)?.[1] ?? pattern;
  const parts = inner.split(/(?<!\\)\|/);
  return parts.every((part) => LITERAL_PART.test(part)) ? [...new Set(parts.map(unescapeLiteral))] : undefined;
}

function unescapeLiteral(part: string): string {
  return part.replace(/\\(.)/gs, '$1');
}

/** `.*`, `.+`, `abc.*`, `abc.+`, `.*abc`, `.*abc.*`: string searches instead of a machine. */
function wildcardTest(pattern: string): Test | undefined {
  const match = /^(\.[*+])?((?:[^\\.+*?()[\]{}^$|]|\\[\\.+*?()[\]{}^$|\-/])*)(\.[*+])?$/.exec(pattern);
  if (match === null) return undefined;
  const [, before, middle = '', after] = match;
  const text = unescapeLiteral(middle);
  const minBefore = before === '.+' ? 1 : 0;
  const minAfter = after === '.+' ? 1 : 0;
  if (text === '') return (value) => value.length >= minBefore + minAfter;
  if (before === undefined) return (value) => value.length >= text.length + minAfter && value.startsWith(text);
  if (after === undefined) return (value) => value.length >= text.length + minBefore && value.endsWith(text);
  // The first hit after the leading characters leaves the most room behind it.
  return (value) => {
    const at = value.indexOf(text, minBefore);
    return at >= 0 && value.length - at - text.length >= minAfter;
  };
}

function re2Test(name: string, pattern: string): Test {
  if (pattern.length > MAX_PATTERN_LENGTH)
    throw new AppError('QUERY_INVALID', `the regular expression for label "${name}" is longer than ${MAX_PATTERN_LENGTH} characters`);
  try {
    const compiled = RE2JS.compile(pattern, RE2JS.DOTALL);
    return (value) => compiled.matches(value);
  } catch (cause) {
    throw new AppError('QUERY_INVALID', `the regular expression for label "${name}" does not parse: ${errorMessage(cause)}`, { cause });
  }
}
