import { formatAge, formatTick, formatValue, timeFormat, type Unit } from '../../dashboards/src/core/format.ts';

/** The narrow no-break space between number and unit, written as an ordinary one in the tables. */
const plain = (text: string) => text.replaceAll('\u202f', ' ');

test.each<[number | null, Unit, string]>([
  [null, 'ratio', '–'],
  [Number.NaN, 'bytes', '–'],
  [Number.POSITIVE_INFINITY, 'number', '–'],
  [0, 'ratio', '0 %'],
  [0.0004, 'ratio', '<0.1 %'],
  [0.004, 'ratio', '0.4 %'],
  [0.714, 'ratio', '71 %'],
  [0.9996, 'ratio', '99.9 %'], // not full
  [1, 'ratio', '100 %'],
  [1.2, 'ratio', '120 %'],
  [0, 'bytes/s', '0 B/s'],
  [0.5, 'bytes/s', '0.5 B/s'],
  [999, 'bytes/s', '999 B/s'],
  [999.6, 'bytes/s', '1.0 kB/s'],
  [1_250_000, 'bytes/s', '1.3 MB/s'],
  [250e6, 'bytes/s', '250 MB/s'],
  [34_359_738_368, 'bytes', '32.0 GiB'],
  [9.1, 'number', '9.10'],
  [12.34, 'number', '12.3'],
  [123_456, 'number', '123 k'],
])('%p as %s reads "%s"', (value, unit, expected) => expect(plain(formatValue(value, unit))).toBe(expected));

test.each([
  [-500, '0 s'],
  [0, '0 s'],
  [59_999, '59 s'],
  [99_000, '99 s'],
  [100_000, '1 min'],
  [18 * 60_000, '18 min'],
  [100 * 60_000, '1 h 40 min'],
  [3 * 3_600_000, '3 h'],
  [30 * 3_600_000, '30 h'],
  [41 * 86_400_000, '41 d'],
])('an age of %d ms reads "%s"', (ms, expected) => expect(plain(formatAge(ms))).toBe(expected));

test.each<[number, number, Unit, string]>([
  [0.075, 0.025, 'ratio', '7.5 %'],
  [0.25, 0.25, 'ratio', '25 %'],
  [0.0025, 0.0005, 'ratio', '0.25 %'],
  [5e6, 2.5e6, 'bytes/s', '5.0 MB/s'],
])('a tick at %p of ticks %p apart in %s reads "%s"', (value, increment, unit, expected) =>
  expect(plain(formatTick(value, increment, unit))).toBe(expected),
);

test('times name the day only when it is another one, in the given zone', () => {
  const noon = Date.UTC(2026, 10, 22, 12, 0, 5);
  const berlin = timeFormat('Europe/Berlin');
  expect(berlin.time(noon, noon)).toBe('13:00');
  expect(berlin.time(noon, noon, true)).toBe('13:00:05');
  expect(berlin.time(noon - 86_400_000, noon)).toBe('21 Nov, 13:00');
  // 23:30 UTC is the next day in Berlin already.
  expect(berlin.time(Date.UTC(2026, 10, 22, 23, 30), noon)).toBe('23 Nov, 00:30');
  expect(berlin.utc(noon)).toBe('12:00:05 UTC');
});

test('ticks show the time, at midnight the day', () => {
  const berlin = timeFormat('Europe/Berlin');
  const midnight = Date.UTC(2026, 10, 21, 23);
  expect([0, 6, 12].map((hours) => berlin.tick(midnight + hours * 3_600_000, 6 * 3_600_000))).toEqual(['22 Nov', '06:00', '12:00']);
  expect(berlin.tick(midnight + 61_000, 1_000)).toBe('00:01:01');
  expect(berlin.tick(midnight + 3_600_000, 86_400_000)).toBe('22 Nov');
});
