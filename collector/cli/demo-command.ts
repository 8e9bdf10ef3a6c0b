import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError, type Millis, parseDuration } from '@bellwether/shared';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { acknowledgeOne, type DemoOptions, demoConfig, runFleet, spawnFleet } from './demo/demo.ts';
import { createLog, greeting, type Runner, start } from './run-commands.ts';

interface DemoFlags {
  hosts: number;
  seed: number;
  interval: Millis;
  history: Millis;
  listen?: string;
  dataDir?: string;
  fleetOnly?: boolean;
  url?: string;
}

export function demoCommand(program: Command, runner: Runner): void {
  program
    .command('demo')
    .description('a collector with a made-up fleet, to look at')
    .option('--hosts <count>', 'how many hosts', whole, 100)
    .option('--seed <number>', 'the same seed makes the same fleet', whole, 1)
    .addOption(new Option('--interval <duration>', 'time between readings').argParser(duration).default(10_000, '10s'))
    .addOption(new Option('--history <duration>', "how far the fleet's data reaches back").argParser(duration).default(1_800_000, '30m'))
    .option('--listen <address>', 'address and port of the collector')
    .option('--data-dir <folder>', "where the demo's data is kept (default: a temporary folder)")
    .option('--fleet-only', 'send the fleet to the collector at --url; join token in BELLWETHER_JOIN_TOKEN')
    .option('--url <url>', 'collector for --fleet-only')
    .action((flags: DemoFlags) => {
      const options: DemoOptions = { hosts: flags.hosts, seed: flags.seed, intervalMs: flags.interval, historyMs: flags.history };
      return flags.fleetOnly === true ? fleetOnly(flags.url, options, runner) : demo(flags, options, runner);
    });
}

async function fleetOnly(url: string | undefined, options: DemoOptions, runner: Runner): Promise<void> {
  const joinToken = runner.env.BELLWETHER_JOIN_TOKEN;
  if (url === undefined || joinToken === undefined) {
    throw new AppError('BAD_REQUEST', 'demo --fleet-only needs --url and a join token in BELLWETHER_JOIN_TOKEN.');
  }
  const fleet = await runFleet(url, joinToken, options, runner.clock, createLog('warn'));
  runner.onStop(() => fleet.stop());
}

async function demo(flags: DemoFlags, options: DemoOptions, runner: Runner): Promise<void> {
  const dir = flags.dataDir ?? (await mkdtemp(join(tmpdir(), 'bellwether-demo-')));
  const file = join(dir, 'bellwether.yml');
  const text = demoConfig(dir, options);
  await writeFile(file, text);
  const { collector, config, log, stops } = await start({ config: file, dataDir: dir, listen: flags.listen }, runner, 'warn');
  const { token: joinToken } = await collector.auth.tokens.create({ name: 'demo fleet', scope: 'join' });
  stops.own('demo fleet', spawnFleet(join(runner.distDir, 'bellwether.mjs'), collector.url, joinToken, options));
  const { token } = await collector.auth.tokens.create({ name: 'demo', scope: 'operate', expiresInMs: 3_600_000 });
  void acknowledgeOne(collector.url, token, runner.clock, log);
  runner.write(greeting(collector, config));
  if (flags.dataDir === undefined) runner.onStop(() => stops.run().then(() => rm(dir, { recursive: true, force: true })));
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}

function duration(text: string): Millis {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('It must be a duration such as 10s.');
  return ms;
}
