import { SteppedClock } from '@bellwether/shared';
import fc from 'fast-check';
import { Pacer } from '../../../agent/uplink/pacer.ts';

test('without a limit nothing waits', () => {
  const pacer = new Pacer(0, new SteppedClock(0));
  pacer.spend(1e9);
  expect([pacer.hasRoom, pacer.backlogBytes, pacer.backlogWaitMs]).toEqual([true, Number.POSITIVE_INFINITY, 0]);
});

test('the backlog leaves half for live rows, and is told when to come back', async () => {
  const clock = new SteppedClock(0);
  const pacer = new Pacer(1_000, clock);
  expect(pacer.backlogBytes).toBe(5_000);
  pacer.spend(4_500);
  expect([pacer.hasRoom, pacer.backlogBytes, pacer.backlogWaitMs]).toEqual([true, 0, 500]);
  pacer.spend(6_000);
  expect([pacer.hasRoom, pacer.backlogWaitMs]).toEqual([false, 6_500]);
  await clock.advance(501);
  expect(pacer.hasRoom).toBe(true);
  await clock.advance(6_000);
  expect([pacer.backlogBytes >= 1_000, pacer.backlogWaitMs]).toEqual([true, 0]);
});

test('whoever asks first never sends more than the limit allows, but for ten seconds at the start and one frame', async () => {
  const step = fc.record({ waitMs: fc.integer({ min: 0, max: 3_000 }), bytes: fc.integer({ min: 1, max: 2_000 }), isLive: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 100 }), async (steps) => {
      const clock = new SteppedClock(0);
      const pacer = new Pacer(1_000, clock);
      let sent = 0;
      for (const { waitMs, bytes, isLive } of steps) {
        await clock.advance(waitMs);
        if (isLive ? !pacer.hasRoom : pacer.backlogBytes < bytes) continue;
        pacer.spend(bytes);
        sent += bytes;
      }
      return sent <= 10_000 + clock.monotonic() + 2_000;
    }),
    { seed: 20_260_102, numRuns: 50 },
  );
});
