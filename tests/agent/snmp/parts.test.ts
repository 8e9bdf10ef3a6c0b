/** The small pure parts of the poller, and its schedule on a stepped clock. */
import { isStaleAt, silentLog } from '@bellwether/shared';
import type { WatchResult } from '@bellwether/shared/assignments';
import { SteppedClock } from '@bellwether/shared/clock';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { partsOf } from '../../../agent/snmp/interfaces.ts';
import { Pacer } from '../../../agent/snmp/pacer.ts';
import { startDevicePoller } from '../../../agent/snmp/poller.ts';
import { type OpenSession, TYPE } from '../../../agent/snmp/session.ts';
import { uptimeStep } from '../../../agent/snmp/uptime.ts';
import { numberOf, physicalAddress, textOf } from '../../../agent/snmp/values.ts';
import { assignmentOf } from './support.ts';

const octets = (value: Buffer) => ({ oid: '', type: TYPE.octets, value });

test('Counter64 is exact to 2^53 and wraps there', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      const hex = value.toString(16).padStart(18, '0'); // nine bytes: BER puts a zero before a set sign bit
      const short = Buffer.from(hex.replace(/^(00)+(?=..)/, ''), 'hex');
      for (const bytes of [Buffer.from(hex, 'hex'), short]) {
        expect(numberOf({ oid: '', type: TYPE.counter64, value: bytes })).toBe(Number(BigInt.asUintN(53, value)));
      }
    }),
    { seed: 3 },
  );
});

test.each([
  ['a gauge that came signed', TYPE.gauge32, -1, 2 ** 32 - 1],
  ['an integer below zero', TYPE.integer, -1, -1],
  ['text instead of a number', TYPE.octets, Buffer.from('5'), undefined],
  ['a counter without bytes', TYPE.counter64, Buffer.alloc(0), undefined],
  ['a counter of ten bytes', TYPE.counter64, Buffer.alloc(10), undefined],
  ['a number that was cut off', TYPE.counter32, null, undefined],
])('%s', (_what, type, value, expected) => expect(numberOf({ oid: '', type, value })).toBe(expected));

test('text and addresses', () => {
  expect(textOf(octets(Buffer.from('Gi0/1\0\0')))).toBe('Gi0/1');
  expect(textOf(octets(Buffer.from([0xff, 0x41])))).toBe('\ufffdA');
  expect(textOf({ oid: '', type: TYPE.integer, value: 1 })).toBeUndefined();
  expect(physicalAddress(octets(Buffer.from([1, 2, 3, 0xab, 5, 6])))).toBe('01:02:03:AB:05:06');
  expect(physicalAddress(octets(Buffer.alloc(0)))).toBe('');
});

const DAY_TICKS = 8_640_000;
test.each([
  ['time goes on', { ticks: 100, engineSeconds: 1, atMs: 0 }, { ticks: 6_100, engineSeconds: 61, atMs: 60_000 }, 'running'],
  [
    'less than before',
    { ticks: DAY_TICKS, engineSeconds: undefined, atMs: 0 },
    { ticks: 500, engineSeconds: undefined, atMs: 60_000 },
    'restarted',
  ],
  [
    'the counter wraps',
    { ticks: 2 ** 32 - 1_000, engineSeconds: undefined, atMs: 0 },
    { ticks: 5_000, engineSeconds: undefined, atMs: 60_000 },
    'running',
  ],
  [
    'it restarts just before the wrap',
    { ticks: 2 ** 32 - DAY_TICKS, engineSeconds: undefined, atMs: 0 },
    { ticks: 5_000, engineSeconds: undefined, atMs: 60_000 },
    'restarted',
  ],
  [
    'the engine goes on over the wrap',
    { ticks: 2 ** 32 - 1, engineSeconds: 42_949_672, atMs: 0 },
    { ticks: 9, engineSeconds: 42_949_900, atMs: 9 },
    'running',
  ],
  [
    'the engine begins anew',
    { ticks: 2 ** 32 - 1_000, engineSeconds: 42_949_662, atMs: 0 },
    { ticks: 5_000, engineSeconds: 50, atMs: 60_000 },
    'restarted',
  ],
] as const)('%s', (_what, before, after, expected) => expect(uptimeStep(before, after)).toBe(expected));

test('rows keep their part while the number of parts stays, and none is too large', () => {
  const rows = Array.from({ length: 1_000 }, (_, i) => ({ key: `port ${i}`, labels: {}, cells: [] }));
  const parts = partsOf(rows, 1);
  expect(parts.length).toBe(4);
  expect(parts.flat().length).toBe(1_000);
  expect(Math.max(...parts.map((part) => part.length))).toBeLessThan(400);
  const fewer = partsOf(
    rows.filter((_, i) => i % 3 !== 0),
    parts.length,
  );
  for (const [i, part] of fewer.entries()) for (const row of part) expect(parts[i]).toContain(row);
  expect(partsOf([], 1)).toEqual([[]]);
});

test('packets are spread, first come first served', async () => {
  const clock = new SteppedClock();
  const pacer = new Pacer(clock, 200); // two in ten ms
  const sent: [number, number][] = [];
  for (let i = 0; i < 7; i++) void pacer.turn().then(() => sent.push([i, clock.now()]));
  await clock.advance(100);
  expect(sent).toEqual([
    [0, 0],
    [1, 0],
    [2, 10],
    [3, 10],
    [4, 20],
    [5, 20],
    [6, 30],
  ]);
});

test('each device has its own time within the interval, kept over changes of others', async () => {
  const clock = new SteppedClock(1_000_000_000);
  const polls = new Map<string, number[]>();
  const stale: string[] = [];
  const reported: WatchResult[] = [];
  const open: OpenSession = async ({ address }) => ({
    async get(oids) {
      polls.set(address, [...(polls.get(address) ?? []), clock.now()]);
      return oids.map((oid) => ({ oid, type: TYPE.timeTicks, value: clock.now() / 10 }));
    },
    getBulk: async (oid) => [{ oid, type: TYPE.endOfMibView, value: null }],
    close() {},
  });
  const poller = startDevicePoller({
    clock,
    log: silentLog,
    open,
    report: (result) => reported.push(result),
    push({ group, values }) {
      if (isStaleAt(values, 0)) stale.push(group);
    },
  });
  const device = (id: string) => assignmentOf({ id, name: id, address: id, port: 161, intervalMs: 60_000 });
  const all = ['a', 'b', 'c', 'd', 'e', 'f'];
  poller.assign(all.map(device));
  await clock.advance(300_000);
  // `get` is asked twice a poll: for the system, and for what few devices have (found here, so asked each time).
  const times = all.map((id) => [...new Set(polls.get(id)!)]);
  for (const [first, second, third] of times) {
    expect(first! - 1_000_000_000).toBeLessThan(5_000);
    expect(third! - second!).toBe(60_000);
  }
  expect(new Set(times.map((list) => list[1]! % 60_000)).size).toBe(all.length);
  expect(reported.map(({ id, up }) => [id, up]).sort()).toEqual(all.map((id) => [id, true]));
  expect(poller.results().length).toBe(all.length);

  polls.clear();
  poller.assign(all.slice(1).map(device));
  expect(stale).toContain('device/a');
  await clock.advance(60_000);
  expect(polls.has('a')).toBe(false);
  expect([...new Set(polls.get('b')!)].length).toBe(1);
  expect(polls.get('b')![0]! % 60_000).toBe(times[1]![1]! % 60_000);

  await poller.stop();
  stale.splice(0);
  polls.clear();
  await clock.advance(120_000);
  expect([polls.size, stale.length, poller.results().length]).toEqual([0, 0, 0]);
});
