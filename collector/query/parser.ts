/** Precedence-climbing parser for the whole of PromQL. */
import { parseDuration } from '@bellwether/shared';
import type { Matcher } from '../store/index.ts';
import type {
  AggregateOp,
  AtTime,
  BinaryOp,
  DurationExpr,
  Expr,
  MatrixSelector,
  Span,
  Subquery,
  VectorMatching,
  VectorSelector,
} from './ast.ts';
import { PARAMETER_AGGREGATES } from './ast.ts';
import { checkTypes } from './check.ts';
import { DurationParser } from './duration-parser.ts';
import { FUNCTIONS } from './function-table.ts';
import { tokenize } from './lexer.ts';
import { parseError } from './parse-error.ts';
import { PartParser } from './part-parser.ts';
import { quote } from './text.ts';
import { TokenReader } from './token-reader.ts';

const AGGREGATES: ReadonlySet<string> = new Set<AggregateOp>([
  'sum',
  'avg',
  'min',
  'max',
  'count',
  'group',
  'stddev',
  'stdvar',
  'topk',
  'bottomk',
  'quantile',
  'count_values',
  'limitk',
  'limit_ratio',
]);

const PRECEDENCE: ReadonlyMap<string, number> = new Map([
  ['or', 1],
  ...['and', 'unless'].map((op) => [op, 2] as const),
  ...['==', '!=', '<', '<=', '>', '>=', '</', '>/'].map((op) => [op, 3] as const),
  ...['+', '-'].map((op) => [op, 4] as const),
  ...['*', '/', '%', 'atan2'].map((op) => [op, 5] as const),
  ['^', 6],
]);
const POWER = 6;
/** Keywords with a bracket of their own behind them: no calls. */
const MATCHING_WORDS: ReadonlySet<string> = new Set(['on', 'ignoring', 'group_left', 'group_right', 'bool', 'atan2']);
const NO_FUNCTIONS: ReadonlySet<string> = new Set([...MATCHING_WORDS, 'by', 'without', 'offset', 'and', 'or', 'unless']);
/** Deeper nesting than any person writes; keeps hostile input from using up the stack. */
const MAX_DEPTH = 400;
/** Operators in a row (`a + a + ...`), which nest to the left. */
const MAX_CHAIN = 1000;

/** Parses and type-checks a query. Throws AppError QUERY_INVALID and nothing else. */
export function parse(query: string): Expr {
  return new Parser(query).parse();
}

/** Parses a selector alone (`up{job="x"}`), as `match[]` takes it. */
export function parseSelector(query: string): readonly Matcher[] {
  const parser = new Parser(query);
  const expr = parser.parse();
  if (expr.kind !== 'selector') throw parseError(query, expr.start, 'expected a series selector');
  return expr.matchers;
}

class Parser {
  readonly #query: string;
  readonly #tokens: TokenReader;
  readonly #durations: DurationParser;
  readonly #parts: PartParser;
  #depth = 0;

  constructor(query: string) {
    this.#query = query;
    this.#tokens = new TokenReader(query, tokenize(query));
    this.#durations = new DurationParser(query, this.#tokens);
    this.#parts = new PartParser(query, this.#tokens);
  }

  parse(): Expr {
    const tokens = this.#tokens;
    if (tokens.peek().kind === 'end') throw parseError(this.#query, 0, 'no expression found in input');
    const expr = this.#expression(0);
    if (tokens.peek().kind !== 'end') throw tokens.unexpected('');
    checkTypes(this.#query, expr);
    return expr;
  }

  #expression(minimum: number): Expr {
    if (++this.#depth > MAX_DEPTH)
      throw parseError(this.#query, this.#tokens.peek().start, `the query nests deeper than ${MAX_DEPTH} levels`);
    let left = this.#unary();
    for (let links = 0; ; links++) {
      const token = this.#tokens.peek();
      if (links > MAX_CHAIN) throw parseError(this.#query, token.start, `more than ${MAX_CHAIN} operators in a row`);
      const op = token.kind === 'word' ? token.text.toLowerCase() : token.kind === 'symbol' ? token.text : '';
      const precedence = PRECEDENCE.get(op);
      if (precedence === undefined || precedence < minimum) break;
      this.#tokens.next();
      const { bool, matching } = this.#matching();
      const right = this.#expression(op === '^' ? precedence : precedence + 1);
      const opSpan: Span = { start: token.start, end: token.end };
      left = { kind: 'binary', op: op as BinaryOp, opSpan, left, right, bool, matching, start: left.start, end: right.end };
    }
    this.#depth--;
    return left;
  }

  #unary(): Expr {
    const token = this.#tokens.peek();
    if (token.kind !== 'symbol' || (token.text !== '+' && token.text !== '-')) return this.#postfix(this.#primary());
    this.#tokens.next();
    const expr = this.#expression(POWER);
    if (expr.kind === 'number') return { ...expr, value: token.text === '-' ? -expr.value : expr.value, start: token.start };
    return { kind: 'unary', op: token.text, expr, start: token.start, end: expr.end };
  }

  #primary(): Expr {
    const tokens = this.#tokens;
    const token = tokens.peek();
    const { start, end } = token;
    switch (token.kind) {
      case 'number':
        tokens.next();
        return { kind: 'number', value: this.#parts.number(token.text, start), asDuration: false, start, end };
      case 'duration':
        tokens.next();
        return { kind: 'number', value: parseDuration(token.text)! / 1000, asDuration: true, start, end };
      case 'string':
        tokens.next();
        return { kind: 'string', value: this.#parts.string(token.text, start), start, end };
      case 'metric':
        tokens.next();
        return this.#parts.selector(token.text, start, end);
      case 'word':
        return this.#word();
      default:
        if (token.text === '{') return this.#parts.selector('', start, start);
        if (token.text !== '(') throw tokens.unexpected('');
    }
    tokens.next();
    const expr = this.#expression(0);
    const close = tokens.expect(')', '', '');
    return { kind: 'paren', expr, start, end: close.end };
  }

  #word(): Expr {
    const token = this.#tokens.next();
    const lower = token.text.toLowerCase();
    const next = this.#tokens.peek();
    if (AGGREGATES.has(lower) && (next.text === '(' || isWord(next.text, next.kind, 'by', 'without'))) {
      return this.#aggregate(lower as AggregateOp, token.start);
    }
    if (next.kind === 'symbol' && next.text === '(' && !NO_FUNCTIONS.has(lower)) return this.#call(token.text, token.start);
    if (next.text === '(' && MATCHING_WORDS.has(lower)) {
      this.#tokens.back();
      throw this.#tokens.unexpected('');
    }
    if (lower === 'inf' || lower === 'nan') {
      const value = lower === 'inf' ? Number.POSITIVE_INFINITY : Number.NaN;
      return { kind: 'number', value, asDuration: false, start: token.start, end: token.end };
    }
    return this.#parts.selector(token.text, token.start, token.end);
  }

  #call(name: string, start: number): Expr {
    const fn = FUNCTIONS.get(name) ?? (/^(start|end|step|range)$/i.test(name) ? FUNCTIONS.get(name.toLowerCase()) : undefined);
    if (fn === undefined) throw parseError(this.#query, start, `unknown function with name ${quote(name)}`);
    const { args, end } = this.#arguments();
    return { kind: 'call', fn, args, start, end };
  }

  #arguments(): { args: Expr[]; end: number } {
    const tokens = this.#tokens;
    tokens.expect('(', 'function call', '"("');
    const args: Expr[] = [];
    if (!tokens.at(')')) {
      for (;;) {
        args.push(this.#expression(0));
        if (!tokens.at(',')) break;
        const comma = tokens.next();
        if (tokens.at(')')) throw parseError(this.#query, comma.start, 'trailing commas not allowed in function call args');
      }
    }
    return { args, end: tokens.expect(')', 'function call', '")"').end };
  }

  #aggregate(op: AggregateOp, start: number): Expr {
    const tokens = this.#tokens;
    let clause = this.#grouping();
    const before = clause !== undefined;
    let { args, end } = this.#arguments();
    if (!before) {
      clause = this.#grouping();
      if (clause !== undefined) end = tokens.previousEnd();
    }
    const wanted = PARAMETER_AGGREGATES.has(op) ? 2 : 1;
    if (args.length === 0) throw parseError(this.#query, start, 'no arguments for aggregate expression provided');
    if (args.length !== wanted) {
      const text = `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`;
      throw parseError(this.#query, start, text);
    }
    const expr = args[wanted - 1]!;
    const param = wanted === 2 ? args[0]! : undefined;
    return { kind: 'aggregate', op, expr, param, grouping: clause?.labels ?? [], without: clause?.without ?? false, start, end };
  }

  #grouping(): { labels: string[]; without: boolean } | undefined {
    const token = this.#tokens.peek();
    if (!isWord(token.text, token.kind, 'by', 'without')) return undefined;
    this.#tokens.next();
    return { without: token.text.toLowerCase() === 'without', labels: this.#parts.labelList() };
  }

  #matching(): { bool: boolean; matching: VectorMatching } {
    const tokens = this.#tokens;
    let bool = false;
    if (tokens.atWord('bool') && !endsOperand(tokens.peek(1).text, tokens.peek(1).kind)) {
      tokens.next();
      bool = true;
    }
    let on = false;
    let labels: string[] = [];
    let include: string[] = [];
    let card: VectorMatching['card'] = 'one-to-one';
    if (tokens.atWord('on', 'ignoring') && tokens.peek(1).text === '(') {
      on = tokens.next().text.toLowerCase() === 'on';
      labels = this.#parts.labelList();
      if (tokens.atWord('group_left', 'group_right')) {
        card = tokens.next().text.toLowerCase() === 'group_left' ? 'many-to-one' : 'one-to-many';
        if (tokens.at('(')) include = this.#parts.labelList();
      }
    }
    let fillLeft: number | undefined;
    let fillRight: number | undefined;
    while (tokens.atWord('fill', 'fill_left', 'fill_right') && tokens.peek(1).text === '(') {
      const word = tokens.next().text.toLowerCase();
      const value = this.#parts.fillValue();
      if (word !== 'fill_right') fillLeft = value;
      if (word !== 'fill_left') fillRight = value;
    }
    return { bool, matching: { on, labels, card, include, fillLeft, fillRight } };
  }

  #postfix(primary: Expr): Expr {
    const tokens = this.#tokens;
    let expr = primary;
    for (;;) {
      const token = tokens.peek();
      if (tokens.at('[')) expr = this.#rangeOrSubquery(expr);
      else if (tokens.at('@')) {
        tokens.next();
        const at = this.#atTime();
        expr = this.#shifted(expr, { at });
      } else if (tokens.atWord('offset')) {
        tokens.next();
        expr = this.#shifted(expr, { offset: this.#durations.operand('offset') });
      } else if (tokens.atWord('anchored', 'smoothed')) {
        tokens.next();
        expr = this.#extended(expr, token.text.toLowerCase() as 'anchored' | 'smoothed', token.start);
      } else return expr;
    }
  }

  #rangeOrSubquery(expr: Expr): Expr {
    const tokens = this.#tokens;
    const open = tokens.next();
    const range = this.#durations.whole('subquery or range selector');
    if (tokens.at(':')) {
      tokens.next();
      const step = tokens.at(']') ? undefined : this.#durations.whole('subquery selector');
      const close = tokens.expect(']', 'subquery selector', '"]"');
      return { kind: 'subquery', expr, range, step, offset: undefined, at: undefined, start: expr.start, end: close.end };
    }
    const close = tokens.expect(']', 'subquery or range', '":" or "]"');
    if (expr.kind !== 'selector') throw parseError(this.#query, open.start, 'ranges only allowed for vector selectors');
    if (expr.offset !== undefined) throw parseError(this.#query, open.start, 'no offset modifiers allowed before range');
    if (expr.at !== undefined) throw parseError(this.#query, open.start, 'no @ modifiers allowed before range');
    return { kind: 'range', selector: expr, range, start: expr.start, end: close.end };
  }

  #extended(expr: Expr, extend: 'anchored' | 'smoothed', start: number): Expr {
    const selector = expr.kind === 'range' ? expr.selector : expr;
    if (selector.kind !== 'selector') {
      throw parseError(this.#query, start, `${extend} modifier must be preceded by an instant vector selector or range vector selector`);
    }
    if (selector.extend !== undefined && selector.extend !== extend) {
      throw parseError(this.#query, start, 'anchored and smoothed modifiers cannot be used together');
    }
    if (expr.kind === 'selector' && extend === 'anchored') {
      throw parseError(this.#query, start, 'anchored modifier must be preceded by a range vector selector');
    }
    return withSelector(expr as VectorSelector | MatrixSelector, { extend }, this.#tokens.previousEnd());
  }

  #shifted(expr: Expr, change: { offset: DurationExpr } | { at: AtTime }): Expr {
    const what = 'offset' in change ? 'offset' : '@';
    const shifted = expr.kind === 'range' ? expr.selector : expr;
    if (shifted.kind !== 'selector' && shifted.kind !== 'subquery') {
      const text = `${what} modifier must be preceded by an instant vector selector or range vector selector or a subquery`;
      throw parseError(this.#query, expr.start, text);
    }
    if ('offset' in change && shifted.offset !== undefined)
      throw parseError(this.#query, expr.start, 'offset may not be set multiple times');
    if ('at' in change && shifted.at !== undefined)
      throw parseError(this.#query, expr.start, '@ <timestamp> may not be set multiple times');
    const end = this.#tokens.previousEnd();
    if (expr.kind === 'subquery') return { ...expr, ...change, end } satisfies Subquery;
    return withSelector(expr as VectorSelector | MatrixSelector, change, end);
  }

  #atTime(): AtTime {
    const tokens = this.#tokens;
    if (tokens.atWord('start', 'end') && tokens.peek(1).text === '(') {
      const kind = tokens.next().text.toLowerCase() as 'start' | 'end';
      tokens.next();
      tokens.expect(')', '@', '")"');
      return { kind };
    }
    const sign = tokens.at('-') ? -1 : 1;
    if (tokens.at('-') || tokens.at('+')) tokens.next();
    const token = tokens.next();
    const lower = token.text.toLowerCase();
    let seconds: number;
    if (token.kind === 'number') seconds = this.#parts.number(token.text, token.start);
    else if (token.kind === 'duration') seconds = parseDuration(token.text)! / 1000;
    else if (lower === 'inf' || lower === 'nan') seconds = lower === 'inf' ? Number.POSITIVE_INFINITY : Number.NaN;
    else {
      tokens.back();
      throw tokens.unexpected('@', 'timestamp');
    }
    const timeMs = Math.round(sign * seconds * 1000);
    if (!(Math.abs(timeMs) < 2 ** 63)) {
      throw parseError(this.#query, token.start, `timestamp out of bounds for @ modifier: ${(sign * seconds).toFixed(6)}`);
    }
    return { kind: 'time', timeMs };
  }
}

function withSelector(
  expr: VectorSelector | MatrixSelector,
  change: Partial<VectorSelector>,
  end: number,
): VectorSelector | MatrixSelector {
  if (expr.kind === 'selector') return { ...expr, ...change, end };
  return { ...expr, selector: { ...expr.selector, ...change }, end };
}

function isWord(text: string, kind: string, ...words: string[]): boolean {
  return kind === 'word' && words.includes(text.toLowerCase());
}

/** Whether a token cannot begin an operand, so that the word before it must have been one. */
function endsOperand(text: string, kind: string): boolean {
  return (
    kind === 'end' ||
    (kind === 'symbol' && text !== '(' && text !== '{' && text !== '-' && text !== '+') ||
    (kind === 'word' && PRECEDENCE.has(text.toLowerCase()))
  );
}
