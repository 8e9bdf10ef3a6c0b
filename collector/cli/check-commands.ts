import { readFile } from 'node:fs/promises';
import { AppError, errorMessage } from '@bellwether/shared';
import type { Command } from 'commander';
import { runPromqlTest } from '../query/index.ts';
import { loadRuleFiles, type RuleGroupConfig } from '../rules/index.ts';
import { type ConfigFlags, configured, loadGiven, type Terminal } from './context.ts';

export function checkCommands(program: Command, terminal: Terminal): void {
  configured(program.command('check').description('check the configuration and the rule files it names')).action(
    async (flags: ConfigFlags) => {
      const { config, file } = await loadGiven(flags, terminal);
      const groups = await loadRuleFiles(config.rules.files);
      const shipped = config.rules.pack ? 'the shipped rules and ' : '';
      terminal.write(`${file ?? 'no configuration file: the defaults'}: good; ${shipped}${countText(groups)}\n`);
    },
  );

  const rules = program.command('rules').description('rule files');
  rules
    .command('check')
    .description('check Prometheus rule files')
    .argument('<file...>')
    .action(async (files: string[]) => {
      const problems: string[] = [];
      for (const file of files) {
        try {
          terminal.write(`${file}: good; ${countText(await loadRuleFiles([file]))}\n`);
        } catch (error) {
          problems.push(errorMessage(error));
        }
      }
      if (problems.length > 0) throw new AppError('CONFIG_INVALID', problems.join('\n'));
    });

  program
    .command('promqltest')
    .description('run PromQL test scripts against the query engine')
    .argument('<file...>')
    .option('--class <names>', 'classes of cases to run, separated by commas', 'core')
    .action(async (files: string[], flags: { class: string }) => {
      const scripts = await Promise.all(files.map(async (name) => ({ name, text: await scriptText(name) })));
      const { passed, failed } = await runPromqlTest(scripts, flags.class.split(','), (line) => terminal.write(`${line}\n`));
      terminal.write(`${passed} passed, ${failed} failed\n`);
      if (failed > 0) terminal.exitCode(1);
    });
}

async function scriptText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new AppError('BAD_REQUEST', `${file} cannot be read: ${errorMessage(cause)}.`, { cause });
  }
}

function countText(groups: readonly RuleGroupConfig[]): string {
  const rules = groups.reduce((sum, group) => sum + group.rules.length, 0);
  return `${rules} ${rules === 1 ? 'rule' : 'rules'} in ${groups.length} ${groups.length === 1 ? 'group' : 'groups'}`;
}
