/** A small SNMPv2c agent on loopback for tests: answers from a list of objects, and can be told to misbehave. */
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';

export const ASN = { integer: 2, octets: 4, nil: 5, oid: 6, counter32: 0x41, gauge32: 0x42, timeTicks: 0x43, counter64: 0x46 } as const;
const SEQUENCE = 0x30;
const GET = 0xa0;
const RESPONSE = 0xa2;
const NO_SUCH_OBJECT = 0x80;
const END_OF_MIB = 0x82;

export interface MibObject {
  readonly oid: string;
  readonly type: number;
  readonly value: number | bigint | string | Buffer;
}

export interface Request {
  readonly kind: 'get' | 'bulk';
  readonly id: number;
  readonly community: string;
  readonly oids: readonly string[];
  readonly repetitions: number;
}

export interface TestAgent {
  readonly port: number;
  readonly requests: Request[];
  /** Replaces what it knows. */
  set(objects: readonly MibObject[]): void;
  /** Safe twice. */
  stop(): void;
}

export interface TestAgentOptions {
  readonly objects?: readonly MibObject[];
  readonly port?: number;
  /** Largest answer in bytes; a bulk answer is cut to fit, as real agents do. */
  readonly maxBytes?: number;
  /** Its own answer to a request: bytes as they are, objects, an SNMP error, or nothing at all. undefined: the honest answer. */
  answer?(request: Request): Buffer | readonly MibObject[] | { error: number } | 'silence' | undefined;
}

export async function startTestAgent(options: TestAgentOptions = {}): Promise<TestAgent> {
  const socket = createSocket('udp4');
  const requests: Request[] = [];
  let isOpen = true;
  let mib = sorted(options.objects ?? []);
  const reply = (request: Request, objects: readonly MibObject[], error = 0): Buffer =>
    sequence(
      SEQUENCE,
      integer(1),
      tlv(ASN.octets, Buffer.from(request.community)),
      sequence(RESPONSE, integer(request.id), integer(error), integer(0), sequence(SEQUENCE, ...objects.map(varbind))),
    );
  const honest = (request: Request): Buffer => {
    if (request.kind === 'get') {
      return reply(
        request,
        request.oids.map((oid) => mib.objects[mib.at(oid)!] ?? { oid, type: NO_SUCH_OBJECT, value: '' }),
      );
    }
    const from = mib.after(request.oids[0]!);
    let objects: MibObject[] = mib.objects.slice(from, from + request.repetitions);
    if (objects.length === 0) objects = [{ oid: request.oids[0]!, type: END_OF_MIB, value: '' }];
    let answer = reply(request, objects);
    while (answer.length > (options.maxBytes ?? 1_400) && objects.length > 1) {
      objects = objects.slice(0, Math.max(1, Math.floor((objects.length * (options.maxBytes ?? 1_400)) / answer.length)));
      answer = reply(request, objects);
    }
    return answer;
  };
  socket.on('message', (message: Buffer, from: RemoteInfo) => {
    const request = readRequest(message);
    requests.push(request);
    const answer = options.answer?.(request);
    if (answer === 'silence') return;
    const bytes =
      answer === undefined
        ? honest(request)
        : Buffer.isBuffer(answer)
          ? answer
          : 'error' in answer
            ? reply(request, [], answer.error)
            : reply(request, answer);
    socket.send(bytes, from.port, from.address);
  });
  socket.bind(options.port ?? 0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    requests,
    set(objects) {
      mib = sorted(objects);
    },
    stop() {
      if (isOpen) socket.close();
      isOpen = false;
    },
  };
}

function sorted(objects: readonly MibObject[]): { objects: MibObject[]; at(oid: string): number | undefined; after(oid: string): number } {
  const keyed = objects.map((object) => ({ key: keyOf(object.oid), object }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
  const index = new Map(keyed.map(({ object }, i) => [object.oid, i]));
  return {
    objects: keyed.map(({ object }) => object),
    at: (oid) => index.get(oid),
    after(oid) {
      const known = index.get(oid);
      if (known !== undefined) return known + 1;
      const key = keyOf(oid);
      let low = 0;
      for (let high = keyed.length; low < high; ) {
        const middle = (low + high) >> 1;
        if (keyed[middle]!.key <= key) low = middle + 1;
        else high = middle;
      }
      return low;
    },
  };
}

/** Orders as the arcs do. */
function keyOf(oid: string): string {
  return oid
    .split('.')
    .map((arc) => arc.padStart(10, '0'))
    .join('.');
}

// ---------------------------------------------------------------- BER

function tlv(tag: number, body: Buffer): Buffer {
  const { length } = body;
  const head = length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), body]);
}

function sequence(tag: number, ...parts: Buffer[]): Buffer {
  return tlv(tag, Buffer.concat(parts));
}

function integer(value: number | bigint, tag: number = ASN.integer): Buffer {
  let rest = BigInt(value);
  const bytes: number[] = [];
  do {
    bytes.unshift(Number(rest & 255n));
    rest >>= 8n;
  } while (rest !== 0n && rest !== -1n);
  const isNegative = BigInt(value) < 0n;
  if (!isNegative && bytes[0]! > 127) bytes.unshift(0);
  return tlv(tag, Buffer.from(bytes));
}

function oidBytes(oid: string): Buffer {
  const [first, second, ...rest] = oid.split('.').map(Number);
  const bytes = [first! * 40 + second!];
  for (const arc of rest) {
    const groups = [arc & 127];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift((left & 127) | 128);
    bytes.push(...groups);
  }
  return Buffer.from(bytes);
}

export function varbind({ oid, type, value }: MibObject): Buffer {
  const body =
    type === ASN.oid
      ? tlv(type, oidBytes(String(value)))
      : typeof value === 'number' || typeof value === 'bigint'
        ? integer(value, type)
        : tlv(type, Buffer.isBuffer(value) ? value : Buffer.from(value));
  return sequence(SEQUENCE, tlv(ASN.oid, oidBytes(oid)), body);
}

function readRequest(message: Buffer): Request {
  let at = 0;
  const head = (): { tag: number; length: number } => {
    const tag = message[at++]!;
    let length = message[at++]!;
    if (length > 127) {
      let count = length & 127;
      for (length = 0; count > 0; count--) length = length * 256 + message[at++]!;
    }
    return { tag, length };
  };
  const number = (): number => {
    const { length } = head();
    const value = message.readIntBE(at, length);
    at += length;
    return value;
  };
  const text = (): Buffer => {
    const { length } = head();
    at += length;
    return message.subarray(at - length, at);
  };
  head();
  number();
  const community = text().toString();
  const { tag } = head();
  const id = number();
  number();
  const repetitions = number();
  const { length } = head();
  const oids: string[] = [];
  for (const end = at + length; at < end; ) {
    head();
    const bytes = text();
    const arcs = [Math.floor(bytes[0]! / 40), bytes[0]! % 40];
    let arc = 0;
    for (const byte of bytes.subarray(1)) {
      arc = arc * 128 + (byte & 127);
      if (byte < 128) {
        arcs.push(arc);
        arc = 0;
      }
    }
    oids.push(arcs.join('.'));
    const { length: valueLength } = head(); // moves `at` itself
    at += valueLength;
  }
  return { kind: tag === GET ? 'get' : 'bulk', id, community, oids, repetitions };
}

// ---------------------------------------------------------------- devices

export interface SwitchOptions {
  readonly ports: number;
  /** Device numbers of the ports, by position; default 1, 2, 3, ... */
  readonly indexOf?: (port: number) => number;
  /** Seconds since some start: counters grow by it. */
  readonly seconds?: number;
  readonly uptimeTicks?: number;
  readonly name?: string;
  /** Without ifXTable, as old devices are. */
  readonly old?: boolean;
}

/** A switch: system group, ifTable and ifXTable as real ones have them. */
export function switchMib({
  ports,
  indexOf = (port) => port,
  seconds = 0,
  uptimeTicks,
  name = 'switch',
  old = false,
}: SwitchOptions): MibObject[] {
  const objects: MibObject[] = [
    { oid: '1.3.6.1.2.1.1.1.0', type: ASN.octets, value: 'Test switch' },
    { oid: '1.3.6.1.2.1.1.2.0', type: ASN.oid, value: '1.3.6.1.4.1.99999.1' },
    { oid: '1.3.6.1.2.1.1.3.0', type: ASN.timeTicks, value: uptimeTicks ?? 1_000_000 + seconds * 100 },
    { oid: '1.3.6.1.2.1.1.5.0', type: ASN.octets, value: name },
    { oid: '1.3.6.1.2.1.1.6.0', type: ASN.octets, value: 'rack 7' },
    { oid: '1.3.6.1.2.1.2.1.0', type: ASN.integer, value: ports },
  ];
  for (let port = 1; port <= ports; port++) {
    const index = indexOf(port);
    const octets = 10n ** 15n * BigInt(port) + BigInt(seconds) * 1_000n * BigInt(port);
    const narrow = (value: bigint): number => Number(value & 0xffffffffn);
    const cell = (column: number, type: number, value: MibObject['value'], entry = '1.3.6.1.2.1.2.2.1'): void => {
      objects.push({ oid: `${entry}.${column}.${index}`, type, value });
    };
    cell(1, ASN.integer, index);
    cell(2, ASN.octets, `GigabitEthernet0/${port}`);
    cell(3, ASN.integer, 6);
    cell(4, ASN.integer, 1500);
    cell(5, ASN.gauge32, 1_000_000_000);
    cell(6, ASN.octets, Buffer.from([0, 0x1a, 0x2b, 0, port >> 8, port & 255]));
    cell(7, ASN.integer, 1);
    cell(8, ASN.integer, port % 7 === 0 ? 2 : 1);
    cell(9, ASN.timeTicks, 12_345);
    for (const [column, value] of [
      [10, octets],
      [11, BigInt(seconds) * 10n],
      [12, 0n],
      [13, 0n],
      [14, 3n],
      [15, 0n],
      [16, octets * 2n],
      [17, BigInt(seconds) * 20n],
      [18, 0n],
      [19, 0n],
      [20, 1n],
    ] as const)
      cell(column, ASN.counter32, narrow(value));
    cell(21, ASN.gauge32, 0);
    if (old) continue;
    const x = '1.3.6.1.2.1.31.1.1.1';
    cell(1, ASN.octets, `Gi0/${port}`, x);
    for (const column of [2, 3, 4, 5]) cell(column, ASN.counter32, 0, x);
    for (const [column, value] of [
      [6, octets],
      [7, BigInt(seconds) * 10n],
      [8, 5n],
      [9, 6n],
      [10, octets * 2n],
      [11, BigInt(seconds) * 20n],
      [12, 7n],
      [13, 8n],
    ] as const)
      cell(column, ASN.counter64, value, x);
    cell(14, ASN.integer, 1, x);
    cell(15, ASN.gauge32, 1000, x);
    cell(16, ASN.integer, 2, x);
    cell(17, ASN.integer, 1, x);
    cell(18, ASN.octets, port === 1 ? 'uplink' : '', x);
    cell(19, ASN.timeTicks, 0, x);
  }
  return objects;
}
