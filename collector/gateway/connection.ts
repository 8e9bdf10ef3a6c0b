import {
  AppError,
  type Clock,
  errorCode,
  errorMessage,
  isPresent,
  type Labels,
  type Log,
  labelsWith,
  labelValue,
  type Millis,
  type SeriesMeta,
} from '@bellwether/shared';
import type { WatchResult } from '@bellwether/shared/assignments';
import {
  type AgentMessage,
  type AgentSettings,
  type CollectorMessage,
  encodeCollectorFrame,
  type Heartbeat,
  type Hello,
  type ProbeResult,
  type RunProbe,
  type Samples,
  type Schema,
  type Skipped,
  WIRE_CLOSE,
  WIRE_NACK,
  WIRE_VERSION,
  type WireCloseCode,
  WireDecoder,
  WireError,
  type WireNackCode,
} from '@bellwether/shared/wire';
import type { RawData, WebSocket } from 'ws';
import type { GroupRef, Store } from '../store/index.ts';
import type { AgentIdentity, ConnectionPath, DisconnectCause, GatewayCounters } from './gateway.ts';

/** How long an agent keeps a batch that the store cannot take now. */
const STORE_RETRY_MS = 5_000;
/** An answer to a probe is awaited this much longer than the probe may take. */
const PROBE_GRACE_MS = 3_000;
/** Probes an agent is asked for at a time; further ones are not asked. */
const MAX_PROBES = 32;
/** Our own answers an agent has not read; beyond it the agent is too slow to be worth a socket. */
const MAX_BACKLOG_BYTES = 1024 * 1024;

/** Samples one connection may bring between two sweeps; beyond it its socket is not read until the next, so that a drain starves nobody. */
const SAMPLES_A_SWEEP = 250_000;
/** Events one connection may bring between two sweeps; more than an agent keeps for a reconnection. Beyond it they are dropped and counted. */
const EVENTS_A_SWEEP = 200;

/** What is known of a connected agent. */
export interface AgentView {
  readonly agentId: string;
  readonly hostname: string;
  readonly bootId: string;
  readonly version: string;
  readonly os: string;
  readonly connectedMs: Millis;
  readonly lastMessageMs: Millis;
  /** Collector's clock minus the agent's, as the agent last measured it. */
  readonly clockOffsetMs: number;
  readonly queuedBatches: number;
  readonly queuedBytes: number;
  readonly droppedSamples: number;
}

export interface ConnectionOptions {
  readonly socket: WebSocket;
  readonly identity: AgentIdentity;
  readonly path: ConnectionPath;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: GatewayCounters;
  /** Settings for the agent, or undefined when this connection was closed instead. */
  readonly admit: (connection: AgentConnection, hello: Hello) => AgentSettings | undefined;
  readonly ended: (connection: AgentConnection, cause: DisconnectCause) => void;
  readonly onEvent: (identity: AgentIdentity, kind: string, text: string, timeMs: Millis) => void;
  /** The welcome was sent: whatever else the agent should know may follow. */
  readonly onWelcomed: (identity: AgentIdentity, hello: Hello) => void;
  readonly onWatched: (identity: AgentIdentity, results: readonly WatchResult[]) => void;
}

interface OpenGroup {
  readonly generation: number;
  readonly columns: number;
  /** null: the store refused the group (series limit); its rows are refused too. */
  readonly ref: GroupRef | null;
}

/** One agent's socket: frames in, acknowledgements out. Rows go from the read buffer into the store's tile; nothing is queued here. */
export class AgentConnection {
  readonly identity: AgentIdentity;
  readonly #options: ConnectionOptions;
  readonly #decoder = new WireDecoder();
  readonly #groups = new Map<number, OpenGroup>();
  readonly #probes = new Map<number, (result: ProbeResult | undefined) => void>();
  readonly #connectedMs: Millis;
  #probeIds = 0;
  #hello: Hello | undefined;
  #lastMessageMs: Millis;
  #heartbeat: Heartbeat | undefined;
  #cause: DisconnectCause = { kind: 'closed' };
  #closed = false;
  #ended = false;
  /** A commit is under way, and rows have come since it began. */
  #committing = false;
  #dirty = false;
  #ackedSeq = -1;
  #sweepSamples = 0;
  #sweepEvents = 0;
  /** Rows are refused until then (monotonic); the agent was told to keep them and to come back with all of them. */
  #refusedUntilMonoMs = Number.NEGATIVE_INFINITY;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.identity = options.identity;
    this.#connectedMs = options.clock.now();
    this.#lastMessageMs = this.#connectedMs;
    options.socket.on('message', (data, isBinary) => this.#frame(data, isBinary));
    options.socket.on('close', () => this.#end());
    options.socket.on('error', (error) => this.#socketError(error));
  }

  get admitted(): boolean {
    return this.#hello !== undefined;
  }

  get path(): ConnectionPath {
    return this.#options.path;
  }

  get bootId(): string {
    return this.#hello?.bootId ?? '';
  }

  view(): AgentView {
    return {
      ...this.identity,
      bootId: this.bootId,
      version: this.#hello?.agentVersion ?? '',
      os: this.#hello?.os ?? '',
      connectedMs: this.#connectedMs,
      lastMessageMs: this.#lastMessageMs,
      clockOffsetMs: this.#heartbeat?.offsetMs ?? 0,
      queuedBatches: this.#heartbeat?.queuedBatches ?? 0,
      queuedBytes: this.#heartbeat?.queuedBytes ?? 0,
      droppedSamples: this.#heartbeat?.droppedSamples ?? 0,
    };
  }

  assign(version: number, json: string): void {
    this.#send({ type: 'assignments', version, json });
  }

  /** undefined: no answer, or the connection ended. */
  runProbe(request: Omit<RunProbe, 'type' | 'id'>): Promise<ProbeResult | undefined> {
    if (this.#closed || this.#probes.size >= MAX_PROBES) return Promise.resolve(undefined);
    const id = ++this.#probeIds;
    return new Promise((resolve) => {
      const finish = (result: ProbeResult | undefined): void => {
        cancel();
        this.#probes.delete(id);
        resolve(result);
      };
      const cancel = this.#options.clock.after(request.timeoutMs + PROBE_GRACE_MS, () => finish(undefined));
      this.#probes.set(id, finish);
      this.#send({ type: 'runProbe', id, ...request });
    });
  }

  liveMode(intervalMs: Millis, durationMs: Millis): void {
    this.#send({ type: 'liveMode', intervalMs, durationMs });
  }

  /** Called a few times a second: reads a paused socket again, and ends a connection that has said nothing for `silenceMs`. */
  sweep(now: Millis, silenceMs: Millis): void {
    this.#sweepSamples = 0;
    this.#sweepEvents = 0;
    if (this.#options.socket.isPaused) {
      this.#options.socket.resume();
      this.#lastMessageMs = now;
    }
    if (now - this.#lastMessageMs <= silenceMs) return;
    if (this.#cause.kind === 'closed') this.#cause = { kind: 'silent' };
    this.#options.socket.terminate();
    this.#end();
  }

  close(code: WireCloseCode, reason: string): void {
    const { counters, socket } = this.#options;
    counters.closedByCode.set(code, (counters.closedByCode.get(code) ?? 0) + 1);
    this.#closed = true;
    socket.close(code, reason.slice(0, 120));
  }

  /** The same machine has a newer connection: this one goes without a word to anybody. */
  replace(): void {
    this.#options.socket.terminate();
    this.#end();
  }

  /** Tells the agent to come back later and waits until what it sent is acknowledged. */
  async drain(reconnectAfterMs: Millis): Promise<void> {
    this.#send({ type: 'drain', reconnectAfterMs });
    await this.#options.store.commit().catch(() => {}); // what was not committed was not acknowledged either
    this.#acknowledge();
    this.close(WIRE_CLOSE.goingAway, 'collector stops');
  }

  #frame(data: RawData, isBinary: boolean): void {
    if (this.#closed) return;
    const { counters, clock, log } = this.#options;
    this.#lastMessageMs = clock.now();
    try {
      if (!isBinary) throw new WireError(WIRE_CLOSE.malformed, 'text frame');
      const frame = data as Buffer;
      counters.frames++;
      counters.bytes += frame.byteLength;
      this.#decoder.decode(frame, this);
    } catch (error) {
      const code = error instanceof WireError ? error.closeCode : WIRE_CLOSE.malformed;
      log.warn({ agent: this.identity.agentId, code, error: errorMessage(error) }, 'agent frame refused');
      this.close(code, errorMessage(error));
    }
    if (this.#sweepSamples > SAMPLES_A_SWEEP && !this.#closed) {
      counters.paused++;
      this.#options.socket.pause();
    }
    if (this.#dirty && !this.#committing) void this.#commit();
  }

  // ------------------------------------------------ the decoder's sink: messages in order

  message(message: Exclude<AgentMessage, Samples>): void {
    if (message.type !== 'hello') this.#admittedHello();
    switch (message.type) {
      case 'hello':
        return this.#greet(message);
      case 'schema':
        return this.#schema(message);
      case 'skipped':
        return this.#skipped(message);
      case 'event':
        if (++this.#sweepEvents > EVENTS_A_SWEEP) return void this.#options.counters.droppedEvents++;
        return this.#options.onEvent(this.identity, message.kind, message.text, message.timeMs);
      case 'heartbeat':
        return this.#beat(message);
      case 'goodbye':
        this.#cause = { kind: 'goodbye', reason: message.reason };
        return;
      case 'probeResult':
        this.#probes.get(message.id)?.(message);
        return;
      case 'watchResult':
        return this.#options.onWatched(this.identity, message.results);
    }
  }

  #greet(hello: Hello): void {
    const { admit, store, clock } = this.#options;
    if (this.admitted) throw new WireError(WIRE_CLOSE.malformed, 'second hello');
    if (hello.version > WIRE_VERSION) throw new WireError(WIRE_CLOSE.unsupportedVersion, `this collector speaks version ${WIRE_VERSION}`);
    if (hello.agentId !== this.identity.agentId) throw new WireError(WIRE_CLOSE.unauthenticated, 'hello of another agent');
    const receivedMs = clock.now();
    const settings = admit(this, hello);
    if (settings === undefined) return;
    this.#hello = hello;
    const before = store.progress(hello.agentId, hello.epoch)?.contiguousSeq ?? 0;
    if (hello.firstSeq > before + 1) store.skip(hello.agentId, hello.epoch, before + 1, hello.firstSeq - 1);
    const resumeAfterSeq = Math.max(before, hello.firstSeq - 1);
    this.#ackedSeq = resumeAfterSeq;
    const { hostname } = this.identity;
    this.#send({ type: 'welcome', version: WIRE_VERSION, hostname, resumeAfterSeq, settings, receivedMs, sentMs: clock.now() });
    this.#options.onWelcomed(this.identity, hello);
  }

  #schema(schema: Schema): void {
    if (schema.series.length === 0) return void this.#groups.delete(schema.group);
    const { store } = this.#options;
    const series = schema.series.map((meta) => this.#owned(meta));
    let ref: GroupRef | null;
    try {
      ref = store.openGroup(`${this.identity.agentId}/${schema.name}`, series);
    } catch (error) {
      if (errorCode(error) !== 'TOO_LARGE') throw error;
      this.#options.onEvent(this.identity, 'series-limit', errorMessage(error), this.#options.clock.now());
      ref = null;
    }
    this.#groups.set(schema.group, { generation: schema.generation, columns: series.length, ref });
  }

  samples(seq: number, group: number, generation: number, timeMs: number, presence: Uint8Array | null, values: Float64Array): void {
    const { agentId, epoch } = this.#admittedHello();
    const { store, counters, clock } = this.#options;
    this.#sweepSamples += values.length;
    const open = this.#groups.get(group);
    if (open === undefined || open.generation !== generation)
      throw new WireError(WIRE_CLOSE.malformed, `samples of unknown group ${group}.${generation}`);
    if (open.ref === null) return this.#refuseForEver(seq, WIRE_NACK.seriesLimit);
    if (clock.monotonic() < this.#refusedUntilMonoMs) return;
    try {
      const outcome = store.append(open.ref, { timeMs, presence, values }, { producer: agentId, epoch, seq });
      this.#dirty = true;
      if (outcome === 'duplicate') counters.duplicateRows++;
      else if (outcome === 'too-old') this.#refuseForEver(seq, WIRE_NACK.tooOld);
      else if (outcome === 'too-new') this.#refuseForEver(seq, WIRE_NACK.tooNew);
      else {
        counters.rows++;
        counters.samples += presence === null ? values.length : countPresent(presence, values.length);
      }
    } catch (error) {
      if (!isStoreRefusal(error)) throw error;
      counters.refusedRows++;
      this.#refusedUntilMonoMs = clock.monotonic() + STORE_RETRY_MS;
      const code = error.code === 'STORE_FULL' ? WIRE_NACK.storeFull : WIRE_NACK.storeUnavailable;
      this.#send({ type: 'nack', seq, code, retryAfterMs: STORE_RETRY_MS });
    }
  }

  #skipped({ fromSeq, toSeq, samples }: Skipped): void {
    const { agentId, epoch } = this.#admittedHello();
    const { store, counters, clock, onEvent } = this.#options;
    store.skip(agentId, epoch, fromSeq, toSeq);
    this.#dirty = true;
    if (samples === 0) return;
    counters.skippedRows += toSeq - fromSeq + 1;
    onEvent(
      this.identity,
      'spool-dropped',
      `The agent's spool was full: ${samples} samples were dropped before they could be sent.`,
      clock.now(),
    );
  }

  #beat(heartbeat: Heartbeat): void {
    this.#heartbeat = heartbeat;
    const now = this.#options.clock.now();
    this.#send({ type: 'heartbeatReply', echoMs: heartbeat.sentMs, receivedMs: now, sentMs: now });
  }

  // ------------------------------------------------

  #admittedHello(): Hello {
    if (this.#hello === undefined) throw new WireError(WIRE_CLOSE.malformed, 'hello comes first');
    return this.#hello;
  }

  /** An agent speaks for its own host only: host and agent series carry the name the collector knows it by. */
  #owned(meta: SeriesMeta): SeriesMeta {
    const job = labelValue(meta.labels, 'job');
    if (job !== 'node' && job !== 'bellwether-agent') return meta;
    if (labelValue(meta.labels, 'instance') === this.identity.hostname) return meta;
    const labels: Labels = labelsWith(meta.labels, { instance: this.identity.hostname });
    return { ...meta, labels };
  }

  #refuseForEver(seq: number, code: WireNackCode): void {
    const { agentId, epoch } = this.#admittedHello();
    const { store, counters } = this.#options;
    counters.refusedRows++;
    store.skip(agentId, epoch, seq, seq);
    this.#dirty = true;
    this.#send({ type: 'nack', seq, code, retryAfterMs: 0 });
  }

  /** One commit at a time; rows that come meanwhile share the next. */
  async #commit(): Promise<void> {
    this.#committing = true;
    try {
      while (this.#dirty && !this.#closed) {
        this.#dirty = false;
        await this.#options.store.commit();
        this.#acknowledge();
      }
    } catch (error) {
      if (!isStoreRefusal(error))
        this.#options.log.warn({ agent: this.identity.agentId, error: errorMessage(error) }, 'rows not committed, not acknowledged');
    } finally {
      this.#committing = false;
    }
  }

  #acknowledge(): void {
    if (this.#hello === undefined) return;
    const seq = this.#options.store.progress(this.#hello.agentId, this.#hello.epoch)?.contiguousSeq ?? -1;
    if (seq <= this.#ackedSeq) return;
    this.#ackedSeq = seq;
    this.#send({ type: 'ack', seq });
  }

  #send(message: CollectorMessage): void {
    const { socket } = this.#options;
    if (this.#closed || socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > MAX_BACKLOG_BYTES) return this.close(WIRE_CLOSE.tooFast, 'answers are not read');
    socket.send(encodeCollectorFrame([message]));
  }

  #socketError(error: Error): void {
    // ws reports an oversized or broken frame here and closes the socket itself.
    const code = errorCode(error) === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? WIRE_CLOSE.tooLarge : WIRE_CLOSE.malformed;
    const { counters, log } = this.#options;
    if (errorCode(error)?.startsWith('WS_ERR_')) counters.closedByCode.set(code, (counters.closedByCode.get(code) ?? 0) + 1);
    log.warn({ agent: this.identity.agentId, error: errorMessage(error) }, 'agent socket failed');
  }

  #end(): void {
    this.#closed = true;
    if (this.#ended) return;
    this.#ended = true;
    for (const finish of [...this.#probes.values()]) finish(undefined);
    this.#options.ended(this, this.#cause);
  }
}

/** The store takes nothing now and has said so itself: once, not once for each agent. */
export function isStoreRefusal(error: unknown): error is AppError {
  return error instanceof AppError && error.retry;
}

function countPresent(presence: Uint8Array, columns: number): number {
  let count = 0;
  for (let i = 0; i < columns; i++) if (isPresent(presence, i)) count++;
  return count;
}
