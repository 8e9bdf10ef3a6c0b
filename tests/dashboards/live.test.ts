import type { LiveMessage } from '@bellwether/shared/api';
import { SteppedClock } from '@bellwether/shared/clock';
import { Live, type LiveSocket, reconnectDelay } from '../../dashboards/src/core/live.ts';

class FakeSocket implements LiveSocket {
  readonly sent: string[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;

  send(text: string): void {
    this.sent.push(JSON.parse(text).type);
  }

  close(): void {
    this.closed = true;
  }
}

function setUp() {
  const clock = new SteppedClock();
  const sockets: FakeSocket[] = [];
  const seen: LiveMessage[] = [];
  const opens: boolean[] = [];
  const refusals: number[] = [];
  const live = new Live({
    clock,
    random: () => 0,
    open: () => {
      sockets.push(new FakeSocket());
      return sockets.at(-1)!;
    },
    onMessage: (message) => seen.push(message),
    onOpen: (again) => opens.push(again),
    onRefused: () => refusals.push(clock.now()),
  });
  const say = () => sockets.at(-1)!.onmessage?.({ data: JSON.stringify({ type: 'error', message: 'hello' }) });
  live.request({ type: 'status' });
  live.start();
  return { clock, sockets, seen, opens, refusals, live, say };
}

test('standing requests are sent at every opening, the newest of each type', () => {
  const { sockets, live } = setUp();
  live.request({ type: 'panels', host: 'a', panels: [] });
  live.request({ type: 'panels', host: 'b', panels: [] });
  expect(sockets[0]!.sent).toEqual([]);
  sockets[0]!.onopen?.();
  expect(sockets[0]!.sent).toEqual(['status', 'panels']);
});

test('a lost connection comes back by itself, later and later, and says that data were missed', async () => {
  const { clock, sockets, opens, live, say } = setUp();
  sockets[0]!.onopen?.();
  say();
  expect(live.connected).toBe(true);
  const at: number[] = [];
  for (let i = 0; i < 5; i++) {
    sockets.at(-1)!.onclose?.();
    expect(live.connected).toBe(false);
    const count = sockets.length;
    while (sockets.length === count) await clock.advance(100);
    at.push(clock.now());
  }
  expect(at.map((time, i) => time - (at[i - 1] ?? 0))).toEqual([500, 1_000, 2_000, 4_000, 4_000]);
  sockets.at(-1)!.onopen?.();
  // Open again, but nothing was said yet: the page is still as old as its newest word.
  expect([opens, live.connected]).toEqual([[false, true], false]);
  say();
  expect(live.connected).toBe(true);
});

test('a silent connection is asked, then replaced', async () => {
  const { clock, sockets, live, say } = setUp();
  sockets[0]!.onopen?.();
  say();
  await clock.advance(4_000);
  expect(sockets[0]!.sent).toEqual(['status', 'status']);
  say();
  expect(live.connected).toBe(true);
  await clock.advance(8_000);
  expect([sockets[0]!.closed, live.connected]).toEqual([true, false]);
  await clock.advance(1_000);
  expect(sockets).toHaveLength(2);
});

test('a refused connection is told apart from a lost one', async () => {
  const { clock, sockets, refusals } = setUp();
  sockets[0]!.onopen?.();
  sockets[0]!.onclose?.();
  expect(refusals).toEqual([]);
  await clock.advance(500);
  sockets[1]!.onclose?.();
  expect(refusals).toEqual([500]);
});

test('a socket that never opens is given up', async () => {
  const { clock, sockets } = setUp();
  await clock.advance(8_000);
  expect([sockets[0]!.closed, sockets.length]).toEqual([true, 2]);
});

test('after stop nothing happens any more', async () => {
  const { clock, sockets, live } = setUp();
  sockets[0]!.onopen?.();
  live.stop();
  live.stop();
  await clock.advance(60_000);
  expect([sockets.length, sockets[0]!.closed, live.ageMs()]).toEqual([1, true, undefined]);
});

test('many pages do not come back at once', () => {
  expect([0, 0.5, 1].map((random) => reconnectDelay(3, random))).toEqual([4_000, 3_500, 3_000]);
  expect(reconnectDelay(1_000, 0)).toBe(4_000);
});
