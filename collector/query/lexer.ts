/** Cuts a query into tokens. Words are not told apart here: which of them are keywords depends on where they stand. */
import type { Span } from './ast.ts';
import { isWellFormed, quote } from './text.ts';

/** `error` ends the tokens where the text goes wrong; its text is the complaint. The parser may find fault with something before it. */
export type TokenKind = 'word' | 'metric' | 'number' | 'duration' | 'string' | 'symbol' | 'end' | 'error';

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
/** The symbols that may stand inside and outside the braces of a selector. */
const IN_BRACES = /^(?:=~|!~|!=|=|,|\{|\})$/;
const OUT_OF_BRACES = /^(?!=~|!~|\})/;
const ALPHANUMERIC = /[a-zA-Z0-9_]/;

/** The tokens up to the end, or to the first character that belongs to no token or bracket that does not match. */
export function tokenize(query: string): Token[] {
  const tokens: Token[] = [];
  try {
    readTokens(query, tokens);
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    tokens.push({ kind: 'error', text: error.text, start: error.at, end: query.length });
  }
  return tokens;
}

class Complaint {
  readonly at: number;
  readonly text: string;

  constructor(at: number, text: string) {
    this.at = at;
    this.text = text;
  }
}

function readTokens(query: string, tokens: Token[]): void {
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
  const pushString = (text: string) => {
    if (!isWellFormed(text)) throw new Complaint(at, 'invalid UTF-8 rune');
    push('string', text);
  };
  for (;;) {
    at += take(SPACE)?.length ?? 0;
    if (at >= query.length) break;
    const char = query[at]!;
    const inside = open.at(-1)?.symbol;
    if (inside !== '{' && (/[0-9]/.test(char) || (char === '.' && /[0-9]/.test(query[at + 1] ?? '')))) {
      const token = numeric(query, at, take);
      push(token.kind, token.text);
    } else if (char === '"' || char === "'") {
      const text = take(LINE_STRING);
      if (text === undefined) throw new Complaint(at, 'unterminated quoted string');
      pushString(text);
    } else if (char === '`') {
      const text = take(RAW_STRING);
      if (text === undefined) throw new Complaint(at, 'unterminated raw string');
      pushString(text);
    } else if (/[a-zA-Z_]/.test(char) || (char === ':' && inside !== '[' && inside !== '{')) {
      const text = take(inside === '[' || inside === '{' ? WORD : METRIC_WORD)!;
      push(text.includes(':') ? 'metric' : 'word', text);
    } else {
      const text = take(SYMBOL);
      const allowed = inside === '{' ? IN_BRACES : OUT_OF_BRACES;
      if (text === undefined || !allowed.test(text)) throw new Complaint(at, unexpectedCharacter(query, at, inside));
      balance(at, text, open);
      push('symbol', text);
    }
  }
  const unclosed = open.at(-1);
  if (unclosed !== undefined) throw new Complaint(query.length, UNCLOSED[unclosed.symbol]!);
  tokens.push({ kind: 'end', text: '', start: query.length, end: query.length });
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
};

function balance(at: number, symbol: string, open: { symbol: string; at: number }[]): void {
  if (symbol === '(' || symbol === '[' || symbol === '{') {
    const inside = open.at(-1)?.symbol;
    if (symbol === '{' && inside === '{') throw new Complaint(at, "unexpected left brace '{'");
    if (symbol === '[' && inside === '[') throw new Complaint(at, "unexpected left bracket '['");
    open.push({ symbol, at });
    return;
  }
  const opener = CLOSES[symbol];
  if (opener === undefined) return;
  if (open.at(-1)?.symbol !== opener) throw new Complaint(at, NAMES[symbol]!);
  open.pop();
}

function unexpectedCharacter(query: string, at: number, inside: string | undefined): string {
  const char = query[at]!;
  if (char === '!') return `unexpected character after '!': ${described(query, at + 1)}`;
  if (inside === '{') return `unexpected character inside braces: ${described(query, at)}`;
  if (char === '=') return `unexpected character after '=': ${described(query, at + 1)}`;
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
    throw new Complaint(at, `bad number or duration syntax: ${quote(text + (joined ? next : ''))}`);
  }
  return { kind: asDuration ? 'duration' : 'number', text };
}
