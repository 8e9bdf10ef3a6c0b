import { SteppedClock, silentLog } from '@bellwether/shared';
import {
  departureReason,
  finalReason,
  type HostLedger,
  type Return,
  type StoredHost,
  startHostWatch,
} from '../../../collector/uptime/host-watch.ts';

const BACK: Return = { bootId: 'boot', startedMs: 0, lastGoodbye: null, backlog: 0, os: 'linux', agentVersion: '1' };

test.each<[string, Parameters<typeof finalReason>[0], Partial<Return>, string]>([
  ['same process, same boot', { reason: 'connection lost', bootId: 'boot', fromMs: 1_000 }, {}, 'connection lost'],
  ['silence that ended', { reason: 'no heartbeat', bootId: 'boot', fromMs: 1_000 }, {}, 'connection lost'],
  ['another boot', { reason: 'no heartbeat', bootId: 'old', fromMs: 1_000 }, {}, 'host rebooted'],
  ['another boot after a goodbye', { reason: 'host shutting down', bootId: 'old', fromMs: 1_000 }, {}, 'host rebooted'],
  ['a goodbye', { reason: 'agent stopped', bootId: 'boot', fromMs: 1_000 }, { startedMs: 5_000 }, 'agent stopped'],
  [
    'a goodbye that never arrived',
    { reason: 'connection lost', bootId: 'boot', fromMs: 1_000 },
    { startedMs: 5_000, lastGoodbye: 'stopping' },
    'agent stopped',
  ],
  ['a crash', { reason: 'connection lost', bootId: 'boot', fromMs: 1_000 }, { startedMs: 5_000 }, 'agent restarted'],
  ['our own absence', { reason: 'collector was off', bootId: 'old', fromMs: 1_000 }, {}, 'collector was off'],
])('%s', (_what, before, back, expected) => expect(finalReason(before, { ...BACK, ...back })).toBe(expected));

test('reasons at the moment of departure', () => {
  expect(departureReason({ kind: 'goodbye', reason: 'shutting-down' })).toBe('host shutting down');
  expect(departureReason({ kind: 'goodbye', reason: 'stopping' })).toBe('agent stopped');
  expect(departureReason({ kind: 'closed' })).toBe('connection lost');
  expect(departureReason({ kind: 'silent' })).toBe('no heartbeat');
});

/** A ledger that only remembers; what it was told, in order. */
function rememberingLedger(stored: StoredHost[] = [], aliveMs?: number) {
  const told: string[] = [];
  const hosts = new Map(stored.map((host) => [host.id, host]));
  let alive = aliveMs;
  const ledger: HostLedger = {
    hosts: async () => [...hosts.values()],
    saveHost: async (host) => void hosts.set(host.id, host),
    openGap: async (id, fromMs, reason) => void told.push(`gap ${id} from ${fromMs}: ${reason}`),
    closeGap: async (id, toMs, reason, backfilled) => void told.push(`gap ${id} to ${toMs}: ${reason}${backfilled ? ', back-filled' : ''}`),
    recordEvent: async (id, timeMs, kind) => void told.push(`${kind} ${id} ${timeMs}`),
    lastAliveMs: async () => alive,
    saveAlive: async (timeMs) => {
      alive = timeMs;
    },
  };
  return { ledger, told, hosts };
}

test('a cut and its return are one gap with a reason', async () => {
  const clock = new SteppedClock(1_000_000);
  const { ledger, told, hosts } = rememberingLedger();
  const watch = await startHostWatch({ ledger, clock, log: silentLog });
  watch.connected('a', 'web-1', BACK, 1_000_000);
  watch.disconnected('a', { kind: 'silent' }, 1_003_000);
  expect(watch.host('a')).toMatchObject({ connected: false, absence: 'no heartbeat', sinceMs: 1_003_000 });
  watch.connected('a', 'web-1', { ...BACK, backlog: 12 }, 1_033_000);
  await watch.stop();
  expect(told).toEqual([
    'gap a from 1003000: no heartbeat',
    'disconnected a 1003000',
    'gap a to 1033000: connection lost, back-filled',
    'connected a 1033000',
  ]);
  expect(hosts.get('a')).toMatchObject({ connected: true, absence: '' });
});

test('the time the collector itself was off is its own reason, for hosts that were connected only', async () => {
  const clock = new SteppedClock(2_000_000);
  const stored: StoredHost = {
    id: 'a',
    name: 'web-1',
    os: '',
    agentVersion: '',
    bootId: 'boot',
    firstSeenMs: 1,
    lastSeenMs: 1_000_000,
    connected: true,
    absence: '',
    sinceMs: 1,
  };
  const down: StoredHost = { ...stored, id: 'b', name: 'web-2', connected: false, absence: 'agent stopped', sinceMs: 900_000 };
  const { ledger, told } = rememberingLedger([stored, down], 1_500_000);
  const watch = await startHostWatch({ ledger, clock, log: silentLog });
  watch.connected('a', 'web-1', BACK, 2_001_000);
  watch.connected('b', 'web-2', { ...BACK, startedMs: 2_000_000 }, 2_001_000);
  await watch.stop();
  expect(told.filter((text) => text.startsWith('gap'))).toEqual([
    'gap a from 1500000: collector was off',
    'gap a to 2001000: collector was off',
    'gap b to 2001000: agent stopped',
  ]);
});
