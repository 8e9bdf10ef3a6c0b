/**
 * `npm run bench -- alert [--json] [--runs 5]`: an agent with default settings is killed with SIGKILL; how long until the AgentDown webhook
 * arrives, with a collector on default settings. Wall time, so it belongs here and not in a test. Last line: one JSON object.
 */
import { startTestAgent, startTestCollector } from '../support/bellwether.ts';
import { eventually } from '../support/process.ts';
import { startWebhookSink } from '../support/webhook-sink.ts';

const at = process.argv.indexOf('--runs');
const runs = at < 0 ? 5 : Number(process.argv[at + 1]);

/** What the receiver was told last: a flap within the group's interval is no news to it. */
let told: 'nothing' | 'firing' | 'resolved' = 'nothing';
let arrived: ((timeMs: number) => void) | undefined;
const sink = await startWebhookSink(({ status, alerts }) => {
  if (!alerts.some(({ labels }) => labels.alertname === 'AgentDown')) return;
  told = status === 'firing' ? 'firing' : 'resolved';
  if (status === 'firing' && alerts.some(({ status: one, labels }) => one === 'firing' && labels.alertname === 'AgentDown'))
    arrived?.(performance.now());
});
const collector = await startTestCollector({
  config: `alerting:\n  receivers:\n    - name: operations\n      webhook_configs: [{ url: ${sink.url} }]\n`,
});
const agent = await startTestAgent(collector);
const delays: number[] = [];
try {
  for (let run = 0; run < runs; run++) {
    await eventually(async () => ((await collector.query('up{job="node"} == 1')).length > 0 ? true : undefined), 60_000);
    await eventually(() => told !== 'firing' || undefined, 60_000);
    const arrival = new Promise<number>((resolve) => {
      arrived = resolve;
    });
    const killed = performance.now();
    await agent.program.stop('SIGKILL');
    delays.push((await arrival) - killed);
    console.error(`run ${run + 1}: ${Math.round(delays.at(-1)!)} ms`);
    await agent.restart();
  }
} finally {
  await agent.stop();
  await collector.stop();
  sink.stop();
}
delays.sort((a, b) => a - b);
const seconds = (ms: number): number => Number((ms / 1_000).toFixed(2));
const result = { runs, min_s: seconds(delays[0]!), median_s: seconds(delays[delays.length >> 1]!), max_s: seconds(delays.at(-1)!) };
if (!process.argv.includes('--json'))
  console.log(`agent killed to webhook: median ${result.median_s} s, longest ${result.max_s} s of ${runs}`);
console.log(JSON.stringify(result));
