import fc from 'fast-check';
import { dueInputs, nextTick } from '../../../agent/inputs/schedule.ts';

const SCHEDULE = [
  { name: 'fast', intervalMs: 1_000 },
  { name: 'usual', intervalMs: 10_000 },
  { name: 'slow', intervalMs: 60_000 },
];

test.each<[string, number | undefined, number, string[]]>([
  ['the first tick has everything', undefined, 61_234, ['fast', 'usual', 'slow']],
  ['off the slower grids', 61_000, 62_000, ['fast']],
  ['on the grid of ten', 69_000, 70_000, ['fast', 'usual']],
  ['on all grids', 119_000, 120_000, ['fast', 'usual', 'slow']],
  ['a missed minute is made up for', 119_000, 121_000, ['fast', 'usual', 'slow']],
  ['between grid points nothing', 61_000, 61_999, []],
])('%s', (_name, previous, now, due) => expect(dueInputs(SCHEDULE, previous, now)).toEqual(due));

test.each([
  [0, 1_000],
  [999, 1_000],
  [1_000, 2_000],
])('the first tick after %i is %i', (after, next) => expect(nextTick(SCHEDULE, after)).toBe(next));

test('nothing to do has no tick', () => expect(nextTick([], 5)).toBeUndefined());

test('whatever ticks are missed, an input is due once per interval that passed at least one tick', () => {
  const steps = fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 120_000 }), (gaps, intervalMs) => {
      let previous: number | undefined;
      let now = 0;
      let runs = 0;
      const cells = new Set<number>();
      for (const gap of gaps) {
        now += gap;
        runs += dueInputs([{ name: 'x', intervalMs }], previous, now).length;
        cells.add(Math.floor(now / intervalMs));
        previous = now;
      }
      expect(runs).toBe(cells.size);
    }),
    { seed: 8720 },
  );
});
