import { startTestCollector } from '../support/bellwether.ts';
import { eventually } from '../support/process.ts';
import { startWebhookSink } from '../support/webhook-sink.ts';

const CONNECTED = 'up{job="node"} == 1';

test('stopping and starting `up` tells nobody that the agent of its own machine is gone', async () => {
  const sink = await startWebhookSink();
  const config = `alerting:\n  receivers:\n    - name: operations\n      webhook_configs: [{url: "${sink.url}"}]\n`;
  const collector = await startTestCollector({ config, command: 'up' });
  try {
    await eventually(async () => (await collector.query(CONNECTED)).length > 0 || undefined, 30_000);
    await collector.restart();
    // Connected again: an agent that was told to stop by the collector does not count as gone meanwhile.
    await eventually(async () => (await collector.query(CONNECTED)).length > 0 || undefined, 60_000);
    expect(await collector.query('min_over_time(up{job="node"}[5m]) == 0')).toEqual([]);
    const alerts = await collector.get<{ name: string }[]>('/api/bellwether/alerts');
    expect(alerts.filter(({ name }) => name === 'AgentDown')).toEqual([]);
    expect(sink.bodies.flatMap((body) => body.alerts).filter(({ labels }) => labels.alertname === 'AgentDown')).toEqual([]);
  } finally {
    await collector.stop();
    sink.stop();
  }
}, 120_000);
