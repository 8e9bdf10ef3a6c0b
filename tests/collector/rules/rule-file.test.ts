import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError, errorCode } from '@bellwether/shared';
import { expect, test } from '@jest/globals';
import { loadRuleFiles, parseRuleFile } from '../../../collector/rules/index.ts';
import { random, seeded } from './random.ts';

const corpora = process.env.BELLWETHER_CORPORA;

function problemsOf(text: string): string {
  try {
    parseRuleFile(text, 'r.yml');
  } catch (error) {
    if (error instanceof AppError && error.code === 'CONFIG_INVALID') return error.message;
    throw error;
  }
  return '';
}

test('a file gives its groups with times in ms and templates compiled', () => {
  const [group] = parseRuleFile(
    `groups:
- name: g
  interval: 30s
  limit: 5
  query_offset: 1m
  labels: {team: ops, severity: low}
  rules:
  - alert: Down
    expr: up == 0
    for: 5m
    keep_firing_for: 1h30m
    labels: {severity: high, n: 1}
    annotations: {summary: "{{ $labels.instance }} down"}
  - record: job:up:sum
    expr: sum by (job) (up)
`,
    'r.yml',
  );
  expect(group).toMatchObject({ file: 'r.yml', name: 'g', intervalMs: 30_000, limit: 5, queryOffsetMs: 60_000 });
  const [alert, record] = group!.rules;
  expect(alert).toMatchObject({ kind: 'alerting', name: 'Down', expr: 'up == 0', forMs: 300_000, keepFiringMs: 5_400_000 });
  expect(alert!.kind === 'alerting' && [...alert!.labels].map(([name, { source }]) => `${name}=${source}`)).toEqual([
    'team=ops',
    'severity=high',
    'n=1',
  ]);
  expect(record).toEqual({ kind: 'recording', name: 'job:up:sum', expr: 'sum by (job) (up)', labels: { team: 'ops', severity: 'low' } });
});

test.each(['', '\n\n# nothing\n', '# nothing', 'groups:', 'groups: []', 'groups: [{name: a}]', 'groups: [{name: a, rules: }]'])(
  '%j holds no rules and is fine',
  (text) => {
    expect(parseRuleFile(text, 'r.yml').flatMap(({ rules }) => rules)).toEqual([]);
  },
);

const rule = (body: string): string => `groups:\n- name: g\n  rules:\n  - ${body}\n`;
test.each([
  ['grups: []', 'r.yml:1:1: grups: unknown key; did you mean "groups"?'],
  [rule('{alert: A, expr: up, fro: 5m}'), 'r.yml:4:26: groups[0].rules[0].fro: unknown key; did you mean "for"?'],
  [rule('{alert: A, expr: "up =="}'), 'r.yml:4:22: groups[0].rules[0].expr: 1:6: parse error'],
  [rule('{alert: A, expr: up, for: 5 minutes}'), 'must be a duration such as 30s, 5m or 1h30m; got "5 minutes"'],
  [rule('{alert: A}'), 'expr: is missing'],
  [rule('{expr: up}'), 'a rule needs a name: alert or record'],
  [rule('{alert: A, record: b, expr: up}'), 'a rule has either record or alert, not both'],
  [rule('{record: "a b", expr: up}'), 'is not a metric name: "a b"'],
  [rule('{record: a, expr: up, for: 5m}'), 'for: belongs to alerting rules'],
  [rule('{record: a, expr: up, annotations: {a: b}}'), 'annotations: belong to alerting rules'],
  [rule('{alert: A, expr: up, labels: {"a-b": c}}'), 'labels.a-b: is not a label name'],
  [rule('{alert: A, expr: up, labels: {__name__: c}}'), 'is not a label name'],
  [rule('{alert: A, expr: up, annotations: {s: "{{ $label.x }}"}}'), 'annotations.s: template line 1: undefined variable "$label"'],
  [rule('{alert: A, expr: up, annotations: {s: "{{ frobnicate 1 }}"}}'), 'function "frobnicate" not defined'],
  ['groups:\n- name: a\n- name: a\n', 'r.yml:3:9: groups[1].name: a group named "a" is already in this file'],
  ['groups:\n- rules: []\n', 'groups[0].name: is missing'],
  ['groups:\n- name: a\n  interval: 0s\n', 'interval: must be longer than 0'],
  ['groups:\n- name: a\n  labels: {x: "{{ nope }}"}\n', 'r.yml:3:15: groups[0].labels.x: template line 1'],
  ['groups: [', 'r.yml:1:'],
  ['groups:\n- name: a\n  name: b\n', 'r.yml:3:'],
  ['groups: 5', 'groups: must be a list'],
])('%j is refused', (text, problem) => expect(problemsOf(text)).toContain(problem));

test('much white space before a mistake takes no time', () => {
  expect(problemsOf(`${' \n\t\n'.repeat(4_000)}x`)).toContain('r.yml');
});

test('every problem of a file is told at once', () => {
  const text = `${rule('{alert: A, expr: "up =="}')}  - {record: "a b", expr: "1 +"}\n`;
  expect(problemsOf(text).split('\n')).toHaveLength(3);
});

test('globs name files; a missing path is an error, an empty glob is not', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'bellwether-rules-'));
  const folder = join(parent, 'rules');
  try {
    await mkdir(folder);
    await writeFile(join(folder, 'a.yml'), 'groups: [{name: a}]');
    await writeFile(join(folder, 'b.yml'), 'groups: [{name: b}]');
    await writeFile(join(folder, 'bad.rules'), 'groups: [{nam: b}]');
    const names = async (...globs: string[]): Promise<string[]> =>
      (await loadRuleFiles(globs.map((glob) => join(folder, glob)))).map(({ name }) => name);
    expect(await names('*.yml')).toEqual(['a', 'b']);
    expect(await names('[b].yml', 'a.yml', 'a*')).toEqual(['a', 'b']);
    expect(await names('x/*.yml', '?.none')).toEqual([]);
    expect(await names('../*/a.yml')).toEqual(['a']);
    await expect(names('none.yml')).rejects.toThrow('none.yml: cannot be read');
    await expect(names('*')).rejects.toThrow(/bad\.rules:1:11: groups\[0\]\.nam: unknown key/);
  } finally {
    await rm(parent, { recursive: true });
  }
});

function ruleFilesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(yml|yaml|rules)$/.test(name))
    .map((name) => join(folder, name));
}

(corpora ? test : test.skip)('every rule file of the corpora loads, and the bad ones do not', () => {
  // the last two use keys that only vmalert knows; promtool refuses them too
  const bad = ['bad-rules-syntax.yml', 'rules-bad.yml', 'rules_extrafields.yml', 'rules0-good.rules', 'rules2-good.rules'];
  let rules = 0;
  const surprises: string[] = [];
  const files = [...ruleFilesBelow(join(corpora!, 'rules')), ...ruleFilesBelow(join(corpora!, 'promtool'))];
  for (const path of files) {
    const text = readFileSync(path, 'utf8');
    if (!/^\s*groups:/m.test(text)) continue;
    const name = path.split('/').at(-1)!;
    try {
      rules += parseRuleFile(text, path).flatMap((group) => group.rules).length;
      if (bad.includes(name)) surprises.push(`${name} was accepted`);
    } catch (error) {
      if (!bad.includes(name)) surprises.push(String(error));
    }
  }
  expect(surprises).toEqual([]);
  expect(rules).toBeGreaterThan(700);
});

const seed = seeded();
test(`fuzz: a mangled file loads or is refused with CONFIG_INVALID (FUZZ_SEED=${seed})`, () => {
  const { below, pick } = random(seed);
  const good = `groups:\n- name: g\n  interval: 30s\n  rules:\n  - alert: A\n    expr: rate(x[5m]) > 0.5\n    for: 5m\n    labels: {severity: page}\n    annotations:\n      summary: "{{ $labels.a }} {{ $value | humanize }}"\n  - record: a:b\n    expr: sum(x)\n`;
  const bits = [
    '{',
    '}',
    '[',
    ']',
    ':',
    '\n',
    '  ',
    '-',
    '"',
    "'",
    '*a',
    '&a ',
    '{{',
    '}}',
    '#',
    '!',
    '|',
    '>',
    'null',
    '0x',
    '\t',
    '\u0000',
    'é',
  ];
  for (let i = 0; i < 2_000; i++) {
    let text = good;
    for (let n = below(4); n >= 0; n--) {
      const at = below(text.length);
      text = text.slice(0, at) + pick(bits) + text.slice(at + below(6));
    }
    try {
      parseRuleFile(text, 'f.yml');
    } catch (error) {
      if (errorCode(error) !== 'CONFIG_INVALID') throw new Error(`${JSON.stringify(text)}: ${String(error)}`);
    }
  }
});
