import { SteppedClock } from '@bellwether/shared';
import { compileMatcher, openEmbeddedStore } from '../../../../collector/store/index.ts';
import { gauge, row } from '../driver-suite.ts';
import { MemoryFs } from '../memory-fs.ts';
import { Random, seeds } from '../random.ts';

const START = Date.UTC(2026, 0, 10, 5);

function open(fs: MemoryFs, extra = {}) {
  return openEmbeddedStore({ dir: '/data', fs, clock: new SteppedClock(START + 3_600_000), commitDelayMs: 0, ...extra });
}

/** A store with `rows` rows committed one by one, closed. */
async function filled(rows: number): Promise<MemoryFs> {
  const fs = new MemoryFs();
  const store = await open(fs);
  const group = store.openGroup('a/x', [gauge('x'), gauge('y')]);
  for (let i = 1; i <= rows; i++) {
    store.append(group, row(START + i, [i, -i]), { producer: 'a', epoch: 'e', seq: i });
    await store.commit();
  }
  await store.stop();
  return fs;
}

async function readX(fs: MemoryFs): Promise<{ times: number[]; values: number[]; contiguous: number }> {
  const store = await open(fs);
  const [x] = await store.select({ matchers: [compileMatcher('__name__', '=', 'x')], fromMs: 0, toMs: START + 1_000 });
  const contiguous = store.progress('a', 'e')?.contiguousSeq ?? 0;
  await store.stop();
  return { times: [...(x?.times ?? [])].map((time) => time - START), values: [...(x?.values ?? [])], contiguous };
}

function pathOf(fs: MemoryFs, extension: string): { path: string; bytes: number } {
  return fs.files().find(({ path }) => path.endsWith(extension))!;
}

test('a log cut at any byte gives back a beginning of what was written, and progress says how much', async () => {
  const { path, bytes } = pathOf(await filled(8), '.wal');
  for (let length = 0; length <= bytes; length += 3) {
    const fs = await filled(8);
    await fs.truncate(path, length);
    const { times, values, contiguous } = await readX(fs);
    expect(times).toEqual(times.map((_, i) => i + 1));
    expect(values).toEqual(times);
    expect(contiguous).toBeLessThanOrEqual(times.length);
  }
});

test.each(seeds(4))('a flipped bit of the log loses what follows it and makes nothing up, seed %d', async (seed) => {
  const random = new Random(seed);
  for (let i = 0; i < 40; i++) {
    const fs = await filled(8);
    const { path, bytes } = pathOf(fs, '.wal');
    fs.damage(path, random.below(bytes * 8));
    const { times, values, contiguous } = await readX(fs);
    expect(times).toEqual(times.map((_, at) => at + 1));
    expect(values).toEqual(times);
    expect(contiguous).toBeLessThanOrEqual(times.length);
  }
});

test.each(seeds(4))('a flipped bit of a block leaves that block out and nothing wrong in, seed %d', async (seed) => {
  const random = new Random(seed);
  for (let i = 0; i < 25; i++) {
    const fs = await filled(130);
    const store = await open(fs);
    await store.flush();
    await store.stop();
    const { path, bytes } = pathOf(fs, '.l0');
    fs.damage(path, random.below(bytes * 8));
    const { times, values } = await readX(fs);
    expect(values).toEqual(times);
    expect(new Set(times).size).toBe(times.length);
  }
});

test('segments of the log go once their rows are in blocks', async () => {
  const fs = new MemoryFs();
  const clock = new SteppedClock(START + 3_600_000);
  const store = await openEmbeddedStore({ dir: '/data', fs, clock, commitDelayMs: 0, walSegmentBytes: 2_000 });
  const group = store.openGroup('a/x', [gauge('x'), gauge('y')]);
  for (let i = 1; i <= 400; i++) {
    store.append(group, row(START + i, [i, -i]), { producer: 'a', epoch: 'e', seq: i });
    if (i % 5 === 0) await store.commit();
  }
  const before = store.stats().walBytes;
  await store.flush();
  await clock.advance(20_000);
  expect(before).toBeGreaterThan(10_000);
  expect(store.stats().walBytes).toBeLessThan(4_000);
  await store.stop();
  const { times, contiguous } = await readX(fs);
  expect(times).toHaveLength(400);
  expect(contiguous).toBe(400);
});

test('partitions beyond the retention are removed whole', async () => {
  const fs = new MemoryFs();
  const clock = new SteppedClock(START);
  const store = await openEmbeddedStore({ dir: '/data', fs, clock, commitDelayMs: 0, retentionMs: 24 * 3_600_000 });
  const group = store.openGroup('a/x', [gauge('x')]);
  for (let hour = 0; hour < 48; hour++) {
    store.append(group, row(clock.now(), [hour]));
    await clock.advance(3_600_000);
  }
  await store.flush();
  await clock.advance(20_000);
  const folders = new Set(fs.files().flatMap(({ path }) => /raw\/([^/]+)/.exec(path)?.[1] ?? []));
  expect([...folders].sort()[0]).toBe('20260111T000000Z');
  expect(store.stats().oldestMs).toBeGreaterThanOrEqual(clock.now() - 30 * 3_600_000);
  await store.stop();
});

test.each([
  ['{"format":"bellwether-store","version":2}', /newer version/],
  ['{"format":"other","version":1}', /not written by this store/],
  ['oops', /not written by this store/],
])('a directory with FORMAT %s is refused', async (content, message) => {
  const fs = await filled(1);
  await fs.remove('/data/FORMAT');
  const file = await fs.create('/data/FORMAT');
  await file.write(new TextEncoder().encode(content), 0);
  await expect(open(fs)).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE', message: expect.stringMatching(message) });
});

test('store folders without FORMAT are refused', async () => {
  const fs = await filled(1);
  await fs.remove('/data/FORMAT');
  await expect(open(fs)).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
});
