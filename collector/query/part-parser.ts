/** Parses the parts that hold no expressions: numbers, strings, label lists, fill values and selectors. */
import { AppError, errorMessage, METRIC_NAME, parseDuration } from '@bellwether/shared';
import { compileMatcher, type Matcher, type MatcherOp } from '../store/index.ts';
import type { VectorSelector } from './ast.ts';
import { parseError } from './parse-error.ts';
import { isWellFormed, parseNumber, quote, unquote } from './text.ts';
import type { TokenReader } from './token-reader.ts';

export class PartParser {
  readonly #query: string;
  readonly #tokens: TokenReader;

  constructor(query: string, tokens: TokenReader) {
    this.#query = query;
    this.#tokens = tokens;
  }

  number(text: string, start: number): number {
    const value = parseNumber(text);
    if (value === Number.POSITIVE_INFINITY)
      throw parseError(this.#query, start, `error parsing number: strconv.ParseFloat: parsing ${quote(text)}: value out of range`);
    if (value === undefined)
      throw parseError(this.#query, start, `error parsing number: strconv.ParseFloat: parsing ${quote(text)}: invalid syntax`);
    return value;
  }

  string(text: string, start: number): string {
    const value = unquote(text);
    if (value === undefined) throw parseError(this.#query, start, 'error unquoting string: invalid syntax');
    return value;
  }

  labelList(): string[] {
    const tokens = this.#tokens;
    const labels: string[] = [];
    tokens.expect('(', 'grouping opts', '"("');
    while (!tokens.at(')')) {
      const token = tokens.next();
      if (token.kind === 'word') labels.push(token.text);
      else if (token.kind === 'string') labels.push(this.#labelName(token.text, token.start));
      else {
        tokens.back();
        throw tokens.unexpected('grouping opts', 'label');
      }
      if (tokens.at(')')) break;
      tokens.expect(',', 'grouping opts', '"," or ")"');
    }
    tokens.next();
    return labels;
  }

  #labelName(text: string, start: number): string {
    const name = this.string(text, start);
    if (name === '' || !isWellFormed(name)) throw parseError(this.#query, start, `invalid label name for grouping: ${quote(name)}`);
    return name;
  }

  fillValue(): number {
    const tokens = this.#tokens;
    tokens.expect('(', 'fill modifier', '"("');
    const sign = tokens.at('-') ? -1 : 1;
    if (tokens.at('-') || tokens.at('+')) tokens.next();
    const token = tokens.next();
    const lower = token.text.toLowerCase();
    let value: number;
    if (token.kind === 'number') value = this.number(token.text, token.start);
    else if (token.kind === 'duration') value = parseDuration(token.text)! / 1000;
    else if (lower === 'nan') value = Number.NaN;
    else if (lower === 'inf') value = Number.POSITIVE_INFINITY;
    else {
      tokens.back();
      throw tokens.unexpected('fill modifier', 'number');
    }
    tokens.expect(')', 'fill modifier', '")"');
    return sign * value;
  }

  selector(name: string, start: number, nameEnd: number): VectorSelector {
    const matchers: Matcher[] = [];
    let metric = name;
    let end = nameEnd;
    if (this.#tokens.at('{')) {
      const braces = this.#matchers();
      matchers.push(...braces.matchers);
      end = braces.end;
      if (braces.name !== undefined) {
        if (metric !== '')
          throw parseError(this.#query, start, `metric name must not be set twice: ${quote(metric)} or ${quote(braces.name)}`);
        metric = braces.name;
      }
    }
    if (metric !== '') {
      const twice = matchers.find((matcher) => matcher.name === METRIC_NAME);
      if (twice !== undefined) {
        throw parseError(this.#query, start, `metric name must not be set twice: ${quote(metric)} or ${quote(twice.value)}`);
      }
      matchers.push(compileMatcher(METRIC_NAME, '=', metric));
    }
    return { kind: 'selector', name: metric, matchers, offset: undefined, at: undefined, extend: undefined, start, end };
  }

  #matchers(): { matchers: Matcher[]; name: string | undefined; end: number } {
    const tokens = this.#tokens;
    tokens.next();
    const matchers: Matcher[] = [];
    let metric: string | undefined;
    while (!tokens.at('}')) {
      const label = tokens.next();
      if (label.kind !== 'word' && label.kind !== 'string') {
        tokens.back();
        throw tokens.unexpected('label matching', 'identifier or "}"');
      }
      const name = label.kind === 'string' ? this.string(label.text, label.start) : label.text;
      if (label.kind === 'string' && (tokens.at(',') || tokens.at('}'))) {
        if (metric !== undefined)
          throw parseError(this.#query, label.start, `metric name must not be set twice: ${quote(metric)} or ${quote(name)}`);
        metric = name;
      } else matchers.push(this.#matcher(name, label.start));
      if (tokens.at('}')) break;
      tokens.expect(',', 'label matching', '"," or "}"');
    }
    return { matchers, name: metric, end: tokens.next().end };
  }

  #matcher(name: string, start: number): Matcher {
    const tokens = this.#tokens;
    const op = tokens.next();
    if (op.kind !== 'symbol' || !['=', '!=', '=~', '!~'].includes(op.text)) {
      tokens.back();
      throw tokens.unexpected('label matching', 'label matching operator');
    }
    const value = tokens.next();
    if (value.kind !== 'string') {
      tokens.back();
      throw tokens.unexpected('label matching', 'string');
    }
    if (name === '' || !isWellFormed(name)) throw parseError(this.#query, start, `invalid label name: ${quote(name)}`);
    try {
      return compileMatcher(name, op.text as MatcherOp, this.string(value.text, value.start));
    } catch (error) {
      throw this.#asParseError(error, start);
    }
  }

  #asParseError(error: unknown, start: number): AppError {
    if (error instanceof AppError && error.cause === undefined && /parse error:/.test(error.message)) return error;
    const text = errorMessage(error instanceof AppError && error.cause !== undefined ? error.cause : error);
    // The library shows the expression with its own anchors; Prometheus with others.
    return parseError(
      this.#query,
      start,
      text.replace(/`\(\?s\)([^`]*)`/, (_, pattern) => `\`^(?s:${pattern})$\``),
    );
  }
}
