/** Type checks of a parsed query, in Prometheus' order and words. */
import type { BinaryExpr, CallExpr, Expr, Span, ValueType } from './ast.ts';
import { COMPARISONS, PARAMETER_AGGREGATES, SET_OPERATORS, valueTypeOf } from './ast.ts';
import { parseError } from './parse-error.ts';
import { quote } from './text.ts';

const TYPE_NAMES: Readonly<Record<ValueType, string>> = {
  scalar: 'scalar',
  vector: 'instant vector',
  matrix: 'range vector',
  string: 'string',
};

/** Throws AppError QUERY_INVALID at the first node whose operands do not fit. */
export function checkTypes(query: string, expr: Expr): void {
  const fail = (span: Span, text: string): never => {
    throw parseError(query, span.start, text);
  };
  const expectType = (node: Expr, wanted: ValueType, context: string) => {
    checkTypes(query, node);
    const type = valueTypeOf(node);
    if (type !== wanted) fail(node, `expected type ${TYPE_NAMES[wanted]} in ${context}, got ${TYPE_NAMES[type]}`);
  };
  switch (expr.kind) {
    case 'number':
    case 'string':
      return;
    case 'selector':
      if (expr.name === '' && expr.matchers.every((matcher) => matcher.matches(''))) {
        fail(expr, 'vector selector must contain at least one non-empty matcher');
      }
      return;
    case 'range':
      return checkTypes(query, expr.selector);
    case 'paren':
      return checkTypes(query, expr.expr);
    case 'subquery': {
      checkTypes(query, expr.expr);
      const type = valueTypeOf(expr.expr);
      if (type !== 'vector') fail(expr, `subquery is only allowed on instant vector, got ${type} instead`);
      return;
    }
    case 'unary': {
      checkTypes(query, expr.expr);
      const type = valueTypeOf(expr.expr);
      if (type !== 'scalar' && type !== 'vector') {
        fail(expr, `unary expression only allowed on expressions of type scalar or instant vector, got ${quote(TYPE_NAMES[type])}`);
      }
      return;
    }
    case 'aggregate':
      expectType(expr.expr, 'vector', 'aggregation expression');
      if (PARAMETER_AGGREGATES.has(expr.op))
        expectType(expr.param!, expr.op === 'count_values' ? 'string' : 'scalar', 'aggregation parameter');
      return;
    case 'call':
      return checkCall(expr, fail, expectType);
    case 'binary':
      checkTypes(query, expr.left);
      checkTypes(query, expr.right);
      checkBinary(expr, fail);
  }
}

type Fail = (span: Span, text: string) => never;

function checkCall(expr: CallExpr, fail: Fail, expectType: (node: Expr, wanted: ValueType, context: string) => void): void {
  const { name, args: wanted, variadic } = expr.fn;
  const given = expr.args.length;
  if (variadic === 0 && given !== wanted.length)
    fail(expr, `expected ${wanted.length} argument(s) in call to ${quote(name)}, got ${given}`);
  if (variadic !== 0) {
    const least = wanted.length - 1;
    if (given < least) fail(expr, `expected at least ${least} argument(s) in call to ${quote(name)}, got ${given}`);
    if (variadic > 0 && given > least + variadic)
      fail(expr, `expected at most ${least + variadic} argument(s) in call to ${quote(name)}, got ${given}`);
  }
  for (const [i, arg] of expr.args.entries()) {
    if (name === 'info' && i === 1 && arg.kind !== 'selector') fail(arg, 'expected label selectors only');
    if (name === 'info' && i === 1) continue;
    expectType(arg, wanted[Math.min(i, wanted.length - 1)]!, `call to function ${quote(name)}`);
  }
}

function checkBinary(expr: BinaryExpr, fail: Fail): void {
  const { op, matching } = expr;
  const left = valueTypeOf(expr.left);
  const right = valueTypeOf(expr.right);
  const isSet = SET_OPERATORS.has(op);
  if (expr.bool && !COMPARISONS.has(op)) fail(expr.opSpan, 'bool modifier can only be used on comparison operators');
  if (COMPARISONS.has(op) && !expr.bool && left === 'scalar' && right === 'scalar') {
    fail(expr.opSpan, 'comparisons between scalars must use BOOL modifier');
  }
  const both = matching?.on === true ? matching.labels.find((label) => matching.include.includes(label)) : undefined;
  if (both !== undefined) fail(expr.opSpan, `label ${quote(both)} must not occur in ON and GROUP clause at once`);
  for (const [type, operand] of [
    [left, expr.left],
    [right, expr.right],
  ] as const) {
    if (type !== 'scalar' && type !== 'vector') fail(operand, 'binary expression must contain only scalar and instant vector types');
  }
  if (left === 'scalar' || right === 'scalar') {
    if (matching !== undefined && matching.labels.length > 0) fail(expr, 'vector matching only allowed between instant vectors');
    if (isSet) fail(expr, `set operator ${quote(op)} not allowed in binary scalar expression`);
  } else if (isSet && matching !== undefined && (matching.card === 'many-to-one' || matching.card === 'one-to-many')) {
    fail(expr, `no grouping allowed for ${quote(op)} operation`);
  }
  if (matching !== undefined && (matching.fillLeft !== undefined || matching.fillRight !== undefined)) {
    if (isSet) fail(expr, 'filling in missing series not allowed for set operators');
    if (left === 'scalar' || right === 'scalar') fail(expr, 'filling in missing series only allowed between instant vectors');
  }
}
