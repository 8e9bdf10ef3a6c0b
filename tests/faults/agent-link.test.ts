import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { startTestAgent, startTestCollector } from '../support/bellwether.ts';
import { eventually, freePort } from '../support/process.ts';

const CUT_SECONDS = process.env.BELLWETHER_SOAK === undefined ? 30 : 600;
const canIsolate = process.getuid?.() === 0 && existsSync('/sbin/ip') && namespacesWork();

function ip(...args: string[]): void {
  execFileSync('/sbin/ip', args, { stdio: 'pipe' });
}

function namespacesWork(): boolean {
  const name = `bw-probe-${process.pid}`;
  try {
    ip('netns', 'add', name);
    ip('netns', 'del', name);
    return true;
  } catch {
    return false; // no permission or no kernel support: the suite is skipped
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

(canIsolate ? test : test.skip)(
  `a link cut of ${CUT_SECONDS} s between agent and collector leaves no hole, shows in up, and keeps the original times`,
  async () => {
    const id = process.pid % 10_000;
    const [namespace, inside, outside] = [`bw-${id}`, `bwi${id}`, `bwo${id}`];
    const net = `10.214.${id % 250}`;
    ip('netns', 'add', namespace);
    ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', namespace);
    ip('addr', 'add', `${net}.1/24`, 'dev', outside);
    ip('link', 'set', outside, 'up');
    ip('-n', namespace, 'addr', 'add', `${net}.2/24`, 'dev', inside);
    ip('-n', namespace, 'link', 'set', inside, 'up');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    const collector = await startTestCollector({ listen: `${net}.1:${await freePort()}`, config: 'agents:\n  interval: 1s\n' });
    const agent = await startTestAgent(collector, { config: 'interval: 1s\n', prefix: ['ip', 'netns', 'exec', namespace] });
    try {
      await eventually(async () => ((await collector.query('up{job="node"} == 1')).length > 0 ? true : undefined), 30_000);
      await pause(5_000);
      const instance = (await collector.query('up{job="node"}'))[0]!.metric.instance!;
      const cutFrom = Date.now();
      ip('link', 'set', outside, 'down');
      await eventually(async () => ((await collector.query('up{job="node"} == 0')).length > 0 ? true : undefined), 15_000);
      await pause(CUT_SECONDS * 1_000 - (Date.now() - cutFrom));
      ip('link', 'set', outside, 'up');
      const cutTo = Date.now();
      await eventually(async () => ((await collector.query('up{job="node"} == 1')).length > 0 ? true : undefined), 60_000);

      // Every second of the cut is there, on the second, read when it happened.
      const from = Math.ceil(cutFrom / 1_000);
      const to = Math.floor(cutTo / 1_000);
      const times = await eventually(async () => {
        const found = await sampleTimes(collector, `node_time_seconds{instance="${instance}"}[${to - from + 1}s]`, to);
        return found.length >= to - from ? found : undefined;
      }, 30_000);
      for (let second = from + 1; second <= to; second++) expect(times.map(([time]) => time)).toContain(second);
      for (const [time, value] of times) expect(Math.abs(value - time)).toBeLessThan(1.5);

      const up = await sampleTimes(collector, `up{job="node",instance="${instance}"}[${to - from + 5}s]`, to);
      expect(up.some(([, value]) => value === 0)).toBe(true);
      expect(await collector.query(`bellwether_agent_samples_dropped_total{instance="${instance}"} > 0`)).toEqual([]);
    } finally {
      await agent.stop();
      await collector.stop();
      ip('link', 'del', outside);
      ip('netns', 'del', namespace);
    }
  },
  (CUT_SECONDS + 180) * 1_000,
);

async function sampleTimes(collector: { get<T>(path: string): Promise<T> }, query: string, at: number): Promise<[number, number][]> {
  const body = await collector.get<{ data: { result: { values: [number, string][] }[] } }>(
    `/api/v1/query?query=${encodeURIComponent(query)}&time=${at}`,
  );
  return (body.data.result[0]?.values ?? []).map(([time, value]) => [time, Number(value)]);
}
