import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type Clock, type Log, labelsFrom, SteppedClock, silentLog } from '@bellwether/shared';
import { WIRE_CLOSE, WIRE_LIMITS, WireEncoder } from '@bellwether/shared/wire';
import { createGateway, type Gateway } from '../../../collector/gateway/index.ts';
import { compileMatcher, openMemoryStore, type Store } from '../../../collector/store/index.ts';
import { frameOf, helloOf, openWireSocket, type WireIdentity, type WireSocket } from '../../support/wire-agent.ts';

const START = Date.UTC(2026, 0, 1);
const WEB: WireIdentity = { agentId: 'agent-web', key: 'secret', hostname: 'web-1' };
const SERIES = ['a', 'b'].map((part) => ({
  labels: labelsFrom({ __name__: 'node_test', job: 'node', instance: 'somebody-else', part }),
  type: 'gauge' as const,
  help: '',
}));

let server: Server;
let url: string;
let clock: SteppedClock;
let store: Store;
let gateway: Gateway;
let said: string[];

beforeEach(async () => {
  clock = new SteppedClock(START);
  store = await openMemoryStore({ clock });
  said = [];
  gateway = createGateway({
    store,
    clock: clock as Clock,
    log: silentLog as Log,
    intervalMs: 10_000,
    known: [],
    authenticate: async (authorization) => (authorization === `Bearer ${WEB.agentId}.${WEB.key}` ? WEB : undefined),
    hooks: {
      connected: ({ hostname }, _hello, backlog) => said.push(`connected ${hostname} backlog ${backlog}`),
      disconnected: ({ hostname }, cause) => said.push(`disconnected ${hostname} ${cause.kind}`),
      event: ({ hostname }, kind) => said.push(`event ${hostname} ${kind}`),
      welcomed: ({ hostname }, { capabilities }) => capabilities.length > 0 && said.push(`welcomed ${hostname} ${capabilities.join()}`),
      watched: ({ hostname }, results) =>
        said.push(`${hostname} found ${results.map(({ id, up, reason }) => `${id} ${up} ${reason}`).join()}`),
      upChanged: ({ hostname, up }) => said.push(`${hostname} ${up ? 'up' : 'down'}`),
    },
  });
  server = createServer();
  server.on('upgrade', (request, socket, head) => gateway.upgrade(request, socket, head));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  url = `http://127.0.0.1:${address.port}`;
});

afterEach(async () => {
  await gateway.stop();
  server.closeAllConnections();
  server.close();
  await store.stop();
});

const open = (): Promise<WireSocket> => openWireSocket(url, `Bearer ${WEB.agentId}.${WEB.key}`);

/** Waits for something the other side of a real socket does; each turn lets I/O happen. */
async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100_000 && !holds(); turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(holds()).toBe(true);
}

async function greet(changes: Parameters<typeof helloOf>[1] = {}): Promise<{ wire: WireSocket; encoder: WireEncoder }> {
  const wire = await open();
  const encoder = new WireEncoder();
  wire.socket.send(frameOf(encoder, (to) => to.message(helloOf(WEB, changes))));
  await wire.waitFor('welcome');
  return { wire, encoder };
}

async function values(): Promise<[string, number[], number[]][]> {
  const found = await store.select({ matchers: [compileMatcher('__name__', '=', 'node_test')], fromMs: 0, toMs: START + 1e9 });
  return found.map(({ labels, times, values: column }) => [labels.join(' '), [...times], [...column]]);
}

test('rows are stored under the name of the host and acknowledged once they are durable', async () => {
  const { wire, encoder } = await greet();
  wire.socket.send(
    frameOf(encoder, (to) => {
      to.schema(1, 1, 'test', SERIES);
      to.samples(1, 1, 1, { timeMs: START, presence: null, values: Float64Array.of(1, 2) });
      to.samples(2, 1, 1, { timeMs: START + 1_000, presence: null, values: Float64Array.of(3, 4) });
    }),
  );
  expect((await wire.waitFor('ack')).seq).toBe(2);
  expect(await values()).toEqual([
    ['__name__ node_test instance web-1 job node part a', [START, START + 1_000], [1, 3]],
    ['__name__ node_test instance web-1 job node part b', [START, START + 1_000], [2, 4]],
  ]);
});

test('a resent row is dropped and the next connection resumes after what is stored', async () => {
  const first = await greet();
  const rows = (encoder: WireEncoder): void => {
    encoder.schema(1, 1, 'test', SERIES);
    encoder.samples(1, 1, 1, { timeMs: START, presence: null, values: Float64Array.of(1, 2) });
  };
  first.wire.socket.send(frameOf(first.encoder, rows));
  await first.wire.waitFor('ack');
  first.wire.socket.terminate();
  const second = await greet({ lastSeq: 1 });
  expect((await second.wire.waitFor('welcome')).resumeAfterSeq).toBe(1);
  second.wire.socket.send(frameOf(second.encoder, rows));
  await until(() => gateway.counters.duplicateRows === 1);
  expect((await values())[0]![2]).toEqual([1]);
});

test('who has no credential is refused at the upgrade', async () => {
  await expect(openWireSocket(url, 'Bearer nobody.nothing')).rejects.toThrow('401');
  expect(gateway.counters.unauthenticated).toBe(1);
});

test.each<[string, (wire: WireSocket) => void, number]>([
  ['rubbish', ({ socket }) => socket.send(Buffer.from([1, 2, 3, 255, 255, 255, 255])), WIRE_CLOSE.malformed],
  ['text', ({ socket }) => socket.send('hello'), WIRE_CLOSE.malformed],
  ['a frame beyond the limit', ({ socket }) => socket.send(Buffer.alloc(WIRE_LIMITS.frameBytes + 1)), 1009],
  ['a heartbeat before the hello', ({ socket }) => socket.send(heartbeat()), WIRE_CLOSE.malformed],
  ['another agent in the hello', ({ socket }) => socket.send(hello({ agentId: 'agent-db' })), WIRE_CLOSE.unauthenticated],
  ['a newer version', ({ socket }) => socket.send(hello({ version: 99 })), WIRE_CLOSE.unsupportedVersion],
  ['rows of an unknown group', ({ socket }) => socket.send(strangeRows()), WIRE_CLOSE.malformed],
])('%s closes that connection with its code and no other', async (_what, misbehave, code) => {
  const other = await openWireSocket(url, `Bearer ${WEB.agentId}.${WEB.key}`);
  const wire = await open();
  misbehave(wire);
  expect(await wire.closed).toBe(code);
  expect(other.socket.readyState).toBe(other.socket.OPEN);
  expect([...gateway.counters.closedByCode.values()]).toEqual([1]);
});

function hello(changes: Parameters<typeof helloOf>[1]): Uint8Array {
  return frameOf(new WireEncoder(), (to) => to.message(helloOf(WEB, changes)));
}

function heartbeat(): Uint8Array {
  return frameOf(new WireEncoder(), (to) =>
    to.message({ type: 'heartbeat', sentMs: 1, offsetMs: 0, queuedBatches: 0, queuedBytes: 0, droppedSamples: 0 }),
  );
}

/** Rows that are well formed for their sender, whose schema the collector never saw. */
function strangeRows(): Uint8Array {
  const encoder = new WireEncoder();
  frameOf(encoder, (to) => to.schema(1, 1, 'test', SERIES));
  return frameOf(encoder, (to) => {
    to.message(helloOf(WEB));
    to.samples(1, 1, 1, { timeMs: START, presence: null, values: Float64Array.of(1, 2) });
  });
}

test('a second machine with the same identity is refused with an event, the first stays', async () => {
  const first = await greet({ bootId: 'one' });
  const second = await open();
  second.socket.send(hello({ bootId: 'two' }));
  expect(await second.closed).toBe(WIRE_CLOSE.cloned);
  expect(said).toContain('event web-1 cloned-agent');
  expect(first.wire.socket.readyState).toBe(first.wire.socket.OPEN);
});

test('the same machine coming back replaces its own half-open connection without a gap', async () => {
  const first = await greet();
  await greet();
  await first.wire.closed;
  await clock.advance(2_500);
  expect(said.filter((text) => text.includes('down') || text.startsWith('disconnected'))).toEqual([]);
});

test('silence, a closed socket and a goodbye end in down, each in its time', async () => {
  await greet();
  await clock.advance(4_000);
  expect(said).toEqual(['connected web-1 backlog 0', 'web-1 up', 'disconnected web-1 silent', 'web-1 down']);

  said.length = 0;
  const second = await greet();
  second.wire.socket.terminate();
  await until(() => said.includes('disconnected web-1 closed'));
  expect(said).not.toContain('web-1 down');
  await clock.advance(2_250);
  expect(said).toContain('web-1 down');

  said.length = 0;
  const third = await greet();
  third.wire.socket.send(frameOf(third.encoder, (to) => to.message({ type: 'goodbye', reason: 'stopping' })));
  third.wire.socket.close();
  await until(() => said.includes('web-1 down'));
  expect(said).toContain('disconnected web-1 goodbye');
});

test('heartbeats are answered with both clocks', async () => {
  const { wire } = await greet();
  wire.socket.send(heartbeat());
  expect(await wire.waitFor('heartbeatReply')).toEqual({ type: 'heartbeatReply', echoMs: 1, receivedMs: START, sentMs: START });
});

test('rows too old or too new are refused for ever and do not hold back the rest', async () => {
  const { wire, encoder } = await greet();
  wire.socket.send(
    frameOf(encoder, (to) => {
      to.schema(1, 1, 'test', SERIES);
      to.samples(1, 1, 1, { timeMs: START + 3_600_000, presence: null, values: Float64Array.of(1, 2) });
      to.samples(2, 1, 1, { timeMs: START, presence: null, values: Float64Array.of(3, 4) });
    }),
  );
  expect(await wire.waitFor('nack')).toMatchObject({ seq: 1, retryAfterMs: 0 });
  expect((await wire.waitFor('ack')).seq).toBe(2);
});

test('a connection that floods is read in portions and loses nothing', async () => {
  const { wire, encoder } = await greet();
  const many = Array.from({ length: 1_000 }, (_, i) => ({
    labels: labelsFrom({ __name__: 'flood', i: String(i) }),
    type: 'gauge' as const,
    help: '',
  }));
  wire.socket.send(frameOf(encoder, (to) => to.schema(1, 1, 'flood', many)));
  const values = new Float64Array(1_000);
  for (let frame = 0; frame < 6; frame++) {
    wire.socket.send(
      frameOf(encoder, (to) => {
        for (let i = 0; i < 100; i++)
          to.samples(frame * 100 + i + 1, 1, 1, {
            timeMs: START + frame * 100 + i,
            presence: null,
            values: values.map((_, column) => Math.sin(column + i)),
          });
      }),
    );
  }
  await until(() => gateway.counters.paused > 0);
  expect(gateway.counters.rows).toBeLessThan(600);
  for (let sweep = 0; sweep < 20 && gateway.counters.rows < 600; sweep++) await clock.advance(250);
  expect(gateway.counters.rows).toBe(600);
});

test('a stopping collector tells its agents to come back', async () => {
  const { wire } = await greet();
  void gateway.stop();
  expect(await wire.waitFor('drain')).toMatchObject({ type: 'drain' });
  expect(await wire.closed).toBe(WIRE_CLOSE.goingAway);
  expect(said).not.toContain('web-1 down');
});

test('assignments, results and single probes go to and from the agent they are of', async () => {
  const { wire, encoder } = await greet({ capabilities: ['checks'] });
  expect(said).toContain('welcomed web-1 checks');
  gateway.assign(WEB.agentId, 3, '{"checks":[],"devices":[]}');
  gateway.assign('nobody', 4, '{}');
  expect(await wire.waitFor('assignments')).toEqual({ type: 'assignments', version: 3, json: '{"checks":[],"devices":[]}' });

  const result = { id: 'c1', kind: 'check', timeMs: 1, up: false, reason: 'HTTP 503' } as const;
  wire.socket.send(frameOf(encoder, (to) => to.message({ type: 'watchResult', results: [result] })));
  await until(() => said.includes('web-1 found c1 false HTTP 503'));

  const ask = { probe: 'tcp', target: 'db:1', timeoutMs: 1_000, options: '' };
  const asked = gateway.runProbe(WEB.agentId, ask);
  const { id } = await wire.waitFor('runProbe');
  const answer = { type: 'probeResult', id, success: true, durationMs: 2, text: '' } as const;
  wire.socket.send(frameOf(encoder, (to) => to.message({ ...answer, id: id + 1 })));
  wire.socket.send(frameOf(encoder, (to) => to.message(answer)));
  expect(await asked).toEqual(answer);
  expect(await gateway.runProbe('nobody', ask)).toBeUndefined();
});

test('a probe nobody answers ends by itself, and with the connection', async () => {
  const { wire } = await greet();
  const ask = { probe: 'tcp', target: 'db:1', timeoutMs: 500, options: '' };
  const silent = gateway.runProbe(WEB.agentId, ask);
  await wire.waitFor('runProbe');
  await clock.advance(2_000);
  const cut = gateway.runProbe(WEB.agentId, ask);
  await until(() => wire.received.filter(({ type }) => type === 'runProbe').length === 2);
  wire.socket.terminate();
  expect([await silent, await cut]).toEqual([undefined, undefined]);
  await greet();
  const all = Array.from({ length: 40 }, () => gateway.runProbe(WEB.agentId, ask));
  const refused = await Promise.race([Promise.all(all.slice(32)), new Promise((resolve) => setImmediate(resolve, 'waits'))]);
  expect(refused).toEqual(new Array(8).fill(undefined));
});
