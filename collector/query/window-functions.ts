/** Functions of a range vector: each makes, for one series, a kernel that turns a window of samples into a number. */
import { AppError } from '@bellwether/shared';
import type { Column } from './evaluation.ts';
import { CompensatedMean, CompensatedSum, isInfinite, quantileOf } from './numeric.ts';

/** Samples [lo, hi) of a column lie in (startMs, endMs]; there is at least one. A kernel that has no answer sets `absent`. */
export interface Window {
  readonly times: Float64Array;
  readonly values: Float64Array;
  lo: number;
  hi: number;
  startMs: number;
  endMs: number;
  /** Evaluation time and index of the step. */
  timeMs: number;
  step: number;
  absent: boolean;
}

export type Kernel = (window: Window) => number;

export interface WindowCall {
  readonly rangeMs: number;
  /** The scalar arguments, a value per step. */
  readonly scalars: readonly Float64Array[];
}

export interface WindowFunction {
  readonly keepsName?: boolean;
  /** A window costs the same however many samples it holds. */
  readonly constantTime?: boolean;
  make(column: Column, call: WindowCall): Kernel;
}

const none: Kernel = (window) => {
  window.absent = true;
  return 0;
};

function everDrops(values: Float64Array): boolean {
  for (let i = 1; i < values.length; i++) if (values[i]! < values[i - 1]!) return true;
  return false;
}

/** Index of drops: `drops[i]` is how many of samples 1..i are below the one before them. */
function countDrops(values: Float64Array): Int32Array {
  const drops = new Int32Array(values.length);
  for (let i = 1; i < values.length; i++) drops[i] = drops[i - 1]! + (values[i]! < values[i - 1]! ? 1 : 0);
  return drops;
}

function countChanges(values: Float64Array): Int32Array {
  const changes = new Int32Array(values.length);
  for (let i = 1; i < values.length; i++) {
    const now = values[i]!;
    const before = values[i - 1]!;
    const same = now === before || (Number.isNaN(now) && Number.isNaN(before));
    changes[i] = changes[i - 1]! + (same ? 0 : 1);
  }
  return changes;
}

/** rate, increase and delta: the difference over the window, extrapolated to its borders. */
function extrapolated(isCounter: boolean, isRate: boolean): WindowFunction {
  return {
    constantTime: true,
    make({ values }, { rangeMs }) {
      const drops = isCounter && everDrops(values) ? countDrops(values) : undefined;
      return (window) => {
        const { times, lo, hi } = window;
        if (hi - lo < 2) return none(window);
        const last = hi - 1;
        const first = values[lo]!;
        let result = values[last]! - first;
        if (drops !== undefined && drops[last] !== drops[lo]) {
          for (let i = lo + 1; i <= last; i++) if (values[i]! < values[i - 1]!) result += values[i - 1]!;
        }
        let toStart = (times[lo]! - window.startMs) / 1000;
        let toEnd = (window.endMs - times[last]!) / 1000;
        const sampled = (times[last]! - times[lo]!) / 1000;
        const averageGap = sampled / (last - lo);
        const threshold = averageGap * 1.1;
        if (toStart >= threshold) toStart = averageGap / 2;
        if (isCounter && result > 0 && first >= 0) {
          const toZero = sampled * (first / result);
          if (toZero < toStart) toStart = toZero;
        }
        if (toEnd >= threshold) toEnd = averageGap / 2;
        const factor = (sampled + toStart + toEnd) / sampled;
        return result * (isRate ? factor / (rangeMs / 1000) : factor);
      };
    },
  };
}

function instantaneous(isRate: boolean): WindowFunction {
  return {
    constantTime: true,
    make:
      ({ times, values }) =>
      (window) => {
        if (window.hi - window.lo < 2) return none(window);
        const last = window.hi - 1;
        const drop = isRate && values[last]! < values[last - 1]!;
        const difference = drop ? values[last]! : values[last]! - values[last - 1]!;
        if (!isRate) return difference;
        const seconds = (times[last]! - times[last - 1]!) / 1000;
        return seconds === 0 ? none(window) : difference / seconds;
      },
  };
}

/** How many marks of a running count fall strictly inside the window. */
function counted(count: (values: Float64Array) => Int32Array): WindowFunction {
  return {
    constantTime: true,
    make({ values }) {
      const running = count(values);
      return ({ lo, hi }) => running[hi - 1]! - running[lo]!;
    },
  };
}

function each(calculate: (window: Window) => number): WindowFunction {
  return { make: () => calculate };
}

/** A function that looks at a border of the window only. */
function atBorder(calculate: (window: Window) => number, keepsName = false): WindowFunction {
  return { keepsName, constantTime: true, make: () => calculate };
}

/** Least squares over the window with time in s from `originMs`: slope and value at the origin. */
function regression({ times, values, lo, hi }: Window, originMs: number): { slope: number; intercept: number } {
  const x1 = new CompensatedSum();
  const y1 = new CompensatedSum();
  const xy = new CompensatedSum();
  const x2 = new CompensatedSum();
  const firstY = values[lo]!;
  let constant = true;
  for (let i = lo; i < hi; i++) {
    const x = (times[i]! - originMs) / 1000;
    const y = values[i]!;
    if (y !== firstY) constant = false;
    x1.add(x);
    y1.add(y);
    xy.add(x * y);
    x2.add(x * x);
  }
  if (constant) return isInfinite(firstY) ? { slope: Number.NaN, intercept: Number.NaN } : { slope: 0, intercept: firstY };
  const n = hi - lo;
  const sumX = x1.sum + x1.c;
  const sumY = y1.sum + y1.c;
  const covariance = xy.sum + xy.c - (sumX * sumY) / n;
  const variance = x2.sum + x2.c - (sumX * sumX) / n;
  const slope = covariance / variance;
  return { slope, intercept: sumY / n - (slope * sumX) / n };
}

function varianceOf({ values, lo, hi }: Window): number {
  const mean = new CompensatedSum();
  const squares = new CompensatedSum();
  for (let i = lo, count = 1; i < hi; i++, count++) {
    const delta = values[i]! - (mean.sum + mean.c);
    mean.add(delta / count);
    squares.add(delta * (values[i]! - (mean.sum + mean.c)));
  }
  return (squares.sum + squares.c) / (hi - lo);
}

/** Index of the best sample of the window by `better`; NaN loses to everything. */
function bestIndex({ values, lo, hi }: Window, better: (candidate: number, best: number) => boolean): number {
  let best = lo;
  for (let i = lo + 1; i < hi; i++) if (better(values[i]!, values[best]!) || Number.isNaN(values[best]!)) best = i;
  return best;
}

function meanOf({ values, lo, hi }: Window): number {
  const mean = new CompensatedMean();
  for (let i = lo; i < hi; i++) mean.add(values[i]!);
  return mean.mean;
}

function sumOf({ values, lo, hi }: Window): number {
  const sum = new CompensatedSum();
  for (let i = lo; i < hi; i++) sum.add(values[i]!);
  return sum.total;
}

function minimumOf({ values, lo, hi }: Window): number {
  let best = values[lo]!;
  for (let i = lo + 1; i < hi; i++) if (values[i]! < best || Number.isNaN(best)) best = values[i]!;
  return best;
}

function maximumOf({ values, lo, hi }: Window): number {
  let best = values[lo]!;
  for (let i = lo + 1; i < hi; i++) if (values[i]! > best || Number.isNaN(best)) best = values[i]!;
  return best;
}

function medianDeviation({ values, lo, hi }: Window): number {
  const sorted = values.slice(lo, hi);
  if (sorted.some(Number.isNaN)) return Number.NaN;
  const median = quantileOf(0.5, sorted, sorted.length);
  return quantileOf(
    0.5,
    sorted.map((value) => Math.abs(value - median)),
    sorted.length,
  );
}

function smoothing(window: Window, factor: number, trendFactor: number): number {
  if (!(factor > 0 && factor < 1)) {
    throw new AppError('QUERY_FAILED', `invalid smoothing factor. Expected: 0 < sf < 1, got: ${factor.toFixed(6)}`);
  }
  if (!(trendFactor > 0 && trendFactor < 1)) {
    throw new AppError('QUERY_FAILED', `invalid trend factor. Expected: 0 < tf < 1, got: ${trendFactor.toFixed(6)}`);
  }
  const { values, lo, hi } = window;
  if (hi - lo < 2) return none(window);
  let before = 0;
  let smooth = values[lo]!;
  let trend = values[lo + 1]! - values[lo]!;
  for (let i = lo + 1; i < hi; i++) {
    if (i > lo + 1) trend = trendFactor * (smooth - before) + (1 - trendFactor) * trend;
    const next = factor * values[i]! + (1 - factor) * (smooth + trend);
    before = smooth;
    smooth = next;
  }
  return smooth;
}

export const WINDOW_FUNCTIONS: Readonly<Record<string, WindowFunction>> = {
  rate: extrapolated(true, true),
  increase: extrapolated(true, false),
  delta: extrapolated(false, false),
  irate: instantaneous(true),
  idelta: instantaneous(false),
  changes: counted(countChanges),
  resets: counted(countDrops),
  deriv: each((window) => (window.hi - window.lo < 2 ? none(window) : regression(window, window.times[window.lo]!).slope)),
  predict_linear: {
    make:
      (_, { scalars }) =>
      (window) => {
        if (window.hi - window.lo < 2) return none(window);
        const { slope, intercept } = regression(window, window.timeMs);
        return slope * scalars[0]![window.step]! + intercept;
      },
  },
  double_exponential_smoothing: {
    make:
      (_, { scalars }) =>
      (window) =>
        smoothing(window, scalars[0]![window.step]!, scalars[1]![window.step]!),
  },
  avg_over_time: each(meanOf),
  sum_over_time: each(sumOf),
  min_over_time: each(minimumOf),
  max_over_time: each(maximumOf),
  count_over_time: atBorder(({ lo, hi }) => hi - lo),
  last_over_time: atBorder(({ values, hi }) => values[hi - 1]!, true),
  first_over_time: atBorder(({ values, lo }) => values[lo]!, true),
  present_over_time: atBorder(() => 1),
  quantile_over_time: {
    make:
      (_, { scalars }) =>
      ({ values, lo, hi, step }) =>
        quantileOf(scalars[0]![step]!, values.slice(lo, hi), hi - lo),
  },
  stddev_over_time: each((window) => Math.sqrt(varianceOf(window))),
  stdvar_over_time: each(varianceOf),
  mad_over_time: each(medianDeviation),
  ts_of_first_over_time: atBorder(({ times, lo }) => times[lo]! / 1000),
  ts_of_last_over_time: atBorder(({ times, hi }) => times[hi - 1]! / 1000),
  ts_of_min_over_time: each((window) => window.times[bestIndex(window, (value, best) => value <= best)]! / 1000),
  ts_of_max_over_time: each((window) => window.times[bestIndex(window, (value, best) => value >= best)]! / 1000),
};
