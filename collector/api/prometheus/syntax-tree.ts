/** The syntax tree of a query in the JSON form of `/api/v1/parse_query`. */
import { type Expr, formatValue, valueTypeOf } from '../../query/index.ts';

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
type Node<K extends Expr['kind']> = Extract<Expr, { kind: K }>;

/** Lengths that depend on the step of a query have no fixed value and are given as 0. */
export function syntaxTree(expr: Expr): Json {
  switch (expr.kind) {
    case 'number':
      return { type: 'numberLiteral', val: formatValue(expr.value) };
    case 'string':
      return { type: 'stringLiteral', val: expr.value };
    case 'paren':
      return { type: 'parenExpr', expr: syntaxTree(expr.expr) };
    case 'unary':
      return { type: 'unaryExpr', op: expr.op, expr: syntaxTree(expr.expr) };
    case 'selector':
      return { type: 'vectorSelector', ...selectorFields(expr) };
    case 'range':
      return { type: 'matrixSelector', range: lengthMs(expr.range), ...selectorFields(expr.selector) };
    case 'subquery':
      return {
        type: 'subquery',
        expr: syntaxTree(expr.expr),
        range: lengthMs(expr.range),
        step: expr.step === undefined ? 0 : lengthMs(expr.step),
        ...shiftFields(expr),
      };
    case 'aggregate':
      return {
        type: 'aggregation',
        op: expr.op,
        expr: syntaxTree(expr.expr),
        param: expr.param === undefined ? null : syntaxTree(expr.param),
        grouping: expr.grouping,
        without: expr.without,
      };
    case 'call':
      return { type: 'call', func: functionFields(expr), args: expr.args.map(syntaxTree) };
    case 'binary':
      return binaryTree(expr);
  }
}

function binaryTree(expr: Node<'binary'>): Json {
  const vectors = valueTypeOf(expr.left) === 'vector' && valueTypeOf(expr.right) === 'vector';
  const isSet = expr.op === 'and' || expr.op === 'or' || expr.op === 'unless';
  const { matching } = expr;
  return {
    type: 'binaryExpr',
    op: expr.op,
    lhs: syntaxTree(expr.left),
    rhs: syntaxTree(expr.right),
    matching:
      !vectors || matching === undefined
        ? null
        : {
            card: isSet ? 'many-to-many' : matching.card,
            labels: matching.labels,
            on: matching.on,
            include: matching.include,
            fillValues: { lhs: matching.fillLeft ?? null, rhs: matching.fillRight ?? null },
          },
    bool: expr.bool,
  };
}

function functionFields({ fn }: Node<'call'>): Json {
  return { name: fn.name, argTypes: fn.args, variadic: fn.variadic, returnType: fn.returns };
}

function selectorFields(expr: Node<'selector'>): { readonly [key: string]: Json } {
  return {
    name: expr.name,
    matchers: expr.matchers.map(({ name, op, value }) => ({ name, type: op, value })),
    ...shiftFields(expr),
    anchored: expr.extend === 'anchored',
    smoothed: expr.extend === 'smoothed',
  };
}

function shiftFields({ offset, at }: Pick<Node<'selector'>, 'offset' | 'at'>): { readonly [key: string]: Json } {
  return {
    offset: offset === undefined ? 0 : lengthMs(offset),
    timestamp: at?.kind === 'time' ? at.timeMs : null,
    startOrEnd: at === undefined || at.kind === 'time' ? null : at.kind,
  };
}

function lengthMs(expr: Node<'range'>['range']): number {
  return expr.kind === 'length' ? Math.round(expr.seconds * 1000) : 0;
}
