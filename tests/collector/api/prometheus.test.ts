import { gunzipSync } from 'node:zlib';
import { labelsFrom, SteppedClock } from '@bellwether/shared';
import Fastify, { type FastifyInstance } from 'fastify';
import { prometheusApi } from '../../../collector/api/prometheus/index.ts';
import { createQueryEngine, type QueryEngine } from '../../../collector/query/index.ts';
import { openMemoryStore } from '../../../collector/store/index.ts';

const START_MS = 1_700_000_000_000;
let app: FastifyInstance;

beforeAll(async () => {
  const clock = new SteppedClock(START_MS + 60_000);
  const store = openMemoryStore({ clock });
  const labels: Record<string, string>[] = [
    { __name__: 'up', job: 'node', instance: 'a' },
    { __name__: 'up', job: 'node', instance: 'b' },
    { __name__: 'requests_total', path: '/"x"' },
  ];
  const group = store.openGroup(
    'test',
    labels.map((record) => ({ labels: labelsFrom(record), type: 'gauge' as const, help: 'A test metric.' })),
  );
  for (let i = 0; i <= 4; i++)
    store.append(group, { timeMs: START_MS + i * 15_000, presence: null, values: Float64Array.of(1, i % 2, i * 1.5) });
  const engine = createQueryEngine({ store, clock });
  app = Fastify({ routerOptions: { maxParamLength: 512 } });
  await app.register(prometheusApi({ engine, store, clock, buildInfo: { version: '0.1.0' } }));
});
afterAll(() => app.close());

async function get(url: string): Promise<{ status: number; body: unknown }> {
  const answer = await app.inject({ url });
  return { status: answer.statusCode, body: answer.json() };
}

const success = (data: unknown, more: object = {}) => ({ status: 200, body: { status: 'success', data, ...more } });
const failure = (status: number, errorType: string, error: string) => ({ status, body: { status: 'error', errorType, error } });
const badData = (error: string) => failure(400, 'bad_data', error);

test("the text of an answer is exactly Prometheus' own", async () => {
  const answer = await app.inject({ url: '/api/v1/query?query=up%7Binstance=%22a%22%7D&time=1700000060.5' });
  expect(answer.body).toBe(
    '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","instance":"a","job":"node"},"value":[1700000060.500,"1"]}]}}',
  );
  expect(answer.headers['content-type']).toMatch(/^application\/json/);
});

test.each([
  ['scalar', '1%2B1', { resultType: 'scalar', result: [4, '2'] }],
  ['not a number', '0/0', { resultType: 'scalar', result: [4, 'NaN'] }],
  ['infinite', '-1/0', { resultType: 'scalar', result: [4, '-Inf'] }],
  ['small', '1e-7', { resultType: 'scalar', result: [4, '1e-07'] }],
  ['string', '%22a%5C%22b%22', { resultType: 'string', result: [4, 'a"b'] }],
  ['empty vector', 'nothing', { resultType: 'vector', result: [] }],
])('an instant query: %s', async (_, query, data) => {
  expect(await get(`/api/v1/query?query=${query}&time=4`)).toEqual(success(data));
});

test('a range query gives values by series, sorted by labels', async () => {
  const url = '/api/v1/query_range?query=sum%20by(instance)(up)&start=1700000000&end=2023-11-14T22:13:50Z&step=15s';
  const values = (...texts: string[]) => texts.map((text, i) => [1_700_000_000 + i * 15, text]);
  expect(await get(url)).toEqual(
    success({
      resultType: 'matrix',
      result: [
        { metric: { instance: 'a' }, values: values('1', '1', '1') },
        { metric: { instance: 'b' }, values: values('0', '1', '0') },
      ],
    }),
  );
});

test('a range vector in an instant query is a matrix of the samples themselves', async () => {
  const { body } = await get('/api/v1/query?query=up%7Binstance=%22b%22%7D[20s]&time=1700000031.000');
  expect(body).toMatchObject({
    data: {
      resultType: 'matrix',
      result: [
        {
          values: [
            [1_700_000_015, '1'],
            [1_700_000_030, '0'],
          ],
        },
      ],
    },
  });
});

test('parameters come from the URL and the body together, whatever the body says it is', async () => {
  const wanted = success({ resultType: 'scalar', result: [7, '5'] });
  for (const [url, payload, type] of [
    ['/api/v1/query', 'query=5&time=7', 'application/x-www-form-urlencoded'],
    ['/api/v1/query?time=7', 'query=5', 'application/x-www-form-urlencoded; charset=utf-8'],
    ['/api/v1/query?query=4&time=7', 'query=5', 'application/x-www-form-urlencoded'],
    ['/api/v1/query?query=5&time=7', '', 'application/json'],
  ]) {
    const answer = await app.inject({ method: 'POST', url, payload, headers: { 'content-type': type } });
    expect({ status: answer.statusCode, body: answer.json() }).toEqual(wanted);
  }
});

const RANGE = 'query=up&start=0&end=10&step=1';
test.each([
  ['query?query=up%7B', badData('invalid parameter "query": 1:4: parse error: unexpected end of input inside braces')],
  ['query', badData('invalid parameter "query": unknown position: parse error: no expression found in input')],
  [
    'query?query=rate(up)',
    badData('invalid parameter "query": 1:6: parse error: expected type range vector in call to function "rate", got instant vector'),
  ],
  ['query?query=1&time=x', badData('invalid parameter "time": invalid time value for \'time\': cannot parse "x" to a valid timestamp')],
  ['query?query=1&timeout=x', badData('invalid parameter "timeout": cannot parse "x" to a valid duration')],
  ['query?query=1&lookback_delta=x', badData('error parsing lookback delta duration: cannot parse "x" to a valid duration')],
  ['query?query=1&limit=-1', badData('invalid parameter "limit": limit must be non-negative')],
  ['query?query=1&limit=x', badData('invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax')],
  [
    'query?query=up*on(job)up',
    failure(
      422,
      'execution',
      expect.stringMatching(
        /^found duplicate series for the match group \{job="node"\} on the right hand-side of the operation: .*;many-to-many matching not allowed: matching labels must be unique on one side$/,
      ) as unknown as string,
    ),
  ],
  ['query_range?query=up&start=x&end=1&step=1', badData('invalid parameter "start": cannot parse "x" to a valid timestamp')],
  ['query_range?query=up&start=0&step=1', badData('invalid parameter "end": cannot parse "" to a valid timestamp')],
  ['query_range?query=up&start=2&end=1&step=1', badData('invalid parameter "end": end timestamp must not be before start time')],
  [
    `query_range?${RANGE.replace('step=1', 'step=0')}`,
    badData('invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer'),
  ],
  [
    `query_range?${RANGE.replace('step=1', 'step=0.0001')}`,
    badData('invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer'),
  ],
  [
    'query_range?query=up&start=0&end=11001&step=1',
    badData('exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)'),
  ],
  [
    `query_range?${RANGE.replace('up', 'up[5m]')}`,
    badData('invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector'),
  ],
  ['series', badData('no match[] parameter provided')],
  [
    'series?match[]=%7B%7D',
    badData('invalid parameter "match[]": 1:1: parse error: vector selector must contain at least one non-empty matcher'),
  ],
  ['labels?start=2&end=1', badData('invalid parameter "end": end timestamp must not be before start timestamp')],
  ['label/U__/values', badData('invalid label name: "U__"')],
])('%s', async (path, wanted) => {
  expect(await get(`/api/v1/${path}`)).toEqual(wanted);
});

test('11,000 steps are still fine', async () => {
  expect((await get('/api/v1/query_range?query=1&start=0&end=11000&step=1')).status).toBe(200);
});

test('series, labels and values are found by any of the selectors', async () => {
  const up = (instance: string) => ({ __name__: 'up', instance, job: 'node' });
  expect(await get('/api/v1/series?match[]=up&match[]=%7Binstance=%22a%22%7D')).toEqual(success([up('a'), up('b')]));
  expect(await get('/api/v1/series?match[]=up&limit=1')).toEqual(success([up('a')], { warnings: ['results truncated due to limit'] }));
  expect(await get('/api/v1/series?match[]=up&end=1600000000')).toEqual(success([]));
  expect(await get('/api/v1/labels')).toEqual(success(['__name__', 'instance', 'job', 'path']));
  expect(await get('/api/v1/labels?match[]=requests_total')).toEqual(success(['__name__', 'path']));
  expect(await get('/api/v1/label/instance/values')).toEqual(success(['a', 'b']));
  expect(await get('/api/v1/label/U__instance/values?limit=1')).toEqual(success(['a'], { warnings: ['results truncated due to limit'] }));
  expect(await get('/api/v1/label/path/values?match[]=requests_total')).toEqual(success(['/"x"']));
});

test('a limit truncates the result of a query and says so', async () => {
  const { body } = await get('/api/v1/query?query=up&limit=1');
  expect(body).toMatchObject({ data: { result: [{ metric: { instance: 'a' } }] }, warnings: ['results truncated due to limit'] });
});

test('annotations come beside the data, at most ten of a kind', async () => {
  expect(await get('/api/v1/query?query=quantile(2,nothing)&time=4')).toEqual(
    success({ resultType: 'vector', result: [] }, { warnings: ['PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)'] }),
  );
  const many = Array.from({ length: 12 }, (_, i) => `quantile(${i + 2}, up)`).join(' or ');
  const { body } = await get(`/api/v1/query?query=${encodeURIComponent(many)}`);
  expect((body as { warnings: string[] }).warnings).toHaveLength(11);
  expect((body as { warnings: string[] }).warnings[10]).toBe('2 more warning annotations omitted');
});

test('metadata, build and status answer what clients probe', async () => {
  expect(await get('/api/v1/metadata?metric=up')).toEqual(success({ up: [{ type: 'gauge', help: 'A test metric.', unit: '' }] }));
  expect(await get('/api/v1/status/buildinfo')).toMatchObject({ body: { data: { version: '0.1.0', goVersion: '' } } });
  expect(await get('/api/v1/status/tsdb')).toMatchObject({ body: { data: { headStats: { numSeries: 3 } } } });
  expect(await get('/api/v1/query_exemplars?query=up&start=0&end=1')).toEqual(success([]));
  for (const path of ['runtimeinfo', 'config', 'flags', 'walreplay']) expect((await get(`/api/v1/status/${path}`)).status).toBe(200);
});

test('queries are formatted and taken apart', async () => {
  expect(await get('/api/v1/format_query?query=sum(rate(up%5B5m%5D))by(job)')).toEqual(success('sum by (job) (rate(up[5m]))'));
  expect(await get('/api/v1/parse_query?query=-up%20offset%201m')).toEqual(
    success({
      type: 'unaryExpr',
      op: '-',
      expr: {
        type: 'vectorSelector',
        name: 'up',
        matchers: [{ name: '__name__', type: '=', value: 'up' }],
        offset: 60_000,
        timestamp: null,
        startOrEnd: null,
        anchored: false,
        smoothed: false,
      },
    }),
  );
});

test('answers are gzipped when asked and large, streamed ones too', async () => {
  const url = '/api/v1/query_range?query=time()&start=0&end=10000&step=1';
  const plain = await app.inject({ url });
  const zipped = await app.inject({ url, headers: { 'accept-encoding': 'gzip, deflate' } });
  expect(zipped.headers['content-encoding']).toBe('gzip');
  expect(gunzipSync(zipped.rawPayload).toString()).toBe(plain.body);
  const wide = `/api/v1/query_range?query=${encodeURIComponent('(count_values("v", vector(1)) or label_replace(vector(2), "v", "b", "", "") or label_replace(vector(3), "v", "c", "", ""))')}&start=0&end=10000&step=1`;
  const streamed = await app.inject({ url: wide, headers: { 'accept-encoding': 'gzip' } });
  const series = JSON.parse(gunzipSync(streamed.rawPayload).toString()).data.result;
  expect(series.map((one: { values: unknown[] }) => one.values.length)).toEqual([10_001, 10_001, 10_001]);
});

test('browsers of other origins may read', async () => {
  const answer = await app.inject({ method: 'OPTIONS', url: '/api/v1/query' });
  expect(answer.statusCode).toBe(204);
  expect(answer.headers['access-control-allow-origin']).toBe('*');
});

test('a query whose client has gone away ends', async () => {
  const signals: (AbortSignal | undefined)[] = [];
  const clock = new SteppedClock(START_MS);
  const store = openMemoryStore({ clock });
  const waits: QueryEngine = {
    range: () => Promise.reject(new Error('not asked')),
    instant: (_query, _timeMs, options) =>
      new Promise((_resolve, reject) => {
        signals.push(options?.signal);
        options?.signal?.addEventListener('abort', () => reject(new Error('ended')));
      }),
  };
  const server = Fastify();
  await server.register(prometheusApi({ engine: waits, store, clock, buildInfo: { version: '0' } }));
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  const abort = new AbortController();
  const answer = fetch(`${url}/api/v1/query?query=1`, { signal: abort.signal });
  while (signals.length === 0) await new Promise((resolve) => setImmediate(resolve));
  abort.abort();
  await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
  const [signal] = signals;
  if (signal?.aborted === false) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  expect(signal?.aborted).toBe(true);
  await server.close();
});
