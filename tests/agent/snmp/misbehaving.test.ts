/** Devices that do what they must not: each ends in a reason in words, in bounded time and memory, and hurts nothing else. */

import { createSocket } from 'node:dgram';
import { silentLog, systemClock } from '@bellwether/shared';
import type { DeviceAssignment, WatchResult } from '@bellwether/shared/assignments';
import { afterEach, expect, test } from '@jest/globals';
import { startDevicePoller } from '../../../agent/snmp/poller.ts';
import { eventually } from '../../support/process.ts';
import { ASN, type MibObject, type Request, startTestAgent, switchMib, type TestAgentOptions } from '../../support/snmp-agent.ts';
import { assignmentOf, type DeviceLab, deviceLab } from './support.ts';

const IF = '1.3.6.1.2.1.2.2.1';
const IF_X = '1.3.6.1.2.1.31.1.1.1';
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function lab(options: TestAgentOptions, changes: Partial<DeviceAssignment> = {}): Promise<DeviceLab & { requests: Request[] }> {
  const agent = await startTestAgent(options);
  const made = deviceLab(assignmentOf({ port: agent.port, timeoutMs: 60, ...changes }));
  stops.push(() => made.device.stop(), agent.stop);
  return { ...made, requests: agent.requests };
}

const honest = switchMib({ ports: 4 });
const isBulkOf = (request: Request, entry: string): boolean => request.kind === 'bulk' && request.oids[0]!.startsWith(`${entry}.`);
const octets = (oid: string, value: string): MibObject => ({ oid, type: ASN.octets, value });
/** Answers what is asked of ifXTable by `wrong`, and all else honestly. */
const wrongTable = (wrong: (request: Request) => ReturnType<NonNullable<TestAgentOptions['answer']>>): TestAgentOptions => ({
  objects: honest,
  answer: (request) => (isBulkOf(request, IF_X) ? wrong(request) : undefined),
});

test.each<[string, TestAgentOptions, string]>([
  [
    'repeats itself',
    wrongTable(() => [octets(`${IF_X}.1.1`, 'a'), octets(`${IF_X}.1.2`, 'b'), octets(`${IF_X}.1.1`, 'a')]),
    `ifXTable: the device goes round in circles at ${IF_X}.1.1`,
  ],
  ['goes back', wrongTable(() => [octets('1.3.6.1.2.1.1.1.0', 'x')]), 'ifXTable: the device goes round in circles at 1.3.6.1.2.1.1.1.0'],
  ['answers with nothing', wrongTable(() => []), `ifXTable: the device answers with nothing after ${IF_X}.1`],
  [
    'goes silent in the middle',
    wrongTable(() => 'silence'),
    'ifXTable: no answer in 0.06 s, tried 2 times (a wrong community gets no answer either)',
  ],
  ['sends no SNMP', wrongTable(() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')), 'ifXTable: the answer is no SNMP that can be read'],
  ['has an endless table', wrongTable(({ oids, repetitions }) => endless(oids[0]!, repetitions)), 'ifXTable: more than 4096 rows'],
  ['fails', wrongTable(() => ({ error: 5 })), 'ifXTable: the device answers with the error GeneralError'],
])('a device that %s is up, and says what is missing', async (_what, options, reason) => {
  const { samples, results, requests } = await lab(options);
  const read = await samples();
  expect(results).toMatchObject([{ up: true }]);
  expect(results[0]!.reason.slice(0, reason.length)).toBe(reason);
  expect(read.get('bellwether_snmp_incomplete_tables')).toBe(1);
  expect(read.get('sysUpTime')).toBe(1_000_000);
  expect(requests.length).toBeLessThan(200);
});

function endless(oid: string, repetitions: number): MibObject[] {
  const last = oid === `${IF_X}.1` ? 0 : Number(oid.split('.').at(-1));
  return Array.from({ length: repetitions }, (_, i) => octets(`${IF_X}.1.${last + 1 + i}`, `port ${last + 1 + i}`));
}

test.each<[string, number]>([
  ['truncated', 40],
  ['cut in the length', 3],
  ['cut in the last value', -3],
])('an answer that is %s is not half used', async (_what, keep) => {
  const whole = await startTestAgent({ objects: honest });
  let bytes: Buffer | undefined;
  const { results, poll } = await lab({
    objects: honest,
    answer: (request) => {
      if (request.kind !== 'get') return undefined;
      bytes = Buffer.from('3082010402010104067075626c6963', 'hex');
      return keep > 0 ? bytes.subarray(0, Math.min(keep, bytes.length)) : bytes.subarray(0, keep);
    },
  });
  whole.stop();
  await poll();
  expect(results).toMatchObject([{ up: false }]);
  expect(results[0]!.reason).toMatch(/^the answer (is no SNMP|cannot be used)|^no answer/);
});

/** Between a poller and an honest agent; `spoil` changes each answer. */
async function relay(spoil: (answer: Buffer) => Buffer): Promise<DeviceLab> {
  const agent = await startTestAgent({ objects: honest, maxBytes: 400 });
  const front = createSocket('udp4');
  const back = createSocket('udp4');
  let from: { port: number; address: string } | undefined;
  front.on('message', (message, sender) => {
    from = sender;
    back.send(message, agent.port, '127.0.0.1');
  });
  back.on('message', (message) => front.send(spoil(message), from!.port, from!.address));
  await new Promise<void>((resolve) => front.bind(0, '127.0.0.1', resolve));
  const made = deviceLab(assignmentOf({ port: front.address().port, timeoutMs: 80, retries: 0 }));
  stops.push(
    agent.stop,
    () => made.device.stop(),
    () => front.close(),
    () => back.close(),
  );
  return made;
}

test('every cut of a real answer ends in a reason, never in a crash', async () => {
  let cut = 0;
  const { device, results } = await relay((answer) => answer.subarray(0, answer.length - cut));
  for (cut = 1; cut < 120; cut += 7) await device.poll();
  expect(results.length).toBeGreaterThan(0);
  expect(results.every(({ up, reason }) => !up || reason !== '')).toBe(true);
  cut = 0;
  await device.poll();
  expect(device.result).toMatchObject({ up: true, reason: '' });
});

const SEED = Number(process.env.FUZZ_SEED ?? 20);
test(`answers with wrong bytes end in a result, never in a crash (FUZZ_SEED=${SEED})`, async () => {
  let state = SEED;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let isHonest = false;
  const { device, results } = await relay((answer) => {
    if (isHonest || random(3) > 0) return answer;
    const spoiled = Buffer.from(answer);
    for (let i = 0; i <= random(4); i++) spoiled[random(spoiled.length)] = random(256);
    return spoiled;
  });
  for (let i = 0; i < 40; i++) await device.poll();
  expect(results.length).toBeGreaterThan(3);
  isHonest = true;
  await device.poll();
  await device.poll();
  expect(device.result).toMatchObject({ up: true, reason: '' });
});

test('values of the wrong type are left out', async () => {
  const { samples } = await lab({
    objects: honest.map((object) => (object.oid === `${IF}.14.1` ? octets(object.oid, 'many') : object)),
  });
  const read = await samples();
  expect([...read.keys()].filter((key) => key.startsWith('ifInErrors')).length).toBe(3);
});

test('a device that cannot bear large answers is asked for less, and that is remembered', async () => {
  const { samples, requests, results } = await lab({
    objects: honest,
    answer: ({ kind, repetitions }) => (kind === 'bulk' && repetitions > 8 ? { error: 1 } : undefined),
  });
  const read = await samples();
  expect(results[0]!.reason).toBe('');
  expect([...read.keys()].filter((key) => key.startsWith('ifHCInOctets')).length).toBe(4);
  requests.splice(0);
  await samples();
  expect(Math.max(...requests.map(({ repetitions }) => repetitions))).toBeLessThanOrEqual(8);
});

test('a device that shows nothing says so', async () => {
  const { poll, results } = await lab({ objects: [] });
  await poll();
  expect(results).toMatchObject([{ up: true, reason: 'the device answers, but shows this user or community nothing' }]);
});

test('a slow device is cut off after its interval', async () => {
  const agent = await startTestAgent({ objects: switchMib({ ports: 500 }), maxBytes: 200 });
  const { device, results, poll } = deviceLab(assignmentOf({ port: agent.port, intervalMs: 150 }), {
    turn: () => new Promise((resolve) => setTimeout(resolve, 10)),
  });
  stops.push(() => device.stop(), agent.stop);
  await poll();
  expect(results).toMatchObject([{ reason: 'reading it took too long for its interval of 0.15 s' }]);
});

test('dead devices do not delay a live one', async () => {
  const dead = await startTestAgent({ answer: () => 'silence' });
  const live = await startTestAgent({ objects: honest });
  const results: WatchResult[] = [];
  const poller = startDevicePoller({ clock: systemClock, log: silentLog, report: (result) => results.push(result), push() {} });
  stops.push(dead.stop, live.stop, () => void poller.stop());
  poller.assign([
    ...Array.from({ length: 60 }, (_, i) =>
      assignmentOf({ id: `dead${i}`, port: dead.port, intervalMs: 1_000, timeoutMs: 5_000, retries: 3 }),
    ),
    assignmentOf({ id: 'live', port: live.port, intervalMs: 1_000, timeoutMs: 5_000 }),
  ]);
  await eventually(() => results.find(({ id, up }) => id === 'live' && up));
  expect(results.map(({ id }) => id)).toEqual(['live']);
});
