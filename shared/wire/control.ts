import type { WatchResult } from '../assignments.ts';
import { type ByteReader, type ByteWriter, malformed, tooLarge } from './bytes.ts';
import type { AgentMessage, CollectorMessage, WireLimits } from './messages.ts';

export type ControlMessage = Exclude<AgentMessage, { type: 'schema' | 'samples' }> | CollectorMessage;
export type ControlType = ControlMessage['type'];

/** `uint`: varint. `wait`: a duration in ms, rounded up, as varint. `number`: a finite double. `flag`: 0 or 1. The others are seen below. */
type Kind =
  | 'uint'
  | 'wait'
  | 'number'
  | 'text'
  | 'lateText'
  | 'json'
  | 'texts'
  | 'flag'
  | 'reason'
  | 'settings'
  | 'lastGoodbye'
  | 'results';
interface Layout {
  readonly number: number;
  readonly from: 'agent' | 'collector';
  readonly fields: readonly (readonly [name: string, kind: Kind])[];
}

const REASONS = ['stopping', 'shutting-down', 'restarting', 'upgrading'] as const;
const WATCHED = ['check', 'device'] as const;
const TEXTS_MAX = 256;

/** The number of each message and its fields in their order on the wire. A later version adds fields at the end only. */
const LAYOUTS: { readonly [T in ControlType]: Layout } = {
  hello: {
    number: 1,
    from: 'agent',
    fields: [
      ['version', 'uint'],
      ['agentId', 'text'],
      ['bootId', 'text'],
      ['epoch', 'text'],
      ['firstSeq', 'uint'],
      ['lastSeq', 'uint'],
      ['agentVersion', 'text'],
      ['hostname', 'text'],
      ['os', 'text'],
      ['capabilities', 'texts'],
      ['lastGoodbye', 'lastGoodbye'],
      ['startedMs', 'number'],
      ['clockMs', 'number'],
    ],
  },
  skipped: {
    number: 3,
    from: 'agent',
    fields: [
      ['fromSeq', 'uint'],
      ['toSeq', 'uint'],
      ['samples', 'uint'],
    ],
  },
  event: {
    number: 4,
    from: 'agent',
    fields: [
      ['kind', 'text'],
      ['timeMs', 'number'],
      ['text', 'text'],
    ],
  },
  probeResult: {
    number: 5,
    from: 'agent',
    fields: [
      ['id', 'uint'],
      ['success', 'flag'],
      ['durationMs', 'number'],
      ['text', 'text'],
    ],
  },
  heartbeat: {
    number: 6,
    from: 'agent',
    fields: [
      ['sentMs', 'number'],
      ['offsetMs', 'number'],
      ['queuedBatches', 'uint'],
      ['queuedBytes', 'uint'],
      ['droppedSamples', 'uint'],
    ],
  },
  goodbye: { number: 7, from: 'agent', fields: [['reason', 'reason']] },
  watchResult: { number: 8, from: 'agent', fields: [['results', 'results']] },
  welcome: {
    number: 65,
    from: 'collector',
    fields: [
      ['version', 'uint'],
      ['hostname', 'text'],
      ['resumeAfterSeq', 'uint'],
      ['settings', 'settings'],
      ['receivedMs', 'number'],
      ['sentMs', 'number'],
    ],
  },
  ack: { number: 66, from: 'collector', fields: [['seq', 'uint']] },
  nack: {
    number: 67,
    from: 'collector',
    fields: [
      ['seq', 'uint'],
      ['code', 'uint'],
      ['retryAfterMs', 'wait'],
    ],
  },
  config: { number: 68, from: 'collector', fields: [['settings', 'settings']] },
  runProbe: {
    number: 69,
    from: 'collector',
    fields: [
      ['id', 'uint'],
      ['probe', 'text'],
      ['target', 'text'],
      ['timeoutMs', 'wait'],
      ['options', 'lateText'],
    ],
  },
  liveMode: {
    number: 70,
    from: 'collector',
    fields: [
      ['intervalMs', 'wait'],
      ['durationMs', 'wait'],
    ],
  },
  heartbeatReply: {
    number: 71,
    from: 'collector',
    fields: [
      ['echoMs', 'number'],
      ['receivedMs', 'number'],
      ['sentMs', 'number'],
    ],
  },
  drain: { number: 72, from: 'collector', fields: [['reconnectAfterMs', 'wait']] },
  assignments: {
    number: 73,
    from: 'collector',
    fields: [
      ['version', 'uint'],
      ['json', 'json'],
    ],
  },
};

/** Message numbers of what has a coding of its own. */
export const SCHEMA_NUMBER = 2;
/** A samples message has this bit in its first byte; the others are flags (encoder.ts). */
export const SAMPLES_BIT = 0x80;

/** The control message that `number` means when it comes from `from`; undefined for one of a later version. */
export function controlType(number: number, from: 'agent' | 'collector'): ControlType | undefined {
  for (const type in LAYOUTS) {
    const layout = LAYOUTS[type as ControlType];
    if (layout.number === number && layout.from === from) return type as ControlType;
  }
  return undefined;
}

/** Writes number and fields. Throws TypeError for a field of the wrong kind, WireError for a text that is too long. */
export function writeControl(out: ByteWriter, message: ControlMessage, limits: WireLimits): void {
  const layout = LAYOUTS[message.type];
  out.u8(layout.number);
  const fields = message as unknown as Record<string, unknown>;
  for (const [name, kind] of layout.fields) writeField(out, kind, fields[name], `${message.type}.${name}`, limits);
}

/** Reads the fields of a message of `type`; what follows them is left. */
export function readControl(input: ByteReader, type: ControlType, limits: WireLimits): ControlMessage {
  const message: Record<string, unknown> = { type };
  for (const [name, kind] of LAYOUTS[type].fields) message[name] = readField(input, kind, `${type}.${name}`, limits);
  return message as unknown as ControlMessage;
}

function writeField(out: ByteWriter, kind: Kind, value: unknown, what: string, limits: WireLimits): void {
  switch (kind) {
    case 'uint':
      if (typeof value !== 'number') throw new TypeError(`${what} is not a number`);
      out.uint(value);
      return;
    case 'wait':
      if (typeof value !== 'number') throw new TypeError(`${what} is not a number`);
      out.uint(Math.ceil(value));
      return;
    case 'number':
      if (typeof value !== 'number' || !Number.isFinite(value)) throw new TypeError(`${what} is not a finite number`);
      out.f64(value);
      return;
    case 'text':
    case 'lateText':
    case 'json':
      if (typeof value !== 'string') throw new TypeError(`${what} is not a text`);
      out.text(value, kind === 'json' ? limits.assignmentsBytes : limits.textBytes, what);
      return;
    case 'texts':
      if (!Array.isArray(value) || value.length > TEXTS_MAX) throw new TypeError(`${what} is not a list of at most ${TEXTS_MAX} texts`);
      out.uint(value.length);
      for (const text of value) writeField(out, 'text', text, what, limits);
      return;
    case 'flag':
      out.u8(value === true ? 1 : 0);
      return;
    case 'reason': {
      const index = (REASONS as readonly unknown[]).indexOf(value);
      if (index < 0) throw new TypeError(`${what} is not a reason: ${String(value)}`);
      out.uint(index);
      return;
    }
    case 'settings': {
      const settings = value as Record<string, unknown>;
      out.u8(0);
      const start = out.length;
      writeField(out, 'wait', settings.intervalMs, what, limits);
      writeField(out, 'wait', settings.heartbeatMs, what, limits);
      // Other fields follow in a welcome, so settings say their size: they too can grow.
      out.bytes[start - 1] = out.length - start;
      return;
    }
    case 'lastGoodbye': {
      const last = value as Record<string, unknown> | null;
      out.u8(last === null ? 0 : 1);
      if (last === null) return;
      writeField(out, 'reason', last.reason, what, limits);
      writeField(out, 'number', last.timeMs, what, limits);
      return;
    }
    case 'results': {
      const results = value as readonly WatchResult[];
      if (results.length > limits.resultsPerMessage) throw tooLarge(what, results.length, limits.resultsPerMessage);
      out.uint(results.length);
      for (const result of results) writeResult(out, result, what, limits);
    }
  }
}

function readField(input: ByteReader, kind: Kind, what: string, limits: WireLimits): unknown {
  switch (kind) {
    case 'uint':
    case 'wait':
      return input.uint();
    case 'number': {
      const value = input.f64();
      if (!Number.isFinite(value)) throw malformed(`${what} is not finite`);
      return value;
    }
    case 'text':
      return input.text(limits.textBytes, what);
    case 'lateText':
      return input.atEnd ? '' : input.text(limits.textBytes, what);
    case 'json':
      return input.text(limits.assignmentsBytes, what);
    case 'texts': {
      const count = input.uint();
      if (count > TEXTS_MAX) throw malformed(`${what} has ${count} texts, at most ${TEXTS_MAX} are allowed`);
      return Array.from({ length: count }, () => input.text(limits.textBytes, what));
    }
    case 'flag':
      return input.u8() !== 0;
    case 'reason': {
      const reason = REASONS[input.uint()];
      if (reason === undefined) throw malformed(`${what} is none of ours`);
      return reason;
    }
    case 'settings': {
      const end = input.u8() + input.position;
      const settings = { intervalMs: input.uint(), heartbeatMs: input.uint() };
      if (end < input.position || end > input.end) throw malformed(`${what} says a wrong size`);
      input.position = end;
      return settings;
    }
    case 'lastGoodbye':
      if (input.u8() === 0) return null;
      return { reason: readField(input, 'reason', what, limits), timeMs: readField(input, 'number', what, limits) };
    case 'results': {
      const count = input.uint();
      if (count > limits.resultsPerMessage) throw tooLarge(what, count, limits.resultsPerMessage);
      const results: WatchResult[] = [];
      for (let i = 0; i < count; i++) results.push(readResult(input, what, limits));
      return results;
    }
  }
}

function writeResult(out: ByteWriter, result: WatchResult, what: string, limits: WireLimits): void {
  writeField(out, 'text', result.id, what, limits);
  out.u8(WATCHED.indexOf(result.kind) * 2 + (result.up ? 1 : 0));
  writeField(out, 'number', result.timeMs, what, limits);
  writeField(out, 'text', result.reason, what, limits);
}

function readResult(input: ByteReader, what: string, limits: WireLimits): WatchResult {
  const id = input.text(limits.textBytes, what);
  const bits = input.u8();
  const kind = WATCHED[bits >> 1];
  if (kind === undefined) throw malformed(`${what} is of nothing that is watched`);
  const timeMs = readField(input, 'number', what, limits) as number;
  return { id, kind, timeMs, up: (bits & 1) === 1, reason: input.text(limits.textBytes, what) };
}
