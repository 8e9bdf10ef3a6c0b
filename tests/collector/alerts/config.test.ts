import { AppError } from '@bellwether/shared';
import { SteppedClock } from '@bellwether/shared/clock';
import { describeSchema, loadYaml } from '@bellwether/shared/schema';
import { expect, test } from '@jest/globals';
import { buildChannels, routeOf } from '../../../collector/alerts/config.ts';
import { alertingConfig } from '../../../collector/alerts/index.ts';

const load = (text: string): ReturnType<typeof alertingConfig.parse> => loadYaml(text, alertingConfig, { file: 'a.yml' });

const GOOD = `
smtp: {host: mail, from: a@b, password: secret}
receivers:
  - name: ops
    webhook_configs: [{url: 'http://127.0.0.1:1/x', timeout: 2s, token: t}, {url: 'https://h/y'}]
    email_configs: [{to: 'a@b, c@d'}]
  - name: quiet
route:
  receiver: ops
  group_by: [alertname]
  routes:
    - matchers: ['severity="info"', 'team=~"a|b"']
      receiver: quiet
      routes: [{match: {x: 1}, repeat_interval: 1d, continue: true}]
`;

test('defaults and inheritance', () => {
  const config = load(GOOD);
  expect(config.receivers[0]!.webhook_configs).toMatchObject([{ timeout: 2_000, send_resolved: true, max_alerts: 0 }, { timeout: 10_000 }]);
  const route = routeOf(config);
  expect(route).toMatchObject({
    receiver: 'ops',
    groupWaitMs: 30_000,
    groupIntervalMs: 300_000,
    repeatIntervalMs: 14_400_000,
    groupBy: ['alertname'],
  });
  expect(route.routes[0]!.routes[0]).toMatchObject({
    receiver: 'quiet',
    repeatIntervalMs: 86_400_000,
    continues: true,
    groupBy: ['alertname'],
  });
  expect([...buildChannels(config, new SteppedClock()).keys()]).toEqual(['ops\0webhook/0', 'ops\0webhook/1', 'ops\0email/0']);
});

test('nothing configured: a route that leads to nobody', () => {
  expect(routeOf(load('{}'))).toMatchObject({
    receiver: 'nobody',
    routes: [{ groupWaitMs: 0, groupIntervalMs: 10_000, receiver: 'nobody' }],
  });
});

test('secrets are not shown', () => {
  const shown = JSON.stringify(load(GOOD));
  expect(shown).not.toContain('secret');
  expect(shown).toContain('"token":"***"');
});

test.each([
  ['receivers: [{nam: x}]', 'a.yml:1:14: receivers[0].nam: unknown key; did you mean "name"?'],
  ['receivers: [{name: x}, {name: x}]', 'receivers[1].name: two receivers are named x'],
  ['receivers: [{name: x, webhook_configs: [{url: ftp://h}]}]', 'receivers[0].webhook_configs[0].url'],
  ['receivers: [{name: x, webhook_configs: [{url: "http://h", timeout: 5}]}]', 'must be a duration'],
  ['receivers: [{name: x, email_configs: [{to: a@b}]}]', 'e-mail needs a mail server: set alerting.smtp.host'],
  ['{receivers: [{name: x}], route: {receiver: y}}', 'route.receiver: there is no receiver named y'],
  ['{receivers: [{name: x}], route: {receiver: x, routes: [{receiver: z}]}}', 'route.routes[0].receiver: there is no receiver named z'],
  ['{receivers: [{name: x}], route: {}}', 'the root route needs a receiver'],
  ['{receivers: [{name: x}], route: {receiver: x, matchers: [a=b]}}', 'the root route takes every alert'],
  ['{receivers: [{name: x}], route: {receiver: x, routes: [{matchers: ["a"]}]}}', 'bad matcher format: a'],
  ['{receivers: [{name: x}], route: {receiver: x, routes: [{matchers: ["a=~\\"(\\""]}]}}', 'is not a regular expression'],
  ['{receivers: [{name: x}], route: {receiver: x, group_interval: 0s}}', 'must be at least 1s'],
  ['{receivers: [{name: x}], route: {receiver: x, routes: [{match_re: {a: "("}}]}}', 'is not a regular expression'],
])('%s is refused', (text, reason) => {
  expect(() => load(text)).toThrow(AppError);
  expect(() => load(text)).toThrow(reason);
});

test('the reference of the section can be made', () => {
  expect(describeSchema(alertingConfig).map(({ path }) => path)).toEqual(
    expect.arrayContaining(['smtp.host', 'receivers[].webhook_configs[].url', 'route.group_wait', 'route.routes']),
  );
});
