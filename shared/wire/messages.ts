/**
 * Wire protocol v1: every message between agent and collector, every limit and every code, in one file. The bytes are drawn in
 * docs/formats/wire.md. WebSocket subprotocol `bellwether.v1`, path `/agent`, binary frames; a frame holds one or more whole messages.
 *
 * Rules: the agent speaks first (hello); the collector answers welcome or closes with a WireCloseCode. Unknown message types and unknown
 * trailing fields are skipped. References (group numbers, previous rows) live for one connection only.
 */
import type { WatchResult } from '../assignments.ts';
import type { GroupRow, SeriesMeta } from '../series.ts';
import type { Millis } from '../time.ts';

export const WIRE_SUBPROTOCOL = 'bellwether.v1';
export const WIRE_PATH = '/agent';
/** Raised when an old peer could misread us. */
export const WIRE_VERSION = 1;

/** Checked before memory is spent. A frame or message beyond one is answered by closing with `tooLarge` (or `malformed`). */
export const WIRE_LIMITS = {
  frameBytes: 4 * 1024 * 1024,
  /** Columns of all rows of a frame: unchanged rows are so short that bytes alone would not bound the work. */
  samplesPerFrame: 1_000_000,
  groupsPerConnection: 4_096,
  seriesPerGroup: 20_000,
  seriesPerConnection: 200_000,
  labelsPerSeries: 64,
  labelNameBytes: 256,
  labelValueBytes: 4_096,
  helpBytes: 1_024,
  textBytes: 64 * 1024,
  /** The JSON of one assignments message. */
  assignmentsBytes: 1024 * 1024,
  /** Results in one watchResult message. */
  resultsPerMessage: 10_000,
} as const;
export type WireLimits = { readonly [K in keyof typeof WIRE_LIMITS]: number };

/** WebSocket close codes of ours. */
export const WIRE_CLOSE = {
  malformed: 4400,
  unauthenticated: 4401,
  /** This agent id is live with another boot id: a cloned machine image. */
  cloned: 4409,
  tooLarge: 4413,
  unsupportedVersion: 4426,
  tooFast: 4429,
  /** The collector stops or hands over; reconnect after the delay of the drain message. */
  goingAway: 4503,
} as const;
export type WireCloseCode = (typeof WIRE_CLOSE)[keyof typeof WIRE_CLOSE];

// ---------------------------------------------------------------- agent -> collector

export interface Hello {
  type: 'hello';
  version: number;
  agentId: string;
  /** /proc/sys/kernel/random/boot_id, or a random id per process where there is none. */
  bootId: string;
  /** Random id of the spool; sequence numbers count within it. */
  epoch: string;
  /** Oldest sequence number the agent can still send; all below were acknowledged, dropped or never used. */
  firstSeq: number;
  /** Newest sequence number given out so far. */
  lastSeq: number;
  agentVersion: string;
  hostname: string;
  os: string;
  capabilities: string[];
  /** Why and when the previous run of this agent ended, if its goodbye never reached a collector. */
  lastGoodbye: { reason: GoodbyeReason; timeMs: Millis } | null;
  /** When this process started, agent's clock. */
  startedMs: Millis;
  /** The agent's wall clock as it wrote this message. */
  clockMs: Millis;
}

/** Registers or replaces a SeriesGroup for this connection. `group` is the connection's number for `name`; `generation` rises when the columns change. */
export interface Schema {
  type: 'schema';
  group: number;
  generation: number;
  /** Input instance: `cpu`, `disk`, `container/abc`. Unique per agent. */
  name: string;
  series: readonly SeriesMeta[];
}

/** One row of one group; `seq` is its place in the agent's epoch. */
export interface Samples extends GroupRow {
  type: 'samples';
  seq: number;
  group: number;
  generation: number;
}

/** Sequence numbers `fromSeq..toSeq` will never come: the spool dropped them (`samples` of them) or the numbers were never used (0). */
export interface Skipped {
  type: 'skipped';
  fromSeq: number;
  toSeq: number;
  samples: number;
}

export interface AgentEvent {
  type: 'event';
  /** `clock-jump`, `spool-dropped`, `input-failed`, `input-recovered`, ... */
  kind: string;
  timeMs: Millis;
  text: string;
}

/** Answer to runProbe. */
export interface ProbeResult {
  type: 'probeResult';
  id: number;
  success: boolean;
  durationMs: number;
  text: string;
}

/** First half of the four-timestamp exchange; also proof of life. `offsetMs` is the agent's present estimate (collector minus agent). */
export interface Heartbeat {
  type: 'heartbeat';
  sentMs: Millis;
  offsetMs: number;
  /** Batches and bytes that wait in memory and on disk. */
  queuedBatches: number;
  queuedBytes: number;
  /** Samples dropped since the agent started. */
  droppedSamples: number;
}

/** What became of checks and devices: of those that changed, and of all of them after each connection. */
export interface WatchResults {
  type: 'watchResult';
  results: readonly WatchResult[];
}

export type GoodbyeReason = 'stopping' | 'shutting-down' | 'restarting' | 'upgrading';

export interface Goodbye {
  type: 'goodbye';
  reason: GoodbyeReason;
}

export type AgentMessage = Hello | Schema | Samples | Skipped | AgentEvent | ProbeResult | Heartbeat | Goodbye | WatchResults;

// ---------------------------------------------------------------- collector -> agent

export interface AgentSettings {
  /** Default interval of inputs without one of their own. */
  intervalMs: number;
  heartbeatMs: number;
}

export interface Welcome {
  type: 'welcome';
  version: number;
  /** The name the collector shows for this host; the label `instance` of its series. */
  hostname: string;
  /** Everything up to here is on disk; send what is above. */
  resumeAfterSeq: number;
  settings: AgentSettings;
  /** Collector's wall clock as hello arrived and as this was written. */
  receivedMs: Millis;
  sentMs: Millis;
}

/** Cumulative: everything up to `seq` is on disk. */
export interface Ack {
  type: 'ack';
  seq: number;
}

export const WIRE_NACK = { storeFull: 1, storeUnavailable: 2, seriesLimit: 3, tooOld: 4, tooNew: 5 } as const;
export type WireNackCode = (typeof WIRE_NACK)[keyof typeof WIRE_NACK];

/** `seq` was not stored. retryAfterMs 0: never send it again; else keep it and everything after it, and pause that long. */
export interface Nack {
  type: 'nack';
  seq: number;
  code: WireNackCode;
  retryAfterMs: number;
}

export interface Config {
  type: 'config';
  settings: AgentSettings;
}

export interface RunProbe {
  type: 'runProbe';
  id: number;
  /** `tcp`, `http`, `icmp`. */
  probe: string;
  target: string;
  timeoutMs: number;
  /** JSON of the probe's options; '' for none. */
  options: string;
}

/** Everything the agent shall watch, in place of what it was told before. Sent after the welcome and when it changes. */
export interface AssignmentsMessage {
  type: 'assignments';
  /** Rises with each change on the collector's side; for logs. */
  version: number;
  /** JSON of `Assignments` (shared/assignments.ts). Holds secrets. */
  json: string;
}

/** Send readings every `intervalMs` until `durationMs` from now (0 ends it): someone looks at this host or an alert is pending. */
export interface LiveMode {
  type: 'liveMode';
  intervalMs: number;
  durationMs: number;
}

/** Second half of the exchange: `echoMs` is the heartbeat's sentMs, the others the collector's clock. */
export interface HeartbeatReply {
  type: 'heartbeatReply';
  echoMs: Millis;
  receivedMs: Millis;
  sentMs: Millis;
}

/** Finish, disconnect, and come back after `reconnectAfterMs`. */
export interface Drain {
  type: 'drain';
  reconnectAfterMs: number;
}

export type CollectorMessage = Welcome | Ack | Nack | Config | RunProbe | LiveMode | HeartbeatReply | Drain | AssignmentsMessage;

/** What a decoder throws, and nothing else; `closeCode` is what to close the connection with. */
export class WireError extends Error {
  readonly closeCode: WireCloseCode;

  constructor(closeCode: WireCloseCode, message: string) {
    super(message);
    this.name = 'WireError';
    this.closeCode = closeCode;
  }
}
