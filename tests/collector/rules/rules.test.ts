import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labelsFrom, setStale, silentLog } from '@bellwether/shared';
import { SteppedClock } from '@bellwether/shared/clock';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import Fastify from 'fastify';
import { type Alerts, alertingConfig, createAlerts } from '../../../collector/alerts/index.ts';
import { rulesApi } from '../../../collector/api/rules.ts';
import { createQueryEngine, type QueryEngine } from '../../../collector/query/index.ts';
import { parseRuleFile, type Rules, startRules } from '../../../collector/rules/index.ts';
import { groupOffsetMs, nextEvaluationMs, planTurn } from '../../../collector/rules/schedule.ts';
import { openState, type State } from '../../../collector/state/index.ts';
import { openMemoryStore, type Store } from '../../../collector/store/index.ts';

const START = Date.UTC(2024, 0, 1);
const MINUTE = 60_000;
let folder: string;
let clock: SteppedClock;
let store: Store;
let engine: QueryEngine;
let state: State;
let alerts: Alerts;
let rules: Rules;
let text: string;

async function start(rulesText = text): Promise<void> {
  text = rulesText;
  state = await openState({ dir: folder, clock });
  alerts = await createAlerts({ state, config: alertingConfig.parse({}), clock, log: silentLog, externalUrl: 'http://mon' });
  rules = await startRules({
    groups: parseRuleFile(text, 'r.yml'),
    engine,
    alerts,
    state,
    clock,
    log: silentLog,
    externalUrl: 'http://mon/',
    write: ({ key, series, timeMs, presence, values }) => {
      store.append(store.openGroup(key, series), { timeMs, presence, values });
    },
  });
}

async function stop(): Promise<void> {
  await rules.stop();
  await alerts.stop();
  await state.stop();
}

/** Writes `up` of one instance now. */
function write(value: number | 'stale', instance = 'a'): void {
  const values = Float64Array.of(value === 'stale' ? 0 : value);
  if (value === 'stale') setStale(values, 0);
  const labels = labelsFrom({ __name__: 'up', job: 'node', instance });
  store.append(store.openGroup(`in/${instance}`, [{ labels, type: 'gauge', help: '' }]), { timeMs: clock.now(), presence: null, values });
}

/** Steps in quarters of a minute, writing `up` as before at each. */
async function pass(ms: number, value: number): Promise<void> {
  for (let done = 0; done < ms; done += 15_000) {
    write(value);
    await clock.advance(15_000);
  }
}

const shown = (): string[] => alerts.list().map(({ name, state: is, labels }) => `${name} ${labels.instance ?? ''} ${is}`);
const traceOf = (): string[] => (alerts.list()[0]?.trace ?? []).filter(({ stage }) => stage === 'rule').map(({ text: said }) => said);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bellwether-rules-'));
  clock = new SteppedClock(START);
  store = openMemoryStore({ clock });
  engine = createQueryEngine({ store, clock });
});
afterEach(async () => {
  await stop();
  await store.stop();
  await rm(folder, { recursive: true });
});

const DOWN = `groups:
- name: g
  rules:
  - {alert: Down, expr: up == 0, for: 1m, labels: {severity: critical}, annotations: {summary: "{{ $labels.instance }} {{ $value }}"}}
  - {record: 'job:up:sum', expr: sum by (job) (up)}
`;

test('a rule is evaluated each interval, pending, firing, resolved; the trace says why', async () => {
  await start(DOWN);
  await pass(MINUTE, 1);
  expect(shown()).toEqual([]);
  await pass(30_000, 0);
  expect(shown()).toEqual(['Down a pending']);
  await pass(MINUTE, 0);
  expect(shown()).toEqual(['Down a firing']);
  expect(alerts.list()[0]).toMatchObject({ severity: 'critical', annotations: { summary: 'a 0' }, value: 0, expression: 'up == 0' });
  await pass(15_000, 1);
  expect(shown()).toEqual(['Down a resolved']);
  expect(traceOf()).toEqual([
    'the condition holds (value 0): pending, fires after 1m',
    'firing (value 0): the condition has held for 1m',
    'the condition ended: resolved',
  ]);
  const recorded = await engine.instant('job:up:sum', clock.now());
  expect(recorded).toMatchObject({ samples: [{ value: 1 }] });
  expect(rules.counters()).toMatchObject({ groups: 1, rules: 2, failures: 0, missed: 0, evaluations: 22 });
});

test('what a restart finds: firing goes on, time without evaluations does not count for `for`', async () => {
  await start(DOWN.replace('for: 1m', 'for: 5m'));
  await pass(3 * MINUTE, 0);
  expect(shown()).toEqual(['Down a pending']);
  await stop();
  await clock.advance(10 * MINUTE);
  await start();
  expect(shown()).toEqual(['Down a pending']);
  expect(traceOf().at(-1)).toMatch(/^rules were not evaluated for 10m\d*s? \(collector off\): that time does not count towards `for`$/);
  await pass(90_000, 0);
  expect(shown()).toEqual(['Down a pending']);
  await pass(60_000, 0);
  expect(shown()).toEqual(['Down a firing']);
  const { firedMs } = alerts.list()[0]!;
  await stop();
  await clock.advance(20_000);
  await start();
  await pass(15_000, 0);
  expect(alerts.list()[0]).toMatchObject({ state: 'firing', firedMs });
});

test('after a long pause a firing alert is kept while its data may still be on the way, then resolved', async () => {
  await start(DOWN);
  await pass(2 * MINUTE, 0);
  expect(shown()).toEqual(['Down a firing']);
  await stop();
  await clock.advance(30 * MINUTE);
  await start();
  await clock.advance(45_000);
  expect(shown()).toEqual(['Down a firing']);
  await clock.advance(30_000);
  expect(shown()).toEqual(['Down a resolved']);
});

test('a crash right after the end still reports the end', async () => {
  await start(DOWN);
  await pass(2 * MINUTE, 0);
  await pass(15_000, 1);
  await stop();
  await start();
  expect(shown()).toEqual(['Down a resolved']);
  await pass(16 * MINUTE, 1);
  expect(shown()).toEqual([]);
  expect(await state.db.selectFrom('ruleAlerts').selectAll().execute()).toEqual([]);
});

test('the live tap brings an evaluation forward, for rules that mention the metric only, and not more often than it should', async () => {
  await start(DOWN.replace('for: 1m', 'for: 0s').replace('rules:', 'interval: 1h\n  rules:'));
  write(0);
  rules.wake('something_else');
  await clock.advance(0);
  expect(shown()).toEqual([]);
  rules.wake('up');
  await clock.advance(500);
  expect(shown()).toEqual(['Down a firing']);
  write(1);
  for (let i = 0; i < 10; i++) {
    rules.wake('up');
    await clock.advance(100);
  }
  expect(shown()).toEqual(['Down a resolved']);
  expect(rules.counters().woken).toBeLessThanOrEqual(4);
  rules.wake();
  await clock.advance(500);
  expect(rules.counters().failures).toBe(0);
});

test('reload keeps the alerts of rules that stay and ends those of rules that go, with their series', async () => {
  const two = `${DOWN}  - {alert: Gone, expr: up == 0, labels: {severity: info}}\n`;
  await start(two);
  await pass(2 * MINUTE, 0);
  expect(shown()).toEqual(['Down a firing', 'Gone a firing']);
  const since = alerts.list()[0]!.activeMs;
  await rules.reload(parseRuleFile(DOWN.replace('critical', 'critical'), 'r.yml'));
  expect(shown()).toEqual(['Down a firing', 'Gone a resolved']);
  await pass(30_000, 0);
  expect(alerts.list()[0]!.activeMs).toBe(since);
  expect(await engine.instant('count by (alertname) (ALERTS)', clock.now())).toMatchObject({
    samples: [{ labels: ['alertname', 'Down'], value: 1 }],
  });
  await rules.reload([]);
  expect(shown()).toEqual(['Down a resolved', 'Gone a resolved']);
  expect(await engine.instant('ALERTS', clock.now())).toMatchObject({ samples: [] });
});

test('rules that were taken out while the collector was off end at the next start', async () => {
  await start(DOWN);
  await pass(2 * MINUTE, 0);
  await stop();
  await start('groups: []');
  expect(shown()).toEqual(['Down a resolved']);
  expect(traceOf().at(-1)).toBe('its rule was taken out of the configuration: resolved');
});

test('GET /api/v1/rules and /api/v1/alerts have the form of Prometheus', async () => {
  await start(`${DOWN}  - {alert: Broken, expr: 'up + on (job) up', keep_firing_for: 2m}\n`);
  write(1, 'b');
  write(1, 'c');
  await pass(2 * MINUTE, 0);
  const app = Fastify();
  await app.register(rulesApi(rules));
  const answer = (await app.inject('/api/v1/rules')).json();
  expect(answer).toEqual({
    status: 'success',
    data: {
      groups: [
        {
          name: 'g',
          file: 'r.yml',
          interval: 15,
          limit: 0,
          evaluationTime: expect.any(Number),
          lastEvaluation: expect.stringMatching(/^2024-01-01T00:01:\d\d/),
          rules: [
            {
              state: 'firing',
              name: 'Down',
              query: 'up == 0',
              duration: 60,
              keepFiringFor: 0,
              labels: { severity: 'critical' },
              annotations: { summary: '{{ $labels.instance }} {{ $value }}' },
              alerts: [
                {
                  labels: { alertname: 'Down', instance: 'a', job: 'node', severity: 'critical' },
                  annotations: { summary: 'a 0' },
                  state: 'firing',
                  activeAt: expect.stringMatching(/^2024-01-01T00:00:/),
                  value: '0e+00',
                },
              ],
              health: 'ok',
              evaluationTime: expect.any(Number),
              lastEvaluation: expect.any(String),
              type: 'alerting',
            },
            {
              name: 'job:up:sum',
              query: 'sum by (job) (up)',
              labels: {},
              health: 'ok',
              evaluationTime: expect.any(Number),
              lastEvaluation: expect.any(String),
              type: 'recording',
            },
            expect.objectContaining({
              name: 'Broken',
              state: 'inactive',
              health: 'err',
              keepFiringFor: 120,
              lastError: expect.stringContaining('many-to-many'),
            }),
          ],
        },
      ],
    },
  });
  expect((await app.inject('/api/v1/alerts')).json().data.alerts).toHaveLength(1);
  const names = async (query: string): Promise<string[]> =>
    (await app.inject(`/api/v1/rules?${query}`))
      .json()
      .data.groups.flatMap((group: { rules: { name: string }[] }) => group.rules.map(({ name }) => name));
  expect(await names('type=record')).toEqual(['job:up:sum']);
  expect(await names('type=alert&rule_name[]=Down')).toEqual(['Down']);
  expect(await names('rule_group[]=other')).toEqual([]);
  expect((await app.inject('/api/v1/rules?type=x')).json()).toEqual({
    status: 'error',
    errorType: 'bad_data',
    error: 'invalid parameter "type": not supported value "x"',
  });
  await app.close();
});

test.each([
  [0, 0, { atMs: 0, missed: 0, nextMs: 10 }],
  [0, 3, { atMs: 0, missed: 0, nextMs: 10 }],
  [0, 10, { atMs: 10, missed: 1, nextMs: 20 }],
  [0, 35, { atMs: 30, missed: 3, nextMs: 40 }],
])('a timer armed for %i that wakes at %i', (armed, now, expected) => expect(planTurn(armed, now, 10)).toEqual(expected));

test('evaluation times are aligned to the interval with an offset that belongs to the group', () => {
  const offset = groupOffsetMs('r.yml;g', 15_000);
  expect(offset).toBe(groupOffsetMs('r.yml;g', 15_000));
  expect(new Set(Array.from({ length: 50 }, (_, i) => groupOffsetMs(`r.yml;${i}`, 15_000))).size).toBeGreaterThan(40);
  for (const now of [START, START + 1, START + offset]) {
    const next = nextEvaluationMs(now, 15_000, offset);
    expect(next).toBeGreaterThan(now);
    expect(next - now).toBeLessThanOrEqual(15_000);
    expect((next - offset) % 15_000).toBe(0);
  }
});
