import { type Clock, labelsFrom, labelsToRecord, SteppedClock } from '@bellwether/shared';
import { createQueryEngine, type MatrixResult, type QueryEngine, type QueryLimits } from '../../../collector/query/index.ts';
import { openMemoryStore, type SelectRequest, type Store } from '../../../collector/store/index.ts';

const MINUTE = 60_000;

interface Bench {
  readonly engine: QueryEngine;
  readonly store: Store;
  readonly selects: SelectRequest[];
}

/** Ten series `m_total{i}` that rise by i a minute over two hours, and a gauge `g` with gaps. */
function bench(limits: Partial<QueryLimits> = {}, clock: Clock = new SteppedClock(120 * MINUTE)): Bench {
  const store = openMemoryStore({ clock: new SteppedClock(120 * MINUTE) });
  const labels = Array.from({ length: 10 }, (_, i) => labelsFrom({ __name__: 'm_total', i: String(i) }));
  const group = store.openGroup(
    'm',
    labels.map((each) => ({ labels: each, type: 'counter' as const, help: '' })),
  );
  const gauge = store.openGroup('g', [{ labels: labelsFrom({ __name__: 'g' }), type: 'gauge', help: '' }]);
  for (let t = 0; t <= 120; t++) {
    store.append(group, { timeMs: t * MINUTE, presence: null, values: Float64Array.from(labels, (_, i) => i * t) });
    if (t % 20 === 0) store.append(gauge, { timeMs: t * MINUTE, presence: null, values: Float64Array.of(t) });
  }
  const selects: SelectRequest[] = [];
  const watched = Object.create(store) as Store;
  watched.select = (request) => {
    selects.push(request);
    return store.select(request);
  };
  return { engine: createQueryEngine({ store: watched, clock, limits }), store, selects };
}

function rows({ series }: MatrixResult): [Record<string, string>, number[], number[]][] {
  return series.map(({ labels, times, values }) => [labelsToRecord(labels), [...times].map((time) => time / MINUTE), [...values]]);
}

test('a range query leaves out the steps where nothing is', async () => {
  const { engine } = bench();
  expect(rows(await engine.range('g', 0, 30 * MINUTE, 2 * MINUTE))).toEqual([
    [{ __name__: 'g' }, [0, 2, 4, 20, 22, 24], [0, 0, 0, 20, 20, 20]],
  ]);
  const far = await engine.range('g', 0, 30 * MINUTE, 10 * MINUTE, { lookbackMs: 11 * MINUTE });
  expect(rows(far)).toEqual([[{ __name__: 'g' }, [0, 10, 20, 30], [0, 0, 20, 20]]]);
});

test('a scalar over a range is one series without labels', async () => {
  const { engine } = bench();
  expect(rows(await engine.range('time() / 60', 0, 2 * MINUTE, MINUTE))).toEqual([[{}, [0, 1, 2], [0, 1, 2]]]);
});

test('every step of a range query equals the instant query at that time', async () => {
  const { engine } = bench();
  for (const query of [
    'm_total',
    'sum(rate(m_total[7m]))',
    'topk(2, m_total) or g',
    'quantile_over_time(0.3, m_total[11m])',
    'max_over_time(rate(m_total[5m])[10m:2m])',
    'm_total * on() group_left g',
    'predict_linear(m_total[5m], 60) - m_total offset 3m',
    'absent(g)',
    'm_total @ 600 > bool 3',
    'stddev by (i) (changes(m_total[9m]))',
  ]) {
    const range = await engine.range(query, 7 * MINUTE, 50 * MINUTE, 3 * MINUTE);
    const got = new Map<string, number>();
    for (const [labels, times, values] of rows(range))
      for (const [i, time] of times.entries()) got.set(`${JSON.stringify(labels)} ${time}`, values[i]!);
    const wanted = new Map<string, number>();
    for (let t = 7; t <= 50; t += 3) {
      const instant = await engine.instant(query, t * MINUTE);
      if (instant.kind !== 'vector') throw new Error(`${query} is no vector`);
      for (const { labels, value } of instant.samples) wanted.set(`${JSON.stringify(labelsToRecord(labels))} ${t}`, value);
    }
    expect(new Map([...got].sort())).toEqual(new Map([...wanted].sort()));
  }
});

test('equal selectors of one query are loaded once, with no more than their windows need', async () => {
  const { engine, selects } = bench();
  await engine.range('rate(m_total[5m]) / rate(m_total[5m]) + rate(m_total[5m] offset 1h)', 70 * MINUTE, 80 * MINUTE, MINUTE);
  expect(selects.map(({ fromMs, toMs }) => [fromMs / MINUTE, toMs / MINUTE])).toEqual([
    [65, 80],
    [5, 20],
  ]);
  selects.length = 0;
  await engine.instant('m_total', 10 * MINUTE);
  expect(selects).toMatchObject([{ fromMs: 5 * MINUTE, toMs: 10 * MINUTE, newestOnly: true, stepMs: 0 }]);
});

describe('limits', () => {
  const text = /^query processing would load too many samples into memory in query execution/;
  const tooMany = { code: 'QUERY_TOO_LARGE', message: expect.stringMatching(text) as unknown };

  test('samples loaded from the store', async () => {
    const { engine } = bench({ maxSamples: 500 });
    await expect(engine.instant('sum(rate(m_total[1h]))', 60 * MINUTE)).rejects.toMatchObject(tooMany);
    await expect(engine.instant('sum(rate(m_total[10m]))', 60 * MINUTE)).resolves.toMatchObject({ kind: 'vector' });
  });

  test('samples made on the way', async () => {
    const { engine } = bench({ maxSamples: 5000 });
    await expect(engine.range('m_total[1h]', 0, 1, 1)).rejects.toMatchObject({ code: 'QUERY_INVALID' });
    await expect(engine.range('m_total', 0, 60 * MINUTE, 1000)).rejects.toMatchObject(tooMany);
    await expect(engine.instant('count_over_time(vector(1)[1h:1ms])', 60 * MINUTE)).rejects.toMatchObject(tooMany);
  });

  test('series', async () => {
    const { engine } = bench({ maxSeries: 5 });
    await expect(engine.instant('m_total', MINUTE)).rejects.toMatchObject({ code: 'QUERY_TOO_LARGE' });
  });

  test('points', async () => {
    const { engine } = bench();
    const message = 'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)';
    await expect(engine.range('1', 0, 11_001_000, 1000)).rejects.toMatchObject({ code: 'QUERY_INVALID', message });
    await expect(engine.range('1', 0, 11_000_000, 1000)).resolves.toMatchObject({ kind: 'matrix' });
  });

  test('time: a long query is stopped where it lets others run', async () => {
    // Each look at this clock finds a second gone.
    let now = 0;
    const clock: Clock = {
      ...new SteppedClock(),
      now: () => now,
      monotonic: () => (now += 1000),
      after: () => () => {},
      every: () => () => {},
    };
    const { engine } = bench({}, clock);
    const query = 'sum(sum_over_time(m_total[2h]))';
    const late = { code: 'QUERY_TIMEOUT', message: 'query timed out in expression evaluation' };
    await expect(engine.instant(query, 120 * MINUTE, { timeoutMs: 1000 })).rejects.toMatchObject(late);
    await expect(engine.instant(query, 120 * MINUTE)).resolves.toMatchObject({ kind: 'vector' });
  });

  test('a canceled query ends, and other work runs while a long one does', async () => {
    const { engine } = bench();
    const abort = new AbortController();
    let turns = 0;
    const count = () => {
      turns++;
      if (turns === 5) abort.abort();
      else setImmediate(count);
    };
    setImmediate(count);
    const long = engine.range('sum(quantile_over_time(0.5, m_total[2h])) + sum(m_total)', 0, 120 * MINUTE, 1000, { signal: abort.signal });
    await expect(long).rejects.toMatchObject({ code: 'QUERY_TIMEOUT', message: 'query was canceled in expression evaluation' });
    expect(turns).toBe(5);
  });
});

test.each([
  ['m_total + on() g', 'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)'],
  ['g + on() m_total', /^found duplicate series for the match group \{\} on the right hand-side of the operation: \[/],
  ['topk(NaN, m_total)', 'Parameter value is NaN'],
  ['topk(1e30, m_total)', 'Scalar value 1e+30 overflows int64'],
  ['label_replace(g, "x", "$1", "y", "(")', /^invalid regular expression in label_replace\(\): \(/],
  ['label_replace(m_total, "i", "", "", "")', 'vector cannot contain metrics with the same labelset'],
  ['histogram_avg(g)', /works on native histograms/],
  ['g </ 1', /works on native histograms/],
  ['double_exponential_smoothing(g[1h], 2, 0.5)', 'invalid smoothing factor. Expected: 0 < sf < 1, got: 2.000000'],
])('%s fails', async (query, message) => {
  const { engine } = bench();
  const error: unknown = await engine.instant(query, 60 * MINUTE).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: 'QUERY_FAILED' });
  if (typeof message === 'string') expect(error).toMatchObject({ message });
  else expect((error as Error).message).toMatch(message);
});

test.each([
  ['1 ^ NaN', 1],
  ['(-1) ^ Inf', 1],
  ['-5 % 3', -2],
  ['2 ^ 3 ^ 2', 512],
  ['-1 ^ 2', -1],
  ['1 - 1 - 1', -1],
  ['1 == bool 1', 1],
  ['0 atan2 -1', Math.PI],
  ['scalar(m_total{i="3"})', 180],
  ['scalar(m_total)', Number.NaN],
  ['day_of_week() == bool 4', undefined],
])('%s is %p', async (query, value) => {
  const { engine } = bench();
  const result = await engine.instant(query, 60 * MINUTE);
  if (value === undefined) expect(result).toMatchObject({ kind: 'vector', samples: [{ value: 1 }] });
  else expect(result).toMatchObject({ kind: 'scalar', value });
});

test('annotations name the place', async () => {
  const { engine } = bench();
  expect(await engine.instant('1 + sum(rate(g[50m]))', 60 * MINUTE)).toMatchObject({
    warnings: [],
    infos: ['PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "g" (1:14)'],
  });
});
