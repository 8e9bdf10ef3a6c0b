/** Moves a window along the samples of one series. */
import type { Column, Evaluation } from './evaluation.ts';
import type { RangeInput } from './selectors.ts';
import type { Grid } from './vector.ts';
import type { Kernel, Window } from './window-functions.ts';

export interface SlideOptions {
  /** How much further than its range (ms) a window is given samples. */
  readonly reachBack: number;
  readonly reachAhead: number;
  readonly constantTime: boolean;
}

/** Steps between two looks at how much work was done. */
const STRIDE = 64;

export class WindowSlide {
  readonly #kernel: Kernel;
  readonly #window: Window;
  readonly #input: RangeInput;
  readonly #grid: Grid;
  readonly #options: SlideOptions;
  #step = 0;
  #work = 0;
  #found = 0;

  constructor(kernel: Kernel, { times, values }: Column, input: RangeInput, grid: Grid, options: SlideOptions) {
    this.#kernel = kernel;
    this.#window = { times, values, lo: 0, hi: 0, startMs: 0, endMs: 0, timeMs: 0, step: 0, absent: false };
    this.#input = input;
    this.#grid = grid;
    this.#options = options;
  }

  /** Runs the kernel at every step whose window holds samples and writes what it gives; returns how many steps have a value. */
  async into(run: Evaluation, out: Float64Array, present: Uint8Array, row: number): Promise<number> {
    while (this.#step < this.#grid.count) {
      this.#stride(out, present, row);
      if (run.spend(this.#work)) await run.breathe();
      this.#work = 0;
    }
    return this.#found;
  }

  /** Both edges of the window only ever go forward. */
  #stride(out: Float64Array, present: Uint8Array, row: number): void {
    const window = this.#window;
    const { times } = window;
    const { rangeMs, gaze } = this.#input;
    const { startMs: gridStart, stepMs, count } = this.#grid;
    const { reachBack, reachAhead, constantTime } = this.#options;
    const kernel = this.#kernel;
    const until = Math.min(count, this.#step + STRIDE);
    let { lo, hi } = window;
    for (let step = this.#step; step < until; step++) {
      const endMs = gaze.baseMs + step * gaze.stepMs;
      const startMs = endMs - rangeMs;
      const before = hi;
      while (hi < times.length && times[hi]! <= endMs + reachAhead) hi++;
      while (lo < hi && times[lo]! <= startMs - reachBack) lo++;
      this.#work += 2 + (constantTime ? hi - before : hi - lo);
      if (lo === hi) continue;
      window.lo = lo;
      window.hi = hi;
      window.startMs = startMs;
      window.endMs = endMs;
      window.timeMs = gridStart + step * stepMs;
      window.step = step;
      window.absent = false;
      const value = kernel(window);
      if (window.absent) continue;
      out[row + step] = value;
      present[row + step] = 1;
      this.#found++;
    }
    window.lo = lo;
    window.hi = hi;
    this.#step = until;
  }
}
