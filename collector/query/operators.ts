/** The operators on two numbers. */
import { AppError } from '@bellwether/shared';
import type { BinaryOp } from './ast.ts';
import { power } from './numeric.ts';

/** Arithmetic of two numbers, or the truth (1 or 0) of a comparison. */
export type NumberOperator = (left: number, right: number) => number;

const OPERATORS: Readonly<Partial<Record<BinaryOp, NumberOperator>>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  '%': (left, right) => left % right,
  '^': power,
  atan2: Math.atan2,
  '==': (left, right) => (left === right ? 1 : 0),
  '!=': (left, right) => (left !== right ? 1 : 0),
  '<': (left, right) => (left < right ? 1 : 0),
  '<=': (left, right) => (left <= right ? 1 : 0),
  '>': (left, right) => (left > right ? 1 : 0),
  '>=': (left, right) => (left >= right ? 1 : 0),
};

export function operatorOf(op: BinaryOp): NumberOperator {
  const operator = OPERATORS[op];
  if (operator === undefined) throw new AppError('QUERY_FAILED', `operator "${op}" works on native histograms, which are not stored`);
  return operator;
}
