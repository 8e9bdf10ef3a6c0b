import { SteppedClock, silentLog } from '@bellwether/shared';
import type { ScheduledInput } from '../../../agent/inputs/schedule.ts';
import { Ticker } from '../../../agent/ticker.ts';

interface Fired {
  readonly timeMs: number;
  readonly due: readonly string[];
}

function setup(schedule: ScheduledInput[], startMs: number, offset = { ms: 0 }) {
  const clock = new SteppedClock(startMs);
  const fired: Fired[] = [];
  let hold: Promise<void> | undefined;
  const state = { schedule };
  const ticker = new Ticker({
    clock,
    log: silentLog,
    now: () => clock.now() + offset.ms,
    schedule: () => state.schedule,
    tick: async (timeMs, due) => {
      fired.push({ timeMs, due });
      await hold;
    },
  });
  return { clock, fired, ticker, state, offset, holdOn: (promise: Promise<void>) => (hold = promise) };
}

test('stamps are grid points of collector time, whatever the phase of the start', async () => {
  const { clock, fired, ticker } = setup([{ name: 'cpu', intervalMs: 10_000 }], 1_234_567, { ms: 41 });
  ticker.start();
  await clock.advance(35_000);
  expect(fired.map((one) => one.timeMs)).toEqual([1_240_000, 1_250_000, 1_260_000]);
});

test('the first tick reads everything; later ones what is due', async () => {
  const { clock, fired, ticker } = setup(
    [
      { name: 'cpu', intervalMs: 10_000 },
      { name: 'os', intervalMs: 60_000 },
    ],
    5_000,
  );
  ticker.start();
  await clock.advance(60_000);
  expect(fired.map((one) => one.due.join('+'))).toEqual(['cpu+os', 'cpu', 'cpu', 'cpu', 'cpu', 'cpu+os']);
});

test('live mode: every second meanwhile, and the usual grid stays where it was', async () => {
  const { clock, fired, ticker, state } = setup([{ name: 'cpu', intervalMs: 10_000 }], 0);
  ticker.start();
  await clock.advance(10_500);
  state.schedule = [{ name: 'cpu', intervalMs: 1_000 }];
  ticker.reschedule();
  await clock.advance(3_000);
  state.schedule = [{ name: 'cpu', intervalMs: 10_000 }];
  ticker.reschedule();
  await clock.advance(17_000);
  expect(fired.map((one) => one.timeMs)).toEqual([10_000, 11_000, 12_000, 13_000, 20_000, 30_000]);
});

test('a reading that takes too long skips its next ticks and counts one', async () => {
  const { clock, fired, ticker, holdOn } = setup([{ name: 'cpu', intervalMs: 1_000 }], 0);
  let release = () => {};
  holdOn(
    new Promise<void>((resolve) => {
      release = resolve;
    }),
  );
  ticker.start();
  await clock.advance(3_500);
  expect(fired).toHaveLength(1);
  release();
  await clock.advance(1_000);
  expect(fired.map((one) => one.timeMs)).toEqual([1_000, 4_000]);
  expect(ticker.stats().skippedTicks).toBe(1);
});

test('a clock that is slewed back makes the timer wait again instead of stamping twice', async () => {
  const { clock, fired, ticker, offset } = setup([{ name: 'cpu', intervalMs: 1_000 }], 0);
  ticker.start();
  await clock.advance(1_500);
  offset.ms = -300;
  await clock.advance(3_000);
  expect(fired.map((one) => one.timeMs)).toEqual([1_000, 2_000, 3_000, 4_000]);
});

test('nothing fires after stop', async () => {
  const { clock, fired, ticker } = setup([{ name: 'cpu', intervalMs: 1_000 }], 0);
  ticker.start();
  await clock.advance(1_500);
  await ticker.stop();
  await clock.advance(5_000);
  expect(fired).toHaveLength(1);
});
