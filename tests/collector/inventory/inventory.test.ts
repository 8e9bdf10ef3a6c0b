import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInventory, type Host, type Inventory } from '../../../collector/inventory/index.ts';
import { openState, type State } from '../../../collector/state/index.ts';

let dir: string;
let state: State;
let inventory: Inventory;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bellwether-inventory-'));
  state = await openState({ dir });
  inventory = createInventory(state, { maxEvents: 3, maxAgeMs: 1_000 });
});
afterEach(async () => {
  await state.stop();
  await rm(dir, { recursive: true, force: true });
});

const web1: Host = {
  id: 'a1',
  name: 'web-1',
  os: 'Debian 13',
  agentVersion: '0.1.0',
  bootId: null,
  firstSeenMs: 10,
  lastSeenMs: null,
  connected: false,
  absence: 'enrolled, never connected',
  sinceMs: 10,
};

test('hosts are inserted, replaced, listed by name and removed with their gaps', async () => {
  await inventory.saveHost(web1);
  await inventory.saveHost({ ...web1, id: 'a0', name: 'db-1' });
  const back: Host = { ...web1, connected: true, bootId: 'b', lastSeenMs: 20, absence: '', sinceMs: 20 };
  await inventory.saveHost(back);
  expect(await inventory.hosts()).toEqual([{ ...web1, id: 'a0', name: 'db-1' }, back]);
  await inventory.openGap('a1', 30, 'connection lost');
  await inventory.removeHost('a1');
  expect((await inventory.hosts()).map(({ id }) => id)).toEqual(['a0']);
  expect(await inventory.gaps('a1', 0, 100)).toEqual([]);
});

test('a gap opens once and closes with the reason that was found', async () => {
  await inventory.openGap('a1', 100, 'connection lost');
  await inventory.openGap('a1', 150, 'no heartbeat');
  expect(await inventory.gaps('a1', 0, 1_000)).toEqual([{ fromMs: 100, toMs: null, reason: 'connection lost', backfilled: false }]);
  await inventory.closeGap('a1', 200, 'host rebooted', true);
  await inventory.closeGap('a1', 300, 'never', false);
  await inventory.openGap('a1', 400, 'agent stopped');
  const first = { fromMs: 100, toMs: 200, reason: 'host rebooted', backfilled: true };
  const second = { fromMs: 400, toMs: null, reason: 'agent stopped', backfilled: false };
  expect(await inventory.gaps('a1', 0, 1_000)).toEqual([second, first]);
  expect(await inventory.gaps('a1', 150, 300)).toEqual([first]);
  expect(await inventory.gaps('a1', 201, 399)).toEqual([]);
  expect(await inventory.gaps('a1', 900, 901)).toEqual([second]);
  expect(await inventory.gaps('a2', 0, 1_000)).toEqual([]);
});

test('events are newest first, by host or all, and bounded by count and age', async () => {
  for (const [timeMs, host] of [
    [1, 'a'],
    [2, 'b'],
    [3, null],
    [3, 'a'],
    [5, 'a'],
  ] as const)
    await inventory.recordEvent(host, timeMs, 'kind', `at ${timeMs}`);
  expect(await inventory.events(undefined, 2)).toEqual([
    { timeMs: 5, host: 'a', kind: 'kind', text: 'at 5' },
    { timeMs: 3, host: 'a', kind: 'kind', text: 'at 3' },
  ]);
  expect((await inventory.events('a', 10)).map(({ timeMs }) => timeMs)).toEqual([5, 3, 1]);
  expect(await inventory.prune(10)).toBe(2);
  expect((await inventory.events(undefined, 10)).map(({ timeMs }) => timeMs)).toEqual([5, 3, 3]);
  await inventory.openGap('a', 1, 'r');
  await inventory.closeGap('a', 2, 'r', false);
  await inventory.openGap('b', 1, 'r');
  expect(await inventory.prune(5_000)).toBe(4);
  expect(await inventory.gaps('b', 0, 9)).toHaveLength(1);
});

test('the time up to which the collector was alive is kept', async () => {
  expect(await inventory.lastAliveMs()).toBeUndefined();
  await inventory.saveAlive(5);
  await inventory.saveAlive(7);
  expect(await inventory.lastAliveMs()).toBe(7);
});
