import { checkYaml } from '@bellwether/shared/schema';
import * as z from 'zod';
import { createCheck } from '../../../collector/checks/check.ts';
import { checkSchema, checksConfig } from '../../../collector/checks/config.ts';

const schema = z.strictObject({ checks: checksConfig.default([]) });
const problems = (text: string): string[] => {
  const result = checkYaml(text, schema, { file: 'f' });
  return 'problems' in result ? result.problems : [];
};
const one = (fields: string): string => `checks:\n  - {${fields}}`;
const GOOD = 'name: a, probe: http, target: "http://x/"';

test('what is left out has its default', () => {
  expect(checkSchema.parse({ name: 'a', probe: 'http', target: 'http://x/' })).toEqual({
    name: 'a',
    probe: 'http',
    target: 'http://x/',
    interval: 30_000,
    timeout: 5_000,
    attempts: 2,
    agents: { hosts: ['*'], count: 1 },
    labels: {},
  });
});

test.each([
  ['any', { hosts: ['*'], count: 1 }],
  ['all', { hosts: ['*'], count: 'all' }],
  ['{hosts: [a, "b*"]}', { hosts: ['a', 'b*'], count: 1 }],
  ['{hosts: [a, b], count: all}', { hosts: ['a', 'b'], count: 'all' }],
  ['{hosts: [a, b], count: 2}', { hosts: ['a', 'b'], count: 2 }],
])('agents: %s', (text, agents) => {
  const result = checkYaml(one(`${GOOD}, agents: ${text}`), schema, { file: 'f' });
  expect(result).toMatchObject({ value: { checks: [{ agents }] } });
});

test.each([
  [GOOD.replace('http://x/', 'ftp://x/'), /target: must be an address such as/],
  [GOOD.replace('http://x/', 'http://u:p@x/'), /target: must not hold credentials: use http.basic_auth/],
  ['name: a, probe: tcp, target: x', /target: must be host:port/],
  ['name: a, probe: tcp, target: "::1:22"', /target: must be host:port/],
  ['name: a, probe: icmp, target: "-x"', /target: must be a host name or an address/],
  ['name: a, probe: icmp, target: "http://x"', /target: must be a host name or an address/],
  ['name: a, probe: dns, target: x', /probe: must be one of http, tcp, icmp/],
  [`${GOOD}, interval: 10m`, /interval: must be at most 2m/],
  [`${GOOD}, interval: 10s, timeout: 6s`, /timeout: all attempts with this timeout must fit into the interval/],
  [`${GOOD}, tcp: {}`, /tcp: is of another probe than http/],
  [`${GOOD}, labels: {job: x}`, /labels.job: job is set by the check itself/],
  [`${GOOD}, labels: {"a-b": x}`, /a-b is not a label name/],
  [`${GOOD}, http: {fail_if_body_matches_regexp: ["("]}`, /"\(" is not a regular expression/],
  [`${GOOD}, http: {headers: {"a b": x}}`, /headers/],
  [`${GOOD}, http: {statuscodes: []}`, /unknown key/],
  [`${GOOD}, agents: some`, /agents: must be any, all, or hosts/],
  [`${GOOD}, agents: {hosts: []}`, /agents/],
  ['name: " a", probe: http, target: "http://x/"', /name: must be 1 to 100 characters/],
])('refused: %s', (fields, problem) => expect(problems(one(fields)).join('\n')).toMatch(problem));

test.each([
  'name: a, probe: tcp, target: "[::1]:22"',
  'name: a, probe: tcp, target: "db.example:5432", tcp: {query_response: [{expect: "^220", send: "QUIT"}]}',
  'name: a, probe: icmp, target: "2001:db8::1"',
  'name: "Größe 1", probe: icmp, target: router.example., icmp: {preferred_ip_protocol: ip6}',
  `${GOOD}, http: {valid_status_codes: [200, 301], fail_if_body_matches_regexp: ["(?i)error"], basic_auth: {username: u, password: p}, body_size_limit: 1MB}`,
])('accepted: %s', (fields) => expect(problems(one(fields))).toEqual([]));

test('two checks of one name', () => {
  expect(problems(`checks:\n  - {${GOOD}}\n  - {${GOOD}}`)).toEqual(['f:3:12: checks[1].name: two checks are named a']);
});

test('an agent gets secrets, a person does not, and what is shown is accepted again', () => {
  process.env.CHECK_TEST_SECRET = 'hush';
  const config = checkSchema.parse({
    name: 'a',
    probe: 'http',
    target: 'http://x/',
    http: { basic_auth: { username: 'u', password: 'env:CHECK_TEST_SECRET' }, body_size_limit: '1MB' },
  });
  const { assignment, written } = createCheck('id', 'file', config);
  expect(assignment.options).toMatchObject({ basic_auth: { username: 'u', password: 'hush' }, body_size_limit: 1_048_576 });
  expect(JSON.stringify(written)).not.toMatch(/hush|CHECK_TEST/);
  expect(written).toMatchObject({ interval: '30s', timeout: '5s', http: { basic_auth: { password: '***' } } });
  expect(checkSchema.safeParse(written).success).toBe(true);
});
