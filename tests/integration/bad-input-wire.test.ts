import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { labelsFrom } from '@bellwether/shared';
import { WIRE_CLOSE, WIRE_LIMITS, WIRE_PATH, WireEncoder } from '@bellwether/shared/wire';
import { startTestAgent, startTestCollector, type TestAgent, type TestCollector } from '../support/bellwether.ts';
import { eventually } from '../support/process.ts';
import { enrollWireAgent, frameOf, helloOf, openWireSocket, type WireIdentity, type WireSocket } from '../support/wire-agent.ts';

const FUZZ_FRAMES = 2_000;
const FLOOD = 1_000;
const SLOW = 100;
const seed = Number(process.env.FUZZ_SEED ?? 1);

let collector: TestCollector;
let agent: TestAgent;
let culprit: WireIdentity;
let joinToken: string;

beforeAll(async () => {
  collector = await startTestCollector({ config: 'agents:\n  interval: 1s\n' });
  agent = await startTestAgent(collector);
  joinToken = await collector.joinToken();
  culprit = await enrollWireAgent(collector.url, joinToken, 'culprit');
  await eventually(async () => ((await collector.query('node_load1')).length > 0 ? true : undefined));
});

/** Whatever happened, the real agent has streamed on: one connection, `up` never 0, no second without a reading but for its own reasons. */
afterAll(async () => {
  try {
    const name = (await collector.query('node_load1'))[0]!.metric.instance;
    expect((await collector.query(`min_over_time(up{instance="${name}"}[5m])`))[0]?.value[1]).toBe('1');
    expect((await collector.query('max_over_time(bellwether_agent_connections_total[5m])'))[0]?.value[1]).toBe('1');
    expect((await collector.query('bellwether_agent_samples_dropped_total'))[0]?.value[1]).toBe('0');
    const [readings] = await collector.query('count_over_time(node_load1[5m])');
    const [seconds] = await collector.query('time() - min_over_time(timestamp(node_load1)[5m:1s])');
    const [skipped] = await collector.query('bellwether_agent_ticks_skipped_total');
    expect(Number(readings!.value[1])).toBeGreaterThanOrEqual(Math.floor(Number(seconds!.value[1])) - 1 - Number(skipped?.value[1] ?? 0));
    expect(collector.program.output()).not.toMatch(/"level":(50|60)|Error|at .*\.mjs/);
  } finally {
    await agent.stop();
    await collector.stop();
  }
});

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${collector.url}/metrics`, { headers: { authorization: `Bearer ${collector.token}` } })).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return Number(line?.split(' ')[1] ?? Number.NaN);
}

const closedFor = (reason: string): Promise<number> => metric(`bellwether_gateway_closed_total{reason="${reason}"}`);
const open = (): Promise<WireSocket> => openWireSocket(collector.url, `Bearer ${culprit.agentId}.${culprit.key}`);
const SERIES = [{ labels: labelsFrom({ __name__: 'culprit_value' }), type: 'gauge' as const, help: '' }];

/** The frames of a whole session, `rows` rows from now backwards. */
function session(epoch: string, rows: number): Uint8Array[] {
  const encoder = new WireEncoder();
  const startMs = Date.now() - rows * 1_000;
  return [
    frameOf(encoder, (to) => to.message(helloOf(culprit, { epoch, lastSeq: rows }))),
    frameOf(encoder, (to) => {
      to.schema(1, 1, 'test', SERIES);
      for (let seq = 1; seq <= rows; seq++)
        to.samples(seq, 1, 1, { timeMs: startMs + seq * 1_000, presence: null, values: Float64Array.of(seq) });
    }),
  ];
}

test.each<[string, () => (Uint8Array | string)[], number, string]>([
  ['rubbish', () => [Uint8Array.of(1, 2, 3, 255, 255, 255, 255)], WIRE_CLOSE.malformed, 'malformed'],
  ['a text frame', () => ['hello'], WIRE_CLOSE.malformed, 'malformed'],
  ['a frame beyond the limit', () => [new Uint8Array(WIRE_LIMITS.frameBytes + 1)], 1009, 'tooLarge'],
  ['a hello twice', () => [session('twice', 1)[0]!, session('twice', 1)[0]!], WIRE_CLOSE.malformed, 'malformed'],
  ['rows before the hello', () => session('headless', 1).slice(1), WIRE_CLOSE.malformed, 'malformed'],
  [
    'the hello of another agent',
    () => [frameOf(new WireEncoder(), (to) => to.message(helloOf({ ...culprit, agentId: 'somebody-else' })))],
    WIRE_CLOSE.unauthenticated,
    'unauthenticated',
  ],
  [
    'a protocol of the future',
    () => [frameOf(new WireEncoder(), (to) => to.message(helloOf(culprit, { version: 99 })))],
    WIRE_CLOSE.unsupportedVersion,
    'unsupportedVersion',
  ],
])('%s closes the connection with a code and is counted', async (_what, frames, code, reason) => {
  const before = await closedFor(reason);
  const wire = await open();
  for (const frame of frames()) wire.socket.send(frame);
  expect(await wire.closed).toBe(code);
  expect(await closedFor(reason)).toBe(before + 1);
});

test('a recorded session that is played again adds nothing', async () => {
  const frames = session('recorded', 100);
  const before = await metric('bellwether_gateway_rows_duplicate_total');
  for (let play = 0; play < 3; play++) {
    const wire = await open();
    for (const frame of frames) wire.socket.send(frame);
    const welcome = await wire.waitFor('welcome');
    if (play === 0) await wire.waitFor('ack');
    else {
      expect(welcome.resumeAfterSeq).toBe(100);
      await eventually(async () => ((await metric('bellwether_gateway_rows_duplicate_total')) === before + play * 100 ? true : undefined));
    }
    wire.socket.close();
    await wire.closed;
  }
  expect((await collector.query('count_over_time(culprit_value[5m])'))[0]?.value[1]).toBe('100');
});

test('an agent that floods with events is heard a little and counted', async () => {
  const wire = await open();
  wire.socket.send(session('events', 0)[0]!);
  await wire.waitFor('welcome');
  const encoder = new WireEncoder();
  const event = frameOf(encoder, (to) => {
    for (let i = 0; i < 100; i++) to.message({ type: 'event', kind: 'noise', timeMs: Date.now(), text: `event ${i}` });
  });
  for (let frame = 0; frame < 50; frame++) wire.socket.send(event);
  await eventually(async () => ((await metric('bellwether_gateway_events_dropped_total')) > 2_000 ? true : undefined));
  const response = await collector.get<{ kind: string }[]>('/api/bellwether/events?limit=1000');
  expect(response.filter(({ kind }) => kind === 'noise').length).toBeGreaterThanOrEqual(200);
  expect(wire.socket.readyState).toBe(wire.socket.OPEN);
  wire.socket.terminate();
});

test('who has no credential gets 401, whatever the reason', async () => {
  const before = await metric('bellwether_gateway_unauthenticated_total');
  const bearers = [
    '',
    'Bearer ',
    'Bearer nobody.nothing',
    `Bearer ${culprit.agentId}.wrong`,
    `Bearer ${collector.token}`,
    `Bearer ${joinToken}`,
  ];
  for (const bearer of bearers) await expect(openWireSocket(collector.url, bearer)).rejects.toThrow('401');
  expect(await metric('bellwether_gateway_unauthenticated_total')).toBe(before + bearers.length);
});

/** A connection that writes `text` and never ends by itself, not even when the other side does. */
function rawConnection(text: string): Promise<Socket> {
  const { hostname, port } = new URL(collector.url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true }, () => {
      socket.write(text);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

const openFiles = (): number => readdirSync(`/proc/${collector.program.pid}/fd`).length;

const upgradeOf = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n`;

test(`${FLOOD} upgrades without a credential and ${SLOW} that never end hold nothing`, async () => {
  const files = openFiles();
  const before = await metric('bellwether_gateway_unauthenticated_total');
  const slow = await Promise.all(Array.from({ length: SLOW }, () => rawConnection(upgradeOf(WIRE_PATH).slice(0, 60))));
  const drips = setInterval(() => {
    for (const socket of slow) if (socket.writable) socket.write('X');
  }, 500);
  const silent = await open(); // a credential, and then not a word
  const closedSlow = Promise.all(slow.map((socket) => new Promise((resolve) => socket.resume().on('end', resolve).on('error', resolve))));
  const flood: Socket[] = [];
  try {
    for (let at = 0; at < FLOOD; at += 100) {
      flood.push(...(await Promise.all(Array.from({ length: 100 }, () => rawConnection(`${upgradeOf(WIRE_PATH)}\r\n`)))));
    }
    const elsewhere = ['/live', '/nowhere'].flatMap((path) => Array.from({ length: 50 }, () => rawConnection(`${upgradeOf(path)}\r\n`)));
    flood.push(...(await Promise.all(elsewhere)));
    const answers = await Promise.all(
      flood.map(
        (socket) => new Promise<string>((resolve, reject) => socket.once('data', (data) => resolve(data.toString())).once('error', reject)),
      ),
    );
    expect(new Set(answers.map((answer) => answer.split('\r\n')[0]))).toEqual(
      new Set(['HTTP/1.1 401 Unauthorized', 'HTTP/1.1 404 Not Found']),
    );
    expect(await metric('bellwether_gateway_unauthenticated_total')).toBe(before + FLOOD);
    // Nobody on this side has closed anything.
    await eventually(() => (openFiles() < files + SLOW + 20 ? true : undefined));
    await closedSlow;
    expect(await silent.closed).toBe(1006);
    await eventually(() => (openFiles() < files + 20 ? true : undefined));
  } finally {
    clearInterval(drips);
    for (const socket of [...slow, ...flood]) socket.destroy();
  }
});

/** A small seeded generator, so that a failing run can be repeated: FUZZ_SEED=n. */
function randomFrom(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test(`${FUZZ_FRAMES} damaged and random frames on real connections (seed ${seed})`, async () => {
  const random = randomFrom(seed);
  const damaged = (frame: Uint8Array): Uint8Array => {
    const bytes = frame.slice();
    for (let flips = 1 + random(4); flips > 0; flips--) bytes[random(bytes.length)]! ^= 1 << random(8);
    return random(4) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
  };
  const noise = (): Uint8Array => Uint8Array.from({ length: random(400) }, () => random(256));
  const closedBefore = await closedFor('malformed');
  let sent = 0;
  for (let turn = 0; sent < FUZZ_FRAMES; turn++) {
    const wire = await open();
    const [hello, rows] = session(`fuzz-${turn}`, 1 + random(20)) as [Uint8Array, Uint8Array];
    const greets = random(4) > 0;
    if (greets) wire.socket.send(hello);
    for (let frames = 1 + random(8); frames > 0; frames--) {
      wire.socket.send([noise(), damaged(rows), greets ? damaged(rows) : damaged(hello)][random(3)]!);
      sent++;
    }
    wire.socket.close();
    await wire.closed;
  }
  expect(await closedFor('malformed')).toBeGreaterThan(closedBefore + 100);
  // And a well-behaved session of the same agent is as welcome as before.
  const wire = await open();
  for (const frame of session('after', 5)) wire.socket.send(frame);
  expect(await wire.waitFor('ack')).toMatchObject({ seq: 5 });
  wire.socket.terminate();
});
