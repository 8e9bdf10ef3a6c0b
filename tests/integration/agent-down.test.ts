import { startTestAgent, startTestCollector } from '../support/bellwether.ts';
import { eventually } from '../support/process.ts';
import { startWebhookSink } from '../support/webhook-sink.ts';

test('an agent killed with -9 pages through the webhook with default settings, and its return resolves', async () => {
  const sink = await startWebhookSink();
  const collector = await startTestCollector({
    config: `alerting:
  receivers:
    - name: operations
      webhook_configs:
        - url: ${sink.url}
`,
  });
  const agent = await startTestAgent(collector);
  try {
    await eventually(async () => ((await collector.query('up{job="node"} == 1')).length > 0 ? true : undefined), 30_000);
    await agent.program.stop('SIGKILL');
    const page = await eventually(
      () => sink.bodies.find(({ alerts }) => alerts.some(({ labels }) => labels.alertname === 'AgentDown')),
      20_000,
    );
    expect(page.version).toBe('4');
    expect(page.status).toBe('firing');

    const alerts = await collector.get<{ name: string; trace: { stage: string; text: string }[] }[]>('/api/bellwether/alerts');
    const down = alerts.find(({ name }) => name === 'AgentDown');
    expect(down?.trace.length).toBeGreaterThan(0);

    await agent.restart();
    await eventually(async () => ((await collector.query('up{job="node"} == 1')).length > 0 ? true : undefined), 30_000);
    await eventually(async () => {
      const body = await collector.get<{ data: { alerts: { labels: Record<string, string>; state: string }[] } }>('/api/v1/alerts');
      return body.data.alerts.every(({ labels }) => labels.alertname !== 'AgentDown') || undefined;
    }, 60_000);
  } finally {
    await agent.stop();
    await collector.stop();
    sink.stop();
  }
}, 180_000);
