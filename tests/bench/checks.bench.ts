/** What an agent's CPU pays for 200 HTTP checks every 10 s (budget: 5 % of a core), against a server on loopback. Arguments: the probes; all. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startTestAgent, startTestCollector } from '../support/bellwether.ts';
import { cpuBetween, eventually, ROOT, readCpu } from '../support/process.ts';

const CHECKS = 200;
const WARM_UP_MS = 25_000;
const MEASURED_MS = 60_000;
const PROBES = ['none', 'tcp', 'http', 'https', 'icmp'] as const;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const certificates = join(ROOT, 'tests/agent/probes/certificates');
const keys = { key: readFileSync(join(certificates, 'server.key')), cert: readFileSync(join(certificates, 'good.pem')) };
const answer: Parameters<typeof createServer>[1] = (_request, response) => void response.end('x'.repeat(2_000));
const servers = [createServer(answer), createHttps(keys, answer)];
const [port, tlsPort] = await Promise.all(
  servers.map(async (server) => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }),
);
const target = { none: '', tcp: `127.0.0.1:${port}`, http: `http://127.0.0.1:${port}/`, https: `https://127.0.0.1:${tlsPort}/` };
const asked = process.argv.slice(2);

for (const probe of PROBES) {
  if (asked.length > 0 && !asked.includes(probe)) continue;
  const lines = Array.from({ length: probe === 'none' ? 0 : CHECKS }, (_, i) => {
    const address = probe === 'icmp' ? `127.0.0.${1 + i}` : target[probe];
    const kind = probe === 'https' ? `http, http: {tls_config: {ca_file: ${join(certificates, 'ca.pem')}}}` : probe;
    return `  - {name: "c${i}", probe: ${kind}, target: "${address}", interval: 10s, timeout: 2s}\n`;
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
for (const server of servers) server.close();
