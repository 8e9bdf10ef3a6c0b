import { childrenOf, type Expr } from './ast.ts';

/** Whether the value is the same at every step: all selectors below are fixed by `@` and nothing asks for the time. */
export function isStepInvariant(expr: Expr): boolean {
  switch (expr.kind) {
    case 'selector':
    case 'subquery':
      return expr.at !== undefined;
    case 'call':
      return !expr.fn.timeDependent && callArguments(expr).every(isStepInvariant);
    default:
      return childrenOf(expr).every(isStepInvariant);
  }
}

/** The second argument of info only names labels; it selects at the times of the first. */
function callArguments(call: Extract<Expr, { kind: 'call' }>): readonly Expr[] {
  return call.fn.name === 'info' ? call.args.slice(0, 1) : call.args;
}
