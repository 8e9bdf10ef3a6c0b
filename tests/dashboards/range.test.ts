import {
  bounds,
  DEFAULT_RANGE,
  fixedRange,
  movedPixel,
  rangeFromParams,
  rangeToParams,
  shifted,
  stepFor,
} from '../../dashboards/src/core/range.ts';

const MINUTE = 60_000;
const NOW = 1_800_000_000_000;

test.each([
  ['', DEFAULT_RANGE],
  ['from=now-1h&to=now', { kind: 'live', spanMs: 3_600_000 }],
  ['from=now-36h', { kind: 'live', spanMs: 36 * 3_600_000 }],
  ['from=now-blah&to=now', DEFAULT_RANGE],
  ['from=now-1s&to=now', DEFAULT_RANGE], // shorter than any chart can show
  ['from=1000000&to=2000000', { kind: 'fixed', fromMs: 1_000_000, toMs: 2_000_000 }],
  ['from=2000000&to=1000000', DEFAULT_RANGE],
  ['from=1000000', DEFAULT_RANGE],
])('?%s', (query, expected) => expect(rangeFromParams(new URLSearchParams(query))).toEqual(expected));

test.each([[DEFAULT_RANGE], [{ kind: 'live', spanMs: 5_400_000 }], [{ kind: 'fixed', fromMs: 5, toMs: 99_999 }]] as const)(
  '%j survives the address bar',
  (range) => expect(rangeFromParams(new URLSearchParams(rangeToParams(range)))).toEqual(range),
);

test('a slip of the mouse zooms to ten seconds around it, not into nothing', () => {
  expect(fixedRange(100_000, 100_400)).toEqual({ kind: 'fixed', fromMs: 95_200, toMs: 105_200 });
});

test('shifting goes by half a span and back to live at the present', () => {
  const earlier = shifted({ kind: 'live', spanMs: 10 * MINUTE }, -1, NOW);
  expect(earlier).toEqual({ kind: 'fixed', fromMs: NOW - 15 * MINUTE, toMs: NOW - 5 * MINUTE });
  expect(shifted(earlier, 1, NOW)).toEqual({ kind: 'live', spanMs: 10 * MINUTE });
});

test('a live range ends now', () => {
  expect(bounds({ kind: 'live', spanMs: MINUTE }, NOW)).toEqual({ fromMs: NOW - MINUTE, toMs: NOW });
});

test.each([
  ['15m', 15 * MINUTE, 2_000],
  ['1h', 60 * MINUTE, 10_000],
  ['6h', 360 * MINUTE, 60_000],
  ['24h', 1_440 * MINUTE, 300_000],
  ['10s', 10_000, 1_000],
  ['400d', 400 * 1_440 * MINUTE, 86_400_000],
])('%s is asked for at one step', (_name, spanMs, stepMs) => expect(stepFor(spanMs)).toBe(stepMs));

test.each([
  ['nothing drawn yet', Number.NaN, NOW, true],
  ['no sample', NOW, Number.NaN, false],
  ['a second of two hours in 390 px', NOW, NOW + 1_000, false],
  ['18 s of two hours in 390 px', NOW, NOW + 18_000, false],
  ['19 s of two hours in 390 px', NOW, NOW + 19_000, true],
])('%s: redraw %s', (_name, drawnMs, newestMs, expected) => expect(movedPixel(drawnMs, newestMs, 7_200_000, 390)).toBe(expected));
