/** Turns what zod found wrong into sentences for people. */
import type * as z from 'zod';
import { didYouMean } from './near.ts';
import { valueText } from './value-text.ts';
import { keysOf, type Path, schemasAt } from './walk.ts';

export interface Problem {
  path: Path;
  /** The key is what is wrong, not its value. */
  atKey: boolean;
  text: string;
}

const TYPE_WORDS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a section',
  record: 'a section',
  array: 'a list',
};

export function problemsOf(schema: z.core.$ZodType, issues: readonly z.core.$ZodIssue[]): Problem[] {
  return issues.flatMap((issue) => problemOf(schema, issue));
}

function problemOf(schema: z.core.$ZodType, issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
  const at = (text: string): Problem[] => [{ path, atKey: false, text }];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = schemasAt(schema, path).flatMap(keysOf);
      return issue.keys.map((key) => ({ path: [...path, key], atKey: true, text: `unknown key${didYouMean(key, known)}` }));
    }
    case 'invalid_union':
      return unionProblems(schema, issue, path);
    case 'invalid_type':
      if (issue.input === undefined && !isOurs(issue.message)) return at('is missing');
      return at(
        isOurs(issue.message) ? issue.message : `must be ${TYPE_WORDS[issue.expected] ?? issue.expected}; got ${valueText(issue.input)}`,
      );
    case 'invalid_value': {
      const values = issue.values.map(String);
      const near = typeof issue.input === 'string' ? didYouMean(issue.input, values) : '';
      return at(issue.input === undefined ? 'is missing' : `must be one of ${values.join(', ')}; got ${valueText(issue.input)}${near}`);
    }
    case 'too_small':
      return at(
        isOurs(issue.message)
          ? issue.message
          : `must ${limitText(issue.origin, 'least', issue.minimum, issue.inclusive)}; got ${valueText(issue.input)}`,
      );
    case 'too_big':
      return at(
        isOurs(issue.message)
          ? issue.message
          : `must ${limitText(issue.origin, 'most', issue.maximum, issue.inclusive)}; got ${valueText(issue.input)}`,
      );
    case 'invalid_format':
      return at(isOurs(issue.message) ? issue.message : `must be a valid ${issue.format}; got ${valueText(issue.input)}`);
    default:
      return at(issue.message);
  }
}

/** The problems of the alternative that fits best (the deepest, then the fewest); zod's own messages never reach a person. */
function unionProblems(schema: z.core.$ZodType, issue: z.core.$ZodIssueInvalidUnion, path: Path): Problem[] {
  if (isOurs(issue.message)) return [{ path, atKey: false, text: `${issue.message}; got ${valueText(issue.input)}` }];
  const alternatives = issue.errors.map((errors) =>
    errors.flatMap((inner) => problemOf(schema, { ...inner, path: [...path, ...inner.path] } as z.core.$ZodIssue)),
  );
  const depth = (problems: Problem[]): number => Math.max(0, ...problems.map((problem) => problem.path.length));
  alternatives.sort((a, b) => depth(b) - depth(a) || a.length - b.length);
  return alternatives[0] ?? [{ path, atKey: false, text: `has no form that is allowed here; got ${valueText(issue.input)}` }];
}

/** zod's own messages begin with a capital; ours continue the sentence `key: ...`. */
function isOurs(message: string): boolean {
  return /^[a-z]/.test(message);
}

function limitText(origin: string, side: 'least' | 'most', limit: number | bigint, inclusive?: boolean): string {
  if (origin === 'string') return `have at ${side} ${limit} characters`;
  if (origin === 'array' || origin === 'set') return `have at ${side} ${limit} entries`;
  if (inclusive === false) return `be ${side === 'least' ? 'more' : 'less'} than ${limit}`;
  return `be at ${side} ${limit}`;
}
