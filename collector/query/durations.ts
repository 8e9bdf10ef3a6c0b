import type { Millis } from '@bellwether/shared';
import type { DurationExpr, Span } from './ast.ts';
import { parseError } from './parse-error.ts';

const MAX_SECONDS = 2 ** 63 / 1e9;

/** The length in whole ms that a duration expression stands for in a query of this step and range (both in seconds). */
export function evaluateDuration(query: string, expr: DurationExpr, stepSeconds: number, rangeSeconds: number): Millis {
  const seconds = (node: DurationExpr): number => {
    switch (node.kind) {
      case 'length':
        return node.seconds;
      case 'step':
        return stepSeconds;
      case 'range':
        return rangeSeconds;
      case 'negate':
        return -seconds(node.expr);
      case 'group':
        return seconds(node.expr);
      case 'pick':
        return Math[node.pick === 'min_of' ? 'min' : 'max'](seconds(node.left), seconds(node.right));
      case 'arithmetic':
        return calculate(query, node.op, seconds(node.left), seconds(node.right), node.span);
    }
  };
  const result = seconds(expr);
  if (!(Math.abs(result) < MAX_SECONDS)) throw parseError(query, expr.span.start, 'duration is out of range');
  return Math.round(result * 1000);
}

/** The length of a range or a subquery's step, which must be above zero. */
export function positiveDuration(query: string, expr: DurationExpr, ms: Millis): Millis {
  if (ms <= 0) throw parseError(query, expr.span.start, 'duration must be greater than 0');
  return ms;
}

function calculate(query: string, op: '+' | '-' | '*' | '/' | '%' | '^', left: number, right: number, span: Span): number {
  switch (op) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '^':
      return left ** right;
    case '/':
      if (right === 0) throw parseError(query, span.start, 'division by zero');
      return left / right;
    case '%':
      if (right === 0) throw parseError(query, span.start, 'modulo by zero');
      return left % right;
  }
}
