import { type Labels, METRIC_NAME } from '@bellwether/shared';
import { type Expr, unwrap } from './ast.ts';

/** The labels that absent() can know of series that are not there: those of `=` matchers, each used once. */
export function absentLabels(expr: Expr): Labels {
  const node = unwrap(expr);
  const selector = node.kind === 'range' ? node.selector : node;
  if (selector.kind !== 'selector') return [];
  const values = new Map<string, string>();
  const spoilt = new Set<string>();
  for (const { name, op, value } of selector.matchers) {
    if (name === METRIC_NAME) continue;
    if (op === '=' && !values.has(name)) values.set(name, value);
    else spoilt.add(name);
  }
  return [...values]
    .filter(([name, value]) => !spoilt.has(name) && value !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flat();
}
