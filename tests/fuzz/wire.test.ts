import {
  type AgentMessage,
  type AgentSink,
  decodeCollectorFrame,
  encodeCollectorFrame,
  WireDecoder,
  WireEncoder,
  WireError,
} from '../../shared/wire/index.ts';
import { samples, seriesOf } from '../shared/wire/rows.ts';

const seed = Number(process.env.FUZZ_SEED ?? 20_240_517);
const CASES = 10_000;
const IGNORE: AgentSink = { samples() {}, message() {} };

/** xorshift32: numbers in 0..2^32-1. */
function randomFrom(start: number): () => number {
  let state = start | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Frames of one connection: schemas, rows of every sort of value, control messages. */
function validFrames(random: () => number): Uint8Array[] {
  const encoder = new WireEncoder();
  const sizes = [1, 7, 30];
  const rows = sizes.map((size) => new Float64Array(size));
  const frames: Uint8Array[] = [];
  let seq = 0;
  for (let tick = 0; tick < 6; tick++) {
    encoder.begin();
    if (tick === 0 || tick === 4) {
      for (const [group, size] of sizes.entries()) encoder.schema(group, tick, `g${group}`, seriesOf(size));
      for (const row of rows) row.fill(0);
    }
    for (const [group, row] of rows.entries()) {
      for (let i = 0; i < row.length; i++) {
        const what = random() % 6;
        if (what === 0) row[i]! += (random() % 100) / 100;
        else if (what === 1) row[i] = random() / 2 ** 32;
        else if (what === 2) row[i] = [Number.NaN, -0, Number.POSITIVE_INFINITY, 2 ** 53, 5e-324][random() % 5]!;
      }
      const presence = random() % 4 === 0 ? Uint8Array.from({ length: 4 }, () => random() & 0xff) : null;
      encoder.samples(++seq, group, tick < 4 ? 0 : 4, samples(seq, group, 0, tick * 1_000, row, presence));
    }
    const event: AgentMessage = { type: 'event', kind: 'x', timeMs: tick, text: 'ä'.repeat(random() % 20) };
    if (tick % 2 === 0) encoder.message(event);
    else encoder.message({ type: 'watchResult', results: [{ id: 'c', kind: 'device', timeMs: tick, up: false, reason: 'no answer' }] });
    frames.push(encoder.finish().slice());
  }
  return frames;
}

function mutate(frame: Uint8Array, random: () => number): Uint8Array {
  const bytes = [...frame];
  for (let times = 1 + (random() % 3); times > 0; times--) {
    const at = random() % Math.max(1, bytes.length);
    switch (random() % 6) {
      case 0:
        bytes[at]! ^= 1 << (random() % 8);
        break;
      case 1:
        bytes[at] = random() & 0xff;
        break;
      case 2:
        bytes[at] = [0, 0x7f, 0x80, 0xff][random() % 4]!;
        break;
      case 3:
        bytes.splice(at, 1 + (random() % 4));
        break;
      case 4:
        bytes.splice(at, 0, ...Array.from({ length: 1 + (random() % 8) }, () => random() & 0xff));
        break;
      default:
        bytes.length = at;
    }
  }
  return Uint8Array.from(bytes);
}

/** Whether the frames were understood; anything but a WireError is thrown on. */
function survives(frames: readonly Uint8Array[]): boolean {
  const decoder = new WireDecoder();
  try {
    for (const frame of frames) decoder.decode(frame, IGNORE);
    return true;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}

test(`damaged frames of an agent give WireErrors or messages, nothing else (seed ${seed})`, () => {
  const random = randomFrom(seed);
  let frames = validFrames(random);
  expect(survives(frames)).toBe(true);
  let understood = 0;
  for (let round = 0; round < CASES; round++) {
    if (round % 50 === 0) frames = validFrames(random);
    const damaged = random() % frames.length;
    if (survives(frames.map((frame, i) => (i === damaged ? mutate(frame, random) : frame)))) understood++;
  }
  expect(understood).toBeGreaterThan(0);
  expect(understood).toBeLessThan(CASES);
});

test(`random bytes give WireErrors or messages, nothing else (seed ${seed})`, () => {
  const random = randomFrom(seed + 1);
  const schema = validFrames(random)[0]!;
  for (let round = 0; round < CASES; round++) {
    const length = random() % 60;
    const noise = Uint8Array.from({ length }, () => random() & 0xff);
    // A plausible start gets further than noise: a length that fits, the number of a known message.
    if (length > 2 && round % 2 === 0) noise.set([length - 1, [0x80, 0x81, 0x8f, 0x84, 1, 2, 8, 6][random() % 8]!]);
    survives([schema, noise]);
  }
});

test(`damaged frames of a collector give WireErrors or messages, nothing else (seed ${seed})`, () => {
  const random = randomFrom(seed + 2);
  const settings = { intervalMs: 10_000, heartbeatMs: 1_000 };
  const frame = encodeCollectorFrame([
    { type: 'welcome', version: 1, hostname: 'web-1', resumeAfterSeq: 400, settings, receivedMs: 1, sentMs: 2 },
    { type: 'ack', seq: 99_999 },
    { type: 'runProbe', id: 1, probe: 'http', target: 'http://localhost/', timeoutMs: 1_000, options: '{}' },
    { type: 'assignments', version: 3, json: '{"checks":[]}' },
    { type: 'heartbeatReply', echoMs: 1, receivedMs: 2, sentMs: 3 },
  ]);
  for (let round = 0; round < CASES; round++) {
    try {
      decodeCollectorFrame(mutate(frame, random));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  }
});
