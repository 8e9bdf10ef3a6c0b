/** Runs RuleGroups: each on its own timer, brought forward by the live tap, with state that survives restarts and reloads. */
import type { Log, Millis, Stoppable } from '@bellwether/shared';
import type { Cancel, Clock } from '@bellwether/shared/clock';
import type { Alerts } from '../alerts/index.ts';
import { WriteBehind } from '../alerts/index.ts';
import type { QueryEngine } from '../query/index.ts';
import type { State } from '../state/index.ts';
import { restoreAlerts } from './alert-rule.ts';
import type { AlertsApiData, RulesApiData, RulesApiFilter } from './api-data.ts';
import { alertsApiData, rulesApiData } from './api-data.ts';
import type { KeptRules } from './kept-alerts.ts';
import { forgetGroup, loadKept } from './kept-alerts.ts';
import type { RuleGroupConfig } from './rule-file.ts';
import type { RuleGroupCounters, RuleGroupDeps, WriteRow } from './rule-group.ts';
import { endAlerts, publish, RuleGroup, ruleIdsOf } from './rule-group.ts';
import { groupOffsetMs, nextEvaluationMs, planTurn } from './schedule.ts';

const DEFAULT_INTERVAL_MS = 15_000;
/** Two evaluations that the live tap brings forward are at least this far apart. */
const WAKE_GAP_MS = 500;
/** After a pause this long a firing alert that is not seen is kept for GRACE_MS: its data may still be on the way. */
const PAUSE_MS = 60_000;
const GRACE_MS = 60_000;

export interface RulesOptions {
  readonly groups: readonly RuleGroupConfig[];
  readonly engine: QueryEngine;
  readonly alerts: Alerts;
  readonly state: State;
  readonly write: WriteRow;
  readonly clock: Clock;
  readonly log: Log;
  readonly externalUrl: string;
  readonly externalLabels?: Readonly<Record<string, string>>;
  /** Interval of groups without one. */
  readonly intervalMs?: Millis;
}
export interface RulesCounters extends RuleGroupCounters {
  groups: number;
  rules: number;
  woken: number;
}
export interface Rules extends Stoppable {
  /** Other groups from now on. Alerts of rules that stay are kept, those of rules that are gone end. */
  reload(groups: readonly RuleGroupConfig[]): Promise<void>;
  /** Something about `metric` changed: alerting rules that mention it are evaluated now instead of at their next turn. Without one: all. */
  wake(metric?: string): void;
  counters(): RulesCounters;
  /** The data of GET /api/v1/rules. */
  rulesApiData(filter?: RulesApiFilter): RulesApiData;
  /** The data of GET /api/v1/alerts. */
  alertsApiData(): AlertsApiData;
}

export async function startRules(options: RulesOptions): Promise<Rules> {
  const runner = new Runner(options);
  await runner.start(options.groups);
  return runner;
}

class Runner implements Rules {
  readonly #options: RulesOptions;
  readonly #writer: WriteBehind;
  readonly #deps: RuleGroupDeps;
  readonly #running = new Map<string, { group: RuleGroup; cancel: Cancel }>();
  readonly #retired: RuleGroupCounters = { evaluations: 0, failures: 0, missed: 0 };
  #woken = 0;
  #lastWakeMs = Number.NEGATIVE_INFINITY;
  #wakeWords: Set<string> | 'all' | undefined;
  #cancelWake: Cancel = () => {};
  #stopping: Promise<void> | undefined;

  constructor(options: RulesOptions) {
    this.#options = options;
    this.#writer = new WriteBehind(options.state, options.log);
    this.#deps = { ...options, writer: this.#writer, externalLabels: options.externalLabels ?? {} };
  }

  async start(configs: readonly RuleGroupConfig[]): Promise<void> {
    const kept = await loadKept(this.#options.state);
    const now = this.#options.clock.now();
    for (const config of configs) {
      const group = this.#create(config);
      this.#restore(group, kept, now);
      this.#arm(group, now);
    }
    this.#endOrphans(configs, kept, now);
  }

  async reload(configs: readonly RuleGroupConfig[]): Promise<void> {
    const now = this.#options.clock.now();
    const wanted = new Set(configs.flatMap(ruleIdsOf));
    const old = new Map(this.#running);
    this.#running.clear();
    for (const { cancel } of old.values()) cancel();
    const alerts = new Map([...old.values()].flatMap(({ group }) => group.rules.map((rule) => [rule.id, rule.alerts] as const)));
    for (const { group } of old.values()) {
      await group.retire(now, wanted);
      for (const key of ['evaluations', 'failures', 'missed'] as const) this.#retired[key] += group.counters[key];
    }
    for (const config of configs) {
      const group = this.#create(config);
      for (const rule of group.rules) if (rule.config.kind === 'alerting') rule.alerts = alerts.get(rule.id) ?? rule.alerts;
      this.#arm(group, now);
    }
    for (const id of old.keys()) if (!this.#running.has(id)) forgetGroup(this.#writer, id);
  }

  wake(metric?: string): void {
    if (this.#stopping !== undefined) return;
    const waiting = this.#wakeWords !== undefined;
    if (metric === undefined || this.#wakeWords === 'all') this.#wakeWords = 'all';
    else this.#wakeWords = (this.#wakeWords ?? new Set()).add(metric);
    if (waiting) return;
    const waitMs = Math.max(0, this.#lastWakeMs + WAKE_GAP_MS - this.#options.clock.now());
    this.#cancelWake = this.#options.clock.after(waitMs, () => this.#evaluateWoken());
  }

  counters(): RulesCounters {
    const groups = [...this.#running.values()].map(({ group }) => group);
    const sum = (key: keyof RuleGroupCounters): number => groups.reduce((total, { counters }) => total + counters[key], this.#retired[key]);
    const rules = groups.reduce((total, group) => total + group.rules.length, 0);
    return {
      groups: groups.length,
      rules,
      woken: this.#woken,
      evaluations: sum('evaluations'),
      failures: sum('failures'),
      missed: sum('missed'),
    };
  }

  rulesApiData(filter: RulesApiFilter = {}): RulesApiData {
    return rulesApiData(
      [...this.#running.values()].map(({ group }) => group),
      filter,
    );
  }

  alertsApiData(): AlertsApiData {
    return alertsApiData([...this.#running.values()].map(({ group }) => group));
  }

  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      this.#cancelWake();
      for (const { cancel } of this.#running.values()) cancel();
      // an evaluation under way ends by itself; a new one for the time already evaluated does nothing but wait for it
      await Promise.all([...this.#running.values()].map(({ group }) => group.evaluate(group.lastEvaluationMs, () => false)));
      await this.#writer.flush();
    })();
    return this.#stopping;
  }

  #create(config: RuleGroupConfig): RuleGroup {
    const group = new RuleGroup(config, this.#options.intervalMs ?? DEFAULT_INTERVAL_MS, this.#deps);
    this.#running.set(group.id, { group, cancel: () => {} });
    return group;
  }

  #arm(group: RuleGroup, now: Millis): void {
    this.#armFor(group, nextEvaluationMs(now, group.intervalMs, groupOffsetMs(group.id, group.intervalMs)));
  }

  #armFor(group: RuleGroup, atMs: Millis): void {
    const running = this.#running.get(group.id);
    if (running?.group !== group || this.#stopping !== undefined) return;
    const { clock } = this.#options;
    running.cancel = clock.after(atMs - clock.now(), () => {
      const turn = planTurn(atMs, clock.now(), group.intervalMs);
      group.counters.missed += turn.missed;
      // armed only after the evaluation: one that takes longer than the interval misses turns instead of piling them up
      void group.evaluate(turn.atMs).then(() => this.#armFor(group, turn.nextMs));
    });
  }

  #evaluateWoken(): void {
    const words = this.#wakeWords;
    this.#wakeWords = undefined;
    const now = this.#options.clock.now();
    this.#lastWakeMs = now;
    for (const { group } of this.#running.values()) {
      const chosen = new Set(
        group.rules.filter(
          ({ config, words: used }) => config.kind === 'alerting' && (words === 'all' || [...words!].some((word) => used.has(word))),
        ),
      );
      if (chosen.size === 0) continue;
      this.#woken++;
      void group.evaluate(now, (rule) => chosen.has(rule));
    }
  }

  #restore(group: RuleGroup, kept: KeptRules, now: Millis): void {
    const evaluatedMs = kept.evaluatedMs.get(group.id);
    const pauseMs = evaluatedMs === undefined ? 0 : Math.max(0, now - evaluatedMs);
    const gapMs = pauseMs > 2 * group.intervalMs ? pauseMs : 0;
    if (pauseMs > PAUSE_MS) group.graceUntilMs = now + GRACE_MS;
    for (const rule of group.rules) {
      const alerts = kept.alerts.get(rule.id);
      if (alerts === undefined || rule.config.kind !== 'alerting') continue;
      const restored = restoreAlerts(alerts, gapMs);
      rule.alerts = restored.alerts;
      publish(rule, restored.changes, now, this.#deps);
    }
  }

  /** Alerts that were left by rules which are no longer configured. */
  #endOrphans(configs: readonly RuleGroupConfig[], kept: KeptRules, now: Millis): void {
    const known = new Set(configs.flatMap((config) => ruleIdsOf(config).filter((_, i) => config.rules[i]!.kind === 'alerting')));
    for (const [id, alerts] of kept.alerts) if (!known.has(id)) endAlerts({ id, alerts, config: { expr: '' } }, now, this.#deps);
    for (const id of kept.evaluatedMs.keys()) if (!this.#running.has(id)) forgetGroup(this.#writer, id);
  }
}
