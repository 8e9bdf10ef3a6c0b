import * as nodeFs from 'node:fs/promises';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Log, SteppedClock } from '@bellwether/shared';
import { Backlog, type BacklogOptions } from '../../../agent/spool/backlog.ts';
import type { SpoolFs } from '../../../agent/spool/spool.ts';
import { columns } from './rows.ts';

const cpu = columns('cpu');
let dir: string;
let clock: SteppedClock;
let lines: string[];
const opened: Backlog[] = [];
const log: Log = {
  debug() {},
  info: (_, message) => lines.push(message),
  warn: (_, message) => lines.push(message),
  error: (_, message) => lines.push(message),
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bellwether-backlog-'));
  clock = new SteppedClock();
  lines = [];
});
afterEach(async () => {
  for (const backlog of opened.splice(0)) await backlog.stop();
  await rm(dir, { recursive: true, force: true });
});

async function open(options: Partial<BacklogOptions> = {}): Promise<Backlog> {
  const backlog = await Backlog.open({
    dir,
    fs: nodeFs,
    clock,
    log,
    maxSpoolBytes: 64e6,
    maxMemoryBytes: 1e6,
    spoolAfterMs: 5_000,
    ...options,
  });
  opened.push(backlog);
  return backlog;
}

function push(backlog: Backlog, count: number): void {
  for (let i = 0; i < count; i++)
    backlog.push(cpu, { timeMs: 1_000 * backlog.lastSeq, presence: null, values: Float64Array.of(backlog.lastSeq + 1, 0, 0) });
}

async function rest(ms = 20): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function kept(backlog: Backlog): Promise<number[]> {
  const seqs: number[] = [];
  for (let next = 1; ; ) {
    const answer = await backlog.read(next);
    if (answer === undefined) return seqs;
    seqs.push(...answer.rows.map((row) => row.seq));
    next = answer.throughSeq + 1;
  }
}

/** A disk on which writing fails while `state.broken`. */
function brokenDisk(state: { broken: boolean }): SpoolFs {
  return {
    ...nodeFs,
    open: async (path, flags, mode) => {
      if (state.broken) throw Object.assign(new Error('read-only file system'), { code: 'EROFS' });
      return nodeFs.open(path, flags, mode);
    },
  };
}

test('a row handed over may be changed afterwards', async () => {
  const backlog = await open();
  const values = Float64Array.of(1, 2, 3);
  const presence = Uint8Array.of(7);
  backlog.push(cpu, { timeMs: 1, presence, values });
  values.fill(9);
  presence.fill(0);
  expect((await backlog.read(1))?.rows[0]).toMatchObject({ seq: 1, presence: Uint8Array.of(7), values: Float64Array.of(1, 2, 3) });
});

test('rows go to disk when they are not acknowledged for a while, not before', async () => {
  const backlog = await open();
  push(backlog, 3);
  await clock.advance(4_000);
  await rest();
  expect(backlog.stats().spoolBytes).toBe(0);
  await clock.advance(2_000);
  await rest();
  expect(backlog.stats().spoolBytes).toBeGreaterThan(0);
  push(backlog, 2);
  expect(await kept(backlog)).toEqual([1, 2, 3, 4, 5]);
  backlog.ackTo(4);
  await rest();
  expect(backlog.stats()).toMatchObject({ spoolBytes: 0, queuedBatches: 1 });
  expect(await kept(backlog)).toEqual([5]);
});

test('an unwritable spool: said once, counted, memory bounded, oldest dropped and counted, mended by itself', async () => {
  const state = { broken: true };
  const backlog = await open({ fs: brokenDisk(state), maxMemoryBytes: 224 * 10 });
  for (let i = 0; i < 30; i++) {
    push(backlog, 1);
    await clock.advance(1_000);
    await rest(1);
  }
  expect(lines).toEqual(['spool cannot be written; unsent data is kept in memory only']);
  expect(backlog.stats()).toMatchObject({ queuedBatches: 10, droppedSamples: 60, spoolErrors: 1 });
  expect(backlog.dropped).toEqual([{ fromSeq: 1, toSeq: 20, samples: 60 }]);
  expect(backlog.firstSeq).toBe(21);
  state.broken = false;
  await clock.advance(60_000);
  await rest();
  expect(lines).toContain('spool can be written again');
  expect(await kept(backlog)).toEqual([21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
});

test.each([
  ['lost', undefined],
  ['empty', ''],
  ['garbage', '{"epoch":'],
  ['of another shape', '{"epoch":7,"reservedSeq":-1}'],
])('meta.json %s: kept rows are sent in a new epoch under their old numbers', async (_name, text) => {
  const first = await open();
  push(first, 5);
  await first.stop();
  if (text === undefined) await rm(join(dir, 'meta.json'));
  else await writeFile(join(dir, 'meta.json'), text);
  const second = await open();
  expect(second.epoch).not.toBe(first.epoch);
  expect(await kept(second)).toEqual([1, 2, 3, 4, 5]);
  push(second, 1);
  expect(second.lastSeq).toBe(6);
});

test('numbers are reserved on disk before they are used', async () => {
  const backlog = await open();
  push(backlog, 1);
  const { reservedSeq } = JSON.parse(await readFile(join(dir, 'meta.json'), 'utf8'));
  expect(reservedSeq).toBeGreaterThan(1_000_000);
  await backlog.stop();
  expect(JSON.parse(await readFile(join(dir, 'meta.json'), 'utf8'))).toEqual({ epoch: backlog.epoch, reservedSeq: 1 });
});

test('a refused row is dropped and counted; the rows around it stay', async () => {
  const backlog = await open();
  push(backlog, 3);
  backlog.reject(2);
  expect(await kept(backlog)).toEqual([1, 3]);
  expect(backlog.stats().droppedSamples).toBe(3);
  expect(backlog.droppedWithin(2, 2)).toBe(3);
  backlog.ackTo(3);
  expect(backlog.dropped).toEqual([]);
});

test('stop is safe twice', async () => {
  const backlog = await open();
  push(backlog, 1);
  await Promise.all([backlog.stop(), backlog.stop()]);
  await backlog.stop();
});
