/** The shell of one RuleGroup: asks the engine, steps the alerts, hands rows and reports on. One instant is passed down through a turn. */
import type { Labels, Log, Millis } from '@bellwether/shared';
import { AppError, errorMessage, labelsFromPairs, labelsKey, labelsToRecord, labelsWith, METRIC_NAME } from '@bellwether/shared';
import type { Clock } from '@bellwether/shared/clock';
import type { Alerts, WriteBehind } from '../alerts/index.ts';
import { fingerprintOf } from '../alerts/index.ts';
import type { QueryEngine, VectorSample } from '../query/index.ts';
import type { AlertChange, RuleAlert, RuleResult } from './alert-rule.ts';
import { alertSeries, reportOf, updateAlerts } from './alert-rule.ts';
import { keepChanges, keepEvaluation } from './kept-alerts.ts';
import type { OutputSample, RuleRow } from './output-columns.ts';
import { OutputColumns } from './output-columns.ts';
import type { AlertingRuleConfig, RecordingRuleConfig, RuleConfig, RuleGroupConfig } from './rule-file.ts';
import { floatText } from './template/functions.ts';
import { expandTemplate } from './template/template.ts';
import { Sample } from './template/value.ts';

/** Where rows of rules go; the rows are visible to queries when it returns. */
export type WriteRow = (row: RuleRow) => void | Promise<void>;

export interface RuleGroupDeps {
  readonly engine: QueryEngine;
  readonly alerts: Pick<Alerts, 'receive'>;
  readonly write: WriteRow;
  readonly writer: WriteBehind | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly externalUrl: string;
  readonly externalLabels: Readonly<Record<string, string>>;
}
export interface RuleHealth {
  health: 'unknown' | 'ok' | 'err';
  lastError: string;
  lastEvaluationMs: Millis;
  /** How long it took, ms. */
  durationMs: number;
}
export interface RuleRuntime extends RuleHealth {
  readonly config: RuleConfig;
  readonly id: string;
  /** Metric names and other words of the expression. */
  readonly words: ReadonlySet<string>;
  readonly output: OutputColumns;
  alerts: ReadonlyMap<string, RuleAlert>;
}
export interface RuleGroupCounters {
  evaluations: number;
  failures: number;
  missed: number;
}

/** After this many results of a rule others have their turn. */
const RESULTS_AT_ONCE = 250;

export class RuleGroup {
  readonly config: RuleGroupConfig;
  readonly id: string;
  readonly intervalMs: Millis;
  readonly rules: readonly RuleRuntime[];
  readonly counters: RuleGroupCounters = { evaluations: 0, failures: 0, missed: 0 };
  readonly #deps: RuleGroupDeps;
  /** See UpdateOptions.graceUntilMs. */
  graceUntilMs = 0;
  lastEvaluationMs: Millis = 0;
  durationMs = 0;
  #busy: Promise<void> = Promise.resolve();

  constructor(config: RuleGroupConfig, defaultIntervalMs: Millis, deps: RuleGroupDeps) {
    this.config = config;
    this.id = groupIdOf(config);
    this.intervalMs = config.intervalMs ?? defaultIntervalMs;
    this.#deps = deps;
    this.rules = ruleIdsOf(config).map((id, i) => {
      const rule = config.rules[i]!;
      const health: RuleHealth = { health: 'unknown', lastError: '', lastEvaluationMs: 0, durationMs: 0 };
      const words = new Set(rule.expr.match(/[a-zA-Z_:][a-zA-Z0-9_:]*/g));
      const help = rule.kind === 'alerting' ? 'Written by the evaluation of alerting rules.' : `Recorded by the rule ${rule.name}.`;
      return { ...health, config: rule, id, words, output: new OutputColumns(`rules/${id}`, help), alerts: new Map() };
    });
  }

  /** Evaluates the rules in order for the time `atMs`; `only` picks some of them. Turns never overlap. */
  evaluate(atMs: Millis, only?: (rule: RuleRuntime) => boolean): Promise<void> {
    this.#busy = this.#busy.then(() => this.#turn(Math.max(atMs, this.lastEvaluationMs), only));
    return this.#busy;
  }

  /** Ends the group's series, and the alerts of rules that are not in `keep`. */
  async retire(now: Millis, keep: ReadonlySet<string>): Promise<void> {
    await this.#busy;
    for (const rule of this.rules) {
      const row = rule.output.row([], now);
      if (row !== undefined) await this.#deps.write(row);
      if (!keep.has(rule.id)) endAlerts(rule, now, this.#deps);
    }
  }

  async #turn(atMs: Millis, only: ((rule: RuleRuntime) => boolean) | undefined): Promise<void> {
    const { clock, log, writer } = this.#deps;
    const started = clock.monotonic();
    for (const rule of this.rules) {
      if (only !== undefined && !only(rule)) continue;
      const ruleStarted = clock.monotonic();
      this.counters.evaluations++;
      try {
        await this.#evaluateRule(rule, atMs - this.config.queryOffsetMs, atMs);
        rule.health = 'ok';
        rule.lastError = '';
      } catch (error) {
        this.counters.failures++;
        if (rule.health !== 'err') log.warn({ rule: rule.config.name, group: this.config.name, error: errorMessage(error) }, 'rule failed');
        rule.health = 'err';
        rule.lastError = errorMessage(error);
      }
      rule.lastEvaluationMs = atMs;
      rule.durationMs = clock.monotonic() - ruleStarted;
    }
    this.lastEvaluationMs = atMs;
    if (only === undefined) this.durationMs = clock.monotonic() - started;
    if (writer !== undefined && this.rules.some((rule) => rule.alerts.size > 0)) keepEvaluation(writer, this.id, atMs);
  }

  async #evaluateRule(rule: RuleRuntime, queryMs: Millis, now: Millis): Promise<void> {
    const samples = await this.#ask(rule.config.expr, queryMs);
    const output =
      rule.config.kind === 'alerting' ? await this.#alerting(rule, rule.config, samples, now) : this.#recording(rule.config, samples);
    const row = rule.output.row(output, queryMs);
    if (row !== undefined) await this.#deps.write(row);
  }

  async #ask(expr: string, timeMs: Millis): Promise<readonly VectorSample[]> {
    const result = await this.#deps.engine.instant(expr, timeMs);
    if (result.kind === 'vector') return result.samples;
    if (result.kind === 'scalar') return [{ labels: [], timeMs, value: result.value }];
    throw new AppError('QUERY_INVALID', 'rule result is not a vector or scalar');
  }

  #recording({ name, labels }: RecordingRuleConfig, samples: readonly VectorSample[]): OutputSample[] {
    const output = samples.map((sample) => ({
      labels: labelsWith(sample.labels, { ...labels, [METRIC_NAME]: name }),
      value: sample.value,
    }));
    this.#check(output, 'rule', 'series');
    return output;
  }

  async #alerting(rule: RuleRuntime, config: AlertingRuleConfig, samples: readonly VectorSample[], now: Millis): Promise<OutputSample[]> {
    const results: RuleResult[] = [];
    for (const [i, sample] of samples.entries()) {
      if (i % RESULTS_AT_ONCE === RESULTS_AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve));
      results.push(await this.#result(config, sample, now));
    }
    this.#check(results, 'alert', 'alerts');
    const { alerts, changes } = updateAlerts(rule.alerts, results, {
      now,
      timing: { forMs: config.forMs, keepFiringMs: config.keepFiringMs },
      graceUntilMs: this.graceUntilMs,
    });
    rule.alerts = alerts;
    publish(rule, changes, now, this.#deps);
    return alertSeries(alerts);
  }

  async #result(config: AlertingRuleConfig, { labels: all, value }: VectorSample, now: Millis): Promise<RuleResult> {
    const { externalUrl, externalLabels } = this.#deps;
    const data = { labels: all, value, externalUrl, externalLabels };
    const ask = async (expr: string): Promise<Sample[]> => (await this.#ask(expr, now)).map(templateSample);
    const pairs: [string, string][] = Object.entries(labelsToRecord(labelsWith(all, { [METRIC_NAME]: '' })));
    for (const [name, template] of config.labels) pairs.push([name, template.constant ?? (await expandTemplate(template, data, now, ask))]);
    const labels = labelsFromPairs([...pairs, ['alertname', config.name]]);
    const annotations: Record<string, string> = {};
    for (const [name, template] of config.annotations)
      annotations[name] = template.constant ?? (await expandTemplate(template, data, now, ask));
    return { fingerprint: fingerprintOf(labels), labels, annotations, value };
  }

  #check(results: readonly { labels: Labels }[], what: 'rule' | 'alert', plural: string): void {
    const { limit } = this.config;
    if (new Set(results.map(({ labels }) => labelsKey(labels))).size < results.length) {
      throw new AppError('QUERY_FAILED', `vector contains metrics with the same labelset after applying ${what} labels`);
    }
    if (limit > 0 && results.length > limit)
      throw new AppError('QUERY_FAILED', `exceeded limit of ${limit} with ${results.length} ${plural}`);
  }
}

function templateSample({ labels, value }: VectorSample): Sample {
  return new Sample(new Map([...Object.entries(labelsToRecord(labels)), ['__value__', floatText(value)]]), value);
}

type RuleIdentity = Pick<RuleRuntime, 'id'> & { readonly config: Pick<RuleConfig, 'expr'> };
type PublishDeps = Pick<RuleGroupDeps, 'alerts' | 'writer' | 'externalUrl'>;

/** Hands changes to the pipeline and the state. */
export function publish(
  rule: RuleIdentity,
  changes: readonly AlertChange[],
  now: Millis,
  { alerts, writer, externalUrl }: PublishDeps,
): void {
  const context = {
    source: rule.id,
    expression: rule.config.expr,
    generatorUrl: (fingerprint: string) => `${externalUrl.replace(/\/$/, '')}/alerts?fingerprint=${fingerprint}`,
  };
  const reports = changes.flatMap((change) => reportOf(change, context) ?? []);
  if (reports.length > 0) alerts.receive(reports, now);
  if (writer !== undefined) keepChanges(writer, rule.id, changes);
}

/** Reports every open alert of a rule that is no more as resolved, and forgets them. */
export function endAlerts(rule: RuleIdentity & Pick<RuleRuntime, 'alerts'>, now: Millis, deps: PublishDeps): void {
  const why = 'its rule was taken out of the configuration';
  const changes = [...rule.alerts].map(([fingerprint, previous]): AlertChange => {
    const { state } = previous;
    if (state.kind !== 'firing') return { fingerprint, alert: undefined, previous, moved: false, notes: [why] };
    const resolved = { kind: 'resolved', since: state.since, firedAt: state.firedAt, resolvedAt: now } as const;
    return { fingerprint, alert: { ...previous, state: resolved }, previous, moved: false, notes: [`${why}: resolved`] };
  });
  publish(rule, changes, now, deps);
  deps.writer?.add((db) => db.deleteFrom('ruleAlerts').where('ruleId', '=', rule.id).execute());
}

export function groupIdOf({ file, name }: RuleGroupConfig): string {
  return `${file};${name}`;
}

/** Stable as long as the rule keeps its name and its place among rules of the same name. */
export function ruleIdsOf(config: RuleGroupConfig): string[] {
  const seen = new Map<string, number>();
  return config.rules.map(({ name }) => {
    const nth = (seen.get(name) ?? 0) + 1;
    seen.set(name, nth);
    return `${groupIdOf(config)};${name}${nth === 1 ? '' : `#${nth}`}`;
  });
}
