import { type Columns, UNKNOWN_LENGTH } from './columns.ts';
import { bitLength, TWO_TO } from './decimal.ts';

/** Ones that begin an escape; a Rice code has fewer. */
export const ESCAPE_ONES = 12;
/** Where a column's average is unknown a length is written instead of a Rice code; this one begins an escape. */
export const ESCAPE_LENGTH = 63;
/** What an escape stands for: a code too long for Rice; one value as XOR; another decimal form; XOR from now on. */
export const ESCAPE_LONG = 0;
export const ESCAPE_XOR = 1;
export const ESCAPE_FORM = 2;
export const ESCAPE_RAW = 3;
/** A gap between cold columns that has no end. */
export const NEVER = -1;

const HEAT_GAIN = 4;
const HEAT_MAX = 8;

/** k of the Rice code for an average bit length x 32. */
export function riceWidth(average: number): number {
  return (average + 28) >> 5;
}

export function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function learn(averages: Uint16Array, column: number, bits: number): void {
  const old = averages[column]!;
  averages[column] = old === UNKNOWN_LENGTH ? bits << 5 : old + (((bits << 5) - old) >> 2);
}

/** What both sides do after a column: remember the step, and how well each way of prediction would have done. */
export function afterStep(columns: Columns, column: number, step: number): void {
  const scale = TWO_TO[columns.shifts[column]!]!;
  learn(columns.first, column, bitLength(zigzag(Math.floor(step / scale))));
  learn(columns.second, column, bitLength(zigzag(Math.floor((step - columns.deltas[column]!) / scale))));
  columns.deltas[column] = step;
}

export function afterHeat(columns: Columns, column: number, changed: boolean): void {
  const heat = columns.heats[column]!;
  if (changed) columns.heats[column] = Math.min(heat + HEAT_GAIN, HEAT_MAX);
  else if (heat > 0) columns.heats[column] = heat - 1;
}

/** Whether the column is predicted to move on by its last difference (else to stay). */
export function predictsMotion(columns: Columns, column: number): boolean {
  return columns.second[column]! < columns.first[column]!;
}

export function averageOf(columns: Columns, column: number): number {
  return predictsMotion(columns, column) ? columns.second[column]! : columns.first[column]!;
}
