import { AppError } from '@bellwether/shared';
import type { Override } from '@bellwether/shared/schema';
import { Command, Option } from 'commander';
import { loadAgentConfig } from '../config.ts';
import type { AgentConfig } from '../settings.ts';
import { AGENT_VERSION } from '../version.ts';
import { enroll } from './enroll.ts';
import { factsReport, hostFacts } from './facts.ts';
import { runOnce } from './once.ts';

export interface ProgramOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isRoot: boolean;
  readonly write: (text: string) => void;
}

/** Flags that set a key of the file, and the key. */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  url: ['url'],
  dataDir: ['data_dir'],
  interval: ['interval'],
  logLevel: ['log', 'level'],
  'path.procfs': ['paths', 'procfs'],
  'path.sysfs': ['paths', 'sysfs'],
  'path.rootfs': ['paths', 'rootfs'],
};

type Given = Record<string, unknown> & { config?: string };

/** All commands. Usage errors end the process with 2 (commander's own way), everything else is thrown. */
export function createProgram(options: ProgramOptions): Command {
  const { write } = options;
  const load = (given: Given): Promise<AgentConfig> =>
    loadAgentConfig({
      env: options.env,
      isRoot: options.isRoot,
      overrides: overridesOf(given),
      ...(given.config === undefined ? {} : { file: given.config }),
    });

  const program = new Command('bellwether-agent')
    .description('Reads this host and streams what it finds to a Bellwether collector.')
    .version(AGENT_VERSION)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

  configured(program.command('run').description('read and send until told to stop')).action(() => {
    throw new AppError('BAD_REQUEST', 'run is started by bin/bellwether-agent.mjs or dist/agent-run.mjs, which need less memory.');
  });

  configured(program.command('check').description('check the configuration and end'))
    .addOption(new Option('--json', 'print the checked configuration').hideHelp())
    .action(async (given: Given & { json?: boolean }) => {
      const config = await load(given);
      write(given.json === true ? JSON.stringify({ config, version: AGENT_VERSION }) : 'configuration is good\n');
    });

  configured(program.command('once').description('read everything once and print it as Prometheus text')).action(async (given: Given) => {
    const { paths, inputs } = await load(given);
    write(await runOnce({ paths, inputs }));
  });

  program
    .command('facts')
    .description('print what this host is made of and what is installed, as JSON')
    .option('--path.rootfs <folder>', 'where / is mounted', '/')
    .addOption(new Option('--report <file>', 'print how they differ from those in the file').hideHelp())
    .action(async (given: { 'path.rootfs': string; report?: string }) => {
      const facts = await hostFacts(given['path.rootfs']);
      const output = given.report === undefined ? JSON.stringify(facts, null, 2) : JSON.stringify(await factsReport(facts, given.report));
      await new Promise<void>((resolve) => process.stdout.write(`${output}\n`, () => resolve()));
      // A question that hangs must not keep the process.
      process.exit(0);
    });

  configured(program.command('enroll').description('make this host known to a collector'))
    .requiredOption(
      '--token <join token>',
      'from `bellwether token create --join` (or BELLWETHER_AGENT_TOKEN)',
      options.env.BELLWETHER_AGENT_TOKEN,
    )
    .option('--hostname <name>', 'name to ask for (default: the host name)')
    .action(async (given: Given & { token: string; hostname?: string }) => {
      const { url, dataDir } = await load(given);
      if (url === undefined)
        throw new AppError('CONFIG_INVALID', 'Where is the collector? Give --url http://collector:8720 or set url in the file.');
      const { token, hostname } = given;
      const identity = await enroll({ url, token, dataDir, version: AGENT_VERSION, ...(hostname === undefined ? {} : { hostname }) });
      write(`enrolled as ${identity.hostname} (${identity.agentId}); identity in ${dataDir}/identity.json\n`);
    });

  return program;
}

function configured(command: Command): Command {
  return command
    .option('--config <file>', 'configuration (default: ./bellwether-agent.yml, /etc/bellwether/bellwether-agent.yml)')
    .option('--url <url>', 'address of the collector')
    .option('--data-dir <folder>', 'identity and unsent readings')
    .option('--interval <duration>', 'time between readings')
    .option('--log-level <level>', 'debug, info, warn or error')
    .option('--path.procfs <folder>', 'where /proc is mounted')
    .option('--path.sysfs <folder>', 'where /sys is mounted')
    .option('--path.rootfs <folder>', 'where / is mounted');
}

function overridesOf(given: Given): Override[] {
  return Object.entries(FLAGS).flatMap(([name, path]) => {
    const text = given[name];
    return typeof text === 'string' ? [{ path, text, source: `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}` }] : [];
  });
}
