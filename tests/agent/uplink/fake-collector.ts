/** A collector in a few lines, behind sockets that exist in memory only: decodes real frames and stores rows exactly once. */
import type { Clock } from '@bellwether/shared';
import {
  type AgentMessage,
  type CollectorMessage,
  encodeCollectorFrame,
  type Hello,
  type Samples,
  WireDecoder,
} from '@bellwether/shared/wire';
import type { UplinkSocket } from '../../../agent/uplink/session.ts';
import type { OpenSocket, SocketHandlers } from '../../../agent/uplink/socket.ts';

export interface StoredRow {
  readonly epoch: string;
  readonly seq: number;
  readonly name: string;
  readonly timeMs: number;
  readonly values: number[];
}

interface EpochState {
  /** Everything up to here is stored or will never come. */
  contiguous: number;
  readonly above: Set<number>;
}

export class FakeCollector {
  readonly rows: StoredRow[] = [];
  readonly messages: Exclude<AgentMessage, Samples>[] = [];
  readonly connections: Connection[] = [];
  duplicates = 0;
  skippedSamples = 0;
  /** Refuse connections with this close code. */
  refuseWith: number | undefined;
  /** Keep acknowledgements back. */
  holdAcks = false;
  /** Do not answer hello. */
  isMute = false;
  hostname = 'web-1';
  intervalMs = 10_000;
  /** Collector's wall clock minus the agent's clock. */
  offsetMs = 0;
  readonly clock: Clock;
  readonly #epochs = new Map<string, EpochState>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get open(): Connection | undefined {
    return this.connections.findLast((connection) => !connection.isClosed);
  }

  readonly openSocket: OpenSocket = (_target, handlers) => {
    const connection = new Connection(this, handlers);
    this.connections.push(connection);
    queueMicrotask(() => (this.refuseWith === undefined ? connection.opened() : connection.closed(this.refuseWith, 'refused')));
    return connection;
  };

  epoch(id: string): EpochState {
    let state = this.#epochs.get(id);
    if (state === undefined) {
      state = { contiguous: 0, above: new Set() };
      this.#epochs.set(id, state);
    }
    return state;
  }

  /** Marks numbers as settled; false if all of them were. */
  settle(id: string, fromSeq: number, toSeq: number): void {
    const state = this.epoch(id);
    if (fromSeq <= state.contiguous + 1) state.contiguous = Math.max(state.contiguous, toSeq);
    else for (let seq = fromSeq; seq <= toSeq; seq++) state.above.add(seq);
    while (state.above.delete(state.contiguous + 1)) state.contiguous++;
    for (const seq of state.above) if (seq <= state.contiguous) state.above.delete(seq);
  }

  now(): number {
    return Math.round(this.clock.now() + this.offsetMs);
  }
}

export class Connection implements UplinkSocket {
  isClosed = false;
  closeCode: number | undefined;
  /** Bytes the network does not take. */
  bufferedAmount = 0;
  /** Keep what is sent in the buffer until `release`. */
  isStuck = false;
  sentBytes = 0;
  readonly frames: AgentMessage[][] = [];
  hello: Hello | undefined;
  #held: Uint8Array[] = [];
  readonly #collector: FakeCollector;
  readonly #handlers: SocketHandlers;
  readonly #decoder = new WireDecoder();
  readonly #groups = new Map<number, string>();

  constructor(collector: FakeCollector, handlers: SocketHandlers) {
    this.#collector = collector;
    this.#handlers = handlers;
  }

  opened(): void {
    if (!this.isClosed) this.#handlers.opened();
  }

  send(frame: Uint8Array): void {
    if (this.isClosed) return;
    const copy = frame.slice();
    this.sentBytes += copy.byteLength;
    if (this.isStuck) {
      this.#held.push(copy);
      this.bufferedAmount += copy.byteLength;
      return;
    }
    queueMicrotask(() => this.#arrive(copy));
  }

  release(): void {
    this.isStuck = false;
    this.bufferedAmount = 0;
    for (const frame of this.#held.splice(0)) this.#arrive(frame);
  }

  close(code: number): void {
    this.closeCode = code;
    queueMicrotask(() => this.closed(code, ''));
  }

  terminate(): void {
    this.closed(1006, 'terminated');
  }

  /** The connection is cut; what was under way is lost. */
  cut(): void {
    this.closed(1006, 'cut');
  }

  closed(code: number, reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#handlers.closed(code, reason);
  }

  reply(message: CollectorMessage): void {
    if (!this.isClosed) this.#handlers.received(encodeCollectorFrame([message]));
  }

  acknowledge(): void {
    if (this.hello !== undefined) this.reply({ type: 'ack', seq: this.#collector.epoch(this.hello.epoch).contiguous });
  }

  #arrive(frame: Uint8Array): void {
    if (this.isClosed) return;
    const messages = this.#decoder.decodeAll(frame);
    this.frames.push(messages);
    let stored = false;
    for (const message of messages) stored = this.#take(message) || stored;
    if (stored && !this.#collector.holdAcks) this.acknowledge();
  }

  #take(message: AgentMessage): boolean {
    const collector = this.#collector;
    if (message.type !== 'samples') collector.messages.push(message);
    switch (message.type) {
      case 'hello': {
        this.hello = message;
        const state = collector.epoch(message.epoch);
        if (message.firstSeq > state.contiguous + 1) collector.settle(message.epoch, state.contiguous + 1, message.firstSeq - 1);
        const nowMs = collector.now();
        const settings = { intervalMs: collector.intervalMs, heartbeatMs: 1_000 };
        const { hostname } = collector;
        if (!collector.isMute)
          this.reply({
            type: 'welcome',
            version: 1,
            hostname,
            resumeAfterSeq: state.contiguous,
            settings,
            receivedMs: nowMs,
            sentMs: nowMs,
          });
        return false;
      }
      case 'schema':
        this.#groups.set(message.group, message.name);
        return false;
      case 'heartbeat':
        this.reply({ type: 'heartbeatReply', echoMs: message.sentMs, receivedMs: collector.now(), sentMs: collector.now() });
        return false;
      case 'skipped':
        collector.skippedSamples += message.samples;
        collector.settle(this.hello!.epoch, message.fromSeq, message.toSeq);
        return true;
      case 'goodbye':
        return false;
      case 'samples': {
        const { epoch } = this.hello!;
        const state = collector.epoch(epoch);
        if (message.seq <= state.contiguous || state.above.has(message.seq)) collector.duplicates++;
        else {
          const name = this.#groups.get(message.group)!;
          collector.rows.push({ epoch, seq: message.seq, name, timeMs: message.timeMs, values: [...message.values] });
          collector.settle(epoch, message.seq, message.seq);
        }
        return true;
      }
      default:
        return false;
    }
  }
}
