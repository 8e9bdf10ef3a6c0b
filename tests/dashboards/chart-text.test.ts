import { chartCsv, chartSummary, stack, withoutGaps } from '../../dashboards/src/core/chart-text.ts';
import { timeFormat } from '../../dashboards/src/core/format.ts';
import type { Columns } from '../../dashboards/src/core/panel-data.ts';

const NOON = Date.UTC(2026, 10, 22, 12);
const columns: Columns = [
  [NOON - 120_000, NOON - 60_000, NOON],
  [0.2, 0.97, 0.41],
  [null, null, null],
];
const input = {
  title: 'CPU',
  host: 'web-1',
  names: ['user', 'steal'],
  columns,
  unit: 'ratio',
  range: { kind: 'live', spanMs: 900_000 },
  gaps: [],
  nowMs: NOON,
  times: timeFormat('UTC'),
} as const;
const plain = (text: string) => text.replaceAll('\u202f', ' ');

test('the newest and the highest value of each series, in words', () => {
  expect(plain(chartSummary(input))).toBe('CPU, web-1, last 15m. user: newest 41 %, highest 97 % at 11:59; steal: no data.');
});

test('gaps are told with their reason', () => {
  const gap = { fromMs: NOON - 600_000, toMs: NOON - 360_000, reason: 'link cut', backfilled: true };
  expect(plain(chartSummary({ ...input, gaps: [gap] }))).toContain('gap of 4 min from 11:50: link cut, filled in later');
});

test('an empty chart says so', () => {
  expect(chartSummary({ ...input, names: [], columns: [[]] })).toBe('CPU, web-1, last 15m. No data.');
});

test('CSV has RFC 3339 times, quoted names and empty gaps', () => {
  expect(chartCsv(['a "b", c', 'd'], [[NOON], [1.5], [null]])).toBe('time,"a ""b"", c",d\n2026-11-22T12:00:00.000Z,1.5,\n');
});

test('stacking keeps a gap in all and bridges a gap in one', () => {
  expect(
    stack([
      [1, 2, 3],
      [1, null, null],
      [2, 2, null],
    ]),
  ).toEqual([
    [1, 2, 3],
    [1, null, null],
    [3, 2, null],
  ]);
});

test('no value is shown inside a gap, except where it was filled in later', () => {
  const values: Columns = [
    [1, 2, 3, 4],
    [9, 9, 9, 9],
  ];
  const gap = { fromMs: 1, toMs: 4, reason: 'agent stopped', backfilled: false };
  expect(withoutGaps(values, [gap])[1]).toEqual([9, null, null, 9]);
  expect(withoutGaps(values, [{ ...gap, toMs: null }])[1]).toEqual([9, null, null, null]);
  expect(withoutGaps(values, [{ ...gap, backfilled: true }])[1]).toEqual([9, 9, 9, 9]);
});
