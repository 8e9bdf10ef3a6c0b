/**
 * The resident process. It loads neither the command line parser nor what checks the configuration: a child that lives for a moment does that
 * (`check --json`) and hands over the result, so that none of it stays in this process' memory.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { errorMessage, type Log, systemClock } from '@bellwether/shared';
import { startAgent } from './app.ts';
import { readIdentity } from './identity.ts';
import { stopReason } from './last-goodbye.ts';
import { createLog } from './log.ts';
import { type AgentConfig, DEFAULT_URL } from './settings.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

interface Checked {
  readonly config: AgentConfig;
  readonly version: string;
}

// V8's optimising compiler costs 5 MB of resident memory and saves this process, idle but for a millisecond a second, nothing measurable.
setFlagsFromString('--no-opt');

const args = process.argv.slice(2).filter((arg, i) => !(i === 0 && arg === 'run'));
if (args.includes('--help') || args.includes('-h')) printHelp();
else await run();

async function run(): Promise<void> {
  const { config, version } = checkedConfig();
  const log = createLog(config.log.level, systemClock, (line) => process.stderr.write(line));
  try {
    const identity = await readIdentity(config.dataDir);
    const factsCommand = [process.execPath, mainBundle(), 'facts', '--path.rootfs', config.paths.rootfs, '--report'] as const;
    const agent = await startAgent({ config, identity, version, clock: systemClock, log, factsCommand });
    log.info({ version, url: config.url ?? identity.url ?? DEFAULT_URL, dataDir: config.dataDir, agentId: identity.agentId }, 'started');
    onSignals(log, (reason) => agent.stop(reason));
  } catch (error) {
    fail(errorMessage(error));
  }
}

function onSignals(log: Log, stop: (reason: Awaited<ReturnType<typeof stopReason>>) => Promise<void>): void {
  let isStopping = false;
  const onSignal = (): void => {
    // Whoever asks twice does not want to wait for the goodbye.
    if (isStopping) process.exit(EXIT_FAILED);
    isStopping = true;
    stopReason()
      .then(stop)
      .then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ error: errorMessage(error) }, 'stop failed');
          process.exit(EXIT_FAILED);
        },
      );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

function checkedConfig(): Checked {
  const child = spawnSync(process.execPath, [mainBundle(), 'check', '--json', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (child.status !== 0) process.exit(child.status ?? EXIT_FAILED);
  return JSON.parse(child.stdout) as Checked;
}

function printHelp(): void {
  process.exitCode = spawnSync(process.execPath, [mainBundle(), 'run', '--help'], { stdio: 'inherit' }).status ?? EXIT_FAILED;
}

/** The command line, beside this bundle. */
function mainBundle(): string {
  return fileURLToPath(new URL('./bellwether-agent.mjs', import.meta.url));
}

function fail(message: string): never {
  process.stderr.write(`bellwether-agent: ${message}\n`);
  process.exit(EXIT_USAGE);
}
