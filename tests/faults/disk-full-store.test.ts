import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { labelsFrom } from '@bellwether/shared';
import { WIRE_NACK, WireEncoder } from '@bellwether/shared/wire';
import { startTestAgent, startTestCollector, type TestCollector } from '../support/bellwether.ts';
import { eventually } from '../support/process.ts';
import { canMountVolumes, mountVolume, type Volume } from '../support/volume.ts';
import { enrollWireAgent, frameOf, helloOf, openWireSocket } from '../support/wire-agent.ts';

const withVolumes = canMountVolumes() ? test : test.skip;
const EVERY_SECOND = 'agents:\n  interval: 1s\n';

/** Puts the collector's data on a disk of its own. */
async function moveToVolume(collector: TestCollector, sizeMb: number): Promise<Volume> {
  const data = join(collector.dir, 'data');
  const aside = join(collector.dir, 'aside');
  await collector.program.stop();
  renameSync(data, aside);
  const volume = mountVolume(data, sizeMb);
  cpSync(aside, data, { recursive: true });
  await collector.restart();
  return volume;
}

function spoolBytes(folder: string): number {
  const segments = readdirSync(folder).filter((name) => name.endsWith('.seg'));
  return segments.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

function linesOf(output: string, text: string): string[] {
  return output.split('\n').filter((line) => line.includes(text));
}

/** Times of the stored samples of a series, ms. */
async function timesOf(collector: TestCollector, selector: string): Promise<number[]> {
  const body = await collector.get<{ data: { result: { values: [number, string][] }[] } }>(
    `/api/v1/query?query=${encodeURIComponent(`${selector}[10m]`)}`,
  );
  return (body.data.result[0]?.values ?? []).map(([seconds]) => Math.round(seconds * 1_000));
}

/** Seconds between the first and the last sample that have none, beyond those the agent says it could not read for want of CPU. */
async function expectNoHole(collector: TestCollector, fromMs: number): Promise<void> {
  const times = (await timesOf(collector, 'node_load1')).filter((time) => time >= fromMs);
  const steps = times.slice(1).map((time, i) => time - times[i]!);
  const [skipped] = await collector.query('bellwether_agent_ticks_skipped_total');
  expect(steps.every((step) => step > 0 && step % 1_000 === 0)).toBe(true);
  const missing = steps.reduce((sum, step) => sum + step / 1_000 - 1, 0);
  expect(missing).toBeLessThanOrEqual(Number(skipped?.value[1] ?? 0));
}

const metric = async ({ url, token }: TestCollector, name: string): Promise<number> => {
  const text = await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
};

withVolumes(
  'a full disk under the collector: agents keep their readings, queries are answered, and with room again nothing is missing',
  async () => {
    const collector = await startTestCollector({ config: EVERY_SECOND });
    const volume = await moveToVolume(collector, 24);
    const agent = await startTestAgent(collector, { config: 'spool:\n  after: 1s\n' });
    const spool = join(agent.dir, 'spool');
    try {
      const identity = await enrollWireAgent(collector.url, await collector.joinToken(), 'by-hand');
      const { token: unused } = await collector.post<{ token: string }>('/api/bellwether/tokens', { scope: 'read', name: 'unused' });
      await eventually(async () => ((await timesOf(collector, 'node_load1')).length >= 3 ? true : undefined), 30_000);
      const [firstMs] = await timesOf(collector, 'node_load1');

      volume.fill();
      await agent.program.waitFor(/collector cannot store now/);
      await eventually(() => (spoolBytes(spool) > 0 ? true : undefined));

      // A wire of our own sees the answer itself.
      const wire = await openWireSocket(collector.url, `Bearer ${identity.agentId}.${identity.key}`);
      const encoder = new WireEncoder();
      wire.socket.send(frameOf(encoder, (to) => to.message(helloOf(identity))));
      await wire.waitFor('welcome');
      wire.socket.send(
        frameOf(encoder, (to) => {
          to.schema(1, 1, 'test', [{ labels: labelsFrom({ __name__: 'by_hand' }), type: 'gauge', help: '' }]);
          to.samples(1, 1, 1, { timeMs: Date.now(), presence: null, values: Float64Array.of(1) });
        }),
      );
      expect(await wire.waitFor('nack')).toMatchObject({ seq: 1, code: WIRE_NACK.storeFull, retryAfterMs: 5_000 });
      expect(wire.received.filter(({ type }) => type === 'ack')).toEqual([]);
      wire.socket.terminate();

      // Reading goes on, even with a token whose first use cannot be noted; writing says why it does not.
      expect((await collector.query('node_load1')).length).toBe(1);
      const read = await fetch(`${collector.url}/api/v1/query?query=node_load1`, { headers: { authorization: `Bearer ${unused}` } });
      expect(read.status).toBe(200);
      const hosts = await collector.post<{ rows: unknown[] }>('/api/bellwether/hosts/query', {});
      expect(hosts.rows).toHaveLength(2);
      const write = await fetch(`${collector.url}/api/bellwether/tokens`, {
        method: 'POST',
        headers: { authorization: `Bearer ${collector.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ scope: 'read', name: 'x'.repeat(100) }),
      });
      expect([201, 503]).toContain(write.status);
      if (write.status === 503) expect(await write.json()).toMatchObject({ error: { code: 'STORE_FULL' } });
      expect(await metric(collector, 'bellwether_gateway_rows_refused_total')).toBeGreaterThan(0);

      const before = spoolBytes(spool);
      await eventually(() => (spoolBytes(spool) > before ? true : undefined));
      expect(linesOf(collector.program.output(), 'write-ahead log not written')).toHaveLength(1);
      expect(linesOf(collector.program.output(), '"level":50').slice(4)).toEqual([]);
      expect(linesOf(agent.program.output(), 'collector cannot store now')).toHaveLength(1);

      // A start on the full disk reads what there is.
      await collector.restart('SIGKILL');
      expect((await collector.query('node_load1')).length).toBe(1);
      await collector.program.waitFor(/write-ahead log not written/);

      volume.free();
      await collector.program.waitFor(/store takes rows again/);
      await eventually(() => (spoolBytes(spool) === 0 ? true : undefined), 30_000);
      const againMs = Date.now();
      await eventually(async () => (((await timesOf(collector, 'node_load1')).at(-1) ?? 0) > againMs ? true : undefined));
      await expectNoHole(collector, firstMs!);
      expect(await metric(collector, 'bellwether_gateway_rows_lost_total')).toBe(0);
      expect(collector.program.child.exitCode).toBeNull();
    } finally {
      await agent.stop();
      await collector.program.stop();
      volume.unmount();
      await collector.stop();
    }
  },
  120_000,
);

withVolumes(
  "a full disk under the agent's spool: one line, memory only, counted, and nothing is lost",
  async () => {
    const collector = await startTestCollector({ config: EVERY_SECOND });
    const agent = await startTestAgent(collector, { config: 'spool:\n  after: 1s\n' });
    const spool = join(agent.dir, 'spool');
    await agent.program.stop();
    rmSync(spool, { recursive: true, force: true });
    mkdirSync(spool);
    const volume = mountVolume(spool, 4);
    try {
      await agent.restart();
      await eventually(async () => ((await timesOf(collector, 'node_load1')).length >= 3 ? true : undefined), 30_000);
      const firstMs = (await timesOf(collector, 'node_load1'))[1]!;
      volume.fill();
      await collector.program.stop();
      await agent.program.waitFor(/spool cannot be written/);
      await collector.restart();
      await agent.program.waitFor(/"connected"[\s\S]*"connected"/);
      const againMs = Date.now();
      await eventually(async () => (((await timesOf(collector, 'node_load1')).at(-1) ?? 0) > againMs + 1_000 ? true : undefined));
      expect(linesOf(agent.program.output(), 'spool cannot be written')).toHaveLength(1);
      await eventually(async () => {
        const [errors] = await collector.query('bellwether_agent_spool_errors_total');
        return Number(errors?.value[1]) >= 1 || undefined;
      }, 30_000);
      await expectNoHole(collector, firstMs);
      expect((await collector.query('bellwether_agent_samples_dropped_total'))[0]?.value[1]).toBe('0');
    } finally {
      await agent.program.stop();
      volume.unmount();
      await agent.stop();
      await collector.stop();
    }
  },
  120_000,
);
