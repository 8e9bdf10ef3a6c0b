import type { DeviceDetail, DeviceView, EventView } from '@bellwether/shared/api';
import { startTestAgent, startTestCollector } from '../support/bellwether.ts';
import { eventually } from '../support/process.ts';
import { startTestAgent as startDevice, switchMib } from '../support/snmp-agent.ts';

test('a device is added, read by the agent beside it, goes down with a reason and comes back as the same', async () => {
  const collector = await startTestCollector();
  const agent = await startTestAgent(collector);
  const device = await startDevice({ objects: switchMib({ ports: 8, seconds: 0 }) });
  let ticks = 0;
  const counting = setInterval(() => device.set(switchMib({ ports: 8, seconds: ++ticks })), 1_000);
  try {
    const made = await collector.post<DeviceView>('/api/bellwether/devices', {
      name: 'sw1',
      address: '127.0.0.1',
      port: device.port,
      interval: '10s',
      timeout: '300ms',
      retries: 1,
      snmp: { community: 'hush-hush' },
    });
    const detail = (): Promise<DeviceDetail> => collector.get(`/api/bellwether/devices/${made.id}`);
    const inState = (state: string): Promise<DeviceDetail> =>
      eventually(async () => {
        const now = await detail();
        return now.state === state ? now : undefined;
      }, 40_000);
    const up = await inState('up');
    expect(up.reason).toBe('');
    const read = await eventually(async () => {
      const { ports, facts } = await detail();
      return ports[0]?.inBps == null ? undefined : { ports, facts };
    }, 40_000);
    expect(read.facts).toMatchObject({ name: 'switch', location: 'rack 7' });
    expect(read.ports.map(({ name }) => name)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((port) => `Gi0/${port}`));
    expect(read.ports[0]).toMatchObject({ alias: 'uplink', speedBits: 1e9, adminUp: true, operUp: true });
    expect(read.ports[6]).toMatchObject({ operUp: false });
    expect(read.ports[0]!.inBps! / 8_000).toBeCloseTo(1, 0);
    expect(await collector.query('up{job="snmp", instance="sw1"}')).toMatchObject([{ value: [expect.anything(), '1'] }]);

    await agent.restart();
    await eventually(async () => ((await detail()).device.reportedMs! > up.device.reportedMs! ? true : undefined), 40_000);

    // It restarts and numbers its ports anew.
    clearInterval(counting);
    device.set(switchMib({ ports: 8, uptimeTicks: 500, indexOf: (port) => port + 100 }));
    await eventually(async () => {
      const events = await collector.get<EventView[]>('/api/bellwether/events');
      return events.some(({ kind }) => kind === 'device-restarted') || undefined;
    }, 40_000);

    device.stop();
    const down = await inState('down');
    expect(down.reason).toBe(`nothing answers SNMP on UDP port ${device.port} (connection refused)`);

    await agent.stop();
    expect((await inState('unknown')).reason).toMatch(/^the agent .* that reads it is not connected$/);
    expect(
      await (await fetch(`${collector.url}/api/bellwether/devices`, { headers: { authorization: `Bearer ${collector.token}` } })).text(),
    ).not.toMatch(/hush/);
  } finally {
    clearInterval(counting);
    device.stop();
    await agent.stop().catch(() => {});
    await collector.stop();
  }
}, 240_000);
