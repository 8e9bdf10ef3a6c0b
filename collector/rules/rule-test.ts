/**
 * Rule unit tests in promtool's form: input series, groups evaluated from the start on, and what must fire or be computed when. The same rule
 * code runs as live. Native histograms are not supported and say so.
 */
import type { Labels, Millis } from '@bellwether/shared';
import {
  AppError,
  compareLabels,
  errorMessage,
  formatDuration,
  formatLabels,
  labelsFrom,
  labelsKey,
  labelsToRecord,
  parseDuration,
  silentLog,
} from '@bellwether/shared';
import type { Clock } from '@bellwether/shared/clock';
import { checkYaml } from '@bellwether/shared/schema';
import * as z from 'zod';
import type { QueryEngine } from '../query/index.ts';
import { formatPlain, parseLabels, parseSeriesLine } from '../query/index.ts';
import type { RuleGroupConfig } from './rule-file.ts';
import type { WriteRow } from './rule-group.ts';
import { RuleGroup } from './rule-group.ts';

/** An empty store with an engine on it. */
export interface RuleLab {
  readonly engine: QueryEngine;
  readonly write: WriteRow;
  /** Adds a series; point i is at `startMs + i * stepMs`; `undefined` is no sample. */
  load(labels: Labels, startMs: Millis, stepMs: Millis, points: readonly (number | 'stale' | undefined)[]): void;
  close(): Promise<void>;
}
export interface RuleTestOptions {
  /** Named in errors. */
  readonly file: string;
  /** Reads the test's rule_files. */
  readonly loadRules: (globs: readonly string[]) => Promise<readonly RuleGroupConfig[]>;
  readonly openLab: () => RuleLab;
  readonly clock: Clock;
}
export interface RuleTestResult {
  readonly name: string;
  /** What was not as expected; empty: passed. */
  readonly failures: readonly string[];
}

const DEFAULT_INTERVAL_MS = 60_000;
const MAX_EVALUATIONS = 200_000;

const span = z.union([z.string(), z.number()]).transform((value, context) => {
  const parsed = parseDuration(String(value));
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: `must be a duration such as 30s or 5m; got ${JSON.stringify(value)}` });
  return z.NEVER;
});
const text = z.union([z.string(), z.number(), z.boolean(), z.null()]).transform((value) => (value === null ? '' : String(value)));
const texts = z.record(z.string(), text).nullish();
const expectedAlert = z.strictObject({ exp_labels: texts, exp_annotations: texts });
const testCase = z.strictObject({
  name: z.string().optional(),
  interval: span.optional(),
  start_timestamp: z.union([z.string(), z.number()]).optional(),
  input_series: z.array(z.strictObject({ series: z.string(), values: text })).nullish(),
  external_labels: texts,
  external_url: z.string().optional(),
  alert_rule_test: z
    .array(z.strictObject({ eval_time: span, alertname: z.string(), exp_alerts: z.array(expectedAlert).nullish() }))
    .nullish(),
  promql_expr_test: z
    .array(
      z.strictObject({
        expr: z.string(),
        eval_time: span.optional(),
        exp_samples: z.array(z.strictObject({ labels: text.optional(), value: text.optional(), histogram: text.optional() })).nullish(),
      }),
    )
    .nullish(),
});
const testFile = z.strictObject({
  rule_files: z.array(z.string()).nullish(),
  evaluation_interval: span.optional(),
  group_eval_order: z.array(z.string()).nullish(),
  fuzzy_compare: z.boolean().optional(),
  tests: z.array(testCase).nullish(),
});

type TestFile = z.infer<typeof testFile>;
type TestCase = z.infer<typeof testCase>;
type AlertTest = NonNullable<TestCase['alert_rule_test']>[number];
type ExpressionTest = NonNullable<TestCase['promql_expr_test']>[number];

/** Runs every test of one file. Throws AppError CONFIG_INVALID when the file or its rule files cannot be read. */
export async function runRuleTests(source: string, options: RuleTestOptions): Promise<RuleTestResult[]> {
  const result = checkYaml(source, testFile, { file: options.file });
  if ('problems' in result) throw new AppError('CONFIG_INVALID', result.problems.join('\n'));
  const groups = ordered(await options.loadRules(result.value.rule_files ?? []), result.value.group_eval_order ?? []);
  const results: RuleTestResult[] = [];
  for (const [i, test] of (result.value.tests ?? []).entries()) {
    const name = test.name ?? `test ${i + 1}`;
    try {
      results.push({ name, failures: await runCase(test, groups, result.value, options) });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      results.push({ name, failures: [errorMessage(error)] });
    }
  }
  return results;
}

function ordered(groups: readonly RuleGroupConfig[], order: readonly string[]): RuleGroupConfig[] {
  const place = ({ name }: RuleGroupConfig): number => (order.includes(name) ? order.indexOf(name) : order.length);
  return [...groups].sort((a, b) => place(a) - place(b));
}

async function runCase(test: TestCase, configs: readonly RuleGroupConfig[], file: TestFile, options: RuleTestOptions): Promise<string[]> {
  const lab = options.openLab();
  try {
    const startMs = startOf(test);
    const intervalMs = file.evaluation_interval ?? DEFAULT_INTERVAL_MS;
    for (const { series, values } of test.input_series ?? []) loadSeries(lab, `${series} ${values}`, startMs, test.interval ?? intervalMs);
    const deps = {
      engine: lab.engine,
      write: lab.write,
      alerts: { receive() {} },
      writer: undefined,
      clock: options.clock,
      log: silentLog,
      externalUrl: test.external_url ?? '',
      externalLabels: test.external_labels ?? {},
    };
    const groups = configs.map((config) => new RuleGroup(config, intervalMs, deps));
    const failures: string[] = [];
    const endMs = Math.max(
      0,
      ...(test.alert_rule_test ?? []).map((one) => one.eval_time),
      ...(test.promql_expr_test ?? []).map((one) => one.eval_time ?? 0),
    );
    if (endMs / intervalMs > MAX_EVALUATIONS)
      throw new AppError('CONFIG_INVALID', `the test takes more than ${MAX_EVALUATIONS} evaluations; use a longer evaluation_interval`);
    for (let atMs = 0; atMs <= endMs; atMs += intervalMs) {
      for (const group of groups) {
        await group.evaluate(startMs + atMs);
        for (const { config, health, lastError } of group.rules)
          if (health === 'err') failures.push(`rule ${config.name} failed at ${formatDuration(atMs)}: ${lastError}`);
      }
      if (failures.length > 0) return failures;
      for (const one of test.alert_rule_test ?? [])
        if (one.eval_time >= atMs && one.eval_time < atMs + intervalMs) failures.push(...checkAlerts(one, groups));
    }
    for (const one of test.promql_expr_test ?? [])
      failures.push(...(await checkExpression(one, startMs, lab.engine, file.fuzzy_compare === true)));
    return failures;
  } finally {
    await lab.close();
  }
}

function startOf({ start_timestamp: start }: TestCase): Millis {
  if (start === undefined) return 0;
  const parsed = typeof start === 'number' || /^-?\d+(\.\d+)?$/.test(start) ? Number(start) * 1000 : Date.parse(start);
  if (Number.isNaN(parsed))
    throw new AppError('CONFIG_INVALID', `start_timestamp ${start} is neither seconds since the epoch nor an RFC 3339 time`);
  return parsed;
}

function loadSeries(lab: RuleLab, line: string, startMs: Millis, stepMs: Millis): void {
  const { labels, points } = parseSeriesLine(line);
  const plain = points.map((point) => {
    if (point === 'histogram') throw new AppError('CONFIG_INVALID', `native histograms are not supported: ${line}`);
    return point === 'missing' ? undefined : point;
  });
  lab.load(labels, startMs, stepMs, plain);
}

interface ShownAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
}

function checkAlerts({ eval_time, alertname, exp_alerts }: AlertTest, groups: readonly RuleGroup[]): string[] {
  const rules = groups.flatMap((group) => group.rules.filter(({ config }) => config.kind === 'alerting' && config.name === alertname));
  const got = rules.flatMap(({ alerts }) =>
    [...alerts.values()].flatMap(({ labels, annotations, state }): ShownAlert[] =>
      state.kind === 'firing' ? [{ labels, annotations: labelsFrom(annotations) }] : [],
    ),
  );
  const expected = (exp_alerts ?? []).map(
    ({ exp_labels, exp_annotations }): ShownAlert => ({
      labels: labelsFrom({ ...exp_labels, alertname }),
      annotations: labelsFrom(exp_annotations ?? {}),
    }),
  );
  const [wanted, firing] = [shown(expected), shown(got)];
  if (wanted === firing) return [];
  const unknown = rules.length === 0 ? ' (no rule has this name)' : '';
  return [`alertname: ${alertname}, time: ${formatDuration(eval_time)}${unknown}\n  expected: ${wanted}\n  got:      ${firing}`];
}

function shown(alerts: readonly ShownAlert[]): string {
  const sorted = [...alerts].sort((a, b) => compareLabels(a.labels, b.labels));
  if (sorted.length === 0) return 'nothing';
  return sorted
    .map(({ labels, annotations }) => `${formatLabels(labels)} ${JSON.stringify(labelsToRecord(annotations))}`)
    .join('\n            ');
}

async function checkExpression(test: ExpressionTest, startMs: Millis, engine: QueryEngine, fuzzy: boolean): Promise<string[]> {
  const { expr, eval_time: atMs = 0, exp_samples } = test;
  const where = `expr: ${JSON.stringify(expr)}, time: ${formatDuration(atMs)}`;
  let got: Map<string, { labels: Labels; value: number }>;
  try {
    const result = await engine.instant(expr, startMs + atMs);
    if (result.kind !== 'vector' && result.kind !== 'scalar') return [`${where}\n  the result is a ${result.kind}`];
    const samples = result.kind === 'vector' ? result.samples : [{ labels: [], value: result.value }];
    got = new Map(samples.map(({ labels, value }) => [labelsKey(labels), { labels, value }]));
  } catch (error) {
    return [`${where}\n  ${errorMessage(error)}`];
  }
  const expected = new Map<string, { labels: Labels; value: number }>();
  for (const { labels, value, histogram } of exp_samples ?? []) {
    if (histogram !== undefined) return [`${where}\n  native histograms are not supported`];
    const parsed = labels === undefined || labels === '' ? [] : parseLabels(labels);
    expected.set(labelsKey(parsed), { labels: parsed, value: numberOf(value ?? '0') });
  }
  const same =
    expected.size === got.size && [...expected].every(([key, { value }]) => got.has(key) && equal(value, got.get(key)!.value, fuzzy));
  if (same) return [];
  const list = (samples: Map<string, { labels: Labels; value: number }>): string =>
    samples.size === 0
      ? 'nothing'
      : [...samples.values()].map(({ labels, value }) => `${formatLabels(labels)} ${formatPlain(value)}`).join(', ');
  return [`${where}\n  expected: ${list(expected)}\n  got:      ${list(got)}`];
}

function numberOf(value: string): number {
  if (/^[-+]?\.?inf(inity)?$/i.test(value)) return value.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(value);
}

/** Exactly equal; `fuzzy` lets the last bit differ. */
function equal(a: number, b: number, fuzzy: boolean): boolean {
  if (Object.is(a, b) || a === b) return true;
  if (!fuzzy) return false;
  const bits = new BigInt64Array(Float64Array.of(a, b).buffer);
  const apart = bits[0]! - bits[1]!;
  return apart >= -1n && apart <= 1n;
}
