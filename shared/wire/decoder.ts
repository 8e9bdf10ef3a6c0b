import { type AgentMessage, type Samples, WIRE_LIMITS, type WireLimits } from './messages.ts';

/** What a decoder calls for each message of a frame, in order. */
export interface AgentSink {
  /**
   * One row. `values` and `presence` (null = all present) belong to the decoder and are valid during the call only; `values` of absent columns
   * mean nothing. Nothing is allocated for a row.
   */
  samples(seq: number, group: number, generation: number, timeMs: number, presence: Uint8Array | null, values: Float64Array): void;
  message(message: Exclude<AgentMessage, Samples>): void;
}

/** Reads the frames of one agent connection, in the order they were written; make a new one for each connection. */
export class WireDecoder {
  readonly limits: WireLimits;

  constructor(limits: WireLimits = WIRE_LIMITS) {
    this.limits = limits;
  }

  /** Reads one frame. Throws WireError and nothing else of its own (what `sink` throws passes through); after either the connection is unusable. */
  decode(_frame: Uint8Array, _sink: AgentSink): void {
    throw new TypeError('not built yet');
  }

  /** All messages of one frame, rows copied; for tests and tools. */
  decodeAll(_frame: Uint8Array): AgentMessage[] {
    throw new TypeError('not built yet');
  }
}
