import { labelsFrom } from '@bellwether/shared';
import { toChart } from '../../../collector/api/bellwether.ts';
import { SelfMetrics } from '../../../collector/self-metrics.ts';

test('a matrix becomes columns on one axis, with null where a series has no point', () => {
  const result = {
    kind: 'matrix' as const,
    series: [
      { labels: labelsFrom({ device: 'eth0' }), times: Float64Array.of(1_000, 3_000, 4_000), values: Float64Array.of(1, Number.NaN, 3) },
    ],
    warnings: [],
    infos: ['i'],
  };
  expect(toChart(result, 1_000, 4_500, 1_000)).toEqual({
    times: [1_000, 2_000, 3_000, 4_000],
    series: [{ labels: { device: 'eth0' }, values: [1, null, null, 3] }],
    warnings: [],
    infos: ['i'],
  });
});

test('own metrics as text: one head per family, labels of its own only', () => {
  const self = new SelfMetrics();
  self.add('bellwether_info', 'gauge', 'Version.', () => 1, { version: '1.0' });
  self.add('bellwether_rows_total', 'counter', 'Rows.', () => 7);
  expect(self.text()).toBe(
    '# HELP bellwether_info Version.\n# TYPE bellwether_info gauge\nbellwether_info{version="1.0"} 1\n' +
      '# HELP bellwether_rows_total Rows.\n# TYPE bellwether_rows_total counter\nbellwether_rows_total 7\n',
  );
});
