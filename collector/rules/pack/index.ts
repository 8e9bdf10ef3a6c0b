/** The rules that Bellwether ships. Held as text so that the bundle carries them. */
import type { RuleGroupConfig } from '../rule-file.ts';
import { parseRuleFile } from '../rule-file.ts';
import { AGENTS } from './agents.ts';
import { DEVICES } from './devices.ts';
import { HOSTS } from './hosts.ts';
import { NETWORK } from './network.ts';
import { PROBES } from './probes.ts';
import { PROCESSOR } from './processor.ts';
import { STORAGE } from './storage.ts';

const FILES: readonly (readonly [string, string])[] = [
  ['pack:agents', AGENTS],
  ['pack:hosts', HOSTS],
  ['pack:processor', PROCESSOR],
  ['pack:storage', STORAGE],
  ['pack:network', NETWORK],
  ['pack:probes', PROBES],
  ['pack:devices', DEVICES],
];

/** The shipped groups; their `file` begins with `pack:`. */
export function rulePack(): RuleGroupConfig[] {
  return FILES.flatMap(([name, text]) => parseRuleFile(text, name));
}

/** docs/reference/rules-pack.md. */
export function rulePackReference(): string {
  const sections = rulePack().map(({ name, rules }) => {
    const parts = rules.map((rule) => {
      if (rule.kind === 'recording') return `### ${rule.name}\n\n\`\`\`promql\n${rule.expr}\n\`\`\``;
      const text = (key: string): string => rule.annotations.get(key)?.source ?? '';
      const held = rule.forMs === 0 ? 'at once' : `after ${rule.forMs / 60_000} min`;
      const severity = rule.labels.get('severity')?.source ?? '';
      return `### ${rule.name}\n\n${severity}, ${held}. ${text('description').replace(/\{\{[^}]*\}\}/g, '…')}\n\n\`\`\`promql\n${rule.expr}\n\`\`\`\n\nWhat to do: ${text('runbook')}`;
    });
    return `## ${name}\n\n${parts.join('\n\n')}`;
  });
  const head =
    '# Shipped alert rules\n\nMade from `collector/rules/pack` by a test (`UPDATE_GOLDEN=1` writes it anew). The rules run unless `rules.pack: false` is set in\n`bellwether.yml`; each carries the annotations `summary`, `description` and `runbook`. To change one, switch the pack off and load your own file.';
  return `${head}\n\n${sections.join('\n\n')}\n`;
}
