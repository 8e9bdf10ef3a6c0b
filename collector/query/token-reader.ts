import type { AppError } from '@bellwether/shared';
import type { Token } from './lexer.ts';
import { parseError } from './parse-error.ts';
import { quote } from './text.ts';

const OPERATOR_WORDS = new Set(['and', 'or', 'unless', 'atan2']);
const KEYWORDS = new Set([
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'bool',
  'offset',
  'start',
  'end',
  'step',
  'range',
]);
const AGGREGATE_WORDS = /^(sum|avg|min|max|count|group|stddev|stdvar|topk|bottomk|quantile|count_values|limitk|limit_ratio)$/i;

/** Walks over the tokens of one query and words complaints about the one it stands at. */
export class TokenReader {
  readonly #query: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(query: string, tokens: readonly Token[]) {
    this.#query = query;
    this.#tokens = tokens;
  }

  /** Throws AppError QUERY_INVALID where the text itself goes wrong (only at the next token, not further ahead). */
  peek(ahead = 0): Token {
    const token = this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
    if (ahead === 0 && token.kind === 'error') throw parseError(this.#query, token.start, token.text);
    return token;
  }

  next(): Token {
    const token = this.peek();
    this.#at++;
    return token;
  }

  /** Undoes the last `next`. */
  back(): void {
    this.#at--;
  }

  previousEnd(): number {
    return this.#tokens[Math.min(this.#at, this.#tokens.length) - 1]!.end;
  }

  at(symbol: string): boolean {
    const token = this.peek();
    return token.kind === 'symbol' && token.text === symbol;
  }

  /** Whether the next token is one of these words, in any case. */
  atWord(...words: string[]): boolean {
    const token = this.peek();
    return token.kind === 'word' && words.includes(token.text.toLowerCase());
  }

  expect(symbol: string, context: string, expected: string): Token {
    if (!this.at(symbol)) throw this.unexpected(context, expected);
    return this.next();
  }

  /** The error that the next token is not what can stand here. */
  unexpected(context: string, expected = ''): AppError {
    const token = this.peek();
    let text = `unexpected ${describe(token)}`;
    if (context !== '') text += ` in ${context}`;
    if (expected !== '') text += `, expected ${expected}`;
    return parseError(this.#query, token.start, text);
  }
}

function describe(token: Token): string {
  const lower = token.text.toLowerCase();
  const shown = token.text.length > 10 ? `${quote(token.text.slice(0, 10))}...` : quote(token.text);
  switch (token.kind) {
    case 'end':
    case 'error':
      return 'end of input';
    case 'number':
    case 'duration':
    case 'string':
      return `${token.kind} ${shown}`;
    case 'metric':
      return `metric identifier ${quote(token.text)}`;
    case 'word':
      if (OPERATOR_WORDS.has(lower)) return `<op:${lower}>`;
      if (KEYWORDS.has(lower)) return `<${lower}>`;
      if (AGGREGATE_WORDS.test(lower)) return `<aggr:${lower}>`;
      if (lower === 'inf' || lower === 'nan') return `number ${shown}`;
      return `identifier ${quote(token.text)}`;
    case 'symbol':
      return /^[(){}[\],:@=]$/.test(token.text) ? quote(token.text) : `<op:${token.text}>`;
  }
}
