import { ByteReader, malformed, tooLarge } from './bytes.ts';
import { controlType, readControl, SAMPLES_BIT, SCHEMA_NUMBER } from './control.ts';
import { SAMPLES_FLAGS, SAMPLES_GROUP, SAMPLES_PRESENCE, SAMPLES_SEQ, SAMPLES_TIME } from './encoder.ts';
import { References } from './groups.ts';
import { type AgentMessage, type Samples, type Schema, WIRE_LIMITS, type WireLimits } from './messages.ts';
import { RowDecoder } from './row-decoder.ts';
import { readSchemaHead, readSeries } from './schema-codec.ts';

/** What a decoder calls for each message of a frame, in order. */
export interface AgentSink {
  /**
   * One row. `values` and `presence` (null = all present) belong to the decoder and are valid during the call only; `values` of absent columns
   * mean nothing. Nothing is allocated for a row but a changed presence.
   */
  samples(seq: number, group: number, generation: number, timeMs: number, presence: Uint8Array | null, values: Float64Array): void;
  message(message: Exclude<AgentMessage, Samples>): void;
}

/** Reads the frames of one agent connection, in the order they were written; make a new one for each connection. */
export class WireDecoder {
  readonly limits: WireLimits;
  readonly #input = new ByteReader();
  readonly #known = new References();
  readonly #rows = new RowDecoder(this.#known.columns);
  #frameSamples = 0;

  constructor(limits: WireLimits = WIRE_LIMITS) {
    this.limits = limits;
  }

  /** Reads one frame. Throws WireError and nothing else of its own (what `sink` throws passes through); after either the connection is unusable. */
  decode(frame: Uint8Array, sink: AgentSink): void {
    this.#frameSamples = 0;
    eachMessage(frame, this.#input, this.limits, (input) => this.#message(input, sink));
  }

  /** All messages of one frame, rows copied; for tests and tools. */
  decodeAll(frame: Uint8Array): AgentMessage[] {
    const messages: AgentMessage[] = [];
    this.decode(frame, {
      samples: (seq, group, generation, timeMs, presence, values) => {
        messages.push({ type: 'samples', seq, group, generation, timeMs, presence: presence?.slice() ?? null, values: values.slice() });
      },
      message: (message) => messages.push(message),
    });
    return messages;
  }

  #message(input: ByteReader, sink: AgentSink): void {
    const first = input.u8();
    if ((first & SAMPLES_BIT) !== 0) this.#samples(first & ~SAMPLES_BIT, input, sink);
    else if (first === SCHEMA_NUMBER) sink.message(this.#schema(input));
    else {
      const type = controlType(first, 'agent');
      if (type !== undefined) sink.message(readControl(input, type, this.limits) as Exclude<AgentMessage, Samples>);
    }
  }

  #schema(input: ByteReader): Schema {
    const known = this.#known;
    const { group, generation, name, count } = readSchemaHead(input, this.limits);
    const total = known.seriesCount - (known.groups.get(group)?.count ?? 0) + count;
    if (total > this.limits.seriesPerConnection) throw tooLarge('series of a connection', total, this.limits.seriesPerConnection);
    const series = readSeries(input, count, this.limits);
    known.register(group, generation, count);
    return { type: 'schema', group, generation, name, series };
  }

  #samples(flags: number, input: ByteReader, sink: AgentSink): void {
    const known = this.#known;
    if ((flags & ~SAMPLES_FLAGS) !== 0) throw malformed('samples with unknown flags');
    const seq = known.seq + 1 + ((flags & SAMPLES_SEQ) !== 0 ? input.int() : 0);
    const timeMs = (flags & SAMPLES_TIME) !== 0 ? known.timeMs + known.tickMs + input.int() : known.timeMs;
    const group = (flags & SAMPLES_GROUP) !== 0 ? input.uint() : known.expectedGroup;
    if (!(seq >= 0 && seq < 2 ** 51 && Math.abs(timeMs) < 2 ** 50)) throw malformed('a sequence number or time is out of range');
    const target = known.groups.get(group);
    if (target === undefined) throw malformed(`samples of group ${group}, which has no schema`);
    this.#frameSamples += target.count;
    if (this.#frameSamples > this.limits.samplesPerFrame) {
      throw tooLarge('samples of a frame', this.#frameSamples, this.limits.samplesPerFrame);
    }
    known.place(target);
    const rows = this.#rows;
    rows.open(input.bytes, input.position, input.end);
    if ((flags & SAMPLES_PRESENCE) !== 0) target.presence = rows.decodePresence(target.count);
    rows.decodeColumns(target, target.presence);
    known.follow(target, seq, timeMs);
    target.view ??= known.columns.values.subarray(target.offset, target.offset + target.count);
    sink.samples(seq, group, target.generation, timeMs, target.presence, target.view);
  }
}

/** Calls `read` for each message of a frame, `input` opened on its bytes. What `read` leaves of a message is skipped. */
export function eachMessage(frame: Uint8Array, input: ByteReader, limits: WireLimits, read: (input: ByteReader) => void): void {
  if (frame.length > limits.frameBytes) throw tooLarge('bytes of a frame', frame.length, limits.frameBytes);
  for (let position = 0; position < frame.length; ) {
    input.open(frame, position, frame.length);
    const size = input.uint();
    const end = input.position + size;
    if (size === 0) throw malformed('a message without bytes');
    if (end > frame.length) throw malformed('a message is longer than its frame');
    input.end = end;
    read(input);
    position = end;
  }
}
