import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { EventView, HostDetail, HostPage } from '@bellwether/shared/api';
import { startTestAgent, startTestCollector, type TestAgent, type TestCollector, temporaryDir } from '../support/bellwether.ts';
import { eventually, ROOT, type RunningProgram, startProgram } from '../support/process.ts';

const AGENT = join(ROOT, 'bin/bellwether-agent.mjs');
const EVERY_SECOND = { config: 'agents:\n  interval: 1s\n' };
/** A second, as the samples of a grid of one second can be told. */
const CLOSE_MS = 1_000;

/** Preloaded into a real agent: its wall clock is wrong by this much, its monotonic one is not. */
function wrongClock(offsetMs: number): NodeJS.ProcessEnv {
  const code = `const now = Date.now.bind(Date); Date.now = () => now() + ${offsetMs};`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

async function onlyHost(collector: TestCollector): Promise<HostDetail> {
  const { rows } = await collector.post<HostPage>('/api/bellwether/hosts/query', {});
  expect(rows).toHaveLength(1);
  return collector.get(`/api/bellwether/hosts/${rows[0]!.id}`);
}

/** Times of all stored samples of the last hour and the coming minute, ms. */
async function stamps(collector: TestCollector, selector: string): Promise<number[]> {
  const { data } = await collector.get<{ data: { result: { values: [number, string][] }[] } }>(
    `/api/v1/query?query=${encodeURIComponent(`${selector}[1h]`)}&time=${Date.now() / 1_000 + 60}`,
  );
  return data.result.flatMap(({ values }) => values.map(([seconds]) => Math.round(seconds * 1_000)));
}

test.each([
  ['an hour ahead', 3_600_000],
  ['a year behind', -365 * 86_400_000],
])('an agent whose clock is %s is stamped in collector time and says how wrong it is', async (_what, wrongMs) => {
  const collector = await startTestCollector(EVERY_SECOND);
  const startMs = Date.now();
  const agent = await startTestAgent(collector, { env: wrongClock(wrongMs) });
  try {
    const times = await eventually(async () => {
      const found = await stamps(collector, 'node_load1');
      return found.length >= 3 ? found : undefined;
    });
    expect(Math.min(...times)).toBeGreaterThan(startMs - CLOSE_MS);
    expect(Math.max(...times)).toBeLessThan(Date.now() + CLOSE_MS);
    const [offset] = await eventually(async () => {
      const found = await collector.query('bellwether_agent_clock_offset_seconds');
      return Math.abs(Number(found[0]?.value[1]) * 1_000 + wrongMs) < CLOSE_MS ? found : undefined;
    });
    expect(offset!.metric.job).toBe('bellwether-agent');
    const host = await eventually(async () => {
      const detail = await onlyHost(collector);
      return detail.clockOffsetMs !== null && Math.abs(detail.clockOffsetMs + wrongMs) < CLOSE_MS ? detail : undefined;
    });
    expect(host.connected).toBe(true);
    const text = await (await fetch(`${collector.url}/metrics`, { headers: { authorization: `Bearer ${collector.token}` } })).text();
    expect(text).toMatch(/^bellwether_gateway_rows_refused_total 0$/m);
    expect(text).toMatch(/^bellwether_store_rows_too_(old|new)_total 0$/m);
  } finally {
    await agent.stop();
    await collector.stop();
  }
});

describe('a cloned machine', () => {
  let collector: TestCollector;
  let agent: TestAgent;
  let cloneDir: string;
  let clone: RunningProgram | undefined;

  beforeEach(async () => {
    collector = await startTestCollector(EVERY_SECOND);
    agent = await startTestAgent(collector);
    await eventually(async () => ((await collector.query('node_load1')).length > 0 ? true : undefined));
    cloneDir = temporaryDir();
    cpSync(agent.dir, cloneDir, { recursive: true });
    // Another machine: a /proc with a boot id of its own.
    const random = join(cloneDir, 'proc/sys/kernel/random');
    mkdirSync(random, { recursive: true });
    writeFileSync(join(random, 'boot_id'), '00000000-0000-4000-8000-000000000000\n');
  });

  afterEach(async () => {
    await clone?.stop('SIGKILL');
    await agent.stop();
    await collector.stop();
    rmSync(cloneDir, { recursive: true, force: true });
  });

  test('is refused once and for all with one event, and the original streams on', async () => {
    const args = ['run', '--url', collector.url, '--data-dir', cloneDir, '--path.procfs', join(cloneDir, 'proc')];
    clone = startProgram(process.execPath, [AGENT, ...args], { cwd: cloneDir });
    await clone.waitFor(/cloned disk image\): remove identity\.json and enrol this machine/);
    const isClone = ({ kind }: EventView): boolean => kind === 'cloned-agent';
    const event = await eventually(async () => (await collector.get<EventView[]>('/api/bellwether/events')).find(isClone));
    expect(event.text).toMatch(new RegExp(`boot id 00000000-0000-4000-8000-000000000000.*identity of ${hostname()}; it was refused`));
    const before = (await stamps(collector, 'node_load1')).length;

    // It is started again and again, as a service manager would.
    for (let start = 0; start < 2; start++) {
      await clone.stop('SIGKILL');
      clone = startProgram(process.execPath, [AGENT, ...args], { cwd: cloneDir });
      await clone.waitFor(/cloned disk image/);
    }
    expect((await collector.get<EventView[]>('/api/bellwether/events')).filter(isClone)).toHaveLength(1);
    const text = await (await fetch(`${collector.url}/metrics`, { headers: { authorization: `Bearer ${collector.token}` } })).text();
    expect(text).toMatch(/^bellwether_gateway_cloned_total 3$/m);
    expect(text).toMatch(/^bellwether_gateway_closed_total\{reason="cloned"\} 3$/m);
    await eventually(async () => ((await stamps(collector, 'node_load1')).length > before + 1 ? true : undefined));
    expect(agent.program.output()).not.toMatch(/no connection/);
    expect((await collector.query('min_over_time(up{job="node"}[5m])'))[0]?.value[1]).toBe('1');
  });
});
