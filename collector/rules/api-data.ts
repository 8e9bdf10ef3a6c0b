/** The data of GET /api/v1/rules and /api/v1/alerts, in Prometheus' form. Pure. */
import { labelsToRecord } from '@bellwether/shared';
import type { RuleAlert } from './alert-rule.ts';
import type { RuleGroup, RuleRuntime } from './rule-group.ts';
import { shortestExponent } from './template/format.ts';

export interface RulesApiFilter {
  readonly type?: 'alert' | 'record' | undefined;
  readonly ruleNames?: readonly string[];
  readonly groupNames?: readonly string[];
  readonly files?: readonly string[];
  readonly excludeAlerts?: boolean;
}
export interface ApiAlert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  state: 'pending' | 'firing';
  activeAt: string;
  keepFiringSince?: string;
  /** `1e+00` */
  value: string;
}
interface ApiRuleBase {
  name: string;
  query: string;
  labels: Record<string, string>;
  health: 'unknown' | 'ok' | 'err';
  lastError?: string;
  /** Seconds. */
  evaluationTime: number;
  lastEvaluation: string;
}
export type ApiRule =
  | (ApiRuleBase & {
      type: 'alerting';
      state: 'inactive' | 'pending' | 'firing';
      duration: number;
      keepFiringFor: number;
      annotations: Record<string, string>;
      alerts: ApiAlert[];
    })
  | (ApiRuleBase & { type: 'recording' });
export interface RulesApiData {
  groups: {
    name: string;
    file: string;
    rules: ApiRule[];
    interval: number;
    limit: number;
    evaluationTime: number;
    lastEvaluation: string;
  }[];
}
export interface AlertsApiData {
  alerts: ApiAlert[];
}

const NEVER = '0001-01-01T00:00:00Z';

export function rulesApiData(groups: readonly RuleGroup[], filter: RulesApiFilter): RulesApiData {
  const { type, ruleNames = [], groupNames = [], files = [] } = filter;
  const wanted = groups.filter(
    ({ config }) => (files.length === 0 || files.includes(config.file)) && (groupNames.length === 0 || groupNames.includes(config.name)),
  );
  const found = wanted.map((group) => ({
    name: group.config.name,
    file: group.config.file,
    rules: group.rules
      .filter(({ config }) => type === undefined || (type === 'alert') === (config.kind === 'alerting'))
      .filter(({ config }) => ruleNames.length === 0 || ruleNames.includes(config.name))
      .map((rule) => apiRule(rule, filter.excludeAlerts === true)),
    interval: group.intervalMs / 1000,
    limit: group.config.limit,
    evaluationTime: group.durationMs / 1000,
    lastEvaluation: timeText(group.lastEvaluationMs),
  }));
  const filtered = type !== undefined || ruleNames.length > 0;
  return { groups: filtered ? found.filter(({ rules }) => rules.length > 0) : found };
}

export function alertsApiData(groups: readonly RuleGroup[]): AlertsApiData {
  return { alerts: groups.flatMap((group) => group.rules.flatMap((rule) => apiAlerts(rule.alerts))) };
}

function apiRule(rule: RuleRuntime, excludeAlerts: boolean): ApiRule {
  const { config, health, lastError } = rule;
  const base = {
    health,
    ...(lastError === '' ? {} : { lastError }),
    evaluationTime: rule.durationMs / 1000,
    lastEvaluation: timeText(rule.lastEvaluationMs),
  };
  if (config.kind === 'recording')
    return { name: config.name, query: config.expr, labels: { ...config.labels }, ...base, type: 'recording' };
  const alerts = apiAlerts(rule.alerts);
  const state = alerts.some((alert) => alert.state === 'firing') ? 'firing' : alerts.length > 0 ? 'pending' : 'inactive';
  const texts = (templates: typeof config.labels): Record<string, string> =>
    Object.fromEntries([...templates].map(([name, { source }]) => [name, source]));
  return {
    state,
    name: config.name,
    query: config.expr,
    duration: config.forMs / 1000,
    keepFiringFor: config.keepFiringMs / 1000,
    labels: texts(config.labels),
    annotations: texts(config.annotations),
    alerts: excludeAlerts ? [] : alerts,
    ...base,
    type: 'alerting',
  };
}

function apiAlerts(alerts: ReadonlyMap<string, RuleAlert>): ApiAlert[] {
  return [...alerts.values()].flatMap(({ labels, annotations, state, value }) => {
    if (state.kind === 'resolved') return [];
    const since = state.kind === 'firing' && state.clearedAt !== undefined ? { keepFiringSince: timeText(state.clearedAt) } : {};
    return [
      {
        labels: labelsToRecord(labels),
        annotations: { ...annotations },
        state: state.kind,
        activeAt: timeText(state.since),
        ...since,
        value: shortestExponent(value),
      },
    ];
  });
}

function timeText(ms: number): string {
  return ms === 0 ? NEVER : new Date(ms).toISOString();
}
