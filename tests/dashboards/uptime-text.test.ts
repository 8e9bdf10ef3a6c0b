import type { UptimeBar, UptimeShare } from '@bellwether/shared/api';
import fc from 'fast-check';
import { timeFormat } from '../../dashboards/src/core/format.ts';
import { bitsText, portState } from '../../dashboards/src/core/port-text.ts';
import { barShape, barText, lengthText, percentText, WINDOWS, windowStart } from '../../dashboards/src/core/uptime-text.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const plain = (text: string): string => text.replaceAll('\u202f', ' ');

test.each([
  [1, '100 %'],
  [0.999999, '99.999 %'],
  [0.99912, '99.912 %'],
  [0, '0.000 %'],
  [null, '–'],
])('%p is %s', (ratio, text) => expect(plain(percentText(ratio))).toBe(text));

test.each([
  [0, '0 s'],
  [43_400, '43 s'],
  [59_900, '1 min'],
  [12 * MINUTE, '12 min'],
  [59.9 * MINUTE, '1 h'],
  [23 * HOUR + 50 * MINUTE, '23 h 50 min'],
  [50 * HOUR, '2 d 2 h'],
  [30 * DAY, '30 d'],
])('%d ms is %s', (ms, text) => expect(plain(lengthText(ms))).toBe(text));

const share = (upMs: number, downMs: number, unknownMs: number): UptimeShare => ({ upMs, downMs, unknownMs, ratio: null });

test('a bar is told with its date, minutes and reason, and with what was proven only when that differs', () => {
  const times = timeFormat('UTC');
  const fromMs = Date.UTC(2026, 10, 21);
  const bar: UptimeBar = {
    fromMs,
    toMs: fromMs + DAY,
    seen: share(DAY - 10 * MINUTE, 0, 10 * MINUTE),
    proven: share(DAY, 0, 0),
    reason: 'connection lost',
  };
  expect(plain(barText(bar, times, fromMs))).toBe('21 Nov UTC: up 23 h 50 min, unknown 10 min; proven: up 24 h (connection lost)');
  const hour = { ...bar, toMs: fromMs + HOUR, seen: share(HOUR, 0, 0), proven: share(HOUR, 0, 0), reason: '' };
  expect(plain(barText(hour, times, fromMs))).toBe('00:00–01:00: up 1 h');
  expect(barText({ ...hour, seen: share(0, 0, 0), proven: share(0, 0, 0) }, times, fromMs)).toContain('not watched yet');
});

test('whatever happened in a bar can be seen, and it is exactly full', () => {
  const ms = fc.integer({ min: 0, max: DAY });
  fc.assert(
    fc.property(ms, ms, ms, (up, down, unknown) => {
      const shape = barShape(share(up, down, unknown));
      if (up + down + unknown === 0) return;
      expect(shape.up + shape.down + shape.unknown).toBeCloseTo(1, 9);
      if (down > 0) expect(shape.down).toBeGreaterThanOrEqual(0.12);
      if (unknown > 0 && shape.down < 0.88) expect(shape.unknown).toBeGreaterThanOrEqual(0.12 - 1e-9);
      for (const part of Object.values(shape)) expect(part).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('a window begins so that all bars but the newest are whole', () => {
  const now = 1_000 * DAY + 5 * HOUR + 7 * MINUTE;
  for (const window of WINDOWS) {
    const start = windowStart(window, now);
    expect(start % window.bucketMs).toBe(0);
    expect(Math.ceil((now - start) / window.bucketMs)).toBe((window.days * DAY) / window.bucketMs);
  }
});

test('ports in words', () => {
  expect(portState({ adminUp: true, operUp: true })).toEqual({ tone: 'ok', word: 'up' });
  expect(portState({ adminUp: true, operUp: false })).toEqual({ tone: 'critical', word: 'down' });
  expect(portState({ adminUp: false, operUp: false })).toEqual({ tone: 'unknown', word: 'switched off' });
  expect(portState({ adminUp: null, operUp: null })).toEqual({ tone: 'unknown', word: 'no data' });
  expect([null, 0, 1e9, 940_400_000, 2.5e9, 12_345].map((bits) => plain(bitsText(bits)))).toEqual([
    '–',
    '0 bit/s',
    '1 Gbit/s',
    '940 Mbit/s',
    '2.5 Gbit/s',
    '12.3 kbit/s',
  ]);
});
