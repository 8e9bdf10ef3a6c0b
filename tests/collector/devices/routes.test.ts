import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@bellwether/shared';
import type { DeviceDetail, DeviceView } from '@bellwether/shared/api';
import { SteppedClock } from '@bellwether/shared/clock';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import { createServer } from '../../../collector/api/index.ts';
import { createDevices, type Devices, devicesApi } from '../../../collector/devices/index.ts';
import { openState, type State } from '../../../collector/state/index.ts';

const clock = new SteppedClock(1_000);
const URL = '/api/bellwether/devices';
let dir: string;
let state: State;
let app: FastifyInstance;
let devices: Devices;
let recorded: string[];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'bellwether-devices-api-'));
  state = await openState({ dir, clock });
  devices = await createDevices({
    state,
    clock,
    log: silentLog,
    config: [],
    localHost: 'web1',
    agents: () => [{ id: 'a1', name: 'web1', connected: true }],
    assigned() {},
    changed() {},
  });
  recorded = [];
  app = await createServer({ log: silentLog, webDir: dir, version: '1.2.3' });
  await app.register(devicesApi({ devices, clock, query: async () => [], record: (text) => recorded.push(text) }));
});
afterEach(async () => {
  await app.close();
  await state.stop();
  rmSync(dir, { recursive: true, force: true });
});

const send = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, payload?: object) => {
  const response = await app.inject({ method, url, ...(payload === undefined ? {} : { payload }) });
  return { status: response.statusCode, text: response.body, body: response.body === '' ? undefined : (response.json() as unknown) };
};

test('made, read, changed, removed; keys go in and never come out', async () => {
  const made = await send('POST', URL, { name: 'sw1', address: '10.0.0.1', snmp: { community: 'hush-hush' } });
  expect(made.status).toBe(201);
  const view = made.body as DeviceView;
  const detail = await send('GET', `${URL}/${view.id}`);
  expect(detail.body as DeviceDetail).toMatchObject({
    device: { name: 'sw1', readBy: 'web1' },
    state: 'unknown',
    reason: 'not read yet',
    ports: [],
  });
  const changed = await send('PUT', `${URL}/${view.id}`, { ...view.written, interval: '30s' });
  expect(changed).toMatchObject({ status: 200, body: { intervalMs: 30_000 } });
  expect(devices.assignmentsFor('a1')).toMatchObject([{ intervalMs: 30_000, credentials: { community: 'hush-hush' } }]);
  const list = await send('GET', URL);
  expect([made, detail, changed, list].some(({ text }) => text.includes('hush-hush'))).toBe(false);
  expect((await send('DELETE', `${URL}/${view.id}`)).status).toBe(204);
  expect((await send('GET', URL)).body).toEqual([]);
  expect(recorded).toEqual(['unknown added the device sw1.', 'unknown changed the device sw1.', 'unknown removed the device sw1.']);
});

test.each<[string, object, number, string]>([
  ['no address', { name: 'a', snmp: { community: 'c' } }, 400, 'address'],
  ['neither community nor user', { name: 'a', address: 'x', snmp: {} }, 400, 'give either a community'],
  ['a short key', { name: 'a', address: 'x', snmp: { user: 'u', auth: { protocol: 'sha', key: 'short' } } }, 400, 'at least 8 characters'],
  ['an unknown key', { name: 'a', address: 'x', snmp: { community: 'c' }, colour: 'red' }, 400, 'colour'],
  ['a reserved label', { name: 'a', address: 'x', snmp: { community: 'c' }, labels: { job: 'x' } }, 400, 'bring themselves'],
])('%s is refused in words', async (_what, payload, status, text) => {
  const answer = await send('POST', URL, payload);
  expect(answer.status).toBe(status);
  expect(answer.text).toContain(text);
});

test('a key is itself, and no way to read files of the collector', async () => {
  await send('POST', URL, { name: 'sw1', address: 'x', snmp: { community: 'file:/etc/hostname' } });
  expect(devices.assignmentsFor('a1')).toMatchObject([{ credentials: { community: 'file:/etc/hostname' } }]);
});

test('what is not there', async () => {
  expect(await send('GET', `${URL}/nothing`)).toMatchObject({ status: 404, body: { error: { code: 'NOT_FOUND' } } });
  expect((await send('PUT', `${URL}/nothing`, { name: 'a', address: 'x', snmp: { community: 'c' } })).status).toBe(404);
});
