/**
 * One device's SNMP conversation: net-snmp on a connected UDP socket of its own, one request at a time. The socket's address keeps out what others
 * send, a port where nobody listens is known at once, and whatever an answer does to the library ends in an SnmpFailure, never in this process.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { errorCode, errorMessage } from '@bellwether/shared';
import type { DeviceAssignment } from '@bellwether/shared/assignments';
import type { DatagramSocket, Session, SessionOptions, Varbind } from 'net-snmp';

export type { Varbind };

/** The types of a value that this program tells apart (RFC 3416). */
export const TYPE = {
  integer: 2,
  octets: 4,
  oid: 6,
  counter32: 65,
  gauge32: 66,
  timeTicks: 67,
  counter64: 70,
  noSuchObject: 128,
  noSuchInstance: 129,
  endOfMibView: 130,
} as const;

export type FailureKind = 'silent' | 'refused' | 'network' | 'too-big' | 'unreadable' | 'denied' | 'error';

/** Why a request has no answer; the message is what a person reads. */
export class SnmpFailure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.name = 'SnmpFailure';
    this.kind = kind;
  }
}

/** Requests may not overlap. All methods reject with SnmpFailure alone; after one, only `too-big` and `error` leave the session usable. */
export interface SnmpSession {
  get(oids: readonly string[]): Promise<readonly Varbind[]>;
  /** The up to `repetitions` objects that follow `oid`. */
  getBulk(oid: string, repetitions: number): Promise<readonly Varbind[]>;
  close(): void;
}

export type SessionTarget = Pick<DeviceAssignment, 'address' | 'port' | 'timeoutMs' | 'retries' | 'credentials'>;
export type OpenSession = (target: SessionTarget) => Promise<SnmpSession>;

/** The library is loaded by the first call: an agent without devices does without its memory. */
export const openSession: OpenSession = async (target) => {
  const { default: snmp } = await import('net-snmp');
  const socket = await connect(target);
  const channel = new Channel(socket);
  const { credentials, address, port, timeoutMs, retries } = target;
  const options: SessionOptions = { port, timeout: timeoutMs, retries, dgramModule: { createSocket: () => channel } };
  if (credentials.version === '2c') {
    return new Conversation(snmp.createSession(address, credentials.community, { ...options, version: snmp.Version2c }), channel, target);
  }
  const { user, level, auth, priv, context } = credentials;
  const keys = {
    name: user,
    level: snmp.SecurityLevel[level]!,
    ...(auth === undefined ? {} : { authProtocol: snmp.AuthProtocols[auth.protocol]!, authKey: auth.key }),
    ...(priv === undefined ? {} : { privProtocol: snmp.PrivProtocols[priv.protocol]!, privKey: priv.key }),
  };
  const session = snmp.createV3Session(address, keys, { ...options, version: snmp.Version3, context: context ?? '' });
  return new Conversation(session, channel, target);
};

function connect({ address, port }: SessionTarget): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const failed = (error: unknown): void => {
      socket.close();
      const unknown = errorCode(error) === 'ENOTFOUND' || errorCode(error) === 'EAI_AGAIN';
      reject(
        new SnmpFailure('network', unknown ? `the name ${address} is not known to DNS` : `no way to ${address}: ${errorMessage(error)}`),
      );
    };
    socket.once('error', failed);
    socket.connect(port, address, () => {
      socket.off('error', failed);
      resolve(socket);
    });
  });
}

/** What net-snmp takes for its socket. */
class Channel implements DatagramSocket {
  /** A message made the library throw, or the socket failed. */
  broken: (error: unknown) => void = () => {};
  readonly #socket: Socket;
  #closed: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', (error) => this.broken(error));
  }

  on(event: string, listener: (...args: never[]) => void): this {
    if (event === 'close') this.#closed = listener as () => void;
    if (event !== 'message') return this;
    const take = listener as unknown as (message: Buffer) => void;
    this.#socket.on('message', (message) => {
      try {
        take(message);
      } catch (error) {
        this.broken(error);
      }
    });
    return this;
  }

  send(
    buffer: Buffer,
    offset: number,
    length: number,
    _port: number,
    _address: string,
    sent: (error: Error | null, bytes?: number) => void,
  ): void {
    this.#socket.send(buffer, offset, length, (error, bytes) => {
      // Node tells of a refusal through whichever comes first, this or the event.
      if (error !== null && error !== undefined) this.broken(error);
      else sent(null, bytes);
    });
  }

  close(): void {
    this.#socket.close();
    this.#closed();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }
}

class Conversation implements SnmpSession {
  readonly #session: Session;
  readonly #target: SessionTarget;
  #fail: ((failure: SnmpFailure) => void) | undefined;
  /** The newest message of the present request that was no SNMP. */
  #garbled = '';
  #isClosed = false;

  constructor(session: Session, channel: Channel, target: SessionTarget) {
    this.#session = session;
    this.#target = target;
    session.on('error', (error) => {
      this.#garbled = errorMessage(error);
    });
    channel.broken = (error) => this.#fail?.(this.#failure(error));
  }

  get(oids: readonly string[]): Promise<readonly Varbind[]> {
    return this.#ask((answered) => this.#session.get([...oids], answered));
  }

  getBulk(oid: string, repetitions: number): Promise<readonly Varbind[]> {
    return this.#ask((answered) => this.#session.getBulk([oid], 0, repetitions, (error, columns) => answered(error, columns?.[0] ?? [])));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#session.close();
  }

  #ask(send: (answered: (error: Error | null, varbinds: readonly Varbind[]) => void) => void): Promise<readonly Varbind[]> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(new SnmpFailure('network', 'closed'));
      this.#garbled = '';
      const fail = (failure: SnmpFailure): void => {
        this.#fail = undefined;
        reject(failure);
      };
      this.#fail = fail;
      send((error, varbinds) => {
        if (error !== null) return fail(this.#failure(error));
        this.#fail = undefined;
        resolve(varbinds);
      });
    });
  }

  #failure(error: unknown): SnmpFailure {
    const { timeoutMs, retries, port, credentials } = this.#target;
    const { name, status, code } = error as { name?: unknown; status?: unknown; code?: unknown };
    const text = errorMessage(error);
    if (errorCode(error) === 'ECONNREFUSED')
      return new SnmpFailure('refused', `nothing answers SNMP on UDP port ${port} (connection refused)`);
    if (name === 'RequestTimedOutError') {
      if (this.#garbled !== '') return new SnmpFailure('unreadable', `the answer is no SNMP that can be read: ${this.#garbled}`);
      const tries = retries === 0 ? '' : `, tried ${retries + 1} times`;
      const hint = credentials.version === '2c' ? ' (a wrong community gets no answer either)' : '';
      return new SnmpFailure('silent', `no answer in ${timeoutMs / 1000} s${tries}${hint}`);
    }
    if (name === 'RequestFailedError') {
      if (status === ERROR_STATUS.tooBig) return new SnmpFailure('too-big', 'the answer is too big for the device');
      const denied = status === ERROR_STATUS.noAccess || status === ERROR_STATUS.authorizationError;
      return new SnmpFailure(denied ? 'denied' : 'error', `the device answers with the error ${text}`);
    }
    if (code === DENIED.authFailure) return new SnmpFailure('denied', `the device refuses user or keys: ${withoutDigest(text)}`);
    if (code === DENIED.notInTimeWindow) return new SnmpFailure('denied', "the device's SNMP clock jumped (not in time window)");
    if (code === DENIED.couldNotDecrypt) return new SnmpFailure('denied', 'the answer cannot be decrypted: is the privacy key right?');
    if (errorCode(error) !== undefined) return new SnmpFailure('network', `the network refuses: ${text}`);
    return new SnmpFailure('unreadable', `the answer cannot be used: ${text}`);
  }
}

const ERROR_STATUS = { tooBig: 1, noAccess: 6, authorizationError: 16 } as const;
/** Codes of net-snmp's ResponseInvalidError. */
const DENIED = { couldNotDecrypt: 4, authFailure: 5, notInTimeWindow: 14 } as const;

/** A digest says nothing to a person, and comes from a key. */
function withoutDigest(text: string): string {
  return text.startsWith('Authentication digest') ? 'the answer is signed with another key' : text;
}
