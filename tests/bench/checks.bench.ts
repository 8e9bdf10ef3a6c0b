/** What an agent's CPU pays for 200 HTTP checks every 10 s (budget: 5 % of a core), against a server on loopback. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startTestAgent, startTestCollector } from '../support/bellwether.ts';
import { cpuBetween, eventually, readCpu } from '../support/process.ts';

const CHECKS = 200;
const WARM_UP_MS = 25_000;
const MEASURED_MS = 60_000;
const PROBES = ['none', 'tcp', 'http', 'icmp'] as const;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const server = createServer((_request, response) => response.end('x'.repeat(2_000)));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;
const target = { none: '', tcp: `127.0.0.1:${port}`, http: `http://127.0.0.1:${port}/`, icmp: '127.0.0.1' };

for (const probe of PROBES) {
  const lines = Array.from({ length: probe === 'none' ? 0 : CHECKS }, (_, i) => {
    const address = probe === 'icmp' ? `127.0.0.${1 + i}` : target[probe];
    return `  - {name: "c${i}", probe: ${probe}, target: "${address}", interval: 10s, timeout: 2s}\n`;
  });
  const collector = await startTestCollector({ config: lines.length === 0 ? '' : `checks:\n${lines.join('')}` });
  const agent = await startTestAgent(collector);
  await eventually(async () => ((await collector.query('up{job="node"} == 1')).length > 0 ? true : undefined), 30_000);
  await pause(WARM_UP_MS);
  const before = readCpu(agent.program.pid);
  await pause(MEASURED_MS);
  const used = cpuBetween(before, readCpu(agent.program.pid));
  const up = (await collector.query('sum(probe_success)'))[0]?.value[1] ?? '0';
  console.log(`${probe.padEnd(5)} ${up} checks up: ${((used / MEASURED_MS) * 100_000).toFixed(2)} % of a core`);
  await agent.stop();
  await collector.stop();
}
server.close();
