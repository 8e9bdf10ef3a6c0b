import { parseDuration } from '@bellwether/shared';
import type { DurationExpr } from './ast.ts';
import { parseError } from './parse-error.ts';
import { parseNumber, quote } from './text.ts';
import type { TokenReader } from './token-reader.ts';

const EXPECTED = 'number, duration, step(), or range()';
const PRECEDENCE: ReadonlyMap<string, number> = new Map([
  ['+', 1],
  ['-', 1],
  ['*', 2],
  ['/', 2],
  ['%', 2],
  ['^', 3],
]);
const MAX_DEPTH = 200;

/** Parses what stands for a length of time: `5m`, `300`, and arithmetic over them, `step()` and `range()`. */
export class DurationParser {
  readonly #query: string;
  readonly #tokens: TokenReader;
  #depth = 0;

  constructor(query: string, tokens: TokenReader) {
    this.#query = query;
    this.#tokens = tokens;
  }

  /** A whole expression, as inside brackets; a constant one must be above zero. */
  whole(context: string): DurationExpr {
    const expr = this.#expression(0, context);
    if (expr.kind === 'length' && !(expr.seconds > 0)) throw parseError(this.#query, expr.span.start, 'duration must be greater than 0');
    return expr;
  }

  /** One operand, as after `offset`: arithmetic only inside parentheses. */
  operand(context: string): DurationExpr {
    return this.#unary(context);
  }

  #expression(minimum: number, context: string): DurationExpr {
    if (++this.#depth > MAX_DEPTH) throw parseError(this.#query, this.#tokens.peek().start, 'the duration nests too deep');
    let left = this.#unary(context);
    for (;;) {
      const token = this.#tokens.peek();
      const precedence = token.kind === 'symbol' ? PRECEDENCE.get(token.text) : undefined;
      if (precedence === undefined || precedence < minimum) break;
      this.#tokens.next();
      const right = this.#expression(token.text === '^' ? precedence : precedence + 1, context);
      const op = token.text as '+' | '-' | '*' | '/' | '%' | '^';
      left = { kind: 'arithmetic', op, left, right, span: { start: left.span.start, end: right.span.end } };
    }
    this.#depth--;
    return left;
  }

  #unary(context: string): DurationExpr {
    const token = this.#tokens.peek();
    if (token.kind !== 'symbol' || (token.text !== '-' && token.text !== '+')) return this.#primary(context);
    this.#tokens.next();
    if (++this.#depth > MAX_DEPTH) throw parseError(this.#query, token.start, 'the duration nests too deep');
    const expr = this.#unary(context);
    this.#depth--;
    if (token.text === '+') return expr;
    const span = { start: token.start, end: expr.span.end };
    return expr.kind === 'length' ? { ...expr, seconds: -expr.seconds, span } : { kind: 'negate', expr, span };
  }

  #primary(context: string): DurationExpr {
    const tokens = this.#tokens;
    const token = tokens.peek();
    const { start } = token;
    if (token.kind === 'number' || token.kind === 'duration') {
      tokens.next();
      const seconds = token.kind === 'duration' ? parseDuration(token.text)! / 1000 : parseNumber(token.text);
      if (seconds === undefined || Math.abs(seconds) >= 2 ** 63 / 1e9)
        throw parseError(this.#query, start, `duration out of range: ${quote(token.text)}`);
      return { kind: 'length', seconds, asDuration: token.kind === 'duration', span: { start, end: token.end } };
    }
    if (tokens.at('(')) {
      tokens.next();
      const expr = this.#expression(0, context);
      return { kind: 'group', expr, span: { start, end: tokens.expect(')', context, '")"').end } };
    }
    if (tokens.atWord('step', 'range') && tokens.peek(1).text === '(') {
      const kind = tokens.next().text.toLowerCase() as 'step' | 'range';
      tokens.next();
      return { kind, span: { start, end: tokens.expect(')', context, '")"').end } };
    }
    if (tokens.atWord('min_of', 'max_of') && tokens.peek(1).text === '(') {
      const pick = tokens.next().text.toLowerCase() as 'min_of' | 'max_of';
      tokens.next();
      const left = this.#expression(0, context);
      tokens.expect(',', context, '","');
      const right = this.#expression(0, context);
      return { kind: 'pick', pick, left, right, span: { start, end: tokens.expect(')', context, '")"').end } };
    }
    throw tokens.unexpected(context, EXPECTED);
  }
}
