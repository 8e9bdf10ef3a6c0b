import * as nodeFs from 'node:fs/promises';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Log, SteppedClock } from '@bellwether/shared';
import { WIRE_CLOSE } from '@bellwether/shared/wire';
import { Backlog, type BacklogOptions } from '../../../agent/spool/backlog.ts';
import type { GroupColumns } from '../../../agent/spool/row.ts';
import { Uplink } from '../../../agent/uplink/uplink.ts';
import { columns } from '../spool/rows.ts';
import { FakeCollector } from './fake-collector.ts';

const START_MS = 1_700_000_000_000;
const cpu = columns('cpu');
const disk = columns('disk');

let dir: string;
let clock: SteppedClock;
let collector: FakeCollector;
let backlog: Backlog;
let uplink: Uplink;
let lines: { message: string; fields: object }[];

const log: Log = {
  debug() {},
  info: (fields, message) => lines.push({ message, fields }),
  warn: (fields, message) => lines.push({ message, fields }),
  error: (fields, message) => lines.push({ message, fields }),
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bellwether-uplink-'));
  clock = new SteppedClock(START_MS);
  collector = new FakeCollector(clock);
  lines = [];
  await begin();
});
afterEach(async () => {
  uplink.stop('stopping').catch(() => {});
  await clock.advance(2_000);
  await backlog.stop();
  await rm(dir, { recursive: true, force: true });
});

async function begin(options: Partial<BacklogOptions> = {}, maxBytesPerS = 0): Promise<void> {
  backlog = await Backlog.open({ dir, fs: nodeFs, clock, log, maxSpoolBytes: 64e6, maxMemoryBytes: 1e6, spoolAfterMs: 5_000, ...options });
  uplink = new Uplink({
    target: { url: 'http://collector', credentials: 'a.b' },
    open: collector.openSocket,
    backlog,
    clock,
    log,
    random: () => 0.5,
    settings: { intervalMs: 10_000, heartbeatMs: 1_000 },
    maxBytesPerS,
    offsetMs: () => 0,
    hello: () => ({
      agentId: 'a',
      bootId: 'boot',
      agentVersion: '0',
      hostname: 'web-1',
      os: 'Linux',
      capabilities: [],
      lastGoodbye: null,
      startedMs: START_MS,
    }),
    events: {
      welcomed() {},
      exchanged() {},
      settings() {},
      liveMode() {},
      assignments() {},
      runProbe: async ({ id }) => ({ type: 'probeResult', id, success: true, durationMs: 1, text: '' }),
    },
  });
}

/** One tick: a row of each group, in the backlog and offered. */
function tick(...groups: GroupColumns[]): void {
  uplink.offer(
    groups.map((group) => backlog.push(group, { timeMs: clock.now(), presence: null, values: Float64Array.of(backlog.lastSeq + 1, 2, 3) })),
  );
}

async function ticks(count: number, everyMs = 1_000): Promise<void> {
  for (let i = 0; i < count; i++) {
    tick(cpu, disk);
    await clock.advance(everyMs);
  }
}

/** Lets disk reads and the in-memory network come to rest. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    await clock.advance(60);
  }
}

/** Numbers in [0, 1) that compress badly, the same ones for the same seed. */
function prng(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.sqrt(state / 2 ** 32);
  };
}

const seqs = (): number[] => collector.rows.map((row) => row.seq).sort((a, b) => a - b);
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const spoolFiles = async (): Promise<string[]> => (await readdir(dir)).filter((name) => name.endsWith('.seg'));

test('one frame a tick, acknowledged, nothing on disk', async () => {
  uplink.start();
  await clock.advance(100);
  await ticks(20);
  expect(seqs()).toEqual(range(1, 40));
  const frames = collector.open!.frames.filter((frame) => frame.some((message) => message.type === 'samples'));
  expect(frames).toHaveLength(20);
  expect(backlog.stats()).toMatchObject({ queuedBatches: 0, queuedBytes: 0, droppedSamples: 0 });
  expect(await spoolFiles()).toEqual([]);
});

test('rows of a short cut are resent from memory with their own stamps', async () => {
  uplink.start();
  await clock.advance(100);
  await ticks(3);
  collector.open!.cut();
  await clock.advance(10);
  const cutMs = clock.now();
  tick(cpu, disk);
  await clock.advance(300);
  await settle();
  expect(seqs()).toEqual(range(1, 8));
  expect(collector.rows.at(-1)!.timeMs).toBe(cutMs);
  expect(collector.duplicates).toBe(0);
  expect(await spoolFiles()).toEqual([]);
});

test('rows sent but not acknowledged are sent again, and the collector drops what it has', async () => {
  uplink.start();
  await clock.advance(100);
  collector.holdAcks = true;
  await ticks(2);
  collector.open!.cut();
  collector.holdAcks = false;
  await clock.advance(1_000);
  await settle();
  expect(seqs()).toEqual(range(1, 4));
  expect(backlog.stats().queuedBatches).toBe(0);
});

test('a long cut goes to disk, is drained beside live rows, and the disk is given back', async () => {
  collector.refuseWith = 1006;
  uplink.start();
  for (let i = 0; i < 60; i++) {
    await ticks(1, 10_000);
    await settle();
  }
  expect((await spoolFiles()).length).toBeGreaterThan(0);
  expect(collector.rows).toEqual([]);
  collector.refuseWith = undefined;
  for (let i = 0; i < 60 && collector.open?.hello === undefined; i++) await clock.advance(1_000);
  tick(cpu, disk);
  await settle();
  expect(seqs()).toEqual(range(1, 122));
  expect(collector.duplicates).toBe(0);
  await settle();
  expect(await spoolFiles()).toEqual([]);
});

test('a limit of bytes slows the backlog down, and live rows stay on time', async () => {
  await backlog.stop();
  await begin({}, 1_024);
  const wide = columns('wide', 100);
  const random = prng(7);
  collector.refuseWith = 1006;
  uplink.start();
  const wideTick = () =>
    uplink.offer([backlog.push(wide, { timeMs: clock.now(), presence: null, values: Float64Array.from({ length: 100 }, random) })]);
  // 300 rows of some 800 bytes: random values cannot be made smaller.
  for (let i = 0; i < 300; i++) {
    wideTick();
    if (i % 50 === 0) await clock.advance(1_000);
  }
  collector.refuseWith = undefined;
  for (let i = 0; i < 60 && collector.open?.hello === undefined; i++) await clock.advance(1_000);
  const connection = collector.open!;
  const beganMs = clock.now();
  const late: number[] = [];
  for (let i = 0; i < 40; i++) {
    const timeMs = clock.now();
    tick(cpu);
    for (let step = 0; step < 10; step++) {
      await clock.advance(100);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    if (!collector.rows.some((row) => row.name === 'cpu' && row.timeMs === timeMs)) late.push(i);
  }
  const seconds = (clock.now() - beganMs) / 1000;
  expect(late).toEqual([]);
  expect(connection.sentBytes).toBeLessThanOrEqual(1_024 * (seconds + 10));
  expect(connection.sentBytes).toBeGreaterThan(1_024 * seconds * 0.7);
  expect(collector.rows.filter((row) => row.name.startsWith('wide')).length).toBeLessThan(100);
});

test('live rows wait only when they alone exceed the limit, and are not lost', async () => {
  await backlog.stop();
  await begin({}, 1_024);
  const wide = columns('wide', 1_000);
  const random = prng(11);
  uplink.start();
  await clock.advance(100);
  for (let i = 0; i < 5; i++) {
    uplink.offer([backlog.push(wide, { timeMs: clock.now(), presence: null, values: Float64Array.from({ length: 1_000 }, random) })]);
    await clock.advance(1_000);
  }
  expect(seqs().length).toBeLessThan(5);
  for (let i = 0; i < 200; i++) {
    await clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(seqs()).toEqual(range(1, 5));
  expect(collector.duplicates).toBe(0);
});

test('the spool survives the agent, and numbers are not used twice after a kill', async () => {
  collector.refuseWith = 1006;
  uplink.start();
  await ticks(10);
  await settle();
  const { epoch, lastSeq } = backlog;
  const killed = backlog;
  // A kill: nothing is flushed, no number is given back.
  await begin();
  expect(backlog.epoch).toBe(epoch);
  expect(backlog.lastSeq).toBeGreaterThan(lastSeq);
  collector.refuseWith = undefined;
  uplink.start();
  await settle();
  await ticks(2);
  await settle();
  const used = seqs();
  expect(new Set(used).size).toBe(used.length);
  expect(used.at(-1)).toBe(backlog.lastSeq);
  expect(backlog.stats().queuedBatches).toBe(0);
  await killed.stop();
});

test('a clean stop keeps what was not sent and gives unused numbers back', async () => {
  collector.refuseWith = 1006;
  uplink.start();
  await ticks(2);
  await backlog.stop();
  await begin();
  expect([backlog.firstSeq, backlog.lastSeq]).toEqual([1, 4]);
  collector.refuseWith = undefined;
  uplink.start();
  await settle();
  expect(seqs()).toEqual(range(1, 4));
});

test('the link is full: live rows are owed and follow later, none twice', async () => {
  uplink.start();
  await clock.advance(100);
  await ticks(1);
  const connection = collector.open!;
  connection.isStuck = true;
  connection.bufferedAmount = 2 * 1024 * 1024;
  await ticks(3, 1_000);
  expect(seqs()).toEqual(range(1, 2));
  connection.release();
  await settle();
  expect(seqs()).toEqual(range(1, 8));
  expect(collector.duplicates).toBe(0);
});

test('nack with a delay: everything from there on comes again, after the delay', async () => {
  uplink.start();
  await clock.advance(100);
  await ticks(1);
  collector.open!.reply({ type: 'nack', seq: 2, code: 2, retryAfterMs: 5_000 });
  await ticks(3, 1_000);
  expect(seqs()).toEqual([1, 2]);
  await clock.advance(3_000);
  await settle();
  expect(seqs()).toEqual(range(1, 8));
});

test('nack for good: the row is dropped, counted and declared', async () => {
  uplink.start();
  await clock.advance(100);
  collector.holdAcks = true;
  await ticks(1);
  collector.open!.reply({ type: 'nack', seq: 1, code: 4, retryAfterMs: 0 });
  await clock.advance(10);
  expect(collector.messages).toContainEqual({ type: 'skipped', fromSeq: 1, toSeq: 1, samples: 3 });
  expect(backlog.stats().droppedSamples).toBe(3);
});

test('a collector that knows more than the agent: a new epoch, and every row comes again', async () => {
  collector.settle(backlog.epoch, 1, 500);
  const { epoch } = backlog;
  tick(cpu);
  uplink.start();
  await settle();
  expect(backlog.epoch).not.toBe(epoch);
  expect(collector.rows).toEqual([expect.objectContaining({ epoch: backlog.epoch, seq: 1 })]);
});

test.each([
  [1006, 'no connection to the collector; readings are kept', 4],
  [WIRE_CLOSE.unauthenticated, 'collector does not know this agent or its key: enrol it again with `bellwether-agent enroll`', 1],
  [WIRE_CLOSE.tooFast, 'no connection to the collector; readings are kept', 1],
  [WIRE_CLOSE.goingAway, 'collector stops; readings are kept', 4],
])('refused with %i: said once, tried again at a fit pace', async (code, message, attempts) => {
  collector.refuseWith = code;
  uplink.start();
  await clock.advance(2_000);
  expect(lines.map((line) => line.message)).toEqual([message]);
  expect(collector.connections.length).toBe(attempts);
  await clock.advance(120_000);
  expect(lines).toHaveLength(1);
  collector.refuseWith = undefined;
  await clock.advance(60_000);
  expect(collector.open!.hello).toBeDefined();
});

test('the first attempt after a loss comes within a quarter second; a peer that welcomes and cuts at once is not hammered', async () => {
  uplink.start();
  await clock.advance(10_000);
  collector.open!.cut();
  await clock.advance(250);
  expect(collector.open!.hello).toBeDefined();
  for (let i = 0; i < 60; i++) {
    collector.open?.cut();
    await clock.advance(1_000);
  }
  expect(collector.connections.length).toBeLessThan(15);
});

test('a collector that goes away says when to come back', async () => {
  uplink.start();
  await clock.advance(100);
  const first = collector.open!;
  first.reply({ type: 'drain', reconnectAfterMs: 8_000 });
  tick(cpu);
  await clock.advance(3_000);
  expect(first.isClosed).toBe(true);
  await clock.advance(5_000);
  expect(collector.open).toBeUndefined();
  await clock.advance(5_000);
  expect(collector.open!.hello).toBeDefined();
  expect(seqs()).toEqual([1]);
});

test('no welcome: given up after ten seconds', async () => {
  collector.isMute = true;
  uplink.start();
  await clock.advance(9_900);
  expect(collector.connections).toHaveLength(1);
  await clock.advance(1_000);
  expect(collector.connections).toHaveLength(2);
});

test('a silent peer is given up', async () => {
  uplink.start();
  await clock.advance(1_000);
  const first = collector.open!;
  first.isStuck = true;
  await clock.advance(15_000);
  expect(first.isClosed).toBe(true);
  expect(collector.open!.hello).toBeDefined();
});

test('rows as frequent as heartbeats are the only frames; clocks are compared eight times at once and then every 5 s', async () => {
  uplink.start();
  await clock.advance(100);
  await ticks(60);
  const frames = collector.open!.frames.slice(2); // hello, and the first heartbeat after the welcome
  expect(frames.every((frame) => frame.some((message) => message.type === 'samples'))).toBe(true);
  const beats = frames.map((frame) => frame.some((message) => message.type === 'heartbeat'));
  expect(beats.slice(0, 10).filter(Boolean)).toHaveLength(7);
  expect(beats.slice(10).filter(Boolean)).toHaveLength(10);
});

test('between seldom rows an empty frame is the sign of life, never more than a tenth over the time asked for', async () => {
  uplink.start();
  await clock.advance(100);
  const gaps: number[] = [];
  let lastMs = clock.now();
  for (let seen = collector.open!.frames.length, i = 0; i < 600; i++) {
    if (i % 100 === 0) tick(cpu, disk);
    await clock.advance(100);
    if (collector.open!.frames.length === seen) continue;
    seen = collector.open!.frames.length;
    gaps.push(clock.now() - lastMs);
    lastMs = clock.now();
  }
  expect(Math.max(...gaps)).toBeLessThanOrEqual(1_100);
  const empty = collector.open!.frames.filter((frame) => frame.length === 0);
  expect(empty.length).toBeGreaterThan(30);
  expect(collector.connections).toHaveLength(1);
});

test('goodbye is the last word', async () => {
  uplink.start();
  await clock.advance(100);
  const connection = collector.open!;
  const stopped = uplink.stop('shutting-down');
  await clock.advance(100);
  expect(await stopped).toBe(true);
  expect(connection.frames.at(-1)).toEqual([{ type: 'goodbye', reason: 'shutting-down' }]);
  await clock.advance(60_000);
  expect(collector.connections).toHaveLength(1);
});

test('events wait for a connection', async () => {
  uplink.event('clock-jump', 5, 'moved');
  uplink.start();
  await clock.advance(100);
  expect(collector.messages).toContainEqual({ type: 'event', kind: 'clock-jump', timeMs: 5, text: 'moved' });
});
