/** The part of D-Bus a client needs: values to bytes and back. Little-endian, no file descriptors. */

export type DbusValue = number | bigint | string | boolean | readonly DbusValue[] | DbusVariant;
export interface DbusVariant {
  readonly signature: string;
  readonly value: DbusValue;
}

export interface DbusMessage {
  readonly type: number;
  readonly serial: number;
  readonly replySerial?: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly destination?: string;
  readonly sender?: string;
  readonly signature: string;
  readonly body: readonly DbusValue[];
}

export const MESSAGE = { call: 1, reply: 2, error: 3, signal: 4 } as const;
/** Far above what a service manager with thousands of units answers. */
export const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
const MAX_DEPTH = 16;
const MAX_SIGNATURE = 255;
const FIXED_HEADER = 16;

/** What decoding throws, and nothing else. */
export class DbusError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DbusError';
  }
}

const FIELDS = [
  ['path', 1, 'o'],
  ['interface', 2, 's'],
  ['member', 3, 's'],
  ['errorName', 4, 's'],
  ['replySerial', 5, 'u'],
  ['destination', 6, 's'],
  ['sender', 7, 's'],
  ['signature', 8, 'g'],
] as const;

const ALIGNMENT: Readonly<Record<string, number>> = {
  y: 1,
  g: 1,
  v: 1,
  n: 2,
  q: 2,
  b: 4,
  i: 4,
  u: 4,
  h: 4,
  s: 4,
  o: 4,
  a: 4,
  x: 8,
  t: 8,
  d: 8,
  '(': 8,
  '{': 8,
};

/** Of a number, or of the length in front of what has one. */
const FIXED_BYTES: Readonly<Record<string, number>> = {
  y: 1,
  b: 4,
  n: 2,
  q: 2,
  i: 4,
  u: 4,
  h: 4,
  x: 8,
  t: 8,
  d: 8,
  s: 4,
  o: 4,
  g: 1,
  a: 4,
};

export function encodeMessage(message: DbusMessage): Buffer {
  const body = new Writer();
  const types = splitSignature(message.signature);
  for (const [i, type] of types.entries()) body.value(type, message.body[i]!);
  const header = new Writer();
  for (const byte of [0x6c, message.type, 0, 1]) header.value('y', byte);
  header.value('u', body.length);
  header.value('u', message.serial);
  const fields = FIELDS.flatMap(([name, code, signature]): DbusValue[] => {
    const value = message[name];
    return value === undefined || value === '' ? [] : [[code, { signature, value }]];
  });
  header.value('a(yv)', fields);
  header.align(8);
  return Buffer.concat([header.bytes(), body.bytes()]);
}

/** Bytes of the message that starts at the front of `bytes`; undefined when there is not enough to tell. */
export function messageLength(bytes: Buffer): number | undefined {
  if (bytes.length < FIXED_HEADER) return undefined;
  if (bytes[0] !== 0x6c) throw new DbusError('a message that is not little-endian');
  const fields = bytes.readUInt32LE(12);
  const length = FIXED_HEADER + fields + ((8 - (fields % 8)) % 8) + bytes.readUInt32LE(4);
  if (length > MAX_MESSAGE_BYTES) throw new DbusError(`a message of ${length} bytes`);
  return length;
}

/** One whole message. */
export function decodeMessage(bytes: Buffer): DbusMessage {
  const length = messageLength(bytes);
  if (length === undefined || length !== bytes.length) throw new DbusError('not one whole message');
  const reader = new Reader(bytes, 12);
  const fields: Record<string, DbusValue> = {};
  for (const field of reader.value('a(yv)', 0) as readonly (readonly [number, DbusVariant])[]) {
    const [code, variant] = field;
    const known = FIELDS.find(([, number]) => number === code);
    if (known !== undefined && variant.signature === known[2]) fields[known[0]] = variant.value;
  }
  reader.align(8);
  const signature = typeof fields.signature === 'string' ? fields.signature : '';
  const body = splitSignature(signature).map((type) => reader.value(type, 0));
  return { ...fields, type: bytes[1]!, serial: bytes.readUInt32LE(8), signature, body };
}

/** Complete types of a signature: `a(ss)u` is `a(ss)` and `u`. */
export function splitSignature(signature: string): string[] {
  if (signature.length > MAX_SIGNATURE) throw new DbusError('a signature that is too long');
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const end = typeEnd(signature, at, 0);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

function typeEnd(signature: string, at: number, depth: number): number {
  const code = signature[at];
  if (depth > MAX_DEPTH) throw new DbusError('a signature that is nested too deep');
  if (code === undefined || !Object.hasOwn(ALIGNMENT, code)) throw new DbusError(`unknown type in signature ${JSON.stringify(signature)}`);
  if (code === 'a') return typeEnd(signature, at + 1, depth + 1);
  const close = code === '(' ? ')' : code === '{' ? '}' : undefined;
  if (close === undefined) return at + 1;
  let next = at + 1;
  while (signature[next] !== close) next = typeEnd(signature, next, depth + 1);
  if (next === at + 1) throw new DbusError('an empty structure');
  return next + 1;
}

/** Position behind `length` once aligned. */
function aligned(at: number, to: number): number {
  return Math.ceil(at / to) * to;
}

class Writer {
  #bytes = Buffer.alloc(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  align(to: number): void {
    this.#reserve(aligned(this.#length, to) - this.#length);
  }

  value(type: string, value: DbusValue): void {
    this.align(ALIGNMENT[type[0]!]!);
    // Reserved first: it may replace the buffer.
    const at = this.#reserve(FIXED_BYTES[type[0]!] ?? 0);
    const bytes = this.#bytes;
    switch (type[0]) {
      case 'y':
        bytes.writeUInt8(value as number, at);
        return;
      case 'b':
        bytes.writeUInt32LE(value === true ? 1 : 0, at);
        return;
      case 'n':
        bytes.writeInt16LE(value as number, at);
        return;
      case 'q':
        bytes.writeUInt16LE(value as number, at);
        return;
      case 'i':
        bytes.writeInt32LE(value as number, at);
        return;
      case 'u':
      case 'h':
        bytes.writeUInt32LE(value as number, at);
        return;
      case 'x':
        bytes.writeBigInt64LE(value as bigint, at);
        return;
      case 't':
        bytes.writeBigUInt64LE(value as bigint, at);
        return;
      case 'd':
        bytes.writeDoubleLE(value as number, at);
        return;
      case 's':
      case 'o': {
        const text = Buffer.from(value as string, 'utf8');
        bytes.writeUInt32LE(text.length, at);
        this.#text(text);
        return;
      }
      case 'g': {
        const text = Buffer.from(value as string, 'latin1');
        bytes.writeUInt8(text.length, at);
        this.#text(text);
        return;
      }
      case 'v': {
        const variant = value as DbusVariant;
        this.value('g', variant.signature);
        this.value(variant.signature, variant.value);
        return;
      }
      case 'a': {
        const inner = type.slice(1);
        this.align(ALIGNMENT[inner[0]!]!);
        const start = this.#length;
        for (const item of value as readonly DbusValue[]) this.value(inner, item);
        this.#bytes.writeUInt32LE(this.#length - start, at);
        return;
      }
      default:
        for (const [i, inner] of splitSignature(type.slice(1, -1)).entries()) this.value(inner, (value as readonly DbusValue[])[i]!);
    }
  }

  #text(text: Buffer): void {
    const at = this.#reserve(text.length + 1);
    text.copy(this.#bytes, at);
  }

  /** Where the next `count` bytes, which are zero, go. */
  #reserve(count: number): number {
    const at = this.#length;
    if (at + count > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(Math.max(this.#bytes.length, count))]);
    this.#length += count;
    return at;
  }
}

class Reader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  align(to: number): void {
    this.#take(aligned(this.#at, to) - this.#at);
  }

  value(type: string, depth: number): DbusValue {
    if (depth > MAX_DEPTH) throw new DbusError('values that are nested too deep');
    this.align(ALIGNMENT[type[0]!]!);
    switch (type[0]) {
      case 'y':
        return this.#bytes.readUInt8(this.#take(1));
      case 'b':
        return this.#bytes.readUInt32LE(this.#take(4)) !== 0;
      case 'n':
        return this.#bytes.readInt16LE(this.#take(2));
      case 'q':
        return this.#bytes.readUInt16LE(this.#take(2));
      case 'i':
        return this.#bytes.readInt32LE(this.#take(4));
      case 'u':
      case 'h':
        return this.#bytes.readUInt32LE(this.#take(4));
      case 'x':
        return this.#bytes.readBigInt64LE(this.#take(8));
      case 't':
        return this.#bytes.readBigUInt64LE(this.#take(8));
      case 'd':
        return this.#bytes.readDoubleLE(this.#take(8));
      case 's':
      case 'o':
        return this.#text(this.#bytes.readUInt32LE(this.#take(4)));
      case 'g':
        return this.#text(this.#bytes.readUInt8(this.#take(1)));
      case 'v': {
        const signature = this.value('g', depth) as string;
        const types = splitSignature(signature);
        if (types.length !== 1) throw new DbusError('a variant that is not one value');
        return { signature, value: this.value(types[0]!, depth + 1) };
      }
      case 'a':
        return this.#array(type.slice(1), depth);
      default:
        return splitSignature(type.slice(1, -1)).map((inner) => this.value(inner, depth + 1));
    }
  }

  #array(type: string, depth: number): DbusValue[] {
    const length = this.#bytes.readUInt32LE(this.#take(4));
    this.align(ALIGNMENT[type[0]!]!);
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new DbusError('an array that is longer than its message');
    const items: DbusValue[] = [];
    // Every value takes at least a byte, so this ends.
    while (this.#at < end) items.push(this.value(type, depth + 1));
    if (this.#at !== end) throw new DbusError('an array whose values do not fill it');
    return items;
  }

  #text(length: number): string {
    const at = this.#take(length + 1);
    if (this.#bytes[at + length] !== 0) throw new DbusError('a text without its end');
    return this.#bytes.toString('utf8', at, at + length);
  }

  #take(count: number): number {
    const at = this.#at;
    if (count < 0 || at + count > this.#bytes.length) throw new DbusError('a message that ends too early');
    this.#at = at + count;
    return at;
  }
}
