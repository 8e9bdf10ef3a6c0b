/**
 * `npm run bench -- agent [--json] [--seconds 120] [--warmup 20]`: what an agent at 1 s costs, all in (reading, coding, sending), beside
 * Debian's node_exporter scraped every second over one connection with gzip, in the same minutes. Last line: one JSON object.
 */
import { existsSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { startTestAgent, startTestCollector } from '../support/bellwether.ts';
import { cpuBetween, eventually, freePort, memoryMb, readCpu, startProgram } from '../support/process.ts';

const NODE_EXPORTER = '/usr/bin/prometheus-node-exporter';
const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const seconds = option('seconds', 120);
const warmup = option('warmup', 20);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Scraper {
  readonly pid: number;
  readonly names: Set<string>;
  stop(): Promise<void>;
}

/** node_exporter with its defaults, scraped every second as Prometheus does. */
async function startNodeExporter(): Promise<Scraper> {
  const port = await freePort();
  const program = startProgram(NODE_EXPORTER, [`--web.listen-address=127.0.0.1:${port}`]);
  const url = `http://127.0.0.1:${port}/metrics`;
  const text = await eventually(async () => (await fetch(url)).text());
  const names = new Set([...text.matchAll(/^# TYPE (node_\S+)/gm)].map((match) => match[1]!));
  const connection = new Agent({ keepAlive: true, maxSockets: 1 });
  const timer = setInterval(
    () => get(url, { agent: connection, headers: { 'accept-encoding': 'gzip' } }, (answer) => answer.resume()),
    1_000,
  );
  return {
    pid: program.pid,
    names,
    async stop() {
      clearInterval(timer);
      connection.destroy();
      await program.stop();
    },
  };
}

const collector = await startTestCollector({ config: 'agents:\n  interval: 1s\n' });
const agent = await startTestAgent(collector, { config: 'interval: 1s\n' });
const exporter = existsSync(NODE_EXPORTER) ? await startNodeExporter() : undefined;
try {
  await eventually(async () => ((await collector.query('node_load1')).length > 0 ? true : undefined), 30_000);
  await pause(warmup * 1_000);

  const counters = async (): Promise<{ bytes: number; samples: number }> => {
    const response = await fetch(`${collector.url}/metrics`, { headers: { authorization: `Bearer ${collector.token}` } });
    const text = await response.text();
    const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1]);
    return { bytes: value('bellwether_gateway_received_bytes_total'), samples: value('bellwether_gateway_samples_total') };
  };
  const before = await counters();
  const cpuBefore = readCpu(agent.program.pid);
  const peerBefore = exporter === undefined ? undefined : readCpu(exporter.pid);
  const start = performance.now();
  await pause(seconds * 1_000);
  const elapsed = (performance.now() - start) / 1_000;
  const cpu = cpuBetween(cpuBefore, readCpu(agent.program.pid));
  const peerCpu = exporter === undefined || peerBefore === undefined ? null : cpuBetween(peerBefore, readCpu(exporter.pid));
  const after = await counters();
  const memory = memoryMb(agent.program.pid);
  const peerMemory = exporter === undefined ? null : memoryMb(exporter.pid);
  const samples = after.samples - before.samples;

  const stored = await collector.get<{ data: string[] }>('/api/v1/label/__name__/values');
  const have = new Set(stored.data);
  const peerNames = exporter === undefined ? [] : [...exporter.names];
  const missing = peerNames.filter((name) => !have.has(name));
  const series = Number((await collector.query('count({job=~"node|bellwether-agent"})'))[0]?.value[1] ?? 0);

  const round = (value: number, digits: number): number => Number(value.toFixed(digits));
  const perMinute = (cpuS: number): number => (cpuS / elapsed) * 60;
  const result = {
    cpu_s_per_min: round(perMinute(cpu), 4),
    cpu_us_per_sample: round((cpu / samples) * 1e6, 2),
    series,
    rss_mb: round(memory.rss, 1),
    uss_mb: round(memory.uss, 1),
    wire_bytes_per_sample: round((after.bytes - before.bytes) / samples, 3),
    samples_per_s: round(samples / elapsed, 1),
    seconds: round(elapsed, 1),
    names_of_node_exporter_ratio: exporter === undefined ? null : round(1 - missing.length / peerNames.length, 3),
    peer:
      peerCpu === null || peerMemory === null
        ? null
        : {
            name: 'prometheus-node-exporter',
            cpu_s_per_min: round(perMinute(peerCpu), 4),
            rss_mb: round(peerMemory.rss, 1),
            uss_mb: round(peerMemory.uss, 1),
            cpu_ratio: round(cpu / peerCpu, 3),
          },
  };
  if (!process.argv.includes('--json')) {
    console.log(
      `agent at 1 s over ${result.seconds} s: ${result.cpu_s_per_min} CPU-s a minute, ${result.rss_mb} MB resident, ${result.uss_mb} MB of its own`,
    );
    console.log(`wire: ${result.wire_bytes_per_sample} bytes a sample, ${result.samples_per_s} samples a second, ${series} series`);
    if (result.peer !== null)
      console.log(`node_exporter: ${result.peer.cpu_s_per_min} CPU-s a minute; ours is ${result.peer.cpu_ratio} of it`);
    if (missing.length > 0) console.log(`names only node_exporter has: ${missing.join(' ')}`);
  }
  console.log(JSON.stringify(result));
} finally {
  await exporter?.stop();
  await agent.stop();
  await collector.stop();
}
