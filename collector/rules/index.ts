export type { AlertsApiData, ApiAlert, ApiRule, RulesApiData, RulesApiFilter } from './api-data.ts';
export type { RuleRow } from './output-columns.ts';
export { rulePack, rulePackReference } from './pack/index.ts';
export { loadRuleFiles, parseRuleFile, type RuleConfig, type RuleGroupConfig } from './rule-file.ts';
export type { WriteRow } from './rule-group.ts';
export { type RuleLab, type RuleTestOptions, type RuleTestResult, runRuleTests } from './rule-test.ts';
export { type Rules, type RulesCounters, startRules } from './rules.ts';
