export type { AlertsApiData, ApiAlert, ApiRule, RulesApiData, RulesApiFilter } from './api-data.ts';
export type { RuleRow } from './output-columns.ts';
export { loadRuleFiles, parseRuleFile, type RuleConfig, type RuleGroupConfig } from './rule-file.ts';
export type { WriteRow } from './rule-group.ts';
export { type Rules, type RulesCounters, startRules } from './rules.ts';
