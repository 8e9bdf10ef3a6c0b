/** The inputs beside the real node_exporter on this machine: the same names, the same values. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { silentLog, systemClock } from '@bellwether/shared';
import { onceText } from '../../agent/cli/once.ts';
import { createCollector, type InputCollector } from '../../agent/inputs/collect.ts';
import { INPUTS } from '../../agent/inputs/index.ts';
import { type Exposition, parseExposition } from '../agent/inputs/support.ts';

const SECONDS = Number(process.env.BELLWETHER_CONFORMANCE_SECONDS ?? 60);
const program = findProgram(['prometheus-node-exporter', 'node_exporter']);

/** Its flags, set to our defaults: distributions patch theirs. */
const FLAGS = [
  ['netdev.device-exclude', '^$'],
  ['diskstats.device-exclude', optionDefault('diskstats', 'device-exclude')],
  ['filesystem.mount-points-exclude', optionDefault('filesystem', 'mount-points-exclude')],
  ['filesystem.fs-types-exclude', optionDefault('filesystem', 'fs-types-exclude')],
  ['netstat.fields', optionDefault('netstat', 'fields')],
  ['vmstat.fields', optionDefault('vmstat', 'fields')],
].map(([flag, value]) => `--collector.${flag}=${value}`);

/** Not compared, with the reason. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  node_scrape_collector_duration_seconds: 'a time each side measures for itself',
  node_scrape_collector_success: 'the lists of inputs differ',
  node_exporter_build_info: 'about node_exporter itself',
};
/** Labels that releases of node_exporter after some in use have added. */
const NEWER_LABELS: Readonly<Record<string, string>> = { node_disk_info: 'rotational', node_network_info: 'adminstate' };

interface Round {
  /** Ours, their scrape, ours again. */
  readonly before: Exposition;
  readonly theirs: Exposition;
  readonly after: Exposition;
}

(program === undefined ? test.skip : test)(
  'node_exporter on this machine: same names, same values',
  async () => {
    const port = await freePort();
    const exporter = spawn(program!, [`--web.listen-address=127.0.0.1:${port}`, ...FLAGS], { stdio: 'ignore' });
    const collector = createCollector({ baseLabels: {}, clock: systemClock, log: silentLog, inputs: { agent_self: { enabled: false } } });
    try {
      const types = await ready(exporter, port);
      const rounds: Round[] = [];
      for (let second = 0; second < SECONDS; second++) {
        const before = await ours(collector);
        const theirs = parseExposition(await scrape(port)).samples;
        rounds.push({ before, theirs, after: await ours(collector) });
        await sleep(1_000);
      }
      const { compared, wrong, missing } = compare(rounds, types);
      expect(missing).toEqual([]);
      const share = 1 - wrong.length / compared;
      console.log(`${compared} comparisons, ${wrong.length} outside: ${(100 * share).toFixed(3)} % agree`);
      if (share < 0.99) expect(wrong.slice(0, 50)).toEqual([]);

      const theirNames = new Set([...types.keys()].filter((name) => name.startsWith('node_')));
      const ourNames = namesOf(rounds[0]!.before);
      const both = [...theirNames].filter((name) => ourNames.has(name));
      console.log(
        `${both.length} of ${theirNames.size} names; not here: ${[...theirNames].filter((name) => !ourNames.has(name)).join(' ')}`,
      );
      expect(both.length / theirNames.size).toBeGreaterThanOrEqual(0.9);
    } finally {
      collector.close();
      exporter.kill();
    }
  },
  (SECONDS + 60) * 1_000 * 2,
);

/** Their value of a counter lies between our readings around it; a gauge within all our readings from the round before to the round after. */
function compare(rounds: readonly Round[], types: ReadonlyMap<string, string>) {
  const wrong: string[] = [];
  const missing = new Set<string>();
  let compared = 0;
  const names = namesOf(rounds[0]!.before);
  for (const [i, round] of rounds.entries()) {
    const neighbours = [rounds[i - 1]?.after, round.before, round.after, rounds[i + 1]?.before];
    for (const [key, { name, value }] of round.theirs) {
      if (!names.has(name) || name in EXCEPTIONS) continue;
      const tight = types.get(name) === 'counter';
      const own = (tight ? [round.before, round.after] : neighbours).flatMap((reading) => reading?.get(key)?.value ?? []);
      if (own.length === 0) {
        missing.add(key);
        continue;
      }
      compared++;
      // Values they scale by a product differ from ours in the last bits.
      const slack = 1e-9 * Math.max(1, Math.abs(value));
      if (value < Math.min(...own) - slack || value > Math.max(...own) + slack)
        wrong.push(`${key}: theirs ${value}, ours ${own.join(' ')}`);
    }
  }
  // Network devices of other suites come and go meanwhile.
  return { compared, wrong, missing: [...missing].filter((key) => rounds.every(({ theirs }) => theirs.has(key))) };
}

async function ours(collector: InputCollector): Promise<Exposition> {
  const { samples } = parseExposition(onceText(await collector.collect(systemClock.now())));
  return new Map([...samples].map(([key, sample]) => [withoutNewer(sample.name, key), sample]));
}

function withoutNewer(name: string, key: string): string {
  const label = NEWER_LABELS[name];
  return label === undefined ? key : key.replace(new RegExp(`(?<=[{,])${label}=[^,}]*,?`), '').replace(',}', '}');
}

function namesOf(samples: Exposition): Set<string> {
  return new Set([...samples.values()].map(({ name }) => name));
}

async function scrape(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  return answer.text();
}

/** Types of all its metrics, once it answers. */
async function ready(exporter: ChildProcess, port: number): Promise<Map<string, string>> {
  for (let tries = 0; tries < 100; tries++) {
    if (exporter.exitCode !== null) throw new Error(`node_exporter ended with code ${exporter.exitCode}`);
    try {
      return parseExposition(await scrape(port)).types;
    } catch {
      // Not listening yet.
      await sleep(100);
    }
  }
  throw new Error('node_exporter did not answer within 10 s');
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.after(ms, resolve));
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function findProgram(names: readonly string[]): string | undefined {
  const candidates = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  return candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      // Not in this folder.
      return false;
    }
  });
}

function optionDefault(input: string, option: string): string {
  return String(INPUTS.find(({ name }) => name === input)!.options![option]!.default);
}
