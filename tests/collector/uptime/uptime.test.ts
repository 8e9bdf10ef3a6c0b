import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Millis, SteppedClock, silentLog } from '@bellwether/shared';
import type { UptimeQuery } from '@bellwether/shared/api';
import { openState, type State } from '../../../collector/state/index.ts';
import { startUptime, type Uptime } from '../../../collector/uptime/index.ts';

const HOUR = 3_600_000;
const HOST = { kind: 'host', id: 'a', name: 'web-1' } as const;
const QUERY: UptimeQuery = { kind: undefined, filter: '', fromMs: 0, toMs: 24 * HOUR, bucketMs: HOUR, offset: 0, limit: 10 };

let dir: string;
let state: State;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'bellwether-uptime-'));
  state = await openState({ dir, clock: new SteppedClock(0) });
});
afterEach(async () => {
  await state.stop();
  rmSync(dir, { recursive: true, force: true });
});

const start = (lastAliveMs?: Millis): Promise<Uptime> => startUptime({ state, log: silentLog, lastAliveMs });

async function listed(uptime: Uptime): Promise<string[]> {
  return (await uptime.spans(HOST, 0, 24 * HOUR)).map(
    ({ fromMs, toMs, seen, seenReason, proven, reason }) =>
      `${fromMs / HOUR}-${toMs === null ? '' : toMs / HOUR} ${seen} ${seenReason} | ${proven} ${reason}`,
  );
}

test('what is observed is kept over a restart, and the time between is the collector’s own absence', async () => {
  const before = await start();
  before.observe(HOST, 'up', '', HOUR);
  before.observe(HOST, 'up', '', 2 * HOUR);
  before.observe(HOST, 'unknown', 'connection lost', 3 * HOUR);
  before.observe(HOST, 'up', '', 4 * HOUR);
  await before.stop();

  const after = await start(5 * HOUR);
  expect(after.current('host', 'a')).toMatchObject({ seen: 'unknown', reason: 'collector was off', fromMs: 5 * HOUR });
  after.observe(HOST, 'up', '', 7 * HOUR);
  expect(await listed(after)).toEqual([
    '1-3 up  | up ',
    '3-4 unknown connection lost | unknown connection lost',
    '4-5 up  | up ',
    '5-7 unknown collector was off | unknown collector was off',
    '7- up  | up ',
  ]);
  await after.prove(HOST, [
    { fromMs: 5 * HOUR, toMs: 6 * HOUR, verdict: 'up', reason: 'proven' },
    { fromMs: 6 * HOUR, toMs: 7 * HOUR, verdict: 'down', reason: 'host rebooted' },
  ]);
  expect((await listed(after)).slice(3)).toEqual([
    '5-6 unknown collector was off | up proven',
    '6-7 unknown collector was off | down host rebooted',
    '7- up  | up ',
  ]);
  // Learned again, and better: no trace of the first attempt.
  await after.prove(HOST, [{ fromMs: 5 * HOUR, toMs: 7 * HOUR, verdict: 'up', reason: 'proven' }]);
  expect((await listed(after)).slice(3)).toEqual(['5-7 unknown collector was off | up proven', '7- up  | up ']);

  const { rows, counts, total } = await after.page({ ...QUERY, toMs: 8 * HOUR });
  expect({ total, counts }).toEqual({ total: 1, counts: { up: 1, down: 0, unknown: 0 } });
  expect(rows[0]).toMatchObject({
    name: 'web-1',
    verdict: 'up',
    sinceMs: 7 * HOUR,
    seen: { upMs: 4 * HOUR, downMs: 0, unknownMs: 3 * HOUR, ratio: 1 },
    proven: { upMs: 6 * HOUR, downMs: 0, unknownMs: HOUR },
  });
  expect(rows[0]!.bars.map(({ reason }) => reason)).toEqual(['', '', '', 'connection lost', '', 'proven', 'proven', '']);
});

test('the list begins with what is not up, and is filtered and cut', async () => {
  const uptime = await start();
  uptime.observe({ kind: 'host', id: 'a', name: 'web-1' }, 'up', '', 0);
  uptime.observe({ kind: 'host', id: 'b', name: 'web-2' }, 'unknown', 'no heartbeat', 0);
  uptime.observe({ kind: 'check', id: 'c', name: 'shop' }, 'down', 'HTTP 503', 0);
  uptime.observe({ kind: 'device', id: 'd', name: 'switch' }, 'up', '', 0);
  const names = async (changes: Partial<UptimeQuery>): Promise<string[]> =>
    (await uptime.page({ ...QUERY, ...changes })).rows.map(({ name }) => name);
  expect(await names({})).toEqual(['shop', 'web-2', 'switch', 'web-1']);
  expect(await names({ offset: 1, limit: 2 })).toEqual(['web-2', 'switch']);
  expect(await names({ kind: 'host' })).toEqual(['web-2', 'web-1']);
  expect(await names({ filter: 'WEB 2' })).toEqual(['web-2']);
  expect((await uptime.page({ ...QUERY, limit: 1 })).counts).toEqual({ up: 2, down: 1, unknown: 1 });
});

test('a renamed host keeps its history; one that is retired leaves the list and can come back', async () => {
  const uptime = await start();
  uptime.observe(HOST, 'up', '', 0);
  uptime.observe({ ...HOST, name: 'web-9' }, 'up', '', HOUR);
  expect((await uptime.page(QUERY)).rows.map(({ name }) => name)).toEqual(['web-9']);
  uptime.retire('host', 'a', 2 * HOUR);
  uptime.retire('host', 'a', 3 * HOUR);
  expect((await uptime.page(QUERY)).rows).toEqual([]);
  expect((await uptime.detail('host', 'a', QUERY))!.spans.map(({ toMs }) => toMs)).toEqual([2 * HOUR]);
  uptime.observe(HOST, 'up', '', 5 * HOUR);
  expect(await listed(uptime)).toEqual(['0-2 up  | up ', '5- up  | up ']);
  expect((await uptime.detail('host', 'a', QUERY))!.spans.map(({ toMs }) => toMs)).toEqual([null, 2 * HOUR]);
  expect(await uptime.detail('host', 'zz', QUERY)).toBeUndefined();
});

test('changes are told once, with what changed', async () => {
  const uptime = await start();
  const told: string[] = [];
  const end = uptime.onChange(({ name, verdict, reason }) => told.push(`${name} ${verdict} ${reason}`));
  uptime.observe(HOST, 'up', '', 0);
  uptime.observe(HOST, 'up', '', HOUR);
  uptime.observe(HOST, 'down', 'host shutting down', 2 * HOUR);
  end();
  uptime.observe(HOST, 'up', '', 3 * HOUR);
  expect(told).toEqual(['web-1 up ', 'web-1 down host shutting down']);
});

test('while the disk takes nothing, answers are right and nothing is lost', async () => {
  let isFull = false;
  const db = new Proxy(state.db, {
    get(target, key) {
      if (key === 'transaction' && isFull) throw new Error('database or disk is full');
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const uptime = await startUptime({ state: { ...state, db }, log: silentLog, lastAliveMs: undefined });
  uptime.observe(HOST, 'up', '', 0);
  await uptime.flush();
  isFull = true;
  uptime.observe(HOST, 'unknown', 'no heartbeat', HOUR);
  expect(await listed(uptime)).toEqual(['0-1 up  | up ', '1- unknown no heartbeat | unknown no heartbeat']);
  expect(uptime.counters.waiting).toBe(2);
  isFull = false;
  await uptime.flush();
  expect(uptime.counters).toEqual({ waiting: 0, dropped: 0 });
  expect(await listed(uptime)).toHaveLength(2);
});

test('old spans are dropped, and what is still watched stays', async () => {
  const uptime = await start();
  uptime.observe(HOST, 'up', '', 0);
  uptime.observe(HOST, 'unknown', 'no heartbeat', HOUR);
  await uptime.flush();
  await uptime.prune(2 * HOUR + 400 * 24 * HOUR);
  expect(await listed(uptime)).toEqual(['1- unknown no heartbeat | unknown no heartbeat']);
});
