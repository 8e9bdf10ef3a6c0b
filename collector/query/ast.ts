/** The syntax tree of PromQL. Positions are offsets in UTF-16 code units into the query text, `end` exclusive. */
import type { Millis } from '@bellwether/shared';
import type { Matcher } from '../store/index.ts';
import type { FunctionSpec } from './function-table.ts';

export interface Span {
  readonly start: number;
  readonly end: number;
}

export type ValueType = 'scalar' | 'vector' | 'matrix' | 'string';

export type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | '^' | 'atan2';
export type ComparisonOp = '==' | '!=' | '<' | '<=' | '>' | '>=';
export type SetOp = 'and' | 'or' | 'unless';
/** The last two cut native histograms at a bound. */
export type BinaryOp = ArithmeticOp | ComparisonOp | SetOp | '</' | '>/';

export type AggregateOp =
  | 'sum'
  | 'avg'
  | 'min'
  | 'max'
  | 'count'
  | 'group'
  | 'stddev'
  | 'stdvar'
  | 'topk'
  | 'bottomk'
  | 'quantile'
  | 'count_values'
  | 'limitk'
  | 'limit_ratio';

/** A duration as written: a length in seconds, or arithmetic over lengths that may depend on the step and range of the query. */
export type DurationExpr =
  | { readonly kind: 'length'; readonly seconds: number; readonly asDuration: boolean; readonly span: Span }
  | { readonly kind: 'step' | 'range'; readonly span: Span }
  | { readonly kind: 'negate'; readonly expr: DurationExpr; readonly span: Span }
  | { readonly kind: 'group'; readonly expr: DurationExpr; readonly span: Span }
  | {
      readonly kind: 'pick';
      readonly pick: 'min_of' | 'max_of';
      readonly left: DurationExpr;
      readonly right: DurationExpr;
      readonly span: Span;
    }
  | {
      readonly kind: 'arithmetic';
      readonly op: '+' | '-' | '*' | '/' | '%' | '^';
      readonly left: DurationExpr;
      readonly right: DurationExpr;
      readonly span: Span;
    };

/** The time of an `@` modifier: a fixed one, or a border of the whole query. */
export type AtTime = { readonly kind: 'time'; readonly timeMs: Millis } | { readonly kind: 'start' | 'end' };

/** How far and from when a selector or subquery looks. */
export interface TimeShift {
  readonly offset: DurationExpr | undefined;
  readonly at: AtTime | undefined;
}

export interface NumberLiteral extends Span {
  readonly kind: 'number';
  readonly value: number;
  /** Written as a duration (`5m`). */
  readonly asDuration: boolean;
}

export interface StringLiteral extends Span {
  readonly kind: 'string';
  readonly value: string;
}

export interface VectorSelector extends Span, TimeShift {
  readonly kind: 'selector';
  /** The name written outside the braces or as a bare quoted string; '' if none. It is also the last of `matchers`. */
  readonly name: string;
  readonly matchers: readonly Matcher[];
  readonly extend: 'anchored' | 'smoothed' | undefined;
}

/** `selector[range]`; offset and @ are those of its selector. */
export interface MatrixSelector extends Span {
  readonly kind: 'range';
  readonly selector: VectorSelector;
  readonly range: DurationExpr;
}

export interface Subquery extends Span, TimeShift {
  readonly kind: 'subquery';
  readonly expr: Expr;
  readonly range: DurationExpr;
  readonly step: DurationExpr | undefined;
}

export interface UnaryExpr extends Span {
  readonly kind: 'unary';
  readonly op: '+' | '-';
  readonly expr: Expr;
}

export interface ParenExpr extends Span {
  readonly kind: 'paren';
  readonly expr: Expr;
}

export interface VectorMatching {
  /** `on (labels)` (true) or all labels but these (false; also when nothing is written). */
  readonly on: boolean;
  readonly labels: readonly string[];
  /** Which side may have many series for one of the other. */
  readonly card: 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many';
  /** Labels copied from the "one" side. */
  readonly include: readonly string[];
  readonly fillLeft: number | undefined;
  readonly fillRight: number | undefined;
}

export interface BinaryExpr extends Span {
  readonly kind: 'binary';
  readonly op: BinaryOp;
  readonly opSpan: Span;
  readonly left: Expr;
  readonly right: Expr;
  readonly bool: boolean;
  /** Undefined unless both operands are vectors. */
  readonly matching: VectorMatching | undefined;
}

export interface AggregateExpr extends Span {
  readonly kind: 'aggregate';
  readonly op: AggregateOp;
  readonly expr: Expr;
  readonly param: Expr | undefined;
  readonly grouping: readonly string[];
  readonly without: boolean;
}

export interface CallExpr extends Span {
  readonly kind: 'call';
  readonly fn: FunctionSpec;
  readonly args: readonly Expr[];
}

export type Expr =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | Subquery
  | UnaryExpr
  | ParenExpr
  | BinaryExpr
  | AggregateExpr
  | CallExpr;

export function valueTypeOf(expr: Expr): ValueType {
  switch (expr.kind) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'selector':
    case 'aggregate':
      return 'vector';
    case 'range':
    case 'subquery':
      return 'matrix';
    case 'unary':
    case 'paren':
      return valueTypeOf(expr.expr);
    case 'binary':
      return valueTypeOf(expr.left) === 'scalar' && valueTypeOf(expr.right) === 'scalar' ? 'scalar' : 'vector';
    case 'call':
      return expr.fn.returns;
  }
}

/** The expressions directly below `expr`, left to right. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'selector':
      return [];
    case 'range':
      return [expr.selector];
    case 'subquery':
    case 'unary':
    case 'paren':
      return [expr.expr];
    case 'binary':
      return [expr.left, expr.right];
    case 'aggregate':
      return expr.param === undefined ? [expr.expr] : [expr.param, expr.expr];
    case 'call':
      return expr.args;
  }
}

/** `expr` without the parentheses around it. */
export function unwrap(expr: Expr): Exclude<Expr, ParenExpr> {
  let inner = expr;
  while (inner.kind === 'paren') inner = inner.expr;
  return inner;
}

export const COMPARISONS: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['==', '!=', '<', '<=', '>', '>=']);
export const SET_OPERATORS: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['and', 'or', 'unless']);
export const PARAMETER_AGGREGATES: ReadonlySet<AggregateOp> = new Set<AggregateOp>([
  'topk',
  'bottomk',
  'quantile',
  'count_values',
  'limitk',
  'limit_ratio',
]);
