import { isStaleAt, labelsFrom, labelValue, type SeriesMeta, SteppedClock, setStale } from '@bellwether/shared';
import { compileMatcher, type Store } from '../../../collector/store/index.ts';

export interface DriverOptions {
  readonly clock: SteppedClock;
  readonly retentionMs: number;
  readonly outOfOrderMs: number;
  readonly maxSeries: number;
}

const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 10, 3);

export function gauge(name: string, labels: Record<string, string> = {}): SeriesMeta {
  return { labels: labelsFrom({ __name__: name, ...labels }), type: 'gauge', help: `Help of ${name}.` };
}

/** A row from numbers; undefined is an absent column, 'stale' a staleness marker. */
export function row(timeMs: number, cells: readonly (number | undefined | 'stale')[]) {
  const values = new Float64Array(cells.length);
  const presence = new Uint8Array((cells.length + 7) >> 3);
  for (const [i, cell] of cells.entries()) {
    if (cell === undefined) continue;
    presence[i >> 3]! |= 1 << (i & 7);
    if (cell === 'stale') setStale(values, i);
    else values[i] = cell;
  }
  return { timeMs, presence: cells.includes(undefined) ? presence : null, values };
}

/** `{ 'name{a="b"}'-like key: [[time - START, value | 'stale'], ...] }` of everything that matches. */
export async function dump(store: Store, matchers = [compileMatcher('__name__', '=~', '.+')], fromMs = 0, toMs = START + 1_000 * HOUR) {
  const found: Record<string, [number, number | 'stale'][]> = {};
  for (const { labels, times, values } of await store.select({ matchers, fromMs, toMs })) {
    const name = labelValue(labels, '__name__') + labels.filter((_, i) => i % 2 === 1 && labels[i - 1] !== '__name__').join('/');
    found[name] = [...times].map((time, i) => [time - START, isStaleAt(values, i) ? 'stale' : values[i]!]);
  }
  return found;
}

/** What every driver must do; `open` gives an empty store with these limits. */
export function storeDriverSuite(name: string, open: (options: DriverOptions) => Promise<Store>): void {
  describe(`store driver ${name}`, () => {
    let clock: SteppedClock;
    let store: Store;

    beforeEach(async () => {
      clock = new SteppedClock(START + 10 * HOUR);
      store = await open({ clock, retentionMs: 48 * HOUR, outOfOrderMs: 2 * HOUR, maxSeries: 1_000 });
    });
    afterEach(() => store.stop());

    test('gives back what was appended, at once and bit for bit', async () => {
      const group = store.openGroup('a/cpu', [gauge('x'), gauge('y')]);
      const odd = new Float64Array(new BigUint64Array([0x7ff0000000000002n, 0xfff8000000000123n]).buffer);
      expect(store.append(group, { timeMs: START, presence: null, values: odd })).toBe('stored');
      store.append(group, { timeMs: START + 1, presence: null, values: new Float64Array([-0, Number.NEGATIVE_INFINITY]) });
      const found = await store.select({ matchers: [compileMatcher('__name__', '=', 'x')], fromMs: 0, toMs: START + 1 });
      expect(found).toHaveLength(1);
      expect([...new BigUint64Array(found[0]!.values.buffer, found[0]!.values.byteOffset, 2)]).toEqual([0x7ff0000000000002n, 1n << 63n]);
      expect((await dump(store)).y).toEqual([
        [0, Number.NaN],
        [1, Number.NEGATIVE_INFINITY],
      ]);
    });

    test('keeps its own copy of a row', async () => {
      const group = store.openGroup('a/cpu', [gauge('x')]);
      const reused = row(START, [1]);
      store.append(group, reused);
      reused.values[0] = 99;
      expect(await dump(store)).toEqual({ x: [[0, 1]] });
    });

    test('the range excludes its start and includes its end', async () => {
      const group = store.openGroup('a/cpu', [gauge('x')]);
      for (const t of [0, 10, 20, 30]) store.append(group, row(START + t, [t]));
      expect(await dump(store, undefined, START, START + 20)).toEqual({
        x: [
          [10, 10],
          [20, 20],
        ],
      });
      expect(await dump(store, undefined, START + 30, START + 40)).toEqual({});
    });

    test('the same key and columns give the same group; a series continues under another key', async () => {
      const first = store.openGroup('a/cpu', [gauge('x')]);
      expect(store.openGroup('a/cpu', [gauge('x')])).toBe(first);
      const other = store.openGroup('b/cpu', [gauge('x')]);
      expect(other).not.toBe(first);
      store.append(first, row(START, [1]));
      store.append(other, row(START + 5, [2]));
      store.append(first, row(START + 10, [3]));
      expect(await dump(store)).toEqual({
        x: [
          [0, 1],
          [5, 2],
          [10, 3],
        ],
      });
      expect(store.stats().series).toBe(1);
    });

    test('the same time again: the last write wins, column by column', async () => {
      const group = store.openGroup('a/cpu', [gauge('x'), gauge('y')]);
      store.append(group, row(START, [1, 2]));
      store.append(group, row(START, [undefined, 3]));
      expect(await dump(store)).toEqual({ x: [[0, 1]], y: [[0, 3]] });
    });

    test('of two groups that write one series at one time, the one opened last wins', async () => {
      const first = store.openGroup('a/cpu', [gauge('x')]);
      const second = store.openGroup('b/cpu', [gauge('x')]);
      store.append(second, row(START, [2]));
      store.append(first, row(START, [1]));
      expect(await dump(store)).toEqual({ x: [[0, 2]] });
    });

    test('late rows find their place', async () => {
      const group = store.openGroup('a/cpu', [gauge('x'), gauge('y')]);
      for (const t of [10, 30, 20, 5]) store.append(group, row(START + t, [t, t === 20 ? undefined : -t]));
      expect(await dump(store)).toEqual({
        x: [5, 10, 20, 30].map((t) => [t, t]),
        y: [5, 10, 30].map((t) => [t, -t]),
      });
    });

    test('refuses rows beyond the out-of-order window, the retention and the near future', () => {
      const group = store.openGroup('a/cpu', [gauge('x')]);
      const now = clock.now();
      expect(store.append(group, row(now - 49 * HOUR, [0]))).toBe('too-old');
      expect(store.append(group, row(now - 47 * HOUR, [0]))).toBe('stored');
      expect(store.append(group, row(now, [0]))).toBe('stored');
      expect(store.append(group, row(now - 2 * HOUR - 1, [0]))).toBe('too-old');
      expect(store.append(group, row(now - 2 * HOUR, [0]))).toBe('stored');
      expect(store.append(group, row(now + 600_001, [0]))).toBe('too-new');
      expect(store.append(group, row(now + 600_000, [0]))).toBe('stored');
      expect(store.stats()).toMatchObject({ rowsTooOld: 2, rowsTooNew: 1, rowsAppended: 4 });
    });

    test('stores each (producer, epoch, seq) once and counts up without holes', async () => {
      const group = store.openGroup('a/cpu', [gauge('x')]);
      const send = (epoch: string, seq: number, t: number) => store.append(group, row(START + t, [seq]), { producer: 'a', epoch, seq });
      expect(send('e1', 1, 0)).toBe('stored');
      expect(send('e1', 1, 1)).toBe('duplicate');
      expect(send('e1', 3, 2)).toBe('stored');
      await store.commit();
      expect(store.progress('a', 'e1')).toEqual({ epoch: 'e1', contiguousSeq: 1 });
      expect(send('e1', 3, 3)).toBe('duplicate');
      store.skip('a', 'e1', 2, 2);
      await store.commit();
      expect(store.progress('a', 'e1')?.contiguousSeq).toBe(3);
      expect(send('e2', 1, 4)).toBe('stored');
      expect(store.progress('a', 'e9')).toBeUndefined();
      expect(store.stats().rowsDuplicate).toBe(2);
      expect((await dump(store)).x).toEqual([
        [0, 1],
        [2, 3],
        [4, 1],
      ]);
    });

    test('a row refused for its age settles its number, one from the future does not', async () => {
      const group = store.openGroup('a/cpu', [gauge('x')]);
      const origin = (seq: number) => ({ producer: 'a', epoch: 'e', seq });
      expect(store.append(group, row(clock.now() - 50 * HOUR, [0]), origin(1))).toBe('too-old');
      expect(store.append(group, row(clock.now() + HOUR, [0]), origin(2))).toBe('too-new');
      await store.commit();
      expect(store.progress('a', 'e')?.contiguousSeq).toBe(1);
      await clock.advance(HOUR);
      expect(store.append(group, row(clock.now(), [0]), origin(2))).toBe('stored');
    });

    test('a new generation marks what it dropped, with its first row', async () => {
      const first = store.openGroup('a/fs', [gauge('x'), gauge('y'), gauge('z')]);
      store.append(first, row(START, [1, 2, 'stale']));
      const second = store.openGroup('a/fs', [gauge('w'), gauge('x')]);
      expect(second).not.toBe(first);
      expect((await dump(store)).y).toEqual([[0, 2]]);
      store.append(second, row(START + 10, [5, 6]));
      store.append(second, row(START + 20, [7, 8]));
      expect(await dump(store)).toEqual({
        w: [
          [10, 5],
          [20, 7],
        ],
        x: [
          [0, 1],
          [10, 6],
          [20, 8],
        ],
        y: [
          [0, 2],
          [10, 'stale'],
        ],
        z: [[0, 'stale']],
      });
    });

    test('markStale ends every live series below the prefix, once', async () => {
      const cpu = store.openGroup('a/cpu', [gauge('x'), gauge('y')]);
      const disk = store.openGroup('a/disk', [gauge('d')]);
      const other = store.openGroup('ab/cpu', [gauge('o')]);
      store.append(cpu, row(START, [1, undefined]));
      store.append(disk, row(START + 20, [2]));
      store.append(other, row(START, [3]));
      store.markStale('a/', START + 10);
      store.markStale('a/', START + 30);
      expect(await dump(store)).toEqual({
        x: [
          [0, 1],
          [10, 'stale'],
        ],
        d: [
          [20, 2],
          [21, 'stale'],
        ],
        o: [[0, 3]],
      });
    });

    test('matchers choose by presence, absence and expression', async () => {
      const hosts = ['web-1', 'web-2', 'db-1'];
      const group = store.openGroup('all', [
        ...hosts.map((host) => gauge('up', { host, ...(host === 'db-1' ? { role: 'db' } : {}) })),
        gauge('load', { host: 'web-1' }),
      ]);
      store.append(group, row(START, [1, 2, 3, 4]));
      const values = async (...matchers: Parameters<typeof compileMatcher>[]) =>
        Object.values(
          await dump(
            store,
            matchers.map((matcher) => compileMatcher(...matcher)),
          ),
        )
          .map((samples) => samples[0]![1])
          .sort();
      expect(await values(['__name__', '=', 'up'])).toEqual([1, 2, 3]);
      expect(await values(['host', '=~', 'web-.*'])).toEqual([1, 2, 4]);
      expect(await values(['host', '=~', 'web-1|db-1'], ['__name__', '=', 'up'])).toEqual([1, 3]);
      expect(await values(['host', '=~', 'w[e]b-\\d'])).toEqual([1, 2, 4]);
      expect(await values(['__name__', '=', 'up'], ['role', '=', ''])).toEqual([1, 2]);
      expect(await values(['__name__', '=', 'up'], ['role', '!=', ''])).toEqual([3]);
      expect(await values(['__name__', '=', 'up'], ['host', '!~', 'web.*'])).toEqual([3]);
      expect(await values(['role', '=~', 'db|'])).toEqual([1, 2, 3, 4]);
      expect(await values(['host', '=', 'nobody'])).toEqual([]);
      expect(await values(['nothing', '=~', '.+'])).toEqual([]);
    });

    test('lists label sets, names and values of the series in a range', async () => {
      const group = store.openGroup('all', [gauge('up', { host: 'b' }), gauge('up', { host: 'a' }), gauge('load', { cpu: '0' })]);
      store.append(group, row(START, [1, 2, 3]));
      const up = [compileMatcher('__name__', '=', 'up')];
      expect(await store.labelNames([], 0, START)).toEqual(['__name__', 'cpu', 'host']);
      expect(await store.labelNames(up, 0, START)).toEqual(['__name__', 'host']);
      expect(await store.labelValues('host', up, 0, START)).toEqual(['a', 'b']);
      expect(await store.labelValues('host', up, START + 1, START + HOUR)).toEqual([]);
      expect((await store.series(up, 0, START)).map((labels) => labelValue(labels, 'host')).sort()).toEqual(['a', 'b']);
      expect(store.metadata().get('load')).toEqual({ type: 'gauge', help: 'Help of load.' });
    });

    test('newestOnly gives at least the newest sample of each series', async () => {
      const group = store.openGroup('a/cpu', [gauge('x'), gauge('y')]);
      for (let t = 0; t < 200; t++) store.append(group, row(START + t * 1_000, [t, t < 150 ? -t : undefined]));
      const newest = async (toMs: number) => {
        const found = await store.select({
          matchers: [compileMatcher('__name__', '=~', '.+')],
          fromMs: toMs - 300_000,
          toMs,
          newestOnly: true,
        });
        return found.map(({ values }) => values.at(-1)!).sort((a, b) => a - b);
      };
      expect(await newest(START + 200_000)).toEqual([-149, 199]);
      expect(await newest(START + 100_500)).toEqual([-100, 100]);
    });

    test('limits of a select stop it', async () => {
      const group = store.openGroup('a/cpu', [gauge('x'), gauge('y')]);
      for (let t = 0; t < 100; t++) store.append(group, row(START + t, [1, 2]));
      const request = { matchers: [compileMatcher('__name__', '=~', 'x|y')], fromMs: 0, toMs: START + HOUR };
      await expect(store.select({ ...request, maxSeries: 1 })).rejects.toMatchObject({ code: 'QUERY_TOO_LARGE' });
      await expect(store.select({ ...request, maxSamples: 199 })).rejects.toMatchObject({ code: 'QUERY_TOO_LARGE' });
      await expect(store.select({ ...request, maxSamples: 200, maxSeries: 2 })).resolves.toHaveLength(2);
      await expect(store.select({ ...request, signal: AbortSignal.abort() })).rejects.toThrow();
    });

    test('deleteSeries removes a range and leaves what comes after it', async () => {
      const group = store.openGroup('a/cpu', [gauge('x'), gauge('y')]);
      for (let t = 0; t < 5; t++) store.append(group, row(START + t, [t, t]));
      expect(await store.deleteSeries([compileMatcher('__name__', '=', 'x')], START, START + 3)).toBe(1);
      expect(await dump(store)).toEqual({
        x: [
          [0, 0],
          [4, 4],
        ],
        y: [0, 1, 2, 3, 4].map((t) => [t, t]),
      });
      store.append(group, row(START + 2, [20, undefined]));
      expect((await dump(store)).x).toEqual([
        [0, 0],
        [2, 20],
        [4, 4],
      ]);
    });

    test('keeps within its limit of series', () => {
      const many = Array.from({ length: 1_001 }, (_, i) => gauge('x', { i: String(i) }));
      expect(() => store.openGroup('a/big', many)).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }));
      store.openGroup('a/fits', many.slice(0, 1_000));
      store.openGroup('a/again', many.slice(0, 10));
      expect(() => store.openGroup('a/one-more', many.slice(1_000))).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }));
    });

    test('hundreds of rows come back in order', async () => {
      const group = store.openGroup('a/cpu', [gauge('x')]);
      const expected = Array.from({ length: 700 }, (_, i) => [i * 10_000, i * 0.5]);
      for (const [t, value] of expected) store.append(group, row(START + t!, [value!]));
      await store.commit();
      expect(await dump(store)).toEqual({ x: expected });
    });
  });
}
