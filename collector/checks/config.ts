/** The `checks` section of bellwether.yml, and the same form in the API. Options are named as blackbox_exporter names them. */
import { isIP } from 'node:net';
import { compilePattern, LABEL_NAME } from '@bellwether/shared';
import { bytes, duration, secret } from '@bellwether/shared/schema';
import * as z from 'zod';

/** Labels that say what a series of a check is about. */
const RESERVED = new Set(['__name__', 'job', 'instance', 'check', 'agent', 'phase', 'version', 'cipher', 'issuer', 'subject']);
/** What one agent is given at most; the message that carries it has a bound too. */
export const MAX_CHECKS = 2_000;

const pattern = z.string().superRefine((text, context) => {
  try {
    compilePattern(text);
  } catch {
    context.addIssue({ code: 'custom', message: `"${text}" is not a regular expression` });
  }
});

const addressKeys = {
  preferred_ip_protocol: z
    .enum(['ip4', 'ip6', 'system'])
    .optional()
    .describe("Which of a name's addresses is probed; system: the first the agent's resolver gives. Default: system."),
  ip_protocol_fallback: z.boolean().optional().describe('Take the other protocol where there is none of the preferred one. Default: true.'),
};

const tlsConfig = z
  .strictObject({
    insecure_skip_verify: z.boolean().optional().describe('Accept any certificate; its dates are still recorded.'),
    server_name: z.string().min(1).optional().describe("Name asked for and expected in the certificate, when it is not the target's."),
    ca: z.string().min(1).optional().describe('PEM text of authorities to trust instead of the usual ones.'),
    ca_file: z.string().min(1).optional().describe('The same from a file of the agent.'),
    cert_file: z.string().min(1).optional().describe('Client certificate, a file of the agent.'),
    key_file: z.string().min(1).optional().describe('Its key, a file of the agent.'),
    min_version: z.enum(['TLS10', 'TLS11', 'TLS12', 'TLS13']).optional().describe('Default: TLS12.'),
  })
  .optional()
  .describe('How TLS is done.');

const http = z.strictObject({
  ...addressKeys,
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).optional().describe('Default: GET.'),
  headers: z
    .record(z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/), z.string().regex(/^[^\r\n\0]*$/))
    .optional()
    .describe('Sent as they are; Host too.'),
  body: z.string().max(65_536).optional().describe('Sent with the request.'),
  valid_status_codes: z.array(z.int().min(100).max(599)).optional().describe('Default: 200 to 299.'),
  valid_http_versions: z
    .array(z.enum(['HTTP/1.0', 'HTTP/1.1']))
    .optional()
    .describe('Default: any. HTTP/2 is not spoken.'),
  follow_redirects: z.boolean().optional().describe('At most 10. Default: true.'),
  fail_if_ssl: z.boolean().optional().describe('Fail when the last answer came over TLS.'),
  fail_if_not_ssl: z.boolean().optional().describe('Fail when the last answer came without TLS.'),
  fail_if_body_matches_regexp: z.array(pattern).max(20).optional().describe('Fail when one matches the first MiB of the body.'),
  fail_if_body_not_matches_regexp: z.array(pattern).max(20).optional().describe('Fail when one does not.'),
  body_size_limit: bytes(undefined, { max: '1GB' }).optional().describe('Longer bodies fail. Default: 16MB.'),
  basic_auth: z.strictObject({ username: z.string(), password: secret() }).optional().describe('Sent to the first host only.'),
  bearer_token: secret().optional().describe('Sent to the first host only.'),
  tls_config: tlsConfig,
});

const tcp = z.strictObject({
  ...addressKeys,
  tls: z.boolean().optional().describe('TLS from the start.'),
  tls_config: tlsConfig,
  query_response: z
    .array(
      z.strictObject({
        expect: pattern.optional().describe('Wait for a line that matches.'),
        send: z.string().max(4_096).optional().describe('Then send this line; `${1}` is the first group of the match.'),
        starttls: z.boolean().optional().describe('Then start TLS.'),
      }),
    )
    .max(50)
    .optional()
    .describe('A conversation in lines.'),
});

const icmp = z.strictObject(addressKeys);

const count = z.union([z.int().min(1), z.literal('all')], { error: 'must be a number of agents, or all' });
const agents = z
  .union(
    [
      z.enum(['any', 'all']).transform((word) => ({ hosts: ['*'], count: word === 'all' ? ('all' as const) : 1 })),
      z.strictObject({ hosts: z.array(z.string().min(1)).min(1), count: count.default(1) }),
    ],
    { error: 'must be any, all, or hosts: [names, * for any part] with count' },
  )
  .meta({ kind: 'any, all, or {hosts, count}' });

const labels = z.record(z.string(), z.string()).superRefine((record, context) => {
  for (const name of Object.keys(record)) {
    const problem = RESERVED.has(name)
      ? 'is set by the check itself'
      : LABEL_NAME.test(name) && !name.startsWith('__')
        ? undefined
        : 'is not a label name';
    if (problem !== undefined) context.addIssue({ code: 'custom', path: [name], message: `${name} ${problem}` });
  }
});

const check = z
  .strictObject({
    name: z
      .string()
      .regex(/^\S(.{0,98}\S)?$/u, { error: 'must be 1 to 100 characters without a blank at either end' })
      .describe('Unique; the label `check`.'),
    probe: z.enum(['http', 'tcp', 'icmp']).describe('How the target is tried.'),
    target: z.string().min(1).max(2_000).describe('http: an address; tcp: host:port; icmp: a host. The label `instance`.'),
    interval: duration('30s', { min: '1s', max: '2m' }).describe('Time between runs.'),
    timeout: duration('5s', { min: '100ms', max: '1m' }).describe('Longest wait for one try.'),
    attempts: z.int().min(1).max(10).default(2).describe('Tries of a run before it counts as failed; all fit into the interval.'),
    agents: agents
      .prefault('any')
      .describe(
        'Who runs it. any: one of all hosts; all: every host; hosts: `count` (default 1, or all) of these names, `*` for any part of one.',
      ),
    labels: labels.default({}).describe('Further labels of its series.'),
    http: http.optional().describe('Options of the probe http.'),
    tcp: tcp.optional().describe('Options of the probe tcp.'),
    icmp: icmp.optional().describe('Options of the probe icmp.'),
  })
  .superRefine(({ probe, target, interval, timeout, attempts, ...options }, context) => {
    const issue = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    const problem = targetProblem(probe, target);
    if (problem !== undefined) issue('target', problem);
    if (timeout * attempts > interval) issue('timeout', 'all attempts with this timeout must fit into the interval');
    for (const other of ['http', 'tcp', 'icmp'] as const) {
      if (other !== probe && options[other] !== undefined) issue(other, `is of another probe than ${probe}`);
    }
    if (options.http?.basic_auth !== undefined && options.http.bearer_token !== undefined)
      issue('http', 'has both basic_auth and bearer_token');
  });

export const checkSchema = check;

export const checksConfig = z
  .array(check)
  .max(MAX_CHECKS)
  .superRefine((list, context) => {
    const seen = new Set<string>();
    for (const [i, { name }] of list.entries()) {
      if (seen.has(name)) context.addIssue({ code: 'custom', path: [i, 'name'], message: `two checks are named ${name}` });
      seen.add(name);
    }
  });

export type CheckConfig = z.output<typeof checkSchema>;

function targetProblem(probe: CheckConfig['probe'], target: string): string | undefined {
  if (/[\s\0]/.test(target)) return 'must not contain blanks';
  if (probe === 'http') {
    const url = parseUrl(target);
    if (url === null || !/^https?:$/.test(url.protocol)) return 'must be an address such as https://www.example.org/health';
    return url.username === '' && url.password === '' ? undefined : 'must not hold credentials: use http.basic_auth';
  }
  if (probe === 'tcp') {
    const match = /^(?:\[([^\]]+)\]|([^:[\]/]+)):(\d{1,5})$/.exec(target);
    const isGood = match !== null && Number(match[3]) > 0 && Number(match[3]) < 65_536 && (match[1] === undefined || isIP(match[1]) === 6);
    return isGood ? undefined : 'must be host:port, [address]:port for IPv6';
  }
  return isIP(target) !== 0 || /^[\p{L}\p{N}]([\p{L}\p{N}._-]*[\p{L}\p{N}.])?$/u.test(target)
    ? undefined
    : 'must be a host name or an address';
}

function parseUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
