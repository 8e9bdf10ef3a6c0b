import type { ChartData } from '@bellwether/shared/api';
import fc from 'fast-check';
import { PanelData } from '../../dashboards/src/core/panel-data.ts';

const chart = (times: number[], values: Record<string, (number | null)[]>): ChartData => ({
  times,
  series: Object.entries(values).map(([mode, column]) => ({ labels: { mode }, values: column })),
  warnings: [],
  infos: [],
});
const at = (mode: string, value: number) => ({ labels: { mode }, value });
const all = (data: PanelData) => data.columns(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);

test('history, then live points at its end', () => {
  const data = new PanelData(1_000, 60_000);
  data.load(chart([1_000, 2_000], { user: [0.1, null] }));
  data.append(3_000, [at('user', 0.3)]);
  expect(all(data)).toEqual([
    [1_000, 2_000, 3_000],
    [0.1, null, 0.3],
  ]);
  expect(data.newest()).toEqual([0.3]);
});

test('a series that begins late has gaps before, one that ends has gaps after', () => {
  const data = new PanelData(1_000, 60_000);
  data.load(chart([1_000], { user: [1] }));
  data.append(2_000, [at('system', 2)]);
  expect(data.series.map(({ labels }) => labels.mode)).toEqual(['user', 'system']);
  expect(all(data).slice(1)).toEqual([
    [1, null],
    [null, 2],
  ]);
});

test('silence breaks the line instead of joining it', () => {
  const data = new PanelData(1_000, 60_000);
  data.load(chart([1_000], { user: [1] }));
  data.append(31_000, [at('user', 2)]);
  expect(all(data)).toEqual([
    [1_000, 2_000, 31_000],
    [1, null, 2],
  ]);
});

test('points within one step share a slot that holds the newest', () => {
  const data = new PanelData(10_000, 600_000);
  data.load(chart([0, 10_000], { user: [1, 1] }));
  for (let t = 11_000; t <= 30_000; t += 1_000) data.append(t, [at('user', t)]);
  const [times, values] = all(data);
  expect(times).toEqual([0, 10_000, 20_000, 30_000]);
  expect(values).toEqual([1, 1, 20_000, 30_000]);
});

test.each([1_000, 2_000, 10_000])('a live chart with a step of %d ms keeps its whole span', (stepMs) => {
  const data = new PanelData(stepMs, 900_000);
  for (let t = 0; t <= 3_600_000; t += 1_000) data.append(t, [at('user', t)]);
  const [times] = all(data);
  expect(times.at(-1)! - times[0]!).toBeGreaterThanOrEqual(900_000);
});

test('an old or repeated moment is ignored', () => {
  const data = new PanelData(1_000, 60_000);
  data.append(2_000, [at('user', 2)]);
  data.append(2_000, [at('user', 9)]);
  data.append(1_000, [at('user', 9)]);
  expect(all(data)).toEqual([[2_000], [2]]);
});

test('history that arrives late keeps the live points it does not have', () => {
  const data = new PanelData(1_000, 60_000);
  data.append(1_000, [at('user', 1)]);
  data.append(2_000, [at('user', 2)]);
  data.load(chart([0, 1_000], { user: [7, 7] }));
  expect(all(data)).toEqual([
    [0, 1_000, 2_000],
    [7, 7, 2],
  ]);
});

test('a window has one point beyond either edge, so that lines run off it', () => {
  const data = new PanelData(1_000, 60_000);
  data.load(
    chart(
      [1, 2, 3, 4, 5, 6].map((s) => s * 1_000),
      { user: [1, 2, 3, 4, 5, 6] },
    ),
  );
  expect(data.columns(2_500, 4_500)[0]).toEqual([2_000, 3_000, 4_000, 5_000]);
});

test('whatever arrives, memory is bounded, times ascend and the newest point is there', () => {
  const steps = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 400 });
  fc.assert(
    fc.property(steps, fc.constantFrom(1_000, 2_000, 10_000), (gaps, stepMs) => {
      const data = new PanelData(stepMs, 60_000);
      let timeMs = 0;
      for (const gap of gaps) {
        timeMs += gap;
        data.append(timeMs, [at('user', timeMs)]);
      }
      const [times, values] = all(data);
      expect(times.length).toBeLessThanOrEqual(60_000 / stepMs + 64);
      expect(times.every((t, i) => i === 0 || t > times[i - 1]!)).toBe(true);
      expect([times.at(-1), values!.at(-1)]).toEqual([timeMs, timeMs]);
    }),
  );
});
