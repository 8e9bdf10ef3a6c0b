/** Moves a window along the samples of one series. */
import type { Column, Evaluation } from './evaluation.ts';
import type { RangeInput } from './selectors.ts';
import type { Grid } from './vector.ts';
import type { Kernel, Window } from './window-functions.ts';

/** Per step, the samples [lo, hi) that its window holds. */
export interface WindowBounds {
  readonly times: Float64Array;
  readonly lo: Int32Array;
  readonly hi: Int32Array;
}

/** Steps between two looks at how much work was done. */
const STRIDE = 64;

/**
 * The bounds for samples at `times`, `known` itself when it is for the same array: series of one SeriesGroup share their times, so most of
 * this work is done once a group. `reachBack` and `reachAhead` (ms) widen every window.
 */
export function boundsFor(
  times: Float64Array,
  known: WindowBounds | undefined,
  { rangeMs, gaze }: RangeInput,
  steps: number,
  reachBack: number,
  reachAhead: number,
): WindowBounds {
  if (known !== undefined && isSameArray(known.times, times)) return known;
  const bounds = { times, lo: new Int32Array(steps), hi: new Int32Array(steps) };
  const { length } = times;
  let lo = 0;
  let hi = 0;
  for (let step = 0; step < steps; step++) {
    const endMs = gaze.baseMs + step * gaze.stepMs;
    const last = endMs + reachAhead;
    const first = endMs - rangeMs - reachBack;
    while (hi < length && times[hi]! <= last) hi++;
    while (lo < hi && times[lo]! <= first) lo++;
    bounds.lo[step] = lo;
    bounds.hi[step] = hi;
  }
  return bounds;
}

/** Whether two arrays are views of the same memory. */
export function isSameArray(a: Float64Array, b: Float64Array): boolean {
  return a === b || (a.length === b.length && a.byteOffset === b.byteOffset && a.buffer === b.buffer);
}

export interface SlideTarget {
  readonly values: Float64Array;
  readonly present: Uint8Array;
  /** Where the row begins in both. */
  readonly row: number;
}

/** Runs the kernel at every step whose window holds samples and writes what it gives; returns how many steps have a value. */
export async function slide(
  run: Evaluation,
  kernel: Kernel,
  { times, values }: Column,
  bounds: WindowBounds,
  input: RangeInput,
  grid: Grid,
  constantTime: boolean,
  target: SlideTarget,
): Promise<number> {
  const window: Window = { times, values, lo: 0, hi: 0, startMs: 0, endMs: 0, timeMs: 0, step: 0, absent: false };
  let found = 0;
  for (let from = 0; from < grid.count; from += STRIDE) {
    const until = Math.min(grid.count, from + STRIDE);
    let work = 2 * STRIDE;
    for (let step = from; step < until; step++) {
      const lo = bounds.lo[step]!;
      const hi = bounds.hi[step]!;
      if (lo === hi) continue;
      if (!constantTime) work += hi - lo;
      window.lo = lo;
      window.hi = hi;
      window.endMs = input.gaze.baseMs + step * input.gaze.stepMs;
      window.startMs = window.endMs - input.rangeMs;
      window.timeMs = grid.startMs + step * grid.stepMs;
      window.step = step;
      window.absent = false;
      const value = kernel(window);
      if (window.absent) continue;
      target.values[target.row + step] = value;
      target.present[target.row + step] = 1;
      found++;
    }
    if (run.spend(work)) await run.breathe();
  }
  return found;
}
