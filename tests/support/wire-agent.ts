/** An agent made of nothing but the wire: known series, known values, a record of what was acknowledged. For faults and floods. */
import { randomBytes } from 'node:crypto';
import { labelsFrom, type SeriesMeta } from '@bellwether/shared';
import {
  type CollectorMessage,
  decodeCollectorFrame,
  type Hello,
  WIRE_PATH,
  WIRE_SUBPROTOCOL,
  WIRE_VERSION,
  WireEncoder,
} from '@bellwether/shared/wire';
import { WebSocket } from 'ws';

export interface WireIdentity {
  readonly agentId: string;
  readonly key: string;
  readonly hostname: string;
}

export async function enrollWireAgent(url: string, joinToken: string, hostname: string): Promise<WireIdentity> {
  const response = await fetch(`${url}/api/bellwether/enroll`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: joinToken, hostname, os: 'linux', arch: 'x64', agentVersion: '0.0.0-test' }),
  });
  if (!response.ok) throw new Error(`enroll: ${response.status} ${await response.text()}`);
  return (await response.json()) as WireIdentity;
}

export interface WireSocket {
  readonly socket: WebSocket;
  readonly received: CollectorMessage[];
  /** Resolves with the close code. */
  readonly closed: Promise<number>;
  waitFor<T extends CollectorMessage['type']>(type: T, timeoutMs?: number): Promise<Extract<CollectorMessage, { type: T }>>;
}

/** Opens the socket only; what is said on it is the caller's. */
export async function openWireSocket(
  url: string,
  authorization: string,
  onMessage?: (message: CollectorMessage) => void,
): Promise<WireSocket> {
  const socket = new WebSocket(url.replace(/^http/, 'ws') + WIRE_PATH, WIRE_SUBPROTOCOL, {
    headers: { authorization },
    perMessageDeflate: false,
  });
  const received: CollectorMessage[] = [];
  const watchers = new Set<() => void>();
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  socket.on('message', (data) => {
    for (const message of decodeCollectorFrame(new Uint8Array(data as Buffer))) {
      received.push(message);
      onMessage?.(message);
    }
    for (const watcher of watchers) watcher();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => {});
  return {
    socket,
    received,
    closed,
    waitFor(type, timeoutMs = 10_000) {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          const found = received.find((message) => message.type === type);
          if (found === undefined) return;
          finish();
          resolve(found as never);
        };
        const timer = setTimeout(() => {
          finish();
          reject(new Error(`no ${type} within ${timeoutMs} ms`));
        }, timeoutMs);
        const finish = (): void => {
          clearTimeout(timer);
          watchers.delete(look);
        };
        watchers.add(look);
        closed.then(() => {
          finish();
          reject(new Error(`closed before ${type}`));
        });
        look();
      });
    },
  };
}

export function helloOf(identity: WireIdentity, changes: Partial<Hello> = {}): Hello {
  return {
    type: 'hello',
    version: WIRE_VERSION,
    agentId: identity.agentId,
    bootId: 'boot-1',
    epoch: 'epoch-1',
    firstSeq: 1,
    lastSeq: 0,
    agentVersion: '0.0.0-test',
    hostname: identity.hostname,
    os: 'linux',
    capabilities: [],
    lastGoodbye: null,
    startedMs: 0,
    clockMs: Date.now(),
    ...changes,
  };
}

/** One frame with a single message. */
export function frameOf(encoder: WireEncoder, write: (encoder: WireEncoder) => void): Uint8Array {
  encoder.begin();
  write(encoder);
  return encoder.finish().slice();
}

/** A sender of `columns` series whose value at row `seq` is `seq * 1000 + column`; keeps what is not acknowledged and resends it. */
export class LoadAgent {
  readonly identity: WireIdentity;
  readonly columns: number;
  readonly stepMs: number;
  readonly startMs: number;
  readonly epoch = randomBytes(8).toString('hex');
  acked = 0;
  sent = 0;
  #socket: WireSocket | undefined;
  #encoder = new WireEncoder();

  constructor(identity: WireIdentity, options: { columns: number; stepMs: number; startMs: number }) {
    this.identity = identity;
    this.columns = options.columns;
    this.stepMs = options.stepMs;
    this.startMs = options.startMs;
  }

  static valueAt(seq: number, column: number): number {
    return seq * 1_000 + column;
  }

  timeAt(seq: number): number {
    return this.startMs + seq * this.stepMs;
  }

  get metric(): string {
    return 'load_value';
  }

  get connected(): boolean {
    return this.#socket?.socket.readyState === WebSocket.OPEN;
  }

  async connect(url: string): Promise<void> {
    const authorization = `Bearer ${this.identity.agentId}.${this.identity.key}`;
    this.#socket = await openWireSocket(url, authorization, (message) => {
      if (message.type === 'ack') this.acked = Math.max(this.acked, message.seq);
    });
    this.#encoder = new WireEncoder();
    const hello = helloOf(this.identity, { epoch: this.epoch, firstSeq: this.acked + 1, lastSeq: this.sent });
    this.#socket.socket.send(frameOf(this.#encoder, (encoder) => encoder.message(hello)));
    const welcome = await this.#socket.waitFor('welcome');
    if (welcome.resumeAfterSeq < this.acked)
      throw new Error(`acknowledged ${this.acked}, but the collector resumes after ${welcome.resumeAfterSeq}`);
    this.sent = welcome.resumeAfterSeq;
    const series: SeriesMeta[] = Array.from({ length: this.columns }, (_, column) => ({
      labels: labelsFrom({ __name__: this.metric, agent: this.identity.hostname, column: String(column) }),
      type: 'gauge',
      help: 'Load.',
    }));
    this.#socket.socket.send(frameOf(this.#encoder, (encoder) => encoder.schema(1, 1, 'load', series)));
  }

  /** Sends the next rows, all in one frame. */
  send(rows: number): void {
    const values = new Float64Array(this.columns);
    const frame = frameOf(this.#encoder, (encoder) => {
      for (let i = 0; i < rows; i++) {
        const seq = ++this.sent;
        for (let column = 0; column < this.columns; column++) values[column] = LoadAgent.valueAt(seq, column);
        encoder.samples(seq, 1, 1, { timeMs: this.timeAt(seq), presence: null, values });
      }
    });
    this.#socket?.socket.send(frame);
  }

  close(): void {
    this.#socket?.socket.terminate();
  }
}
