/** `selector smoothed`: the value at each step on the line between the samples around it. */
import type { VectorSelector } from './ast.ts';
import type { Evaluation } from './evaluation.ts';
import { gazeOf, lastGaze } from './selectors.ts';
import { type Grid, VectorBuilder, type VectorValue } from './vector.ts';

export async function smoothedInstant(run: Evaluation, selector: VectorSelector, grid: Grid): Promise<VectorValue> {
  const gaze = gazeOf(run, selector, grid);
  const { lookbackMs } = run;
  const columns = await run.select(selector.matchers, gaze.baseMs - lookbackMs, lastGaze(gaze, grid) + lookbackMs, false);
  const builder = new VectorBuilder(grid.count, columns.length);
  for (const column of columns) {
    const { labels, times, values } = run.withoutStale(column);
    const row = builder.row();
    let next = 0;
    let found = 0;
    for (let step = 0; step < grid.count; step++) {
      const time = gaze.baseMs + step * gaze.stepMs;
      while (next < times.length && times[next]! <= time) next++;
      const hasBefore = next > 0 && times[next - 1]! > time - lookbackMs;
      const hasAfter = next < times.length && times[next]! <= time + lookbackMs;
      if (!hasBefore) continue;
      const before = values[next - 1]!;
      const exact = times[next - 1] === time || !hasAfter;
      const share = exact ? 0 : (time - times[next - 1]!) / (times[next]! - times[next - 1]!);
      builder.values[row + step] = exact ? before : before + (values[next]! - before) * share;
      builder.present[row + step] = 1;
      found++;
    }
    if (found > 0) builder.keep(labels, false);
    run.hold(found);
    if (run.spend(grid.count + times.length)) await run.breathe();
  }
  return builder.build();
}
