import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Log, SteppedClock } from '@bellwether/shared';
import { type RunningAgent, startAgent } from '../../../agent/app.ts';
import { writeIdentity } from '../../../agent/identity.ts';
import { stopReason } from '../../../agent/last-goodbye.ts';
import type { ReadUsage } from '../../../agent/limits/limiter.ts';
import type { AgentConfig, Identity } from '../../../agent/settings.ts';
import { FakeCollector } from '../uplink/fake-collector.ts';

const START_MS = 1_700_000_003_456;
const identity: Identity = { agentId: 'a1', key: 'k', hostname: 'web-1' };

let dir: string;
let clock: SteppedClock;
let collector: FakeCollector;
let config: AgentConfig;
let agent: RunningAgent | undefined;
let lines: { message: string; fields: object }[];

const log: Log = {
  debug() {},
  info: (fields, message) => lines.push({ message, fields }),
  warn: (fields, message) => lines.push({ message, fields }),
  error: (fields, message) => lines.push({ message, fields }),
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bellwether-agent-'));
  clock = new SteppedClock(START_MS);
  collector = new FakeCollector(clock);
  lines = [];
  const inputs = Object.fromEntries(['filesystem', 'netclass'].map((name) => [name, { enabled: false }]));
  config = {
    url: 'http://collector',
    dataDir: dir,
    tags: { site: 'ams' },
    inputs,
    paths: { procfs: '/proc', sysfs: '/sys', rootfs: '/' },
    spool: { maxBytes: 64e6, memoryBytes: 4e6, afterMs: 5_000 },
    log: { level: 'info' },
  };
});
afterEach(async () => {
  if (agent !== undefined) await ended(agent);
  agent = undefined;
  await rm(dir, { recursive: true, force: true });
});

async function begin(changes: Partial<AgentConfig> = {}, usage?: ReadUsage): Promise<void> {
  agent = await startAgent({
    config: { ...config, ...changes },
    identity,
    version: '1.2.3',
    clock,
    log,
    open: collector.openSocket,
    random: () => 0.5,
    ...(usage === undefined ? {} : { usage }),
  });
}

/** Ends the agent while its clock moves on. */
async function ended(running: RunningAgent): Promise<void> {
  const stopped = running.stop('stopping');
  let isDone = false;
  void stopped.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await clock.advance(50);
  }
  await stopped;
}

const stamps = (name: string): number[] => collector.rows.filter((row) => row.name === name).map((row) => row.timeMs);

test('readings arrive on the grid of the collector, with the labels of this host', async () => {
  collector.offsetMs = 250;
  await begin();
  await clock.advance(60_000);
  expect(stamps('loadavg')).toEqual([10, 20, 30, 40, 50, 60].map((s) => 1_700_000_000_000 + s * 1_000));
  const schema = collector.messages.find((message) => message.type === 'schema' && message.name === 'loadavg');
  expect(schema).toMatchObject({
    series: expect.arrayContaining([
      expect.objectContaining({ labels: expect.arrayContaining(['instance', 'web-1', 'job', 'node', 'site', 'ams']) }),
    ]),
  });
  expect(collector.messages[0]).toMatchObject({
    type: 'hello',
    agentId: 'a1',
    agentVersion: '1.2.3',
    hostname: 'web-1',
    lastGoodbye: null,
  });
  const beat = collector.messages.findLast((message) => message.type === 'heartbeat');
  expect(beat).toMatchObject({ offsetMs: 250, droppedSamples: 0 });
});

test('the interval the collector asks for holds unless the file says another', async () => {
  collector.intervalMs = 5_000;
  await begin();
  await clock.advance(31_000);
  expect(stamps('loadavg').length).toBeGreaterThanOrEqual(6);
  await ended(agent!);
  collector.rows.length = 0;
  await begin({ intervalMs: 20_000 });
  await clock.advance(60_000);
  expect(stamps('loadavg')).toHaveLength(3);
});

test('an agent that starts without its collector keeps the pace it was asked for', async () => {
  collector.intervalMs = 1_000;
  await begin();
  await clock.advance(2_000);
  await ended(agent!);
  collector.rows.length = 0;
  collector.refuseWith = 1006;
  await begin();
  await clock.advance(10_000);
  collector.refuseWith = undefined;
  await clock.advance(30_000);
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    await clock.advance(100);
  }
  expect(stamps('loadavg').length).toBeGreaterThanOrEqual(40);
});

test('live mode ends by itself', async () => {
  await begin();
  await clock.advance(10_000);
  collector.open!.reply({ type: 'liveMode', intervalMs: 1_000, durationMs: 5_000 });
  await clock.advance(30_000);
  const gaps = stamps('loadavg').map((at, i, all) => at - (all[i - 1] ?? at));
  expect(gaps.filter((gap) => gap === 1_000).length).toBeGreaterThanOrEqual(4);
  expect(gaps.slice(-2)).toEqual([10_000, 10_000]);
});

test('an agent that uses too much reads less, says so, and reads more again when it is better', async () => {
  let [cpu, cpuSeconds, lastMs] = [0.5, 0, 0];
  const usage: ReadUsage = (timeMs) => {
    cpuSeconds += ((timeMs - lastMs) / 1000) * cpu;
    lastMs = timeMs;
    return { timeMs, cpuSeconds, rssBytes: 1 };
  };
  await begin({ limits: { cpu: 0.1, memoryBytes: 0, uplinkBytesPerS: 0 } }, usage);
  await clock.advance(370_000);
  const shedMs = clock.now();
  const events = () =>
    collector.messages.flatMap((message) => (message.type === 'event' && message.kind === 'shedding' ? [message.text] : []));
  expect(events()).toEqual([
    expect.stringMatching(/^limits exceeded: CPU 50% of a core, limit 10%; level 1; no live mode; less often: .*users/),
    expect.stringMatching(/; level 2; no live mode; less often: .*vmstat.*; off: .*users/),
    expect.stringMatching(/; level 3; no live mode; off: .*vmstat/),
  ]);
  const warnings = lines.filter((line) => line.message === 'agent exceeds its limits and reads less');
  expect(warnings.map(({ fields }) => fields)).toEqual([1, 2, 3].map((shedding) => expect.objectContaining({ shedding })));
  await clock.advance(60_000);
  expect(stamps('vmstat').filter((at) => at > shedMs)).toEqual([]);
  expect(stamps('loadavg').filter((at) => at > shedMs)).toHaveLength(6);
  cpu = 0.01;
  await clock.advance(960_000);
  expect(events()).toHaveLength(6);
  expect(events().at(-1)).toBe('well within the limits; level 0');
  expect(stamps('vmstat').at(-1)! - stamps('vmstat').at(-2)!).toBe(10_000);
});

test('a goodbye that was heard leaves no note; one that was not is told next time', async () => {
  await begin();
  await clock.advance(1_000);
  await ended(agent!);
  expect(collector.messages.at(-1)).toEqual({ type: 'goodbye', reason: 'stopping' });
  await expect(stat(join(dir, 'goodbye.json'))).rejects.toMatchObject({ code: 'ENOENT' });

  collector.refuseWith = 1006;
  await begin();
  await clock.advance(1_000);
  const goodbyeMs = clock.now();
  await ended(agent!);

  collector.refuseWith = undefined;
  await begin();
  await clock.advance(1_000);
  const hello = collector.messages.findLast((message) => message.type === 'hello');
  expect(hello).toMatchObject({ lastGoodbye: { reason: 'stopping', timeMs: goodbyeMs } });
  await new Promise((resolve) => setTimeout(resolve, 20));
  await expect(stat(join(dir, 'goodbye.json'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('unsent readings of a stopped agent arrive with the next one, stamps and all', async () => {
  collector.refuseWith = 1006;
  await begin();
  await clock.advance(30_000);
  await ended(agent!);
  collector.refuseWith = undefined;
  await begin();
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    await clock.advance(100);
  }
  expect(stamps('loadavg').slice(0, 3)).toEqual([10, 20, 30].map((s) => 1_700_000_000_000 + s * 1_000));
  expect(collector.duplicates).toBe(0);
});

test('a name given by the collector is taken over and kept', async () => {
  await writeIdentity(dir, identity);
  collector.hostname = 'web-1-2';
  await begin();
  await clock.advance(20_000);
  const schemas = collector.messages.filter((message) => message.type === 'schema' && message.name === 'loadavg');
  expect(JSON.stringify(schemas.at(-1))).toContain('"web-1-2"');
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(JSON.parse(await readFile(join(dir, 'identity.json'), 'utf8'))).toEqual({ ...identity, hostname: 'web-1-2' });
});

test('a clock that was wrong is reported', async () => {
  collector.refuseWith = 1006;
  await begin();
  await clock.advance(15_000);
  collector.offsetMs = 3_600_000;
  collector.refuseWith = undefined;
  await clock.advance(60_000);
  expect(collector.messages).toContainEqual(
    expect.objectContaining({ type: 'event', kind: 'clock-jump', text: expect.stringContaining('3600000 ms') }),
  );
  expect(stamps('loadavg').at(-1)! - clock.now()).toBeGreaterThan(3_500_000);
});

test('a data folder that cannot be used: said, and the agent runs on', async () => {
  await writeFile(join(dir, 'spool'), 'a file where the folder should be');
  await begin();
  await clock.advance(20_000);
  expect(stamps('loadavg')).toHaveLength(2);
  expect(lines.map((line) => line.message)).toContain('spool cannot be used; unsent data is kept in memory only');
});

test('the reason of a stop is read from what systemd leaves', async () => {
  const sign = join(dir, 'nologin');
  expect(await stopReason([sign])).toBe('stopping');
  await writeFile(sign, '');
  expect(await stopReason([join(dir, 'other'), sign])).toBe('shutting-down');
});
