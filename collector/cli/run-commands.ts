import { join } from 'node:path';
import { errorMessage, type Log, StopStack } from '@bellwether/shared';
import { type Command, Option } from 'commander';
import { pino } from 'pino';
import { type RunningCollector, startCollector } from '../app.ts';
import { type CollectorConfig, restartKeys } from '../config.ts';
import { type ConfigFlags, configured, loadGiven, type Terminal } from './context.ts';
import { localUrl } from './http-client.ts';
import { startLocalAgent } from './local-agent.ts';

/** What running commands need beyond a terminal. */
export interface Runner extends Terminal {
  /** Folder of the bundles and the built page. */
  readonly distDir: string;
  /** Runs `stop` at the first SIGINT or SIGTERM and ends the process with 0; at the second, at once. */
  readonly onStop: (stop: () => Promise<void>) => void;
  readonly onReload: (reload: () => Promise<void>) => void;
}

export function runCommands(program: Command, runner: Runner): void {
  const running = (command: Command): Command =>
    configured(command).addOption(
      new Option('--log-level <level>', 'least severe message on standard error').choices(['debug', 'info', 'warn', 'error']),
    );

  running(program.command('up').description('run a collector and an agent for this machine'))
    .option('--no-agent', 'the collector alone')
    .action(async (flags: ConfigFlags & { agent: boolean }) => {
      const { collector, config, log, stops } = await start(flags, runner, 'warn');
      if (flags.agent) {
        const level = config.log.level ?? 'warn';
        const url = localUrl(config);
        const agent = { program: join(runner.distDir, 'agent-run.mjs'), dir: join(config.data_dir, 'agent'), url, logLevel: level };
        const local = await startLocalAgent({ ...agent, auth: collector.auth, clock: runner.clock, log });
        // The collector first: an agent that says goodbye to a running collector is an alert.
        stops.defer('local agent', () => collector.stop().then(() => local.stop()));
      }
      runner.write(greeting(collector, config));
    });

  running(program.command('collector').description('run a collector')).action(async (flags: ConfigFlags) => {
    await start(flags, runner, 'info');
  });
}

interface Started {
  readonly collector: RunningCollector;
  readonly config: CollectorConfig;
  readonly log: Log;
  /** Undone at the stop, newest first; the collector is the oldest. */
  readonly stops: StopStack;
}

export async function start(flags: ConfigFlags, runner: Runner, defaultLevel: 'info' | 'warn'): Promise<Started> {
  const { config } = await loadGiven(flags, runner);
  const log = createLog(config.log.level ?? defaultLevel);
  const stops = new StopStack(log);
  // Before the start, so that an impatient Ctrl-C ends what is half up in order as well.
  runner.onStop(() => stops.run());
  /** Reads the files again; gives the keys whose change needs a restart. */
  async function reload(): Promise<string[]> {
    const { config: next } = await loadGiven(flags, runner);
    await collector.reload(next);
    return restartKeys(config, next);
  }
  const webDir = join(runner.distDir, 'web');
  const collector = stops.own('collector', await startCollector({ config, clock: runner.clock, log, webDir, reload }));
  runner.onReload(async () => {
    try {
      const keys = await reload();
      if (keys.length > 0) log.warn({ keys }, 'these changes need a restart');
    } catch (error) {
      log.error({ error: errorMessage(error) }, 'configuration not reloaded; nothing has changed');
    }
  });
  return { collector, config, log, stops };
}

/** JSON lines on standard error, written at once: the last words of a process that dies are the ones wanted. */
export function createLog(level: string): Log {
  return pino({ level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }));
}

/** What `up` says as it is ready. */
export function greeting({ url, firstStart }: Pick<RunningCollector, 'url' | 'firstStart'>, config: CollectorConfig): string {
  const page = (config.external_url ?? (config.listen.port === 0 ? url : localUrl(config))).replace(/\/+$/, '');
  const everywhere = config.external_url === undefined && ['0.0.0.0', '::'].includes(config.listen.host);
  const lines = [`Bellwether is up at ${page}${everywhere ? ', and on every other address of this machine' : ''}`];
  if (firstStart.link !== null) {
    lines.push(
      '',
      `  Sign in:  ${page}/sign-in#${firstStart.link}`,
      '  (works once, for 15 minutes; another: npx bellwether user link)',
      '',
    );
  }
  lines.push(`Data is in ${config.data_dir}. Ctrl-C stops.`);
  return `${lines.join('\n')}\n`;
}
