import type { DeviceAssignment } from '@bellwether/shared/assignments';
import { afterEach, expect, test } from '@jest/globals';
import { startTestAgent, switchMib, type TestAgent, type TestAgentOptions } from '../../support/snmp-agent.ts';
import { assignmentOf, type DeviceLab, deviceLab } from './support.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function lab(options: TestAgentOptions, changes: Partial<DeviceAssignment> = {}): Promise<DeviceLab & { agent: TestAgent }> {
  const agent = await startTestAgent(options);
  const made = deviceLab(assignmentOf({ port: agent.port, ...changes }));
  stops.push(() => made.device.stop(), agent.stop);
  return { ...made, agent };
}

const PORT_1 = 'ifAlias="uplink",ifDescr="GigabitEthernet0/1",ifIndex="1",ifName="Gi0/1"';

test('a switch is read whole, under the names and labels of if_mib', async () => {
  const { samples, results } = await lab({ objects: switchMib({ ports: 48, seconds: 100 }) });
  const read = await samples();
  expect(results).toMatchObject([{ id: 'd1', kind: 'device', up: true, reason: '' }]);
  expect(read.get('up')).toBe(1);
  expect(read.get('sysUpTime')).toBe(1_010_000);
  expect(read.get('sysName{sysName="switch"}')).toBe(1);
  expect(read.get('sysObjectID{sysObjectID="1.3.6.1.4.1.99999.1"}')).toBe(1);
  expect(read.get(`ifHCInOctets{${PORT_1}}`)).toBe(10 ** 15 + 100_000);
  expect(read.get(`ifAdminStatus{${PORT_1}}`)).toBe(1);
  expect(read.get(`ifHighSpeed{${PORT_1}}`)).toBe(1000);
  expect(read.get(`ifInErrors{${PORT_1}}`)).toBe(3);
  expect([...read.keys()].filter((key) => key.includes('ifName="Gi0/1"') && /Phys|Type/.test(key))).toEqual([
    'ifType_info{ifAlias="uplink",ifDescr="GigabitEthernet0/1",ifIndex="1",ifName="Gi0/1",ifType="ethernetCsmacd"}',
    'ifPhysAddress{ifAlias="uplink",ifDescr="GigabitEthernet0/1",ifIndex="1",ifName="Gi0/1",ifPhysAddress="00:1A:2B:00:00:01"}',
  ]);
  expect(read.get('ifOperStatus{ifDescr="GigabitEthernet0/7",ifIndex="7",ifName="Gi0/7"}')).toBe(2);
  expect([...read.keys()].filter((key) => key.startsWith('ifOperStatus')).length).toBe(48);
  expect([...read.keys()].some((key) => key.startsWith('ifInOctets'))).toBe(false);
});

test('a second reading has the same columns and the new values; 32-bit counters are no longer asked for', async () => {
  const { samples, agent } = await lab({ objects: switchMib({ ports: 24 }) });
  const first = await samples();
  agent.set(switchMib({ ports: 24, seconds: 60 }));
  agent.requests.splice(0);
  const second = await samples();
  expect([...second.keys()]).toEqual([...first.keys()]);
  expect(second.get(`ifHCInOctets{${PORT_1}}`)).toBe(10 ** 15 + 60_000);
  expect(agent.requests.length).toBeLessThan(30);
});

test('a device without ifXTable gives its 32-bit counters', async () => {
  const { samples, results } = await lab({ objects: switchMib({ ports: 3, seconds: 7, old: true }) });
  const read = await samples();
  expect(results[0]!.reason).toBe('');
  expect(read.get('ifInOctets{ifDescr="GigabitEthernet0/1",ifIndex="1"}')).toBe(Number((10n ** 15n + 7_000n) & 0xffffffffn));
  expect((await samples()).has('ifOutUcastPkts{ifDescr="GigabitEthernet0/1",ifIndex="1"}')).toBe(true);
});

test('interfaces that are numbered anew keep their series; a new one does not take them over', async () => {
  const { samples, agent, events } = await lab({ objects: switchMib({ ports: 3 }) });
  const before = await samples();
  agent.set(switchMib({ ports: 4, indexOf: (port) => (port === 4 ? 1 : port + 10), seconds: 60 }));
  const after = await samples();
  expect(after.get(`ifHCInOctets{${PORT_1}}`)).toBe((before.get(`ifHCInOctets{${PORT_1}}`) as number) + 60_000);
  expect(after.get(`ifIndex{${PORT_1}}`)).toBe(11);
  expect(after.get('ifIndex{ifDescr="GigabitEthernet0/4",ifIndex="1",ifName="Gi0/4"}')).toBe(1);
  expect([...after.values()].filter((value) => value === 'stale')).toEqual([]);
  expect(events).toEqual([{ kind: 'device-renumbered', text: 'sw1 numbered 3 interfaces anew; their series go on.' }]);
});

test('an interface that is gone ends its series', async () => {
  const { samples, agent } = await lab({ objects: switchMib({ ports: 3 }) });
  await samples();
  agent.set(switchMib({ ports: 2 }));
  const after = await samples();
  expect([...after.keys()].filter((key) => key.includes('Gi0/3'))).toEqual([]); // the store ends what a new layout leaves out
  agent.set([]);
  const empty = await samples();
  expect(empty.get(`ifHCInOctets{${PORT_1}}`)).toBe('stale');
});

test('restarts are told from the wrap of the uptime', async () => {
  const { poll, agent, events } = await lab({ objects: switchMib({ ports: 1, uptimeTicks: 2 ** 32 - 5 }) });
  await poll();
  agent.set(switchMib({ ports: 1, uptimeTicks: 10 }));
  await poll();
  expect(events).toEqual([]);
  agent.set(switchMib({ ports: 1, uptimeTicks: 900_000 }));
  await poll();
  agent.set(switchMib({ ports: 1, uptimeTicks: 6_000, name: 'other' }));
  await poll();
  expect(events.map(({ text }) => text)).toEqual([
    'sw1 restarted: it has been up for 60 s.',
    'sw1 was "Test switch / switch" and is now "Test switch / other".',
  ]);
});

test('a device that stops answering is down with a reason, its series end, and it comes back', async () => {
  let silent = false;
  const { samples, results } = await lab(
    { objects: switchMib({ ports: 2 }), answer: () => (silent ? 'silence' : undefined) },
    { timeoutMs: 40 },
  );
  await samples();
  silent = true;
  const down = await samples();
  expect(down.get('up')).toBe(0);
  expect(down.get('sysUpTime')).toBe('stale');
  expect(down.get(`ifHCInOctets{${PORT_1}}`)).toBe('stale');
  silent = false;
  const back = await samples();
  expect(back.get('up')).toBe(1);
  expect(back.get(`ifHCInOctets{${PORT_1}}`)).toBe(10 ** 15);
  expect(results.map(({ up, reason }) => [up, reason])).toEqual([
    [true, ''],
    [false, 'no answer in 0.04 s, tried 2 times (a wrong community gets no answer either)'],
    [true, ''],
  ]);
});

test('a port where nobody listens is known at once', async () => {
  const agent = await startTestAgent();
  agent.stop();
  const { poll, results } = deviceLab(assignmentOf({ port: agent.port, timeoutMs: 30_000 }));
  await poll();
  expect(results[0]).toMatchObject({ up: false, reason: `nothing answers SNMP on UDP port ${agent.port} (connection refused)` });
});
