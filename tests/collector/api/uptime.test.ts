import { uptimeWindow } from '../../../collector/api/index.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = 1_000 * DAY;

test.each([
  ['the last 30 days', {}, { fromMs: NOW - 30 * DAY, toMs: NOW, bucketMs: DAY }],
  ['a short window in hours', { from: NOW - DAY }, { fromMs: NOW - DAY, toMs: NOW, bucketMs: HOUR }],
  ['a width of one’s own', { from: NOW - DAY, bucket: 600_000 }, { fromMs: NOW - DAY, toMs: NOW, bucketMs: 600_000 }],
  ['never the future', { from: NOW - DAY, to: NOW + DAY }, { fromMs: NOW - DAY, toMs: NOW, bucketMs: HOUR }],
])('%s', (_what, query, expected) => expect(uptimeWindow(query, NOW)).toEqual(expected));

test.each([
  ['an empty window', { from: NOW, to: NOW }, 'The window is empty'],
  ['a window in the future', { from: NOW + 1, to: NOW + DAY }, 'The window is empty'],
  ['too many bars', { from: NOW - 30 * DAY, bucket: 60_000 }, 'more than 500 bars'],
])('%s is refused', (_what, query, text) => expect(() => uptimeWindow(query, NOW)).toThrow(text));
