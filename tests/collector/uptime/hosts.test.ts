import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Millis, SteppedClock, silentLog } from '@bellwether/shared';
import { openState, type State } from '../../../collector/state/index.ts';
import type { Answer } from '../../../collector/uptime/host-verdict.ts';
import type { Return, StoredHost } from '../../../collector/uptime/host-watch.ts';
import { createHostVerdicts, type HostVerdicts } from '../../../collector/uptime/hosts.ts';
import { startUptime, type Uptime } from '../../../collector/uptime/index.ts';
import type { Reading } from '../../../collector/uptime/proof.ts';

const START = 1_000_000_000;
const BACK: Return = { bootId: 'boot', startedMs: 0, lastGoodbye: null, backlog: 0, os: 'linux', agentVersion: '1' };

let dir: string;
let state: State;
let clock: SteppedClock;
let uptime: Uptime;
let verdicts: HostVerdicts;
const known = new Map<string, StoredHost>();
/** Addresses that answer; the others are silent. */
const answering = new Set<string>();
const asked: string[] = [];
let readings: Reading[] = [];
let witnesses: Answer[] | undefined;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'bellwether-hosts-'));
  clock = new SteppedClock(START);
  state = await openState({ dir, clock });
  uptime = await startUptime({ state, log: silentLog, lastAliveMs: undefined });
  known.clear();
  answering.clear();
  asked.length = 0;
  readings = [];
  witnesses = undefined;
  verdicts = createHostVerdicts({
    uptime,
    watch: { host: (id) => known.get(id), hosts: () => [...known.values()] },
    clock,
    log: silentLog,
    ownBootId: 'own-boot',
    reach: async ({ remote: address }) => {
      asked.push(address);
      return { from: 'the collector', answered: answering.has(address), detail: `${address} port 22` };
    },
    witnesses: { learn: () => {}, ask: async () => witnesses ?? [] },
    readings: async () => readings,
  });
});
afterEach(async () => {
  await verdicts.stop();
  await uptime.stop();
  await state.stop();
  rmSync(dir, { recursive: true, force: true });
});

function connect(id: string, address: string, back: Partial<Return> = {}): void {
  const before = known.get(id);
  const now = clock.now();
  const now_ = { ...BACK, ...back };
  known.set(id, {
    id,
    name: id,
    os: 'linux',
    agentVersion: '1',
    bootId: now_.bootId,
    firstSeenMs: START,
    lastSeenMs: now,
    connected: true,
    absence: '',
    sinceMs: now,
  });
  verdicts.connected(id, id, before, now_, { remote: address, local: '10.0.0.1' }, now);
}

/** The agent's connection ends; two seconds later it counts as gone. */
async function leave(id: string, absence: string): Promise<void> {
  known.set(id, { ...known.get(id)!, connected: false, absence, sinceMs: clock.now() });
  await clock.advance(2_000);
  verdicts.gone(id, id, clock.now());
  await clock.advance(10);
}

async function seen(id: string): Promise<string[]> {
  const spans = await uptime.spans({ kind: 'host', id }, START, clock.now());
  return spans.map(({ fromMs, toMs, seen, seenReason }) => `${at(fromMs)}-${at(toMs)} ${seen}: ${seenReason}`);
}
async function proven(id: string): Promise<string[]> {
  const spans = await uptime.spans({ kind: 'host', id }, START, clock.now());
  return spans.map(({ fromMs, toMs, proven, reason }) => `${at(fromMs)}-${at(toMs)} ${proven}: ${reason}`);
}
const at = (ms: Millis | null): string => (ms === null ? '' : String((ms - START) / 1_000));

test('a cut link: unknown while it lasts, proven up once the spool is told', async () => {
  connect('a', '10.0.0.7');
  await clock.advance(10_000);
  await leave('a', 'no heartbeat');
  expect((await seen('a')).at(-1)).toBe('10- unknown: no heartbeat; unreachable from here (10.0.0.7 port 22)');
  await clock.advance(88_000 - 10);
  connect('a', '10.0.0.7');
  for (let ms = 0; ms <= 100_000; ms += 10_000) readings.push({ timeMs: START + ms, up: true });
  await clock.advance(5_000);
  expect(await seen('a')).toEqual(['0-10 up: ', '10-100 unknown: no heartbeat; unreachable from here (10.0.0.7 port 22)', '100- up: ']);
  expect((await proven('a'))[1]).toBe('10-100 up: unreachable from here, host up, its readings came later');
});

test('the spool may take its time: the absence is looked at again', async () => {
  connect('a', '10.0.0.7');
  await clock.advance(10_000);
  await leave('a', 'connection lost');
  await clock.advance(88_000 - 10);
  connect('a', '10.0.0.7');
  await clock.advance(5_000);
  expect((await proven('a'))[1]).toBe('10-100 unknown: connection lost; no readings from this time');
  for (let ms = 0; ms <= 140_000; ms += 10_000) readings.push({ timeMs: START + ms, up: true });
  await clock.advance(30_000);
  expect((await proven('a'))[1]).toContain('10-100 up');
});

test('an agent that was stopped on a host that answers: seen up soon, proven up all along', async () => {
  answering.add('10.0.0.7');
  connect('a', '10.0.0.7');
  await clock.advance(10_000);
  await leave('a', 'agent stopped');
  await clock.advance(48_000 - 10);
  connect('a', '10.0.0.7', { startedMs: clock.now() - 1_000 });
  await clock.advance(5_000);
  expect(await seen('a')).toEqual([
    '0-10 up: ',
    '10-12 unknown: agent stopped',
    '12-60 up: agent stopped; the host answers (10.0.0.7 port 22)',
    '60- up: ',
  ]);
  expect((await proven('a'))[1]).toBe('10-12 up: agent stopped; host up, it did not reboot');
});

test('a shutdown said aloud is down; after the boot its end is known', async () => {
  connect('a', '10.0.0.7');
  await clock.advance(10_000);
  answering.add('10.0.0.7'); // its network is still up while it shuts down
  await leave('a', 'host shutting down');
  await clock.advance(60_000);
  answering.clear();
  await clock.advance(228_000 - 10);
  expect(uptime.current('host', 'a')).toMatchObject({ seen: 'down', reason: 'host shutting down' });
  connect('a', '10.0.0.7', { bootId: 'second', startedMs: clock.now() - 5_000 });
  readings = [{ timeMs: clock.now() + 1_000, up: true, bootMs: clock.now() - 20_000 }];
  await clock.advance(5_000);
  expect(await proven('a')).toEqual([
    '0-10 up: ',
    '10-280 down: host shut down',
    '280-300 up: host rebooted; up again, its agent was not connected yet',
    '300- up: ',
  ]);
  expect((await seen('a'))[1]).toBe('10-280 down: host shutting down');
});

test('silence towards another agent as well is down', async () => {
  witnesses = [{ from: 'web-2', answered: false, detail: '10.0.0.7 port 22' }];
  connect('a', '10.0.0.7');
  await clock.advance(10_000);
  await leave('a', 'no heartbeat');
  expect(uptime.current('host', 'a')).toMatchObject({ seen: 'down', reason: 'no heartbeat; no answer to the collector nor to web-2' });
});

test('an answer is worth nothing when it is not surely the host’s own', async () => {
  answering.add('10.0.0.7').add('127.0.0.1');
  connect('a', '10.0.0.7');
  connect('b', '10.0.0.7');
  connect('proxied', '127.0.0.1');
  connect('here', '127.0.0.2', { bootId: 'own-boot' });
  await clock.advance(10_000);
  for (const id of ['a', 'proxied', 'here']) await leave(id, 'connection lost');
  expect(asked).toEqual([]);
  expect(uptime.current('host', 'a')).toMatchObject({ seen: 'unknown', reason: 'connection lost' });
  expect(uptime.current('host', 'proxied')).toMatchObject({ seen: 'unknown', reason: 'connection lost' });
  expect(uptime.current('host', 'here')).toMatchObject({ seen: 'up' });
});

test('a host that is gone is tried again: what changes is seen', async () => {
  connect('a', '10.0.0.7');
  await leave('a', 'no heartbeat');
  await clock.advance(60_000);
  answering.add('10.0.0.7');
  await clock.advance(30_000);
  expect(uptime.current('host', 'a')).toMatchObject({ seen: 'up' });
  expect(asked.length).toBeGreaterThanOrEqual(3);
});

test('a host known from before that does not come back is unknown from the moment that is seen', async () => {
  known.set('a', {
    ...BACK,
    id: 'a',
    name: 'a',
    firstSeenMs: 0,
    lastSeenMs: 5,
    connected: true,
    absence: 'collector was off',
    sinceMs: 500,
  });
  await clock.advance(45_000);
  verdicts.gone('a', 'a', clock.now());
  expect(await seen('a')).toEqual(['45- unknown: not heard of since the collector started']);
});

test('after the collector’s own absence the host’s readings tell how it was', async () => {
  known.set('a', {
    ...BACK,
    id: 'a',
    name: 'a',
    firstSeenMs: 0,
    lastSeenMs: 5,
    connected: true,
    absence: 'collector was off',
    sinceMs: START - 60_000,
  });
  uptime.observe({ kind: 'host', id: 'a', name: 'a' }, 'unknown', 'collector was off', START - 60_000);
  connect('a', '10.0.0.7');
  for (let ms = -70_000; ms <= 0; ms += 1_000) readings.push({ timeMs: START + ms, up: true });
  await clock.advance(5_000);
  const [span] = await uptime.spans({ kind: 'host', id: 'a' }, START - 60_000, START);
  expect(span).toMatchObject({ seen: 'unknown', seenReason: 'collector was off', proven: 'up' });
  expect(span!.reason).toBe('collector was off; host up, its readings came later');
});
