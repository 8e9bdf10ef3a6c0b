import fc from 'fast-check';
import { ClockSync, stampFloor } from '../../../agent/clock-sync.ts';

const WALL_MS = 1_700_000_000_000;

/** An exchange over a link with these one-way delays, with a collector whose clock shows `collector(mono)`. */
function exchange(sentMonoMs: number, thereMs: number, backMs: number, collector: (mono: number) => number) {
  return {
    sentMonoMs,
    receivedMs: collector(sentMonoMs + thereMs),
    repliedMs: collector(sentMonoMs + thereMs),
    gotMonoMs: sentMonoMs + thereMs + backMs,
  };
}

test('before any contact: the own wall clock, which may be set', () => {
  const sync = new ClockSync(WALL_MS, 100);
  expect(sync.timeAt(350)).toBe(WALL_MS + 250);
  expect(sync.observeWall(WALL_MS + 400, 500)).toBeUndefined();
  expect(sync.observeWall(WALL_MS + 86_400_000, 600)).toEqual({ byMs: 86_400_000 - 500 });
  expect(sync.timeAt(600)).toBe(WALL_MS + 86_400_000);
});

test('the first exchange before any stamp sets the time at once', () => {
  const sync = new ClockSync(WALL_MS, 0);
  expect(sync.observe(exchange(10, 5, 5, (mono) => WALL_MS + 700 + mono))).toBeUndefined();
  expect(sync.timeAt(20)).toBe(WALL_MS + 720);
  expect(sync.offsetFrom(WALL_MS + 20, 20)).toBe(700);
});

test('after a stamp a small error is worked off at 500 ppm', () => {
  const sync = new ClockSync(WALL_MS, 0);
  sync.markStamped();
  sync.observe(exchange(0, 0, 0, (mono) => WALL_MS + 100 + mono));
  expect(sync.timeAt(0)).toBe(WALL_MS);
  expect(sync.timeAt(100_000)).toBeCloseTo(WALL_MS + 100_050, 3);
  expect(sync.timeAt(1_000_000)).toBeCloseTo(WALL_MS + 1_000_100, 3);
});

test('a large error is a jump, and is reported', () => {
  const sync = new ClockSync(WALL_MS, 0);
  sync.markStamped();
  expect(sync.observe(exchange(0, 0, 0, (mono) => WALL_MS + 5_000 + mono))).toEqual({ byMs: 5_000 });
  expect(sync.timeAt(0)).toBe(WALL_MS + 5_000);
});

test('one slow answer does not disturb what quick ones said', () => {
  const sync = new ClockSync(WALL_MS, 0);
  const collector = (mono: number) => WALL_MS + mono;
  for (let i = 0; i < 6; i++) sync.observe(exchange(i * 1_000, 2, 2, collector));
  sync.markStamped();
  expect(sync.observe(exchange(6_000, 1_800, 3, collector))).toBeUndefined();
  expect(Math.abs(sync.timeAt(10_000) - collector(10_000))).toBeLessThan(1);
});

test('a collector whose clock is set is followed at once, not after the memory of eight exchanges', () => {
  const sync = new ClockSync(WALL_MS, 0);
  for (let i = 0; i < 8; i++) sync.observe(exchange(i * 1_000, 2, 2, (mono) => WALL_MS + mono));
  sync.markStamped();
  expect(sync.observe(exchange(9_000, 3, 3, (mono) => WALL_MS + mono - 60_000))).toEqual({ byMs: -60_000 });
});

test('without a jump time never goes back and ends near the collector', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -800, max: 800 }),
      fc.array(
        fc.record({
          gap: fc.integer({ min: 1, max: 30_000 }),
          there: fc.integer({ min: 0, max: 300 }),
          back: fc.integer({ min: 0, max: 300 }),
        }),
        { maxLength: 40 },
      ),
      (offset, steps) => {
        const sync = new ClockSync(WALL_MS, 0);
        sync.markStamped();
        const collector = (mono: number) => WALL_MS + offset + mono;
        let mono = 0;
        let last = sync.timeAt(0);
        for (const { gap, there, back } of steps) {
          mono += gap;
          expect(sync.observe(exchange(mono, there, back, collector))).toBeUndefined();
          mono += there + back;
          const now = sync.timeAt(mono);
          expect(now).toBeGreaterThanOrEqual(last);
          last = now;
        }
        if (steps.length === 0) return;
        const bound = Math.max(...steps.map(({ there, back }) => Math.abs(there - back) / 2));
        expect(Math.abs(sync.timeAt(mono + 3_000_000) - collector(mono + 3_000_000))).toBeLessThanOrEqual(bound + 1e-3);
      },
    ),
  );
});

test.each([
  ['the first stamp', 1_000, undefined, 1_000],
  ['time went on', 2_000, 1_000, 2_000],
  ['a small step back is waited out', 2_000, 30_000, 30_000],
  ['a large step back is followed', 2_000, 120_000, 2_000],
])('%s', (_name, now, last, expected) => expect(stampFloor(now, last)).toBe(expected));
