import { labelsFrom } from '@bellwether/shared';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { fingerprintOf } from '../../../collector/alerts/index.ts';
import { Bench, Receiver, until } from './bench.ts';

const MINUTE = 60_000;
let receiver: Receiver;
let bench: Bench;

const config = (route: Record<string, unknown> = {}, webhook: Record<string, unknown> = {}): unknown => ({
  receivers: [{ name: 'ops', webhook_configs: [{ url: receiver.url, ...webhook }] }],
  route: { receiver: 'ops', group_by: ['alertname'], ...route },
});

async function open(route?: Record<string, unknown>, webhook?: Record<string, unknown>): Promise<void> {
  bench = await Bench.open(config(route, webhook));
}

beforeEach(async () => {
  receiver = await Receiver.open();
});
afterEach(async () => {
  await bench.close();
  await receiver.close();
});

test('group_wait gathers, group_interval holds news back, repeat_interval repeats, the end is told', async () => {
  await open();
  bench.report('firing', 'a');
  await bench.advance(20_000);
  bench.report('firing', 'b');
  await bench.advance(9_000);
  expect(receiver.lines).toEqual([]);
  await bench.advance(1_000);
  expect(receiver.lines).toEqual(['FIRING a b']);
  bench.report('firing', 'c');
  await bench.advance(4 * MINUTE);
  expect(receiver.lines).toHaveLength(1);
  await bench.advance(1 * MINUTE);
  expect(receiver.lines.at(-1)).toBe('FIRING a b c');
  await bench.advance(200 * MINUTE);
  expect(receiver.lines).toHaveLength(2);
  for (let i = 0; i < 9; i++) await bench.advance(5 * MINUTE);
  expect(receiver.lines).toHaveLength(3);
  bench.report('resolved', 'b');
  await bench.advance(5 * MINUTE);
  expect(receiver.lines.at(-1)).toBe('FIRING a c b-');
  bench.report('resolved', 'a');
  await bench.advance(1);
  bench.report('resolved', 'c');
  await bench.advance(5 * MINUTE);
  expect(receiver.lines.at(-1)).toBe('RESOLVED a- c-');
  await bench.advance(20 * MINUTE);
  expect(receiver.lines).toHaveLength(5);
  expect(bench.alerts.counters()).toMatchObject({ groups: 0, alerts: 0, delivered: 5, failed: 0, queued: 0 });
});

test('what ends before anybody was told is not told at all', async () => {
  await open();
  bench.report('firing', 'a');
  await bench.advance(10_000);
  bench.report('resolved', 'a');
  await bench.advance(30 * MINUTE);
  expect(receiver.lines).toEqual([]);
  expect(bench.alerts.counters()).toMatchObject({ groups: 0, alerts: 0 });
});

test('a pending alert is shown and not told; a dropped one disappears', async () => {
  await open({ group_wait: '0s' });
  bench.report('pending', 'a');
  await bench.advance(MINUTE);
  expect(bench.alerts.list()).toMatchObject([{ state: 'pending', firedMs: null, name: 'X', severity: 'critical' }]);
  bench.report('dropped', 'a');
  expect(bench.alerts.list()).toEqual([]);
  expect(receiver.lines).toEqual([]);
});

test('the default route sends AgentDown at once, in the same turn', async () => {
  bench = await Bench.open({ receivers: [{ name: 'first', webhook_configs: [{ url: receiver.url }] }] });
  bench.report('firing', 'a', { alertname: 'AgentDown' });
  bench.report('firing', 'b', { alertname: 'AgentDown' });
  bench.report('firing', 'c', { alertname: 'Other' });
  await bench.advance(0);
  expect(receiver.lines).toEqual(['FIRING a b']);
  bench.report('resolved', 'a', { alertname: 'AgentDown' });
  bench.report('resolved', 'b', { alertname: 'AgentDown' });
  await bench.advance(10_000);
  expect(receiver.lines.at(-1)).toBe('RESOLVED a- b-');
  bench.report('firing', 'a', { alertname: 'AgentDown' });
  await bench.advance(0);
  expect(receiver.lines.at(-1)).toBe('FIRING a');
});

test('an acknowledged alert is not repeated, news and its end are told', async () => {
  await open({ group_wait: '0s', repeat_interval: '10m' });
  bench.report('firing', 'a');
  await bench.advance(0);
  const fingerprint = bench.alerts.list()[0]!.fingerprint;
  const view = bench.alerts.acknowledge(fingerprint, 'ann', 'on it', bench.clock.now());
  expect(view).toMatchObject({ acknowledgedBy: 'ann', acknowledgeNote: 'on it', acknowledgedMs: bench.clock.now() });
  for (let i = 0; i < 6; i++) await bench.advance(5 * MINUTE);
  expect(receiver.lines).toEqual(['FIRING a']);
  expect(bench.trace('a').at(-1)).toContain('acknowledged: not repeated');
  bench.report('resolved', 'a');
  await bench.advance(5 * MINUTE);
  expect(receiver.lines.at(-1)).toBe('RESOLVED a-');
  bench.report('firing', 'a');
  await bench.advance(0);
  expect(bench.alerts.list()[0]).toMatchObject({ acknowledgedBy: null, state: 'firing' });
  expect(() => bench.alerts.acknowledge('0000000000000000', 'ann', '', 0)).toThrow('There is no open alert 0000000000000000');
});

test('every stage leaves its reason', async () => {
  await open({ group_wait: '10s', group_interval: '1m' });
  bench.report('firing', 'a');
  await bench.advance(10_000);
  await bench.advance(MINUTE);
  await bench.advance(MINUTE);
  expect(bench.trace('a')).toEqual([
    'rule: firing',
    'route: to receiver ops by route {}, in the group {alertname="X"}',
    'wait: waits 10s for others of the group (group_wait)',
    'group: webhook/0 of ops: sends, because the group fires and nobody was told yet',
    'send: webhook/0 of ops: delivered at attempt 1: HTTP 200',
    'deduplicate: webhook/0 of ops: told 2m ago and nothing changed; next repeat in 3h58m',
  ]);
});

test('without a receiver the trace says that nobody was told', async () => {
  bench = await Bench.open({});
  bench.report('firing', 'a');
  await bench.advance(30_000);
  expect(bench.trace('a').at(-1)).toBe('send: receiver nobody has no channel: nobody was told; add one under alerting.receivers');
});

test('two rules with the same alert: one that ends does not end it for the other', async () => {
  await open({ group_wait: '0s' });
  bench.report('firing', 'a');
  bench.alerts.receive([{ ...bench.alert('resolved', 'a'), source: 'other rule' }], bench.clock.now());
  expect(bench.alerts.list()[0]!.state).toBe('firing');
  expect(bench.trace('a').at(-1)).toBe('deduplicate: other rule says resolved, but rule has it firing: left firing');
});

test('a restart keeps what was told, acknowledgements, traces and the delivery log', async () => {
  await open({ group_wait: '0s' });
  bench.report('firing', 'a');
  await bench.advance(0);
  bench.alerts.acknowledge(
    fingerprintOf(labelsFrom({ alertname: 'X', severity: 'critical', instance: 'a' })),
    'bob',
    '',
    bench.clock.now(),
  );
  await bench.stop();
  await bench.start();
  bench.report('firing', 'a');
  await bench.advance(6 * MINUTE);
  expect(receiver.lines).toEqual(['FIRING a']);
  expect(bench.alerts.list()[0]).toMatchObject({ acknowledgedBy: 'bob' });
  expect(bench.trace('a').some((line) => line.startsWith('send: webhook/0 of ops: delivered'))).toBe(true);
  await bench.stop();
  await bench.start();
  bench.report('resolved', 'a'); // ended while the collector was away
  await bench.advance(0);
  await bench.advance(6 * MINUTE);
  expect(receiver.lines).toEqual(['FIRING a', 'RESOLVED a-']);
  expect(await bench.alerts.deliveries(10)).toMatchObject([
    { receiver: 'ops', channel: 'webhook', status: 'resolved', alerts: ['X'], outcome: 'delivered', attempts: 1, detail: 'HTTP 200' },
    { receiver: 'ops', channel: 'webhook', status: 'firing', alerts: ['X'], outcome: 'delivered', attempts: 1 },
  ]);
});

test('a delivery in progress survives a restart', async () => {
  await open({ group_wait: '0s' });
  receiver.answers.push({ status: 503 }, { status: 503, body: 'later' });
  bench.report('firing', 'a');
  await bench.advance(0);
  expect(await bench.alerts.deliveries(1)).toMatchObject([{ outcome: 'retrying', detail: 'HTTP 503; next attempt in 1s', attempts: 1 }]);
  await bench.stop();
  await bench.start();
  await bench.settle();
  expect(await bench.alerts.deliveries(1)).toMatchObject([
    { outcome: 'retrying', detail: 'HTTP 503: later; next attempt in 2s', attempts: 2 },
  ]);
  await bench.advance(2_000);
  expect(await bench.alerts.deliveries(1)).toMatchObject([{ outcome: 'delivered', attempts: 3 }]);
  expect(receiver.lines).toEqual(['FIRING a', 'FIRING a', 'FIRING a']);
  bench.report('firing', 'a');
  await bench.advance(10 * MINUTE);
  expect(receiver.lines).toHaveLength(3);
});

test('a refusal (4xx) is final for the message; the group tries again later', async () => {
  await open({ group_wait: '0s', group_interval: '1m' });
  receiver.answers.push({ status: 404, body: 'no such hook' });
  bench.report('firing', 'a');
  await bench.advance(0);
  expect(await bench.alerts.deliveries(1)).toMatchObject([{ outcome: 'failed', attempts: 1, detail: 'HTTP 404: no such hook' }]);
  await bench.advance(4 * MINUTE);
  expect(receiver.lines).toHaveLength(1);
  expect(bench.trace('a').at(-1)).toContain('failed lately; next try in');
  bench.report('firing', 'b');
  await bench.advance(MINUTE);
  expect(receiver.lines).toEqual(['FIRING a', 'FIRING a b']);
});

test('a channel that stays down is given up after five minutes and tried again by the group', async () => {
  await open({ group_wait: '0s' });
  for (let i = 0; i < 11; i++) receiver.answers.push({ status: 500 });
  bench.report('firing', 'a');
  await bench.advance(0);
  for (let i = 0; i < 60; i++) await bench.advance(5_000);
  const [delivery] = await bench.alerts.deliveries(1);
  expect(delivery).toMatchObject({ outcome: 'failed' });
  expect(delivery!.detail).toMatch(/^given up after \d+ attempts: HTTP 500$/);
  receiver.answers.length = 0;
  for (let i = 0; i < 3; i++) await bench.advance(5 * MINUTE);
  expect((await bench.alerts.deliveries(1))[0]).toMatchObject({ outcome: 'delivered' });
});

test('news replaces a delivery that is still waiting for its next attempt', async () => {
  await open({ group_wait: '0s', group_interval: '10s' });
  receiver.answers.push({ status: 503, headers: { 'retry-after': '120' } });
  bench.report('firing', 'a');
  await bench.advance(0);
  bench.report('firing', 'b');
  await bench.advance(10_000);
  expect(receiver.lines).toEqual(['FIRING a', 'FIRING a b']);
  expect((await bench.alerts.deliveries(2)).map(({ outcome, detail }) => `${outcome}: ${detail}`)).toEqual([
    'delivered: HTTP 200',
    'failed: replaced by a newer notification about the same group',
  ]);
});

test('send_resolved: false keeps the end to itself, and the next firing is news', async () => {
  await open({ group_wait: '0s' }, { send_resolved: false });
  bench.report('firing', 'a');
  await bench.advance(0);
  bench.report('resolved', 'a');
  await bench.advance(6 * MINUTE);
  bench.report('firing', 'a');
  await bench.advance(0);
  expect(receiver.lines).toEqual(['FIRING a', 'FIRING a']);
});

test('reload moves firing alerts to the new routes', async () => {
  await open({ group_wait: '0s' });
  bench.report('firing', 'a');
  await bench.advance(0);
  const { alertingConfig } = await import('../../../collector/alerts/index.ts');
  bench.alerts.reload(
    alertingConfig.parse({
      receivers: [{ name: 'new', webhook_configs: [{ url: receiver.url }] }],
      route: { receiver: 'new', group_by: ['alertname'], group_wait: '0s' },
    }),
  );
  await bench.advance(0);
  expect(receiver.received.map(({ body }) => body.receiver)).toEqual(['ops', 'new']);
});

test('listeners hear of changes until they leave', async () => {
  await open();
  let heard = 0;
  const leave = bench.alerts.onChange(() => heard++);
  bench.report('firing', 'a');
  leave();
  bench.report('resolved', 'a');
  expect(heard).toBe(1);
  await until(() => true);
});
