/** What the uptime history says after real faults: both verdicts, their reasons, both percentages. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { labelsFrom } from '@bellwether/shared';
import type { UptimeDetail, UptimePage, UptimeSpan } from '@bellwether/shared/api';
import { WireEncoder } from '@bellwether/shared/wire';
import { startTestAgent, startTestCollector, type TestCollector } from '../support/bellwether.ts';
import { eventually, freePort } from '../support/process.ts';
import { enrollWireAgent, frameOf, helloOf, openWireSocket, type WireIdentity, type WireSocket } from '../support/wire-agent.ts';

const CONFIG = 'agents:\n  interval: 1s\n';
const AGENT = 'interval: 1s\n';
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function ip(...args: string[]): void {
  execFileSync('/sbin/ip', args, { stdio: 'pipe' });
}

const canIsolate = (() => {
  if (process.getuid?.() !== 0 || !existsSync('/sbin/ip')) return false;
  try {
    ip('netns', 'add', `bw-try-${process.pid}`);
    ip('netns', 'del', `bw-try-${process.pid}`);
    return true;
  } catch {
    return false; // no permission or no kernel support
  }
})();

/** A host's history of the last hour, as soon as `ready` likes it; without an id that of the worst host. */
async function history(
  collector: TestCollector,
  ready: (detail: UptimeDetail) => boolean,
  timeoutMs = 60_000,
  id?: string,
): Promise<UptimeDetail> {
  let last: UptimeDetail | undefined;
  const now = Date.now();
  try {
    return await eventually(
      async () => {
        const page = await collector.get<UptimePage>(`/api/bellwether/uptime?kind=host&from=${now - 3_600_000}`);
        if (page.rows.length === 0) return undefined;
        last = await collector.get<UptimeDetail>(`/api/bellwether/uptime/host/${id ?? page.rows[0]!.id}?from=${now - 3_600_000}`);
        return ready(last) ? last : undefined;
      },
      timeoutMs,
      250,
    );
  } catch (cause) {
    throw new Error(`no such history: ${JSON.stringify(last?.spans, undefined, 1)}`, { cause });
  }
}

/** Spans oldest first as `seen: reason -> proven: reason`. */
const words = (detail: UptimeDetail): string[] =>
  [...detail.spans].reverse().map(({ seen, seenReason, proven, reason }) => `${seen}: ${seenReason} -> ${proven}: ${reason}`);
const isUpNow = ({ verdict, reason }: UptimeDetail): boolean => verdict === 'up' && reason === '';
const lengthMs = ({ fromMs, toMs }: UptimeSpan): number => (toMs ?? Number.NaN) - fromMs;

(canIsolate ? test : test.skip)(
  'a cut link: seen unknown and unreachable from here, proven up once the spool is told',
  async () => {
    const id = process.pid % 10_000;
    const [namespace, inside, outside] = [`bwu-${id}`, `bwui${id}`, `bwuo${id}`];
    const net = `10.215.${id % 250}`;
    ip('netns', 'add', namespace);
    ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', namespace);
    ip('addr', 'add', `${net}.1/24`, 'dev', outside);
    ip('link', 'set', outside, 'up');
    ip('-n', namespace, 'addr', 'add', `${net}.2/24`, 'dev', inside);
    ip('-n', namespace, 'link', 'set', inside, 'up');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    const collector = await startTestCollector({ listen: `${net}.1:${await freePort()}`, config: CONFIG });
    const agent = await startTestAgent(collector, { config: AGENT, prefix: ['ip', 'netns', 'exec', namespace] });
    try {
      await history(collector, isUpNow);
      await pause(2_000);
      ip('-n', namespace, 'link', 'set', inside, 'down');
      await history(collector, ({ verdict, reason }) => verdict === 'unknown' && reason.includes('unreachable from here'));
      await pause(4_000);
      ip('-n', namespace, 'link', 'set', inside, 'up');
      await history(collector, isUpNow);
      const detail = await history(collector, ({ proven }) => proven.unknownMs === 0);
      const gone = detail.spans.filter(({ seen }) => seen === 'unknown');
      expect(gone.length).toBeGreaterThan(0);
      for (const span of gone) {
        expect(span.seenReason).toMatch(/^(no heartbeat|connection lost); unreachable from here \(10\.215\.\d+\.2 port 22: /);
        expect(span).toMatchObject({ proven: 'up', reason: 'unreachable from here, host up, its readings came later' });
      }
      // Nothing was known meanwhile, so no percentage suffers; how long that was is told.
      expect(detail.seen).toMatchObject({ downMs: 0, ratio: 1 });
      expect(detail.seen.unknownMs).toBe(gone.reduce((sum, span) => sum + lengthMs(span), 0));
      expect(detail.seen.unknownMs).toBeGreaterThan(3_000);
      expect(detail.proven).toMatchObject({ downMs: 0, unknownMs: 0, ratio: 1 });
    } finally {
      await agent.stop();
      await collector.stop();
      ip('link', 'del', outside);
      ip('netns', 'del', namespace);
    }
  },
  120_000,
);

(canIsolate ? test : test.skip)(
  'a host that is silent towards the collector and a neighbour is down, until its readings tell otherwise',
  async () => {
    const id = process.pid % 10_000;
    const bridge = `bwb${id}`;
    const net = `10.216.${id % 250}`;
    const spaces = [2, 3].map((host) => ({ host, space: `bwn${id}-${host}`, inside: `bwi${host}-${id}`, outside: `bwo${host}-${id}` }));
    ip('link', 'add', bridge, 'type', 'bridge');
    ip('addr', 'add', `${net}.1/24`, 'dev', bridge);
    ip('link', 'set', bridge, 'up');
    for (const { host, space, inside, outside } of spaces) {
      ip('netns', 'add', space);
      ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', space);
      ip('link', 'set', outside, 'master', bridge);
      ip('link', 'set', outside, 'up');
      ip('-n', space, 'addr', 'add', `${net}.${host}/24`, 'dev', inside);
      ip('-n', space, 'link', 'set', inside, 'up');
      ip('-n', space, 'link', 'set', 'lo', 'up');
    }
    const collector = await startTestCollector({ listen: `${net}.1:${await freePort()}`, config: CONFIG });
    const [witness, silent] = spaces;
    const agents = [];
    try {
      agents.push(await startTestAgent(collector, { config: AGENT, prefix: ['ip', 'netns', 'exec', witness!.space] }));
      await history(collector, isUpNow);
      agents.push(await startTestAgent(collector, { config: AGENT, prefix: ['ip', 'netns', 'exec', silent!.space] }));
      // The neighbour is found some seconds after the connection, while the host is up.
      await pause(14_000);
      ip('-n', silent!.space, 'link', 'set', silent!.inside, 'down');
      const down = await history(collector, ({ verdict }) => verdict === 'down');
      expect(down.reason).toMatch(/^no heartbeat; no answer to the collector nor to /);
      expect(await collector.query('bellwether_up_state{kind="host"} == 0')).toHaveLength(1);
      await eventually(
        async () => ((await collector.query('ALERTS{alertname="HostDown",alertstate="firing"}')).length > 0 ? true : undefined),
        30_000,
      );
      ip('-n', silent!.space, 'link', 'set', silent!.inside, 'up');
      const told = await history(
        collector,
        (detail) => detail.id === down.id && isUpNow(detail) && detail.proven.downMs === 0,
        60_000,
        down.id,
      );
      expect(told.seen.downMs).toBeGreaterThan(0);
      expect(told.seen.ratio).toBeLessThan(1);
      expect(told.proven).toMatchObject({ downMs: 0, unknownMs: 0, ratio: 1 });
    } finally {
      for (const agent of agents) await agent.stop();
      await collector.stop();
      for (const { space, outside } of spaces) {
        ip('link', 'del', outside);
        ip('netns', 'del', space);
      }
      ip('link', 'del', bridge);
    }
  },
  180_000,
);

test('a stopped agent, a killed agent and a stopped collector each have their own reason, and the host was up', async () => {
  const collector = await startTestCollector({ config: CONFIG });
  const agent = await startTestAgent(collector, { config: AGENT });
  try {
    await history(collector, isUpNow);
    await agent.program.stop('SIGTERM');
    await history(collector, ({ reason }) => reason.startsWith('agent stopped; the host answers'));
    await pause(2_000);
    await agent.restart();
    await history(collector, isUpNow);
    await history(collector, (detail) => words(detail).some((text) => text.includes('-> up: agent stopped; host up')));

    await agent.program.stop('SIGKILL');
    await history(collector, ({ reason }) => reason.startsWith('connection lost; the host answers'));
    await pause(1_000);
    await agent.restart();
    await history(collector, isUpNow);
    await history(collector, (detail) => words(detail).some((text) => text.includes('-> up: agent restarted; host up')));

    await collector.program.stop('SIGTERM');
    await pause(4_000);
    await collector.restart();
    await history(collector, isUpNow);
    const detail = await history(collector, ({ proven }) => proven.unknownMs === 0);
    expect(words(detail).filter((text) => text.startsWith('unknown: collector was off'))).toEqual([
      'unknown: collector was off -> up: collector was off; host up, its readings came later',
    ]);
    expect(detail.seen).toMatchObject({ downMs: 0, ratio: 1 });
    expect(detail.seen.unknownMs).toBeGreaterThan(4_000);
    expect(detail.proven).toMatchObject({ downMs: 0, unknownMs: 0, ratio: 1 });
  } finally {
    await agent.stop();
    await collector.stop();
  }
}, 180_000);

test('a reboot: seen unknown, proven down from the last reading to the boot', async () => {
  const collector = await startTestCollector({ config: CONFIG });
  try {
    const identity = await enrollWireAgent(collector.url, await collector.joinToken(), 'web-1');
    const firstBootMs = Date.now() - 3_600_000;
    const first = await connectHost(collector, identity, 'boot-1', firstBootMs);
    await history(collector, isUpNow);
    await pause(1_500);
    first.socket.terminate();
    // Behind a proxy of this machine, as far as the collector can tell: nobody to ask.
    await history(collector, ({ verdict, reason }) => verdict === 'unknown' && reason === 'connection lost');
    await pause(3_000);
    const bootMs = Date.now() - 2_000;
    const second = await connectHost(collector, identity, 'boot-2', bootMs);
    const detail = await history(collector, (known) => isUpNow(known) && known.proven.unknownMs === 0);
    second.socket.terminate();
    expect(words(detail)).toEqual([
      'up:  -> up: ',
      'unknown: connection lost -> down: host rebooted',
      'unknown: connection lost -> up: host rebooted; up again, its agent was not connected yet',
      'up:  -> up: ',
    ]);
    const down = detail.spans.find(({ proven }) => proven === 'down')!;
    expect(Math.abs(down.toMs! - bootMs)).toBeLessThan(200);
    expect(detail.seen).toMatchObject({ downMs: 0, ratio: 1 });
    expect(detail.proven.downMs).toBe(lengthMs(down));
    expect(detail.proven.ratio).toBeCloseTo(detail.proven.upMs / (detail.proven.upMs + detail.proven.downMs), 10);
    expect(detail.proven.ratio).toBeLessThan(1);
  } finally {
    await collector.stop();
  }
}, 120_000);

/** Connects as a host that booted at `bootMs` and sends one reading of its clock. */
async function connectHost(collector: TestCollector, identity: WireIdentity, bootId: string, bootMs: number): Promise<WireSocket> {
  const wire = await openWireSocket(collector.url, `Bearer ${identity.agentId}.${identity.key}`);
  const encoder = new WireEncoder();
  const now = Date.now();
  wire.socket.send(frameOf(encoder, (out) => out.message(helloOf(identity, { bootId, epoch: bootId, startedMs: now - 500 }))));
  await wire.waitFor('welcome');
  const series = ['node_time_seconds', 'node_boot_time_seconds'].map((name) => ({
    labels: labelsFrom({ __name__: name, job: 'node', instance: identity.hostname }),
    type: 'gauge' as const,
    help: '',
  }));
  wire.socket.send(frameOf(encoder, (out) => out.schema(1, 1, 'time', series)));
  const readMs = Date.now();
  const values = Float64Array.of(readMs / 1_000, bootMs / 1_000);
  wire.socket.send(frameOf(encoder, (out) => out.samples(1, 1, 1, { timeMs: readMs, presence: null, values })));
  await wire.waitFor('ack');
  // Anything said counts as a heartbeat.
  const beat = setInterval(() => {
    if (wire.socket.readyState !== wire.socket.OPEN) return clearInterval(beat);
    const heartbeat = { type: 'heartbeat' as const, sentMs: Date.now(), offsetMs: 0, queuedBatches: 0, queuedBytes: 0, droppedSamples: 0 };
    wire.socket.send(frameOf(encoder, (out) => out.message(heartbeat)));
  }, 500);
  return wire;
}
