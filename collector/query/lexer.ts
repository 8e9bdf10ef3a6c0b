/** Cuts a query into tokens. Words are not told apart here: which of them are keywords depends on where they stand. */
import type { Span } from './ast.ts';
import { parseError } from './parse-error.ts';
import { quote } from './text.ts';

export type TokenKind = 'word' | 'metric' | 'number' | 'duration' | 'string' | 'symbol' | 'end';

export interface Token extends Span {
  readonly kind: TokenKind;
  readonly text: string;
}

const SPACE = /(?:[ \t\r\n]|#[^\n]*)+/y;
const WORD = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const METRIC_WORD = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const NUMERIC = /0[xX][0-9a-fA-F_]+|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?/y;
const DURATION = /[0-9]+(?:ms|[smhdwy])(?:[0-9]+(?:ms|[smhdwy]))*/y;
const DURATION_ORDER = /^(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?$/;
const LINE_STRING = /"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'/y;
const RAW_STRING = /`[^`]*`/y;
const SYMBOL = /=~|!~|==|!=|<=|>=|<\/|>\/|[-+*/%^=<>(){}[\],:@]/y;
const ALPHANUMERIC = /[a-zA-Z0-9_]/;

/** Throws AppError QUERY_INVALID at the first character that belongs to no token, and on unbalanced brackets. */
export function tokenize(query: string): Token[] {
  const tokens: Token[] = [];
  const open: { symbol: string; at: number }[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(query)?.[0];
  };
  const push = (kind: TokenKind, text: string) => {
    tokens.push({ kind, text, start: at, end: at + text.length });
    at += text.length;
  };
  for (;;) {
    at += take(SPACE)?.length ?? 0;
    if (at >= query.length) break;
    const char = query[at]!;
    const inside = open.at(-1)?.symbol;
    if (/[0-9]/.test(char) || (char === '.' && /[0-9]/.test(query[at + 1] ?? ''))) {
      const token = numeric(query, at, take);
      push(token.kind, token.text);
    } else if (char === '"' || char === "'") {
      const text = take(LINE_STRING);
      if (text === undefined) throw parseError(query, at, 'unterminated quoted string');
      push('string', text);
    } else if (char === '`') {
      const text = take(RAW_STRING);
      if (text === undefined) throw parseError(query, at, 'unterminated raw string');
      push('string', text);
    } else if (/[a-zA-Z_]/.test(char) || (char === ':' && inside !== '[' && inside !== '{')) {
      const text = take(inside === '[' || inside === '{' ? WORD : METRIC_WORD)!;
      push(text.includes(':') ? 'metric' : 'word', text);
    } else {
      const text = take(SYMBOL);
      if (text === undefined || (text === '=' && inside !== '{')) throw parseError(query, at, unexpectedCharacter(query, at, inside));
      balance(query, at, text, open);
      push('symbol', text);
    }
  }
  const unclosed = open.at(-1);
  if (unclosed !== undefined) throw parseError(query, query.length, UNCLOSED[unclosed.symbol]!);
  tokens.push({ kind: 'end', text: '', start: query.length, end: query.length });
  return tokens;
}

const CLOSES: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };
const UNCLOSED: Readonly<Record<string, string>> = {
  '(': 'unclosed left parenthesis',
  '[': 'unclosed left bracket',
  '{': 'unexpected end of input inside braces',
};
const NAMES: Readonly<Record<string, string>> = {
  ')': "unexpected right parenthesis ')'",
  ']': "unexpected right bracket ']'",
  '}': "unexpected right brace '}'",
};

function balance(query: string, at: number, symbol: string, open: { symbol: string; at: number }[]): void {
  if (symbol === '(' || symbol === '[' || symbol === '{') {
    const inside = open.at(-1)?.symbol;
    if (symbol === '{' && inside === '{') throw parseError(query, at, "unexpected left brace '{'");
    if (symbol === '[' && inside === '[') throw parseError(query, at, "unexpected left bracket '['");
    open.push({ symbol, at });
    return;
  }
  const opener = CLOSES[symbol];
  if (opener === undefined) return;
  if (open.at(-1)?.symbol !== opener) throw parseError(query, at, NAMES[symbol]!);
  open.pop();
}

function unexpectedCharacter(query: string, at: number, inside: string | undefined): string {
  const char = String.fromCodePoint(query.codePointAt(at)!);
  if (char === '!') return `unexpected character after '!': ${described(query, at + 1)}`;
  if (inside === '{') return `unexpected character inside braces: ${described(query, at)}`;
  if (char === '=') return 'unexpected <op:=>';
  return `unexpected character: ${described(query, at)}`;
}

function described(query: string, at: number): string {
  const code = query.codePointAt(at);
  return code === undefined ? 'end of input' : `'${quote(String.fromCodePoint(code)).slice(1, -1)}'`;
}

function numeric(query: string, at: number, take: (pattern: RegExp) => string | undefined): { kind: TokenKind; text: string } {
  const duration = take(DURATION);
  const number = take(NUMERIC)!;
  const asDuration = duration !== undefined && duration.length > number.length;
  const text = asDuration ? duration : number;
  const next = query[at + text.length];
  const joined = next !== undefined && ALPHANUMERIC.test(next);
  if (joined || (asDuration && !DURATION_ORDER.test(text))) {
    throw parseError(query, at, `bad number or duration syntax: ${quote(text + (joined ? next : ''))}`);
  }
  return { kind: asDuration ? 'duration' : 'number', text };
}
