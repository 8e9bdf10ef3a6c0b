import { SteppedClock } from '@bellwether/shared';
import { compileMatcher, type EmbeddedStore, openEmbeddedStore } from '../../collector/store/index.ts';
import { gauge, row } from '../collector/store/driver-suite.ts';
import { type Fault, MemoryFs } from '../collector/store/memory-fs.ts';
import { Random } from '../collector/store/random.ts';

const START = Date.UTC(2026, 0, 10, 5, 30);
const STEP = 10_000;
const ROWS = 60;
const EPOCH = { producer: 'a', epoch: 'e' };

/** What a producer does, and knows: it sends each row until a commit after it has worked. */
class Life {
  readonly clock = new SteppedClock(START + ROWS * STEP);
  fs = new MemoryFs();
  store: EmbeddedStore | undefined;
  /** Rows 1..acked were acknowledged. */
  acked = 0;
  refusals = 0;

  open(): Promise<EmbeddedStore> {
    const options = {
      dir: '/data',
      fs: this.fs,
      clock: this.clock,
      commitDelayMs: 0,
      blockDelayMs: 0,
      walSegmentBytes: 3_000,
      tileAgeMs: 60_000,
    };
    return openEmbeddedStore(options);
  }

  /** Sends all rows from `acked + 1` on, three a commit; ends early when the file system has died. */
  async send(): Promise<void> {
    const store = this.store!;
    let stuck = 0;
    while (this.acked < ROWS && stuck < 50) {
      const until = Math.min(ROWS, this.acked + 3);
      try {
        const groups = [store.openGroup('a/one', columns('one', 3)), store.openGroup('a/two', columns('two', 20))];
        for (let seq = this.acked + 1; seq <= until; seq++) store.append(groups[seq % 2]!, reading(seq), { ...EPOCH, seq });
        await store.commit();
        this.acked = until;
        stuck = 0;
      } catch (error) {
        expect(['STORE_FULL', 'STORE_UNAVAILABLE']).toContain((error as { code: string }).code);
        this.refusals++;
        stuck++;
      }
      expect(store.progress('a', 'e')?.contiguousSeq ?? 0).toBeGreaterThanOrEqual(this.acked);
      await this.clock.advance(until % 15 === 0 ? 61_000 : STEP);
    }
  }

  /** Everything acknowledged is there once and right; everything there was sent. */
  async check(): Promise<void> {
    const store = await this.open();
    const contiguous = store.progress('a', 'e')?.contiguousSeq ?? 0;
    expect(contiguous).toBeGreaterThanOrEqual(this.acked);
    const found = await store.select({ matchers: [compileMatcher('__name__', '=~', 'one|two')], fromMs: 0, toMs: START + ROWS * STEP });
    // Plain comparisons: this runs for every call of a life, and `expect` is slow.
    const problems: string[] = [];
    const times = new Map<string, Set<number>>();
    for (const { labels, times: columnTimes, values } of found) {
      times.set(labels.join(), new Set(columnTimes));
      if (new Set(columnTimes).size < columnTimes.length) problems.push(`${labels.join()} holds a time twice`);
      for (const [i, time] of columnTimes.entries()) {
        if (values[i] !== valueAt((time - START) / STEP, labels.join())) problems.push(`${labels.join()} is wrong at ${time - START}`);
      }
    }
    // What progress claims is stored must be, in every column of its group.
    for (let seq = 1; seq <= contiguous; seq++) {
      for (const { labels } of seq % 2 === 0 ? columns('one', 3) : columns('two', 20)) {
        if (times.get(labels.join())?.has(timeOf(seq)) !== true) problems.push(`${labels.join()} lacks row ${seq} of ${contiguous}`);
      }
    }
    expect(problems.slice(0, 5)).toEqual([]);
    await store.stop();
  }
}

function columns(name: string, count: number) {
  return Array.from({ length: count }, (_, i) => gauge(name, { i: String(i) }));
}

/** Every tenth row is late. */
function timeOf(seq: number): number {
  return START + (seq % 10 === 0 ? seq - 9.5 : seq) * STEP;
}

function valueAt(place: number, key: string): number {
  return place * 3 + key.length;
}

function reading(seq: number) {
  const place = (timeOf(seq) - START) / STEP;
  const name = seq % 2 === 0 ? 'one' : 'two';
  return row(
    timeOf(seq),
    columns(name, name === 'one' ? 3 : 20).map(({ labels }) => valueAt(place, labels.join())),
  );
}

/** The number of calls a life without faults makes. */
async function countCalls(): Promise<{ opening: number; all: number }> {
  const life = new Life();
  life.store = await life.open();
  const opening = life.fs.calls;
  await life.send();
  await life.store.stop();
  expect(life.acked).toBe(ROWS);
  return { opening, all: life.fs.calls };
}

test('a life without faults', async () => {
  const life = new Life();
  life.store = await life.open();
  await life.send();
  await life.store.stop();
  await life.check();
});

test.each(['ENOSPC', 'EIO', 'tear'] as const)('%s at every other call: refused, recovered, nothing lost', async (kind: Fault) => {
  const { opening, all } = await countCalls();
  for (let at = opening + 1; at <= all; at += 2) {
    const life = new Life();
    life.store = await life.open();
    life.fs.fault = (call) => (call === at ? kind : undefined);
    await life.send();
    expect(life.acked).toBe(ROWS);
    await life.store.stop();
    life.fs = life.fs.afterCrash(() => false);
    await life.check();
  }
});

test.each(['ENOSPC', 'EIO', 'tear'] as const)('%s for a while: refused, recovered, nothing lost', async (kind: Fault) => {
  const { opening, all } = await countCalls();
  for (let at = opening + 1; at <= all; at += 7) {
    const life = new Life();
    life.store = await life.open();
    life.fs.fault = (call) => (call >= at && call < at + 12 ? kind : undefined);
    await life.send();
    expect(life.acked).toBe(ROWS);
    await life.store.stop();
    life.fs = life.fs.afterCrash(() => false);
    await life.check();
  }
});

test.each([0, 0.5, 1])('the power fails at every fifth call and %d of what was not synced survives', async (kept) => {
  const { all } = await countCalls();
  const random = new Random(kept * 10 + 1);
  for (let at = 1; at <= all; at += 5) {
    const life = new Life();
    life.fs.fault = (call) => (call === at ? 'crash' : undefined);
    try {
      life.store = await life.open();
      await life.send();
    } catch (error) {
      expect((error as { code: string }).code).toBe('DATA_DIR_UNUSABLE');
    }
    // Twice, so that recovery starts from what a recovery left.
    for (let round = 0; round < 2; round++) {
      life.fs = life.fs.afterCrash(() => random.chance(kept));
      await life.check();
    }
    life.store = await life.open();
    await life.send();
    expect(life.acked).toBe(ROWS);
    life.fs = life.fs.afterCrash(() => random.chance(kept));
    await life.check();
  }
});
