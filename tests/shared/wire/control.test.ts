import {
  type AgentMessage,
  type CollectorMessage,
  decodeCollectorFrame,
  encodeCollectorFrame,
  WIRE_NACK,
  WireDecoder,
  WireEncoder,
  WireError,
} from '../../../shared/wire/index.ts';

const AGENT_MESSAGES: AgentMessage[] = [
  {
    type: 'hello',
    version: 1,
    agentId: 'a-1',
    bootId: 'b-1',
    epoch: 'e-1',
    firstSeq: 1,
    lastSeq: Number.MAX_SAFE_INTEGER,
    agentVersion: '0.1.0',
    hostname: 'bücher-☃-𝄞',
    os: 'linux',
    capabilities: ['probe', ''],
    lastGoodbye: { reason: 'shutting-down', timeMs: 1_700_000_000_000 },
    startedMs: 1_700_000_000_000.25,
    clockMs: -1,
  },
  { type: 'schema', group: 3, generation: 2, name: 'disk', series: [{ labels: ['__name__', 'x', 'a', 'x'], type: 'counter', help: 'x' }] },
  { type: 'skipped', fromSeq: 4, toSeq: 9, samples: 600 },
  { type: 'event', kind: 'clock-jump', timeMs: 1.5, text: '\ufeffwith a mark in front' },
  { type: 'probeResult', id: 7, success: true, durationMs: 1.25, text: '' },
  { type: 'probeResult', id: 8, success: false, durationMs: 0, text: 'refused' },
  { type: 'heartbeat', sentMs: 1_700_000_000_000.5, offsetMs: -0.125, queuedBatches: 128, queuedBytes: 2 ** 40, droppedSamples: 0 },
  { type: 'goodbye', reason: 'stopping' },
  { type: 'goodbye', reason: 'upgrading' },
  { type: 'watchResult', results: [] },
  {
    type: 'watchResult',
    results: [
      { id: 'c-1', kind: 'check', timeMs: 1_700_000_000_000, up: false, reason: 'HTTP 503' },
      { id: 'd-1', kind: 'device', timeMs: 0.5, up: true, reason: '' },
    ],
  },
];

const SETTINGS = { intervalMs: 10_000, heartbeatMs: 1_000 };
const COLLECTOR_MESSAGES: CollectorMessage[] = [
  { type: 'welcome', version: 1, hostname: 'web-1', resumeAfterSeq: 17, settings: SETTINGS, receivedMs: 1.5, sentMs: 2.5 },
  { type: 'ack', seq: 2 ** 50 },
  { type: 'nack', seq: 4, code: WIRE_NACK.storeFull, retryAfterMs: 5_000 },
  { type: 'config', settings: SETTINGS },
  { type: 'runProbe', id: 3, probe: 'tcp', target: '[::1]:443', timeoutMs: 5_000, options: '{"tls":true}' },
  { type: 'liveMode', intervalMs: 1_000, durationMs: 0 },
  { type: 'heartbeatReply', echoMs: 1, receivedMs: 2, sentMs: 3 },
  { type: 'drain', reconnectAfterMs: 250 },
  { type: 'assignments', version: 9, json: '{"checks":[],"devices":[]}' },
  { type: 'assignments', version: 10, json: 'ü'.repeat(100_000) },
];

function agentFrame(messages: readonly AgentMessage[]): Uint8Array {
  const encoder = new WireEncoder();
  encoder.begin();
  for (const message of messages) encoder.message(message);
  return encoder.finish();
}

test.each(AGENT_MESSAGES.map((message) => [message.type, message] as const))('agent message %s', (_type, message) => {
  expect(new WireDecoder().decodeAll(agentFrame([message]))).toEqual([message]);
});

test.each(COLLECTOR_MESSAGES.map((message) => [message.type, message] as const))('collector message %s', (_type, message) => {
  expect(decodeCollectorFrame(encodeCollectorFrame([message]))).toEqual([message]);
});

test('a frame holds many messages, or none', () => {
  expect(new WireDecoder().decodeAll(agentFrame(AGENT_MESSAGES))).toEqual(AGENT_MESSAGES);
  expect(decodeCollectorFrame(encodeCollectorFrame(COLLECTOR_MESSAGES))).toEqual(COLLECTOR_MESSAGES);
  expect(new WireDecoder().decodeAll(agentFrame([]))).toEqual([]);
});

test('waits are rounded up to whole milliseconds', () => {
  expect(decodeCollectorFrame(encodeCollectorFrame([{ type: 'drain', reconnectAfterMs: 12.01 }]))).toEqual([
    { type: 'drain', reconnectAfterMs: 13 },
  ]);
});

test('the first hello has no former goodbye', () => {
  const hello = { ...AGENT_MESSAGES[0], lastGoodbye: null } as AgentMessage;
  expect(new WireDecoder().decodeAll(agentFrame([hello]))).toEqual([hello]);
});

test('messages of later versions, and fields behind the known ones, are skipped', () => {
  const known = encodeCollectorFrame([{ type: 'ack', seq: 5 }]); // 02 42 05
  const frame = Uint8Array.of(4, 99, 1, 2, 3, 4, known[1]!, known[2]!, 0xff, 0xfe, ...known);
  expect(decodeCollectorFrame(frame)).toEqual([
    { type: 'ack', seq: 5 },
    { type: 'ack', seq: 5 },
  ]);
  const goodbye = Uint8Array.of(3, 120, 9, 9, 4, 7, 0, 1, 2);
  expect(new WireDecoder().decodeAll(goodbye)).toEqual([{ type: 'goodbye', reason: 'stopping' }]);
});

test('settings may grow although other fields follow them', () => {
  const frame = [
    ...encodeCollectorFrame([
      { type: 'welcome', version: 1, hostname: 'w', resumeAfterSeq: 0, settings: SETTINGS, receivedMs: 1, sentMs: 2 },
    ]),
  ];
  const at = frame.indexOf(4, 5); // their size
  frame.splice(at + 1 + 4, 0, 0x2a);
  frame[at] = 5;
  frame[0]!++;
  expect(decodeCollectorFrame(Uint8Array.from(frame))).toMatchObject([{ settings: SETTINGS, receivedMs: 1, sentMs: 2 }]);
});

test('a run-probe message of an older collector has no options', () => {
  const frame = encodeCollectorFrame([{ type: 'runProbe', id: 3, probe: 'tcp', target: 'a:1', timeoutMs: 5, options: '' }]);
  const older = Uint8Array.of(frame[0]! - 1, ...frame.subarray(1, -1));
  expect(decodeCollectorFrame(older)).toEqual(decodeCollectorFrame(frame));
});

test('messages of the wrong side are not understood', () => {
  expect(decodeCollectorFrame(agentFrame([{ type: 'goodbye', reason: 'stopping' }]))).toEqual([]);
  expect(new WireDecoder().decodeAll(encodeCollectorFrame([{ type: 'ack', seq: 1 }]))).toEqual([]);
});

test.each([
  ['unknown flags of samples', [1, 0x90], /unknown flags/],
  ['an unknown metric type', [7, 2, 0, 1, 0, 1, 9, 0], /unknown type/],
  ['labels out of order', [19, 2, 0, 1, 0, 1, 0, 0, 0, 2, 0, 1, 0x62, 0, 1, 0x31, 0, 1, 0x61, 3], /not in order/],
  ['an empty label value', [13, 2, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0x62, 1], /empty/],
  ['a reference to no text', [7, 2, 0, 1, 0, 1, 0, 5], /was not sent/],
  ['an unknown reason', [2, 7, 9], /none of ours/],
  ['a result of nothing known', [14, 8, 1, 1, 0x61, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0], /nothing that is watched/],
  ['results cut short', [3, 8, 2, 1], /ends inside/],
])('%s of an agent is malformed', (_name, bytes, text) => {
  expect(() => new WireDecoder().decodeAll(Uint8Array.from(bytes))).toThrow(WireError);
  expect(() => new WireDecoder().decodeAll(Uint8Array.from(bytes))).toThrow(text);
});

test.each([
  ['an empty message', [0], /without bytes/],
  ['a message longer than the frame', [5, 66, 1], /longer than its frame/],
  ['an integer without end', [3, 66, 0x80, 0x80], /ends inside a field/],
  ['an integer of nine bytes', [11, 66, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0], /eight bytes/],
  ['an integer above 2^53-1', [9, 66, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], /above 2\^53-1/],
  ['a text that is not UTF-8', [5, 69, 1, 2, 0xc3, 0x28], /runProbe.probe is not UTF-8/],
  ['a text longer than its message', [4, 69, 1, 9, 65], /ends inside a text/],
  ['a number cut short', [3, 71, 0, 0], /ends inside a number/],
  ['a number that is none', [9, 71, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f], /heartbeatReply.echoMs is not finite/],
  ['settings of a wrong size', [4, 68, 9, 1, 1], /config.settings says a wrong size/],
])('%s is malformed', (_name, bytes, text) => {
  expect(() => decodeCollectorFrame(Uint8Array.from(bytes))).toThrow(WireError);
  expect(() => decodeCollectorFrame(Uint8Array.from(bytes))).toThrow(text);
});
