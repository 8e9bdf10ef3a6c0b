import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@bellwether/shared/clock';
import { expect, test } from '@jest/globals';
import { loadRuleFiles, parseRuleFile, runRuleTests } from '../../../collector/rules/index.ts';
import { openLab } from './lab.ts';

const corpora = process.env.BELLWETHER_CORPORA;

/** Failures by test. */
async function run(text: string, rules = ''): Promise<string[][]> {
  const results = await runRuleTests(text, {
    file: 't.yml',
    clock: systemClock,
    openLab,
    loadRules: async () => (rules === '' ? [] : parseRuleFile(rules, 'r.yml')),
  });
  return results.map(({ failures }) => [...failures]);
}

const RULES = `groups:
- name: g
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
  - alert: Down
    expr: up == 0
    for: 2m
    keep_firing_for: 3m
    labels: {severity: page, tier: "{{ $labels.job | toUpper }}"}
    annotations: {summary: "{{ $labels.instance }} of {{ query \\"job:up:sum\\" | first | value }} up"}
`;
const INPUT = `rule_files: [r.yml]
tests:
- input_series:
  - {series: 'up{job="node", instance="a"}', values: '1 0 0 0 1x20'}
  - {series: 'up{job="node", instance="b"}', values: '1x30'}
`;

test('alerts fire after for, stay for keep_firing_for, and carry their templates', async () => {
  const alert = '{exp_labels: {job: node, instance: a, severity: page, tier: NODE}, exp_annotations: {summary: "a of 1 up"}}';
  const at = (time: string, alerts: string): string => `  - {eval_time: ${time}, alertname: Down, exp_alerts: [${alerts}]}\n`;
  const text = `${INPUT}  alert_rule_test:\n${at('2m', '')}${at('3m', alert)}${at('6m', alert)}${at('7m', '')}`;
  expect(await run(text, RULES)).toEqual([[]]);
});

test('series of rules: recorded, ALERTS, ALERTS_FOR_STATE, and stale when they end', async () => {
  const at = (time: string, expr: string, samples: string): string =>
    `  - {eval_time: ${time}, expr: '${expr}', exp_samples: [${samples}]}\n`;
  const labels = '{alertname="Down", instance="a", job="node", severity="page", tier="NODE"';
  const text = `${INPUT}  promql_expr_test:
${at('1m', 'job:up:sum', '{labels: \'job:up:sum{job="node"}\', value: 1}')}${at('2m', 'ALERTS', `{labels: 'ALERTS${labels}, alertstate="pending"}', value: 1}`)}${at('3m', 'ALERTS', `{labels: 'ALERTS${labels}, alertstate="firing"}', value: 1}`)}${at('3m', 'ALERTS_FOR_STATE', `{labels: 'ALERTS_FOR_STATE${labels}}', value: 60}`)}${at('7m', 'ALERTS', '')}${at('7m', 'ALERTS_FOR_STATE', '')}`;
  expect(await run(text, RULES)).toEqual([[]]);
});

test.each([
  [
    '  alert_rule_test: [{eval_time: 3m, alertname: Down, exp_alerts: []}]',
    'alertname: Down, time: 3m\n  expected: nothing\n  got:      {alertname="Down", instance="a"',
  ],
  [
    '  alert_rule_test: [{eval_time: 1m, alertname: Nope, exp_alerts: [{}]}]',
    'time: 1m (no rule has this name)\n  expected: {alertname="Nope"} {}\n  got:      nothing',
  ],
  [
    '  promql_expr_test: [{expr: "sum(up)", eval_time: 0, exp_samples: [{value: 3}]}]',
    'expr: "sum(up)", time: 0s\n  expected: {} 3\n  got:      {} 2',
  ],
  ['  promql_expr_test: [{expr: "sum(", eval_time: 0}]', 'expr: "sum(", time: 0s\n  1:5: parse error'],
])('%s fails with its reason', async (body, reason) => {
  const [failures] = await run(`${INPUT}${body}\n`, RULES);
  expect(failures!.join('\n')).toContain(reason);
});

test.each([
  ['tests: [{input_serie: []}]', 't.yml:1:10: tests[0].input_serie: unknown key; did you mean "input_series"?'],
  ['tests: [{alert_rule_test: [{eval_time: soon, alertname: a}]}]', 'must be a duration'],
])('%s is refused', async (text, reason) => {
  await expect(run(text)).rejects.toThrow(reason);
});

test('a limit, equal labels and a failing query make the rule fail and leave the others alone', async () => {
  const rules = `groups:
- name: limited
  limit: 1
  rules:
  - {alert: Many, expr: up}
- name: same
  rules:
  - {record: x, expr: up, labels: {instance: same}}
- name: fails
  rules:
  - {record: y, expr: 'up + on (job) up'}
  - {record: z, expr: '1'}
`;
  const [failures] = await run(`${INPUT}  promql_expr_test: [{expr: z, exp_samples: [{labels: z, value: 1}]}]\n`, rules);
  expect(failures).toEqual([
    'rule Many failed at 0s: exceeded limit of 1 with 2 alerts',
    'rule x failed at 0s: vector contains metrics with the same labelset after applying rule labels',
    expect.stringContaining('rule y failed at 0s: '),
  ]);
});

(corpora ? test : test.skip).each([
  ['at-modifier-test.yml', []],
  ['negative-offset-test.yml', []],
  ['long-period.yml', []],
  ['start-time-test.yml', []],
  ['failing.yml', ['Failing test', 'Failing alert test']],
  ['rules_run_fuzzy.yml', ['wrong fuzzy match']],
  ['rules_run_no_fuzzy.yml', undefined],
  ['bad-promql.yml', ['test 1']],
  ['bad-input-series.yml', ['test 1']],
  ['bad-rules-error-test.yml', ['test 1']],
  ['unittest.yml', ['test 1']], // native histograms
])(
  'promtool %s: these tests fail: %j',
  async (name, failing) => {
    const folder = join(corpora!, 'promtool');
    const results = await runRuleTests(readFileSync(join(folder, name), 'utf8'), {
      file: name,
      clock: systemClock,
      openLab,
      loadRules: (globs) => loadRuleFiles(globs.map((glob) => join(folder, glob))),
    });
    const failed = results.filter(({ failures }) => failures.length > 0);
    if (failing === undefined) expect(failed.length).toBeGreaterThan(0);
    else expect({ failed: failed.map((one) => one.name), why: failed.flatMap((one) => one.failures) }).toMatchObject({ failed: failing });
  },
  60_000,
);
