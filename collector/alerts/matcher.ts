/** Matchers in Alertmanager's spelling: `severity="critical"`, `team=~"a|b"`, `env!=dev`, several in one string with or without braces. */
import type { Labels } from '@bellwether/shared';
import { AppError, labelValue } from '@bellwether/shared';
import { RE2JS } from 're2js';

export interface AlertMatcher {
  readonly name: string;
  readonly op: '=' | '!=' | '=~' | '!~';
  readonly value: string;
  matches(value: string): boolean;
}

const ONE = /\s*(?:([a-zA-Z_:][a-zA-Z0-9_:]*)|("(?:[^"\\]|\\.)*"))\s*(=~|!~|!=|=)\s*(?:("(?:[^"\\]|\\.)*")|([^\s,{}"'=!~]*))\s*(,|$)/sy;

/** Throws AppError CONFIG_INVALID. An empty string or `{}` holds no matcher. */
export function parseMatchers(text: string): AlertMatcher[] {
  const trimmed = text.trim();
  const inner = trimmed.startsWith('{') && trimmed.endsWith('}') ? trimmed.slice(1, -1) : trimmed;
  const matchers: AlertMatcher[] = [];
  ONE.lastIndex = 0;
  while (inner.slice(ONE.lastIndex).trim() !== '') {
    const match = ONE.exec(inner);
    if (match === null) throw new AppError('CONFIG_INVALID', `bad matcher format: ${text}; write name="value", with =, !=, =~ or !~`);
    const [, bare, quoted, op, quotedValue, bareValue] = match;
    matchers.push(
      createMatcher(bare ?? unquote(quoted!), op as AlertMatcher['op'], quotedValue === undefined ? bareValue! : unquote(quotedValue)),
    );
    if (match[6] === '') break;
  }
  return matchers;
}

export function createMatcher(name: string, op: AlertMatcher['op'], value: string): AlertMatcher {
  if (op === '=') return { name, op, value, matches: (text) => text === value };
  if (op === '!=') return { name, op, value, matches: (text) => text !== value };
  const pattern = compile(value);
  return { name, op, value, matches: (text) => pattern.matches(text) === (op === '=~') };
}

function compile(value: string): RE2JS {
  try {
    return RE2JS.compile(value, RE2JS.DOTALL);
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `${JSON.stringify(value)} is not a regular expression (RE2 syntax)`, { cause });
  }
}

function unquote(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/gs, (whole, char: string) => ({ n: '\n', '"': '"', '\\': '\\' })[char] ?? whole);
}

export function matchesAll(matchers: readonly AlertMatcher[], labels: Labels): boolean {
  return matchers.every((matcher) => matcher.matches(labelValue(labels, matcher.name)));
}

/** `{a="b",c=~"d"}`: Alertmanager's spelling, used in group keys. */
export function formatMatchers(matchers: readonly AlertMatcher[]): string {
  return `{${matchers.map(({ name, op, value }) => `${name}${op}${JSON.stringify(value)}`).join(',')}}`;
}
