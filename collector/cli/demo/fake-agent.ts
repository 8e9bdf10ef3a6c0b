/**
 * One fake agent: the real wire, no queue. Its host model gives any moment's values, so a row follows from its sequence number and what
 * was not acknowledged is simply computed again.
 */
import type { Clock, Millis } from '@bellwether/shared';
import { decodeCollectorFrame, type Hello, WIRE_PATH, WIRE_SUBPROTOCOL, WIRE_VERSION, WireEncoder } from '@bellwether/shared/wire';
import { WebSocket } from 'ws';
import type { HostModel } from './host-model.ts';

/** Between two rows of the history a fake agent back-fills when it first connects. */
const HISTORY_STEP_MS = 20_000;
/** A socket with more than this unsent gets nothing new in this turn. */
const MAX_BACKLOG_BYTES = 256 * 1024;
const MAX_ROWS_A_TURN = 2_000;
const WRONG_CLOCK_MS = 90_000;
const LATE_MS = 15_000;

export interface FakeAgentOptions {
  readonly url: string;
  readonly agentId: string;
  readonly key: string;
  readonly model: HostModel;
  readonly clock: Clock;
  readonly bootId: string;
  /** When live rows begin; before it lies the history. */
  readonly startMs: Millis;
  readonly historyMs: Millis;
  readonly intervalMs: Millis;
  /** Sends late and says its clock is wrong. */
  readonly slow: boolean;
}

export class FakeAgent {
  readonly #options: FakeAgentOptions;
  readonly #historyTicks: number;
  readonly #values: Float64Array[];
  #socket: WebSocket | undefined;
  #encoder = new WireEncoder();
  /** undefined until the welcome of this connection. */
  #nextSeq: number | undefined;
  #ackedSeq = 0;
  #heartbeatMs: Millis = 1_000;
  #heartbeatAtMs: Millis = 0;

  constructor(options: FakeAgentOptions) {
    this.#options = options;
    this.#historyTicks = Math.floor(options.historyMs / HISTORY_STEP_MS);
    this.#values = options.model.groups.map(({ series }) => new Float64Array(series.length));
  }

  get connected(): boolean {
    return this.#socket !== undefined;
  }

  connect(): void {
    const { url, agentId, key } = this.#options;
    const socket = new WebSocket(url.replace(/^http/, 'ws') + WIRE_PATH, WIRE_SUBPROTOCOL, {
      headers: { authorization: `Bearer ${agentId}.${key}` },
      perMessageDeflate: false,
    });
    this.#socket = socket;
    this.#encoder = new WireEncoder();
    this.#nextSeq = undefined;
    socket.on('open', () => this.#frame((encoder) => encoder.message(this.#hello())));
    socket.on('message', (data) => this.#receive(new Uint8Array(data as Buffer)));
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
    });
  }

  /** Ends the connection; `politely` says goodbye first. */
  disconnect(politely: boolean): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (politely && socket?.readyState === WebSocket.OPEN) {
      this.#encoder.begin();
      this.#encoder.message({ type: 'goodbye', reason: 'stopping' });
      socket.send(this.#encoder.finish().slice());
      socket.close();
    } else socket?.terminate();
  }

  /** Sends what is due; call it a few times a second. */
  turn(now: Millis): void {
    if (this.#nextSeq === undefined || this.#socket?.readyState !== WebSocket.OPEN || this.#socket.bufferedAmount > MAX_BACKLOG_BYTES)
      return;
    const lastSeq = this.#lastSeq(this.#options.slow ? now - LATE_MS : now);
    const upTo = Math.min(lastSeq, this.#nextSeq + MAX_ROWS_A_TURN - 1);
    if (now >= this.#heartbeatAtMs) this.#heartbeat(now, lastSeq);
    if (upTo < this.#nextSeq) return;
    const from = this.#nextSeq;
    this.#nextSeq = upTo + 1;
    this.#frame((encoder) => {
      for (let seq = from; seq <= upTo; seq++) this.#row(encoder, seq);
    });
  }

  #row(encoder: WireEncoder, seq: number): void {
    const { groups } = this.#options.model;
    const group = (seq - 1) % groups.length;
    const timeMs = this.#timeOf(Math.floor((seq - 1) / groups.length));
    const values = this.#values[group]!;
    groups[group]!.fill(timeMs, values);
    encoder.samples(seq, group + 1, 1, { timeMs, presence: null, values });
  }

  #timeOf(tick: number): Millis {
    const { startMs, intervalMs } = this.#options;
    return tick < this.#historyTicks
      ? startMs - (this.#historyTicks - tick) * HISTORY_STEP_MS
      : startMs + (tick - this.#historyTicks) * intervalMs;
  }

  /** Newest sequence number that exists at `now`. */
  #lastSeq(now: Millis): number {
    const { startMs, intervalMs, model } = this.#options;
    const ticks = this.#historyTicks + Math.max(0, Math.floor((now - startMs) / intervalMs) + 1);
    return ticks * model.groups.length;
  }

  #hello(): Hello {
    const { agentId, bootId, model, startMs, clock, slow } = this.#options;
    const now = clock.now();
    return {
      type: 'hello',
      version: WIRE_VERSION,
      agentId,
      bootId,
      epoch: 'demo',
      firstSeq: this.#ackedSeq + 1,
      lastSeq: this.#lastSeq(now),
      agentVersion: '0.1.0-demo',
      hostname: model.name,
      os: 'Debian GNU/Linux 13 (trixie)',
      capabilities: [],
      lastGoodbye: null,
      startedMs: startMs,
      clockMs: slow ? now - WRONG_CLOCK_MS : now,
    };
  }

  #heartbeat(now: Millis, lastSeq: number): void {
    this.#heartbeatAtMs = now + this.#heartbeatMs;
    const offsetMs = this.#options.slow ? WRONG_CLOCK_MS : 0;
    const queuedBatches = Math.max(0, lastSeq - this.#ackedSeq);
    this.#frame((encoder) =>
      encoder.message({
        type: 'heartbeat',
        sentMs: now - offsetMs,
        offsetMs,
        queuedBatches,
        queuedBytes: queuedBatches * 100,
        droppedSamples: 0,
      }),
    );
  }

  #receive(frame: Uint8Array): void {
    for (const message of decodeCollectorFrame(frame)) {
      if (message.type === 'ack') this.#ackedSeq = Math.max(this.#ackedSeq, message.seq);
      else if (message.type === 'nack' && message.retryAfterMs > 0) this.#nextSeq = this.#ackedSeq + 1;
      else if (message.type === 'config') this.#heartbeatMs = message.settings.heartbeatMs;
      else if (message.type === 'welcome') {
        this.#ackedSeq = Math.max(this.#ackedSeq, message.resumeAfterSeq);
        this.#heartbeatMs = message.settings.heartbeatMs;
        this.#nextSeq = message.resumeAfterSeq + 1;
        this.#frame((encoder) => {
          for (const [i, { name, series }] of this.#options.model.groups.entries()) encoder.schema(i + 1, 1, name, series);
        });
      }
    }
  }

  #frame(write: (encoder: WireEncoder) => void): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#encoder.begin();
    write(this.#encoder);
    this.#socket.send(this.#encoder.finish().slice());
  }
}
