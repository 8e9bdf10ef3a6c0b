import { type Labels, labelsFrom, SteppedClock, setStale } from '@bellwether/shared';
import fc from 'fast-check';
import { createQueryEngine } from '../../../collector/query/index.ts';
import { openMemoryStore } from '../../../collector/store/index.ts';

interface Sample {
  readonly timeMs: number;
  readonly value: number | 'stale';
}

/** Up to 60 samples with uneven gaps, resets, markers and the odd NaN. */
const samples = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 1, max: 40_000 }),
      value: fc.oneof(
        { weight: 20, arbitrary: fc.integer({ min: 0, max: 50 }) },
        { weight: 1, arbitrary: fc.constant(Number.NaN) },
        { weight: 1, arbitrary: fc.constant('stale' as const) },
      ),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((steps) => {
    let timeMs = 1_000_000;
    return steps.map(({ gap, value }): Sample => {
      timeMs += gap;
      return { timeMs, value };
    });
  });

type Model = (window: readonly { timeMs: number; value: number }[], startMs: number, endMs: number) => number | undefined;

/** The functions as one would define them, a window at a time. */
const MODELS: Readonly<Record<string, Model>> = {
  count_over_time: (window) => window.length,
  last_over_time: (window) => window.at(-1)!.value,
  first_over_time: (window) => window[0]!.value,
  changes: (window) => window.filter(({ value }, i) => i > 0 && !Object.is(value, window[i - 1]!.value)).length,
  resets: (window) => window.filter(({ value }, i) => i > 0 && value < window[i - 1]!.value).length,
  max_over_time: (window) => {
    const numbers = window.map(({ value }) => value).filter((value) => !Number.isNaN(value));
    return numbers.length === 0 ? Number.NaN : Math.max(...numbers);
  },
  sum_over_time: (window) => window.reduce((sum, { value }) => sum + value, 0),
  idelta: (window) => (window.length < 2 ? undefined : window.at(-1)!.value - window.at(-2)!.value),
  increase: (window, startMs, endMs) => {
    if (window.length < 2) return undefined;
    const first = window[0]!;
    const last = window.at(-1)!;
    let rise = last.value - first.value;
    for (const [i, { value }] of window.entries()) if (i > 0 && value < window[i - 1]!.value) rise += window[i - 1]!.value;
    const sampled = last.timeMs - first.timeMs;
    const gap = sampled / (window.length - 1);
    const border = (distance: number) => (distance >= gap * 1.1 ? gap / 2 : distance);
    let before = border(first.timeMs - startMs);
    if (rise > 0 && first.value >= 0) before = Math.min(before, sampled * (first.value / rise));
    return rise * ((sampled + before + border(endMs - last.timeMs)) / sampled);
  },
};

async function bench(all: readonly Sample[]) {
  const clock = new SteppedClock(10_000_000);
  const store = openMemoryStore({ clock });
  const labels: Labels = labelsFrom({ __name__: 'x_total' });
  const group = store.openGroup('x', [{ labels, type: 'counter', help: '' }]);
  for (const { timeMs, value } of all) {
    const values = new Float64Array(1);
    if (value === 'stale') setStale(values, 0);
    else values[0] = value;
    store.append(group, { timeMs, presence: null, values });
  }
  return createQueryEngine({ store, clock });
}

test.each(Object.keys(MODELS))('%s over every window is what its definition says', async (name) => {
  await fc.assert(
    fc.asyncProperty(
      samples,
      fc.integer({ min: 1, max: 200_000 }),
      fc.integer({ min: 1000, max: 50_000 }),
      async (all, rangeMs, stepMs) => {
        const engine = await bench(all);
        const startMs = 1_000_000;
        const endMs = startMs + 20 * stepMs;
        const { series } = await engine.range(`${name}(x_total[${rangeMs}ms] offset 1s)`, startMs, endMs, stepMs);
        const got = new Map(Array.from(series[0]?.times ?? [], (time, i) => [time, series[0]!.values[i]!]));
        for (let time = startMs; time <= endMs; time += stepMs) {
          const to = time - 1000;
          const window = all.flatMap(({ timeMs, value }) =>
            timeMs > to - rangeMs && timeMs <= to && value !== 'stale' ? [{ timeMs, value }] : [],
          );
          const wanted = window.length === 0 ? undefined : MODELS[name]!(window, to - rangeMs, to);
          if (wanted === undefined) expect(got.has(time)).toBe(false);
          else if (Number.isNaN(wanted)) expect(got.get(time)).toBeNaN();
          else expect(got.get(time)).toBeCloseTo(wanted, 9);
        }
      },
    ),
    { numRuns: 60, seed: 7 },
  );
});

test('an instant selector gives the newest sample of the lookback, or nothing after a marker', async () => {
  await fc.assert(
    fc.asyncProperty(samples, fc.integer({ min: 1, max: 100_000 }), async (all, lookbackMs) => {
      const engine = await bench(all);
      const { series } = await engine.range('x_total', 1_000_000, 1_600_000, 7000, { lookbackMs });
      const got = new Map(Array.from(series[0]?.times ?? [], (time, i) => [time, series[0]!.values[i]!]));
      for (let time = 1_000_000; time <= 1_600_000; time += 7000) {
        const newest = all.findLast(({ timeMs }) => timeMs > time - lookbackMs && timeMs <= time);
        const wanted = newest === undefined || newest.value === 'stale' ? undefined : newest.value;
        expect(got.get(time)).toBe(wanted);
      }
    }),
    { numRuns: 60, seed: 7 },
  );
});
