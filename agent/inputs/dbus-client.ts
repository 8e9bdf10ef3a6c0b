/** Calls methods of one service over a D-Bus socket: the system bus, or the service's own private socket. */
import { connect, type Socket } from 'node:net';
import type { Cancel, Clock, Millis } from '@bellwether/shared';
import { DbusError, type DbusMessage, type DbusValue, decodeMessage, encodeMessage, MESSAGE, messageLength } from './dbus.ts';

export interface DbusTarget {
  /** Path of the socket. */
  readonly socket: string;
  /** Name of the service on a bus; undefined on its private socket, where there is nobody else. */
  readonly service: string | undefined;
}

export interface DbusCall {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: readonly DbusValue[];
}

interface Waiting {
  readonly resolve: (body: readonly DbusValue[]) => void;
  readonly reject: (error: Error) => void;
}

const MAX_AUTH_LINE = 4096;

export class DbusClient {
  readonly #socket: Socket;
  readonly #service: string | undefined;
  readonly #waiting = new Map<number, Waiting>();
  readonly #cancelTimeout: Cancel;
  #serial = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #authenticated: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  #failure: Error | undefined;

  private constructor({ socket, service }: DbusTarget, clock: Clock, timeoutMs: Millis) {
    this.#service = service;
    this.#socket = connect(socket);
    this.#socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new DbusError(`${socket} was closed`)));
    this.#cancelTimeout = clock.after(timeoutMs, () => this.#fail(new DbusError(`no answer from ${socket} within ${timeoutMs} ms`)));
  }

  /** Connects and says who we are. The whole connection lives at most `timeoutMs`; then what still waits is rejected. */
  static async open(target: DbusTarget, clock: Clock, timeoutMs: Millis): Promise<DbusClient> {
    const client = new DbusClient(target, clock, timeoutMs);
    try {
      await client.#authenticate();
      if (target.service !== undefined)
        await client.#send({ path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', member: 'Hello' }, 'org.freedesktop.DBus');
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** The values of the reply. Rejects with the service's own words. */
  call(call: DbusCall): Promise<readonly DbusValue[]> {
    return this.#send(call, this.#service);
  }

  async property(path: string, of: string, name: string): Promise<DbusValue> {
    const body = [of, name];
    const [variant] = await this.call({ path, interface: 'org.freedesktop.DBus.Properties', member: 'Get', signature: 'ss', body });
    if (typeof variant !== 'object' || variant === null || !('value' in variant)) throw new DbusError(`${name} is no property value`);
    return variant.value;
  }

  close(): void {
    this.#fail(new DbusError('the connection was ended'));
  }

  #authenticate(): Promise<void> {
    const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
    this.#socket.write(`\0AUTH EXTERNAL ${uid}\r\n`);
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) reject(this.#failure);
      this.#authenticated = { resolve, reject };
    });
  }

  #send(call: DbusCall, destination: string | undefined): Promise<readonly DbusValue[]> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      const serial = ++this.#serial;
      this.#waiting.set(serial, { resolve, reject });
      const { signature = '', body = [] } = call;
      this.#socket.write(
        encodeMessage({ ...call, type: MESSAGE.call, serial, signature, body, ...(destination === undefined ? {} : { destination }) }),
      );
    });
  }

  #receive(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    try {
      if (this.#authenticated !== undefined && !this.#readAuthentication()) return;
      for (
        let length = messageLength(this.#bytes);
        length !== undefined && length <= this.#bytes.length;
        length = messageLength(this.#bytes)
      ) {
        const message = decodeMessage(this.#bytes.subarray(0, length));
        this.#bytes = this.#bytes.subarray(length);
        this.#answer(message);
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new DbusError(String(error)));
    }
  }

  /** Whether the server's one line has come. */
  #readAuthentication(): boolean {
    const end = this.#bytes.indexOf('\r\n');
    if (end < 0) {
      if (this.#bytes.length > MAX_AUTH_LINE) throw new DbusError('no D-Bus server answers there');
      return false;
    }
    const line = this.#bytes.toString('latin1', 0, end);
    if (!line.startsWith('OK ')) throw new DbusError(`refused: ${line.slice(0, 100)}`);
    this.#bytes = this.#bytes.subarray(end + 2);
    this.#socket.write('BEGIN\r\n');
    this.#authenticated?.resolve();
    this.#authenticated = undefined;
    return true;
  }

  #answer({ type, replySerial, errorName, body }: DbusMessage): void {
    const waiting = this.#waiting.get(replySerial ?? 0);
    if (waiting === undefined) return;
    this.#waiting.delete(replySerial!);
    if (type === MESSAGE.reply) waiting.resolve(body);
    else waiting.reject(new DbusError(`${errorName}: ${typeof body[0] === 'string' ? body[0] : ''}`));
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#cancelTimeout();
    this.#authenticated?.reject(error);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#socket.destroy();
  }
}
