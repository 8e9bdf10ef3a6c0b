/** The canonical text of a query: on one line, or broken up as Prometheus' formatter does it. */
import { formatDuration, LABEL_NAME, LEGACY_METRIC_NAME, METRIC_NAME } from '@bellwether/shared';
import type { Matcher } from '../store/index.ts';
import type { AggregateExpr, AtTime, BinaryExpr, DurationExpr, Expr, MatrixSelector, Subquery, TimeShift, VectorSelector } from './ast.ts';
import { SET_OPERATORS } from './ast.ts';
import { formatLiteral, quote } from './text.ts';

/** Longer expressions are spread over several lines. */
const MAX_LINE = 100;

/** One line. Parsing it again gives an equal tree. */
export function print(expr: Expr): string {
  switch (expr.kind) {
    case 'number':
      return expr.asDuration && Number.isInteger(expr.value * 1000) ? formatDuration(expr.value * 1000) : formatLiteral(expr.value);
    case 'string':
      return quote(expr.value);
    case 'selector':
      return selectorText(expr) + extension(expr) + shiftText(expr);
    case 'range':
      return rangeText(expr);
    case 'subquery':
      return `${print(expr.expr)}${subquerySuffix(expr)}`;
    case 'unary':
      return `${expr.op}${print(expr.expr)}`;
    case 'paren':
      return `(${print(expr.expr)})`;
    case 'binary':
      return `${print(expr.left)} ${operatorText(expr)} ${print(expr.right)}`;
    case 'aggregate':
      return `${aggregateHead(expr)}(${expr.param === undefined ? '' : `${print(expr.param)}, `}${print(expr.expr)})`;
    case 'call':
      return `${expr.fn.name}(${expr.args.map(print).join(', ')})`;
  }
}

/** Several lines where the one-line form is longer than 100 characters. */
export function pretty(expr: Expr, level = 0): string {
  const indent = '  '.repeat(level);
  const line = print(expr);
  if (line.length <= MAX_LINE) return indent + line;
  const below = (child: Expr) => pretty(child, level + 1);
  switch (expr.kind) {
    case 'aggregate': {
      const param = expr.param === undefined ? '' : `${below(expr.param)},\n`;
      return `${indent}${aggregateHead(expr)}(\n${param}${below(expr.expr)}\n${indent})`;
    }
    case 'binary':
      return `${below(expr.left)}\n${indent}${operatorText(expr)}\n${below(expr.right)}`;
    case 'call':
      return `${indent}${expr.fn.name}(\n${expr.args.map(below).join(',\n')}\n${indent})`;
    case 'paren':
      return `${indent}(\n${below(expr.expr)}\n${indent})`;
    case 'subquery':
      return `${pretty(expr.expr, level)}${subquerySuffix(expr)}`;
    case 'unary':
      return `${indent}${expr.op}${pretty(expr.expr, level).trimStart()}`;
    default:
      return indent + line;
  }
}

function selectorText({ name, matchers }: VectorSelector): string {
  const shown = name === '' ? matchers : matchers.slice(0, -1);
  const parts = shown.map(matcherText);
  const plainName = LEGACY_METRIC_NAME.test(name);
  if (name !== '' && !plainName) parts.unshift(quote(name));
  const prefix = plainName ? name : '';
  return parts.length > 0 || prefix === '' ? `${prefix}{${parts.join(',')}}` : prefix;
}

export function matcherText({ name, op, value }: Matcher): string {
  return `${name === METRIC_NAME ? name : labelText(name)}${op}${quote(value)}`;
}

function labelText(name: string): string {
  return LABEL_NAME.test(name) ? name : quote(name);
}

function rangeText({ selector, range }: MatrixSelector): string {
  return `${selectorText(selector)}[${durationText(range)}]${extension(selector)}${shiftText(selector)}`;
}

function extension({ extend }: VectorSelector): string {
  return extend === undefined ? '' : ` ${extend}`;
}

function subquerySuffix(expr: Subquery): string {
  return `[${durationText(expr.range)}:${expr.step === undefined ? '' : durationText(expr.step)}]${shiftText(expr)}`;
}

function shiftText({ at, offset }: TimeShift): string {
  return `${at === undefined ? '' : ` @ ${atText(at)}`}${offset === undefined ? '' : ` offset ${durationText(offset)}`}`;
}

function atText(at: AtTime): string {
  return at.kind === 'time' ? (at.timeMs / 1000).toFixed(3) : `${at.kind}()`;
}

/** A length alone is shown as a duration; as an operand it stays as it was written, since `2 * 5m` multiplies by a number. */
function durationText(expr: DurationExpr, isOperand = false): string {
  const operand = (part: DurationExpr) => durationText(part, true);
  switch (expr.kind) {
    case 'length': {
      const ms = expr.seconds * 1000;
      return (expr.asDuration || !isOperand) && Number.isSafeInteger(ms) ? formatDuration(ms) : formatLiteral(expr.seconds);
    }
    case 'step':
    case 'range':
      return `${expr.kind}()`;
    case 'negate':
      return `-${operand(expr.expr)}`;
    case 'group':
      return `(${operand(expr.expr)})`;
    case 'pick':
      return `${expr.pick}(${operand(expr.left)}, ${operand(expr.right)})`;
    case 'arithmetic':
      return `${operand(expr.left)} ${expr.op} ${operand(expr.right)}`;
  }
}

function aggregateHead({ op, grouping, without }: AggregateExpr): string {
  if (without) return `${op} without (${grouping.map(labelText).join(', ')}) `;
  return grouping.length > 0 ? `${op} by (${grouping.map(labelText).join(', ')}) ` : op;
}

function operatorText({ op, bool, matching }: BinaryExpr): string {
  let text = bool ? `${op} bool` : op;
  if (matching === undefined) return text;
  const { on, labels, card, include, fillLeft, fillRight } = matching;
  if (on || labels.length > 0) text += ` ${on ? 'on' : 'ignoring'} (${labels.map(labelText).join(', ')})`;
  if (!SET_OPERATORS.has(op) && (card === 'many-to-one' || card === 'one-to-many')) {
    // An empty ignoring() is only written where a group clause needs it.
    if (!on && labels.length === 0) text += ' ignoring ()';
    text += ` ${card === 'many-to-one' ? 'group_left' : 'group_right'} (${include.map(labelText).join(', ')})`;
  }
  if (fillLeft !== undefined && Object.is(fillLeft, fillRight)) return `${text} fill (${formatLiteral(fillLeft)})`;
  if (fillLeft !== undefined) text += ` fill_left (${formatLiteral(fillLeft)})`;
  if (fillRight !== undefined) text += ` fill_right (${formatLiteral(fillRight)})`;
  return text;
}
