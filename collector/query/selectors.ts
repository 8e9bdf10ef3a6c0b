/** Evaluates instant selectors and brings range selectors and subqueries to one shape: columns plus a window per step. */
import { isStaleAt, type Millis } from '@bellwether/shared';
import type { TimeShift, VectorSelector } from './ast.ts';
import type { Column, Evaluation } from './evaluation.ts';
import { type Grid, VectorBuilder, type VectorValue } from './vector.ts';
import { isSameArray } from './window-slide.ts';

/** Where a shifted selector looks at each step: `baseMs + step * stepMs`. */
export interface Gaze {
  readonly baseMs: Millis;
  readonly stepMs: Millis;
}

/** Applies `@` and `offset` to a grid. */
export function gazeOf(run: Evaluation, shift: TimeShift, grid: Grid): Gaze {
  const offsetMs = shift.offset === undefined ? 0 : run.duration(shift.offset);
  if (shift.at === undefined) return { baseMs: grid.startMs - offsetMs, stepMs: grid.stepMs };
  const atMs = shift.at.kind === 'time' ? shift.at.timeMs : shift.at.kind === 'start' ? run.startMs : run.endMs;
  return { baseMs: atMs - offsetMs, stepMs: 0 };
}

export function lastGaze(gaze: Gaze, grid: Grid): Millis {
  return gaze.baseMs + (grid.count - 1) * gaze.stepMs;
}

/** The newest sample of each matching series in (t - lookback, t]; nothing where that is a staleness marker. `times` asks for its time in s. */
export async function selectInstant(run: Evaluation, selector: VectorSelector, grid: Grid, give: 'values' | 'times'): Promise<VectorValue> {
  const gaze = gazeOf(run, selector, grid);
  const { baseMs, stepMs } = gaze;
  const lookbackMs = run.lookbackMs;
  const steps = grid.count;
  const fixed = steps === 1 || stepMs === 0;
  const columns = await run.select(selector.matchers, baseMs - lookbackMs, lastGaze(gaze, grid), fixed);
  const builder = new VectorBuilder(steps, columns.length);
  let newest: NewestSamples | undefined;
  for (const { labels, times, values } of columns) {
    newest = newestFor(times, newest, gaze, lookbackMs, steps);
    const { indexes } = newest;
    const row = builder.row();
    const out = builder.values;
    const present = builder.present;
    let found = 0;
    for (let step = 0; step < steps; step++) {
      const index = indexes[step]!;
      if (index < 0) continue;
      const value = values[index]!;
      if (Number.isNaN(value) && isStaleAt(values, index)) continue;
      out[row + step] = give === 'values' ? value : times[index]! / 1000;
      present[row + step] = 1;
      found++;
    }
    if (found > 0) builder.keep(labels, false);
    run.hold(found);
    if (run.spend(steps + times.length)) await run.breathe();
  }
  return builder.build();
}

/** Per step, the index of the newest sample within the lookback; -1: there is none. */
interface NewestSamples {
  readonly times: Float64Array;
  readonly indexes: Int32Array;
}

/** `known` itself when it is for the same array of times, which the series of one SeriesGroup share. */
function newestFor(times: Float64Array, known: NewestSamples | undefined, gaze: Gaze, lookbackMs: Millis, steps: number): NewestSamples {
  if (known !== undefined && isSameArray(known.times, times)) return known;
  const indexes = new Int32Array(steps);
  const { length } = times;
  let next = 0;
  for (let step = 0; step < steps; step++) {
    const time = gaze.baseMs + step * gaze.stepMs;
    while (next < length && times[next]! <= time) next++;
    indexes[step] = next > 0 && times[next - 1]! > time - lookbackMs ? next - 1 : -1;
  }
  return { times, indexes };
}

/** What a range function works on. */
export interface RangeInput {
  readonly columns: readonly Column[];
  readonly rangeMs: Millis;
  /** Windows end at the gaze of each step and are left-open. */
  readonly gaze: Gaze;
}

/** The columns of `selector[range]`, staleness markers taken out; `reachBack` and `reachAhead` (ms) widen what is loaded. */
export async function selectRange(
  run: Evaluation,
  selector: VectorSelector,
  rangeMs: Millis,
  grid: Grid,
  reachBack = 0,
  reachAhead = 0,
): Promise<RangeInput> {
  const gaze = gazeOf(run, selector, grid);
  const columns = await run.select(selector.matchers, gaze.baseMs - rangeMs - reachBack, lastGaze(gaze, grid) + reachAhead, false);
  return { columns: columns.map((column) => run.withoutStale(column)), rangeMs, gaze };
}

/** The grid on which a subquery evaluates its expression: absolute multiples of its step inside all windows. Undefined: none is. */
export function subqueryGrid(gaze: Gaze, grid: Grid, rangeMs: Millis, stepMs: Millis): Grid | undefined {
  const after = gaze.baseMs - rangeMs;
  let startMs = stepMs * Math.trunc(after / stepMs);
  if (startMs <= after) startMs += stepMs;
  const count = Math.floor((lastGaze(gaze, grid) - startMs) / stepMs) + 1;
  return count > 0 ? { startMs, stepMs, count } : undefined;
}

/** The rows of a vector as columns of samples, without the steps where there is none. */
export function columnsOf(vector: VectorValue, grid: Grid): Column[] {
  const { steps, labels, dropName, values, present } = vector;
  const all = new Float64Array(steps);
  for (let step = 0; step < steps; step++) all[step] = grid.startMs + step * grid.stepMs;
  return labels.map((rowLabels, row) => {
    const offset = row * steps;
    let count = 0;
    for (let step = 0; step < steps; step++) count += present[offset + step]!;
    if (count === steps)
      return { labels: rowLabels, dropName: dropName[row]!, times: all, values: values.subarray(offset, offset + steps) };
    const times = new Float64Array(count);
    const kept = new Float64Array(count);
    for (let step = 0, to = 0; step < steps; step++) {
      if (present[offset + step] === 0) continue;
      times[to] = all[step]!;
      kept[to++] = values[offset + step]!;
    }
    return { labels: rowLabels, dropName: dropName[row]!, times, values: kept };
  });
}
