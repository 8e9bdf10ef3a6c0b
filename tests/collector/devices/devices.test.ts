import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@bellwether/shared';
import type { DeviceView } from '@bellwether/shared/api';
import type { WatchResult } from '@bellwether/shared/assignments';
import { SteppedClock } from '@bellwether/shared/clock';
import { loadYaml } from '@bellwether/shared/schema';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import * as z from 'zod';
import { deviceBody } from '../../../collector/devices/config.ts';
import { createDevices, type DeviceAgent, type Devices, type DevicesConfig, devicesConfig } from '../../../collector/devices/index.ts';
import { openState, type State } from '../../../collector/state/index.ts';

const clock = new SteppedClock(1_000);
let dir: string;
let state: State;
let agents: DeviceAgent[];
let assigned: string[][];
let changes: [string, string, string][];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'bellwether-devices-'));
  state = await openState({ dir, clock });
  agents = [
    { id: 'a1', name: 'web1', connected: true },
    { id: 'a2', name: 'net1', connected: true },
  ];
  assigned = [];
  changes = [];
});
afterEach(async () => {
  await state.stop();
  rmSync(dir, { recursive: true, force: true });
});

const yaml = (text: string): DevicesConfig =>
  loadYaml(text, z.strictObject({ devices: devicesConfig }), { file: 'bellwether.yml', overrides: [] }).devices;
const open = (text = 'devices: []', localHost = 'web1'): Promise<Devices> =>
  createDevices({
    state,
    clock,
    log: silentLog,
    config: yaml(text),
    localHost,
    agents: () => agents,
    assigned: (ids) => assigned.push([...ids].sort()),
    changed: ({ name, state: now, reason }: DeviceView, removed) => changes.push([name, removed ? 'removed' : now, reason]),
  });
const body = (changes: object = {}) => deviceBody.parse({ name: 'sw1', address: '10.0.0.1', snmp: { community: 'hush' }, ...changes });
const result = (id: string, up: boolean, reason = ''): WatchResult => ({ id, kind: 'device', timeMs: 5_000, up, reason });

describe('configuration', () => {
  test('a device of each version, with defaults', async () => {
    writeFileSync(join(dir, 'key'), 'from-a-file\n');
    const devices = await open(`devices:
- {name: sw1, address: 10.0.0.1, snmp: {community: hush}}
- name: core
  address: core.example.org
  port: 1161
  agent: net1
  interval: 30s
  snmp: {user: watcher, auth: {protocol: sha256, key: "file:${join(dir, 'key')}"}, priv: {key: other-key}}
  labels: {site: north}
`);
    expect(devices.assignmentsFor('a1')).toMatchObject([
      {
        name: 'sw1',
        address: '10.0.0.1',
        port: 161,
        intervalMs: 60_000,
        timeoutMs: 5_000,
        retries: 2,
        credentials: { version: '2c', community: 'hush' },
      },
    ]);
    expect(devices.assignmentsFor('a2')).toMatchObject([
      {
        name: 'core',
        port: 1161,
        labels: { site: 'north' },
        credentials: {
          version: '3',
          user: 'watcher',
          level: 'authPriv',
          auth: { protocol: 'sha256', key: 'from-a-file' },
          priv: { protocol: 'aes', key: 'other-key' },
        },
      },
    ]);
    expect(assigned).toEqual([['a1', 'a2']]);
    expect(JSON.stringify(devices.list())).not.toMatch(/hush|from-a-file|other-key/);
  });

  test.each([
    ['{name: a, address: x, snmp: {}}', 'devices[0].snmp: give either a community (SNMPv2c) or a user (SNMPv3)'],
    ['{name: a, address: x, snmp: {community: c, user: u}}', 'give either a community'],
    ['{name: a, address: x, snmp: {community: c, priv: {key: 12345678}}}', 'priv'],
    ['{name: a, address: x, snmp: {user: u, priv: {key: "12345678"}}}', 'encryption needs auth as well'],
    ['{name: a, address: x, snmp: {community: c}, labels: {instance: b}}', 'is a label that the readings bring themselves'],
    ['{name: a, address: x, snmp: {community: c}, labels: {"a-b": b}}', 'is no name for a label'],
    ['{name: a, address: x, snmp: {community: c}, interval: 5m}', 'must be at most 2m'],
    ['{name: a, adress: x, snmp: {community: c}}', 'did you mean'],
    ['{name: a, address: x, snmp: {community: c}}\n- {name: a, address: y, snmp: {community: c}}', 'two devices are named a'],
  ])('%s is refused', (device, text) => expect(() => yaml(`devices:\n- ${device}`)).toThrow(text));

  test('a key that cannot be read keeps one device from being read, and says so', async () => {
    const devices = await open(`devices:
- {name: sw1, address: 10.0.0.1, snmp: {community: "file:${join(dir, 'gone')}"}}
- {name: sw2, address: 10.0.0.2, snmp: {community: c}}
`);
    expect(devices.assignmentsFor('a1').map(({ name }) => name)).toEqual(['sw2']);
    expect(devices.list()[0]).toMatchObject({ name: 'sw1', state: 'unknown', reason: expect.stringContaining('cannot be read') });
  });
});

describe('which agent', () => {
  test.each([
    ['the one that is named', 'net1', 'elsewhere', 'net1', 'not read yet'],
    ['else the one beside the collector', undefined, 'web1', 'web1', 'not read yet'],
    ['else nobody, when there are several', undefined, 'elsewhere', null, 'say which agent is to read it'],
    ['nobody when there is none of that name', 'other', 'web1', null, 'there is no agent named other'],
  ])('%s', async (_what, agent, localHost, readBy, reason) => {
    const devices = await open('devices: []', localHost);
    expect(await devices.create(body({ agent }))).toMatchObject({ readBy, state: 'unknown', reason });
  });

  test('the only one, and a device moves when another comes to be preferred', async () => {
    agents = [{ id: 'a2', name: 'net1', connected: true }];
    const devices = await open();
    const { id } = await devices.create(body());
    expect(devices.get(id).readBy).toBe('net1');
    devices.result('a2', result(id, true));
    agents = [...agents, { id: 'a1', name: 'web1', connected: true }];
    assigned = [];
    devices.agentsChanged();
    expect(assigned).toEqual([['a1', 'a2']]);
    expect(devices.get(id)).toMatchObject({ readBy: 'web1', state: 'unknown', reason: 'not read yet' });
    expect(devices.result('a2', result(id, false, 'late words'))).toBe(false);
  });

  test('silence of the agent is not silence of the device', async () => {
    const devices = await open();
    const { id } = await devices.create(body());
    devices.result('a1', result(id, true));
    agents = agents.map((agent) => ({ ...agent, connected: false }));
    devices.agentsChanged();
    expect(devices.get(id)).toMatchObject({ state: 'unknown', reason: 'the agent web1 that reads it is not connected' });
    agents = agents.map((agent) => ({ ...agent, connected: true }));
    devices.agentsChanged();
    expect(devices.get(id)).toMatchObject({ state: 'up', reason: '' });
  });
});

test('results make states, each with its time', async () => {
  const devices = await open();
  const { id } = await devices.create(body());
  await clock.advance(1_000);
  devices.result('a1', result(id, true));
  await clock.advance(1_000);
  devices.result('a1', result(id, true, 'ifTable: more than 4096 rows'));
  await clock.advance(1_000);
  devices.result('a1', result(id, false, 'no answer in 5 s'));
  expect(devices.get(id)).toMatchObject({ state: 'down', reason: 'no answer in 5 s', sinceMs: clock.now(), reportedMs: 5_000 });
  await devices.remove(id);
  expect(changes).toEqual([
    ['sw1', 'unknown', 'not read yet'],
    ['sw1', 'up', ''],
    ['sw1', 'up', 'ifTable: more than 4096 rows'],
    ['sw1', 'down', 'no answer in 5 s'],
    ['sw1', 'removed', 'no answer in 5 s'],
  ]);
});

test('what the API makes is kept, and its keys with it', async () => {
  const devices = await open();
  const made = await devices.create(body({ snmp: { user: 'u', auth: { protocol: 'sha', key: 'long-enough' } } }));
  expect(made.written).toMatchObject({ interval: '1m', snmp: { user: 'u', auth: { protocol: 'sha', key: '***' } } });
  await devices.update(made.id, deviceBody.parse({ ...made.written, name: 'renamed' }));
  const again = await open();
  expect(again.list()).toMatchObject([{ id: made.id, source: 'api', name: 'renamed' }]);
  expect(again.assignmentsFor('a1')).toMatchObject([{ name: 'renamed', credentials: { auth: { key: 'long-enough' } } }]);
  await again.remove(made.id);
  expect((await open()).list()).toEqual([]);
});

test('an agent is told when its list changes, and only then', async () => {
  const devices = await open();
  const { id } = await devices.create(body({ agent: 'net1' }));
  await devices.update(id, body({ agent: 'web1' }));
  await devices.update(id, body({ agent: 'web1', interval: '30s' }));
  devices.agentsChanged();
  await devices.remove(id);
  expect(assigned).toEqual([['a2'], ['a1', 'a2'], ['a1'], ['a1']]);
});

test('clashes and mistakes have words', async () => {
  const devices = await open('devices: [{name: core, address: x, snmp: {community: c}}]');
  const core = devices.list()[0]!;
  await expect(devices.create(body({ name: 'core' }))).rejects.toMatchObject({ code: 'CONFLICT' });
  await expect(devices.create(body({ snmp: { community: '***' } }))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  await expect(devices.update(core.id, body())).rejects.toThrow('comes from the configuration file');
  await expect(devices.remove('nothing')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await devices.create(body({ name: 'sw1' }));
  expect(() => devices.reload(yaml('devices: [{name: sw1, address: x, snmp: {community: c}}]'))).toThrow('made through the API');
  expect(devices.list().map(({ name }) => name)).toEqual(['core', 'sw1']);
});

test('a reload keeps what did not change and ends what is gone', async () => {
  const devices = await open(
    'devices: [{name: a, address: x, snmp: {community: c}}, {name: b, address: x, snmp: {community: c}, agent: net1}]',
  );
  devices.result('a1', result(devices.list()[0]!.id, true));
  assigned = [];
  devices.reload(yaml('devices: [{name: a, address: x, snmp: {community: c}}]'));
  expect(devices.list()).toMatchObject([{ name: 'a', state: 'up' }]);
  expect(devices.assignmentsFor('a2')).toEqual([]);
  expect(assigned).toEqual([['a1', 'a2']]);
});
