import { SteppedClock, systemClock } from '@bellwether/shared/clock';
import { Secret } from '@bellwether/shared/schema';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createWebhook, retryAfterMs, webhookPayload } from '../../../collector/alerts/channels/webhook.ts';
import type { Notification } from '../../../collector/alerts/index.ts';
import { Receiver, until } from './bench.ts';

const NOTIFICATION: Notification = {
  groupKey: '{}:{alertname="X"}',
  receiver: 'ops',
  status: 'firing',
  groupLabels: { alertname: 'X' },
  commonLabels: { alertname: 'X' },
  commonAnnotations: {},
  externalUrl: 'http://mon',
  reason: 'the group fires and nobody was told yet',
  timeMs: 1_700_000_000_000,
  thread: null,
  alerts: [
    {
      fingerprint: '00000000000000aa',
      status: 'firing',
      labels: { alertname: 'X', instance: 'a' },
      annotations: { summary: 's' },
      startsMs: 1_700_000_000_000,
      endsMs: null,
      generatorUrl: 'http://mon/a',
    },
    {
      fingerprint: '00000000000000bb',
      status: 'resolved',
      labels: { alertname: 'X', instance: 'b' },
      annotations: {},
      startsMs: 1_600_000_000_000,
      endsMs: 1_700_000_000_000,
      generatorUrl: '',
    },
  ],
};

let receiver: Receiver;
beforeEach(async () => {
  receiver = await Receiver.open();
});
afterEach(() => receiver.close());

const NEVER = new AbortController().signal;
const options = { timeoutMs: 5_000, sendResolved: true, maxAlerts: 0 };

test('the payload is version 4, key by key', () => {
  expect(webhookPayload(NOTIFICATION)).toEqual({
    receiver: 'ops',
    status: 'firing',
    alerts: [
      {
        status: 'firing',
        labels: { alertname: 'X', instance: 'a' },
        annotations: { summary: 's' },
        startsAt: '2023-11-14T22:13:20.000Z',
        endsAt: '0001-01-01T00:00:00Z',
        generatorURL: 'http://mon/a',
        fingerprint: '00000000000000aa',
      },
      {
        status: 'resolved',
        labels: { alertname: 'X', instance: 'b' },
        annotations: {},
        startsAt: '2020-09-13T12:26:40.000Z',
        endsAt: '2023-11-14T22:13:20.000Z',
        generatorURL: '',
        fingerprint: '00000000000000bb',
      },
    ],
    groupLabels: { alertname: 'X' },
    commonLabels: { alertname: 'X' },
    commonAnnotations: {},
    externalURL: 'http://mon',
    version: '4',
    groupKey: '{}:{alertname="X"}',
    truncatedAlerts: 0,
  });
  expect(webhookPayload(NOTIFICATION, 1)).toMatchObject({ truncatedAlerts: 1, alerts: [{ fingerprint: '00000000000000aa' }] });
});

test('posts JSON with the token', async () => {
  const webhook = createWebhook({ ...options, url: receiver.url, token: new Secret('s3cret-token') }, systemClock);
  expect(await webhook.send(NOTIFICATION, NEVER)).toEqual({ outcome: 'delivered', detail: 'HTTP 200' });
  expect(receiver.received[0]!.headers).toMatchObject({
    'content-type': 'application/json',
    authorization: 'Bearer s3cret-token',
    'user-agent': 'Bellwether',
  });
  expect(receiver.received[0]!.body).toEqual(webhookPayload(NOTIFICATION));
});

test.each([
  [
    { status: 500, body: 'oops' },
    { outcome: 'failed', retry: true, detail: 'HTTP 500: oops' },
  ],
  [
    { status: 503, headers: { 'retry-after': '7' } },
    { outcome: 'failed', retry: true, afterMs: 7_000, detail: 'HTTP 503' },
  ],
  [
    { status: 429, headers: { 'retry-after': '30' } },
    { outcome: 'failed', retry: true, afterMs: 30_000, detail: 'HTTP 429' },
  ],
  [
    { status: 400, body: 'bad\n\npayload' },
    { outcome: 'failed', retry: false, detail: 'HTTP 400: bad payload' },
  ],
  [{ status: 404 }, { outcome: 'failed', retry: false, detail: 'HTTP 404' }],
  [
    { status: 302, headers: { location: '/other' } },
    { outcome: 'failed', retry: false, detail: 'HTTP 302' },
  ],
  [{ status: 204 }, { outcome: 'delivered', detail: 'HTTP 204' }],
  [
    { status: 403, body: 'token s3cret-token is wrong' },
    { outcome: 'failed', retry: false, detail: 'HTTP 403: token *** is wrong' },
  ],
])('answer %j is %j', async (answer, expected) => {
  receiver.answers.push(answer as (typeof receiver.answers)[number]);
  const webhook = createWebhook({ ...options, url: receiver.url, token: new Secret('s3cret-token') }, systemClock);
  expect(await webhook.send(NOTIFICATION, NEVER)).toEqual(expected);
});

test('an answer that never comes ends with the timeout, and with a stop', async () => {
  receiver.answers.push({ status: 200, hang: true }, { status: 200, hang: true });
  const clock = new SteppedClock(0);
  const webhook = createWebhook({ ...options, url: receiver.url }, clock);
  const slow = webhook.send(NOTIFICATION, NEVER);
  await until(() => receiver.received.length === 1);
  await clock.advance(5_000);
  expect(await slow).toEqual({ outcome: 'failed', retry: true, detail: 'no answer within 5000 ms' });
  const stop = new AbortController();
  const stopped = webhook.send(NOTIFICATION, stop.signal);
  await until(() => receiver.received.length === 2);
  stop.abort();
  expect(await stopped).toMatchObject({ outcome: 'failed', detail: 'given up: stopped or replaced' });
});

test('a closed port is worth another try, and the URL keeps its secrets', async () => {
  const url = new URL(receiver.url);
  await receiver.close();
  const webhook = createWebhook(
    { ...options, url: `http://${url.host}/services/T00000000/abcdefghijklmnopqrstuvwx?key=hidden` },
    systemClock,
  );
  const result = await webhook.send(NOTIFICATION, NEVER);
  expect(result).toMatchObject({ outcome: 'failed', retry: true });
  expect(result.detail).toContain('ECONNREFUSED');
  expect(result.detail).not.toMatch(/abcdefghij|hidden/);
  receiver = await Receiver.open();
});

test('a secret that cannot be read fails the attempt with its reason', async () => {
  const webhook = createWebhook({ ...options, url: receiver.url, token: new Secret('file:/nonexistent/token') }, systemClock);
  expect(await webhook.send(NOTIFICATION, NEVER)).toMatchObject({
    outcome: 'failed',
    retry: true,
    detail: expect.stringContaining('/nonexistent/token cannot be read'),
  });
});

test.each([
  [null, undefined],
  ['5', 5_000],
  ['Thu, 01 Jan 1970 00:01:00 GMT', 50_000],
  ['Thu, 01 Jan 1970 00:00:01 GMT', 0],
  ['soon', undefined],
])('Retry-After %p at 10 s is %p', (header, expected) => expect(retryAfterMs(header, 10_000)).toBe(expected));
