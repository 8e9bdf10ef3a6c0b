/** The `alerting` section of bellwether.yml: receivers with their channels and the route tree, in Alertmanager's spelling. */
import type { Clock } from '@bellwether/shared/clock';
import { duration, secret } from '@bellwether/shared/schema';
import { z } from 'zod';
import type { Channel } from './channels/channel.ts';
import { createEmail } from './channels/email.ts';
import { createWebhook } from './channels/webhook.ts';
import { createMatcher, parseMatchers } from './matcher.ts';
import type { Route, RouteConfig } from './route.ts';
import { buildRoute } from './route.ts';

const matcherText = z.string().superRefine((text, context) => report(() => parseMatchers(text), context));

const labelText = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String));

const routeFields = {
  receiver: z.string().optional().describe('Name of the receiver; inherited.'),
  group_by: z.array(z.string()).optional().describe("Labels whose values make a group; ['...'] groups by all. Inherited."),
  group_wait: duration().optional().describe('How long a new group waits for more alerts before its first notification. Inherited; 30s.'),
  group_interval: duration(undefined, { min: '1s' })
    .optional()
    .describe('Shortest time between two notifications of a group. Inherited; 5m.'),
  repeat_interval: duration(undefined, { min: '1s' })
    .optional()
    .describe('A group that still fires is told again after this long. Inherited; 4h.'),
  matchers: z
    .array(matcherText)
    .optional()
    .describe('An alert takes the route when all hold: severity="critical", team=~"a|b", env!="dev".'),
  match: labelText.optional().describe('Older form of matchers: label equals value.'),
  match_re: labelText
    .superRefine((patterns, context) => {
      for (const [name, pattern] of Object.entries(patterns)) report(() => createMatcher(name, '=~', pattern), context);
    })
    .optional()
    .describe('Older form of matchers: label matches the regular expression.'),
  continue: z.boolean().optional().describe('Also try the routes after this one.'),
};

const route: z.ZodType<RouteConfig> = z.strictObject({
  ...routeFields,
  routes: z
    .array(z.lazy(() => route))
    .optional()
    .meta({ kind: 'list of routes' })
    .describe('Tried in order; the first that takes the alert ends the search unless it says continue.'),
});

const webhook = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('Where notifications are posted (Alertmanager webhook JSON, version 4).'),
  send_resolved: z.boolean().default(true).describe('Also tell when alerts end.'),
  timeout: duration('10s', { min: '100ms' }).describe('Longest wait for one attempt.'),
  max_alerts: z.int().min(0).default(0).describe('At most this many alerts in one message; 0: all.'),
  token: secret().optional().describe('Sent as a bearer token.'),
});

const email = z.strictObject({
  to: z.string().min(3).describe('Addresses, separated by commas.'),
  from: z.string().min(3).optional().describe('Sender; alerting.smtp.from by default.'),
  send_resolved: z.boolean().default(true).describe('Also tell when alerts end.'),
});

const smtp = z.strictObject({
  host: z.string().min(1).describe('Mail server.'),
  port: z.int().min(1).max(65_535).default(587),
  from: z.string().min(3).describe('Sender of alert mails.'),
  encryption: z
    .enum(['starttls', 'tls', 'opportunistic', 'none'])
    .default('starttls')
    .describe('starttls: must upgrade (port 587); tls: encrypted from the start (465); opportunistic: upgrade when offered; none.'),
  verify_certificate: z.boolean().default(true),
  username: z.string().optional(),
  password: secret().optional(),
  hello: z.string().optional().describe('Name said in EHLO.'),
  timeout: duration('30s', { min: '1s' }).describe('Longest wait for one step of the conversation.'),
});

const receiver = z.strictObject({
  name: z.string().min(1),
  webhook_configs: z.array(webhook).default([]),
  email_configs: z.array(email).default([]),
});

export const alertingConfig = z
  .strictObject({
    smtp: smtp.optional().describe('The mail server all email_configs use.'),
    receivers: z.array(receiver).default([]).describe('Who is told, and how.'),
    route: route
      .optional()
      .describe('Which alerts go to whom. Without it everything goes to the first receiver, AgentDown and HostDown at once.'),
  })
  .superRefine((config, context) => {
    const names = config.receivers.map(({ name }) => name);
    for (const [i, name] of names.entries()) {
      if (names.indexOf(name) < i)
        context.addIssue({ code: 'custom', path: ['receivers', i, 'name'], message: `two receivers are named ${name}` });
    }
    for (const [i, { email_configs }] of config.receivers.entries()) {
      if (email_configs.length > 0 && config.smtp === undefined) {
        context.addIssue({
          code: 'custom',
          path: ['receivers', i, 'email_configs'],
          message: 'e-mail needs a mail server: set alerting.smtp.host and alerting.smtp.from',
        });
      }
    }
    if (config.route === undefined) return;
    if (config.route.receiver === undefined)
      context.addIssue({ code: 'custom', path: ['route'], message: 'the root route needs a receiver' });
    if (hasMatchers(config.route))
      context.addIssue({ code: 'custom', path: ['route'], message: 'the root route takes every alert: it must not have matchers' });
    checkReceivers(config.route, names, ['route'], context);
  });

export type AlertingConfig = z.infer<typeof alertingConfig>;

interface Issues {
  addIssue(issue: { code: 'custom'; path?: (string | number)[]; message: string }): void;
}

function report(run: () => void, context: Issues): void {
  try {
    run();
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
  }
}

function hasMatchers({ match, match_re, matchers }: RouteConfig): boolean {
  return (matchers?.length ?? 0) + Object.keys(match ?? {}).length + Object.keys(match_re ?? {}).length > 0;
}

function checkReceivers(config: RouteConfig, names: readonly string[], path: (string | number)[], context: Issues): void {
  if (config.receiver !== undefined && !names.includes(config.receiver)) {
    context.addIssue({ code: 'custom', path: [...path, 'receiver'], message: `there is no receiver named ${config.receiver}` });
  }
  for (const [i, child] of (config.routes ?? []).entries()) checkReceivers(child, names, [...path, 'routes', i], context);
}

/** The route tree; without one, everything goes to the first receiver, and AgentDown and HostDown without waiting. */
export function routeOf(config: AlertingConfig): Route {
  return buildRoute(
    config.route ?? {
      receiver: config.receivers[0]?.name ?? 'nobody',
      group_by: ['alertname'],
      routes: [{ matchers: ['alertname=~"AgentDown|HostDown"'], group_wait: 0, group_interval: 10_000 }],
    },
  );
}

/** Every channel by `<receiver>\0<kind>/<place>`. */
export function buildChannels(config: AlertingConfig, clock: Clock): Map<string, Channel> {
  const channels = new Map<string, Channel>();
  for (const { name, webhook_configs, email_configs } of config.receivers) {
    for (const [i, { url, token, timeout, max_alerts, send_resolved }] of webhook_configs.entries()) {
      channels.set(
        `${name}\0webhook/${i}`,
        createWebhook({ url, token, timeoutMs: timeout, maxAlerts: max_alerts, sendResolved: send_resolved }, clock),
      );
    }
    const { smtp } = config;
    if (smtp === undefined) continue;
    const { host, port, encryption, username, password, hello } = smtp;
    const server = {
      host,
      port,
      encryption,
      username,
      password,
      hello,
      timeoutMs: smtp.timeout,
      verifyCertificate: smtp.verify_certificate,
    };
    for (const [i, { to, from, send_resolved }] of email_configs.entries()) {
      channels.set(`${name}\0email/${i}`, createEmail({ ...server, to, from: from ?? smtp.from, sendResolved: send_resolved }));
    }
  }
  return channels;
}
