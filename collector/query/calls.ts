/** Function calls: finds the implementation of a function and feeds it its evaluated arguments. */
import { AppError, EMPTY_LABELS } from '@bellwether/shared';
import { absentLabels } from './absent-labels.ts';
import type { CallExpr, Expr } from './ast.ts';
import { unwrap } from './ast.ts';
import { metricName } from './evaluation.ts';
import type { Evaluator } from './evaluator.ts';
import { ANCHORED, extendedKernel, SMOOTHED } from './extended-range.ts';
import { histogramFraction, histogramQuantile } from './histograms.ts';
import { info } from './info.ts';
import { labelJoin, labelReplace, sortByLabel, sortByValue } from './label-functions.ts';
import { CALENDAR_FUNCTIONS, SAMPLE_FUNCTIONS, SCALED_FUNCTIONS } from './sample-functions.ts';
import { selectInstant } from './selectors.ts';
import { formatLiteral, formatOpenMetrics, quote } from './text.ts';
import { type Grid, type Value, VectorBuilder, type VectorValue, withLabel } from './vector.ts';
import { WINDOW_FUNCTIONS } from './window-functions.ts';
import { boundsFor, slide, type WindowBounds } from './window-slide.ts';

type CallImplementation = (evaluator: Evaluator, call: CallExpr, grid: Grid) => Promise<Value>;

export function callFunction(evaluator: Evaluator, call: CallExpr, grid: Grid): Promise<Value> {
  const { name } = call.fn;
  if (name in SAMPLE_FUNCTIONS) return mapSamples(evaluator, call, grid, SAMPLE_FUNCTIONS[name]!);
  if (name in CALENDAR_FUNCTIONS) return calendar(evaluator, call, grid, CALENDAR_FUNCTIONS[name]!);
  if (name in SCALED_FUNCTIONS) return scaled(evaluator, call, grid);
  if (name in WINDOW_FUNCTIONS) return overWindows(evaluator, call, grid);
  const implementation = IMPLEMENTATIONS[name];
  if (implementation === undefined) throw new AppError('QUERY_FAILED', `function "${name}" is not built yet`);
  return implementation(evaluator, call, grid);
}

function timesOf(grid: Grid): Float64Array {
  return Float64Array.from({ length: grid.count }, (_, step) => (grid.startMs + step * grid.stepMs) / 1000);
}

function constant(grid: Grid, value: number): Value {
  return { kind: 'scalar', values: new Float64Array(grid.count).fill(value) };
}

function oneRow(values: Float64Array): VectorValue {
  const steps = values.length;
  return { kind: 'vector', steps, labels: [EMPTY_LABELS], dropName: [false], values, present: new Uint8Array(steps).fill(1) };
}

async function mapSamples(evaluator: Evaluator, call: CallExpr, grid: Grid, map: (value: number) => number): Promise<Value> {
  return mapped(evaluator, await evaluator.vector(call.args[0]!, grid), map);
}

async function mapped(evaluator: Evaluator, vector: VectorValue, map: (value: number) => number): Promise<VectorValue> {
  const { steps } = vector;
  const values = new Float64Array(vector.values.length);
  for (let from = 0; from < values.length; from += steps) {
    for (let at = from; at < from + steps; at++) if (vector.present[at] === 1) values[at] = map(vector.values[at]!);
    if (evaluator.run.spend(2 * steps)) await evaluator.run.breathe();
  }
  return { ...vector, values, dropName: vector.labels.map(() => true) };
}

async function calendar(evaluator: Evaluator, call: CallExpr, grid: Grid, read: (seconds: number) => number): Promise<Value> {
  const vector = call.args[0] === undefined ? oneRow(timesOf(grid)) : await evaluator.vector(call.args[0], grid);
  return mapped(evaluator, vector, read);
}

async function scaled(evaluator: Evaluator, call: CallExpr, grid: Grid): Promise<Value> {
  const vector = await evaluator.vector(call.args[0]!, grid);
  const map = SCALED_FUNCTIONS[call.fn.name]!;
  const first = call.args[1] === undefined ? new Float64Array(grid.count).fill(1) : await evaluator.scalar(call.args[1], grid);
  const second = call.args[2] === undefined ? first : await evaluator.scalar(call.args[2], grid);
  const values = new Float64Array(vector.values.length);
  const isClamp = call.fn.name === 'clamp';
  const present = isClamp ? vector.present.slice() : vector.present;
  for (let at = 0; at < values.length; at++) {
    if (vector.present[at] === 0) continue;
    const step = at % vector.steps;
    if (isClamp && second[step]! < first[step]!) present[at] = 0;
    else values[at] = map(vector.values[at]!, first[step]!, second[step]!);
  }
  return { ...vector, values, present, dropName: vector.labels.map(() => true) };
}

/** Runs the kernel of a range function over every window of every series. */
async function overWindows(evaluator: Evaluator, call: CallExpr, grid: Grid): Promise<Value> {
  const { run } = evaluator;
  const { name } = call.fn;
  const fn = WINDOW_FUNCTIONS[name]!;
  const at = call.fn.args.indexOf('matrix');
  const scalars: Float64Array[] = [];
  for (const [i, arg] of call.args.entries()) if (i !== at) scalars.push(await evaluator.scalar(arg, grid));
  if (name === 'quantile_over_time') {
    for (const q of scalars[0]!)
      if (!(q >= 0 && q <= 1)) run.warn(`quantile value should be between 0 and 1, got ${formatLiteral(q)}`, call.args[0]!);
  }
  const arg = call.args[at]!;
  const node = unwrap(arg);
  const extend = node.kind === 'range' ? node.selector.extend : undefined;
  if (extend !== undefined) checkExtended(extend, name);
  const reachBack = extend === undefined ? 0 : run.lookbackMs;
  const reachAhead = extend === 'smoothed' ? run.lookbackMs : 0;
  const input = await evaluator.rangeInput(arg, grid, reachBack, reachAhead);
  const builder = new VectorBuilder(grid.count, input.columns.length);
  const constantTime = extend === undefined && fn.constantTime === true;
  let bounds: WindowBounds | undefined;
  for (const column of input.columns) {
    const kernel =
      extend === undefined
        ? fn.make(column, { rangeMs: input.rangeMs, scalars })
        : extendedKernel(name, extend === 'smoothed', input.rangeMs);
    const row = builder.row();
    bounds = boundsFor(column.times, bounds, input, grid.count, reachBack, reachAhead);
    const target = { values: builder.values, present: builder.present, row };
    const found = await slide(run, kernel, column, bounds, input, grid, constantTime, target);
    if (found > 0) {
      builder.keep(column.labels, column.dropName || fn.keepsName !== true);
      if (name === 'rate' || name === 'increase') remindOfCounter(evaluator, column.labels, arg);
    }
    run.hold(found);
    if (run.spend(column.times.length)) await run.breathe();
  }
  return builder.build();
}

function checkExtended(extend: 'anchored' | 'smoothed', name: string): void {
  const allowed = extend === 'anchored' ? ANCHORED : SMOOTHED;
  if (allowed.has(name)) return;
  throw new AppError('QUERY_FAILED', `${extend} modifier can only be used with: ${[...allowed].sort().join(', ')} - not with ${name}`);
}

function remindOfCounter(evaluator: Evaluator, labels: readonly string[], arg: Expr): void {
  const name = metricName(labels);
  if (name === '' || /_(?:total|sum|count|bucket)$/.test(name)) return;
  const typeAt = labels.indexOf('__type__');
  const type = typeAt >= 0 && typeAt % 2 === 0 ? labels[typeAt + 1] : undefined;
  if (type === 'counter' || type === 'histogram') return;
  evaluator.run.info(`metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${quote(name)}`, arg);
}

/** 1 at the steps where no row has a value. */
function absence(vector: { readonly steps: number; readonly labels: readonly unknown[]; readonly present: Uint8Array }): Uint8Array {
  const missing = new Uint8Array(vector.steps).fill(1);
  for (let at = 0; at < vector.present.length; at++) if (vector.present[at] === 1) missing[at % vector.steps] = 0;
  return missing;
}

function absentVector(missing: Uint8Array, arg: Expr): VectorValue {
  const steps = missing.length;
  if (!missing.includes(1)) return new VectorBuilder(steps, 0).build();
  const values = new Float64Array(steps).fill(1);
  return { kind: 'vector', steps, labels: [absentLabels(arg)], dropName: [false], values, present: missing };
}

async function sorted(evaluator: Evaluator, call: CallExpr, grid: Grid, sort: (vector: VectorValue) => VectorValue): Promise<Value> {
  const vector = await evaluator.vector(call.args[0]!, grid);
  if (evaluator.run.startMs === evaluator.run.endMs) return sort(vector);
  evaluator.run.warn('sort is ineffective for range queries since results are always ordered by labels', call);
  return vector;
}

const IMPLEMENTATIONS: Readonly<Record<string, CallImplementation>> = {
  pi: async (_, __, grid) => constant(grid, Math.PI),
  time: async (_, __, grid) => ({ kind: 'scalar', values: timesOf(grid) }),
  start: async ({ run }, _, grid) => constant(grid, run.startMs / 1000),
  end: async ({ run }, _, grid) => constant(grid, run.endMs / 1000),
  step: async ({ run }, _, grid) => constant(grid, run.stepMs / 1000),
  range: async ({ run }, _, grid) => constant(grid, (run.endMs - run.startMs) / 1000),
  max_of: async (evaluator, call, grid) => pick(evaluator, call, grid, Math.max),
  min_of: async (evaluator, call, grid) => pick(evaluator, call, grid, Math.min),
  vector: async (evaluator, call, grid) => oneRow(await evaluator.scalar(call.args[0]!, grid)),
  scalar: async (evaluator, call, grid) => ({ kind: 'scalar', values: onlyValues(await evaluator.vector(call.args[0]!, grid)) }),
  timestamp,
  absent: async (evaluator, call, grid) => absentVector(absence(await evaluator.vector(call.args[0]!, grid)), call.args[0]!),
  absent_over_time: absentOverTime,
  sort: (evaluator, call, grid) => sorted(evaluator, call, grid, (vector) => sortByValue(vector, 'up')),
  sort_desc: (evaluator, call, grid) => sorted(evaluator, call, grid, (vector) => sortByValue(vector, 'down')),
  sort_by_label: (evaluator, call, grid) => sorted(evaluator, call, grid, (vector) => sortByLabel(vector, strings(evaluator, call), 'up')),
  sort_by_label_desc: (evaluator, call, grid) =>
    sorted(evaluator, call, grid, (vector) => sortByLabel(vector, strings(evaluator, call), 'down')),
  label_replace: async (evaluator, call, grid) => labelReplace(await evaluator.vector(call.args[0]!, grid), strings(evaluator, call)),
  label_join: async (evaluator, call, grid) => labelJoin(await evaluator.vector(call.args[0]!, grid), strings(evaluator, call)),
  histogram_quantile: async (evaluator, call, grid) => {
    const quantiles = await evaluator.scalar(call.args[0]!, grid);
    warnOfQuantiles(evaluator, quantiles, call.args[0]!);
    return histogramQuantile(evaluator.run, quantiles, await evaluator.vector(call.args[1]!, grid), call.args[1]!);
  },
  histogram_quantiles: histogramQuantiles,
  histogram_fraction: async (evaluator, call, grid) => {
    const lower = await evaluator.scalar(call.args[0]!, grid);
    const upper = await evaluator.scalar(call.args[1]!, grid);
    return histogramFraction(evaluator.run, lower, upper, await evaluator.vector(call.args[2]!, grid), call.args[2]!);
  },
  info,
};

function strings(evaluator: Evaluator, call: CallExpr): string[] {
  return call.args.slice(1).map((arg) => evaluator.string(arg));
}

function warnOfQuantiles(evaluator: Evaluator, quantiles: Float64Array, arg: Expr): void {
  for (const q of quantiles)
    if (!(q >= 0 && q <= 1)) evaluator.run.warn(`quantile value should be between 0 and 1, got ${formatLiteral(q)}`, arg);
}

async function pick(evaluator: Evaluator, call: CallExpr, grid: Grid, choose: (a: number, b: number) => number): Promise<Value> {
  const left = await evaluator.scalar(call.args[0]!, grid);
  const right = await evaluator.scalar(call.args[1]!, grid);
  return { kind: 'scalar', values: left.map((value, step) => choose(value, right[step]!)) };
}

/** scalar(): the value where there is exactly one, else NaN. */
function onlyValues({ steps, values, present }: VectorValue): Float64Array {
  const counts = new Int32Array(steps);
  const out = new Float64Array(steps).fill(Number.NaN);
  for (let at = 0; at < values.length; at++) {
    if (present[at] === 0) continue;
    const step = at % steps;
    out[step] = ++counts[step]! === 1 ? values[at]! : Number.NaN;
  }
  return out;
}

/** timestamp(): the sample's own time for a plain selector, the evaluation time for anything else. */
async function timestamp(evaluator: Evaluator, call: CallExpr, grid: Grid): Promise<Value> {
  const arg = unwrap(call.args[0]!);
  if (arg.kind === 'selector' && arg.extend === undefined) {
    const vector = await selectInstant(evaluator.run, arg, grid, 'times');
    return { ...vector, dropName: vector.labels.map(() => true) };
  }
  const vector = await evaluator.vector(arg, grid);
  const times = timesOf(grid);
  const values = Float64Array.from(vector.values, (_, at) => times[at % vector.steps]!);
  return { ...vector, values, dropName: vector.labels.map(() => true) };
}

async function absentOverTime(evaluator: Evaluator, call: CallExpr, grid: Grid): Promise<Value> {
  const arg = call.args[0]!;
  const input = await evaluator.rangeInput(arg, grid);
  const present = new Uint8Array(grid.count);
  const missing = new Uint8Array(grid.count).fill(1);
  const values = new Float64Array(grid.count);
  let bounds: WindowBounds | undefined;
  for (const column of input.columns) {
    bounds = boundsFor(column.times, bounds, input, grid.count, 0, 0);
    await slide(evaluator.run, () => 1, column, bounds, input, grid, true, { values, present, row: 0 });
  }
  for (let step = 0; step < grid.count; step++) if (present[step] === 1) missing[step] = 0;
  return absentVector(missing, arg);
}

async function histogramQuantiles(evaluator: Evaluator, call: CallExpr, grid: Grid): Promise<Value> {
  const vector = await evaluator.vector(call.args[0]!, grid);
  const label = evaluator.string(call.args[1]!);
  const parts: VectorValue[] = [];
  for (const arg of call.args.slice(2)) {
    const quantiles = await evaluator.scalar(arg, grid);
    warnOfQuantiles(evaluator, quantiles, arg);
    const part = await histogramQuantile(evaluator.run, quantiles, vector, call.args[0]!);
    parts.push({ ...part, labels: part.labels.map((labels) => withLabel(labels, label, formatOpenMetrics(quantiles[0]!))) });
  }
  return concatenated(grid.count, parts);
}

function concatenated(steps: number, parts: readonly VectorValue[]): VectorValue {
  const builder = new VectorBuilder(
    steps,
    parts.reduce((rows, part) => rows + part.labels.length, 0),
  );
  for (const part of parts) {
    for (const [row, labels] of part.labels.entries()) {
      const to = builder.row();
      builder.values.set(part.values.subarray(row * steps, (row + 1) * steps), to);
      builder.present.set(part.present.subarray(row * steps, (row + 1) * steps), to);
      builder.keep(labels, part.dropName[row]!);
    }
  }
  return builder.build();
}
