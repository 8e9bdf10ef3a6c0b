/** /proc/net/tcp, tcp6, udp and udp6, in pieces: a busy server's are far larger than what should be held at once. */
import { closeSync, openSync, readSync } from 'node:fs';
import { pause } from './slow-reading.ts';

export interface SocketLine {
  /** Four bytes or sixteen, in the order they are written. */
  readonly address: Uint8Array;
  readonly port: number;
  readonly remotePort: number;
  /** 1 established ... 7 closed (also an unconnected UDP socket), 10 listening. */
  readonly state: number;
  readonly sendQueueBytes: number;
  readonly receiveQueueBytes: number;
  readonly inode: number;
}

const CHUNK_BYTES = 64 * 1024;

/**
 * Calls `visit` for every line but the header, until it answers false. Lines it cannot read are left out. Throws what the system says when there is
 * no such file.
 */
export async function readSocketTable(path: string, visit: (line: SocketLine) => boolean): Promise<void> {
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    let kept = 0;
    for (let isHeader = true; ; ) {
      const got = readSync(fd, buffer, kept, CHUNK_BYTES - kept, null);
      const length = kept + got;
      const end = got === 0 ? length : buffer.lastIndexOf(10, length - 1) + 1;
      const lines = buffer.toString('latin1', 0, end).split('\n');
      for (const line of lines) {
        if (!isHeader) {
          const socket = parseSocketLine(line);
          if (socket !== undefined && !visit(socket)) return;
        }
        isHeader = false;
      }
      if (got === 0) return;
      // A line longer than the buffer is none of the kernel's.
      kept = end === 0 && length === CHUNK_BYTES ? 0 : length - end;
      buffer.copyWithin(0, end, length);
      await pause();
    }
  } finally {
    closeSync(fd);
  }
}

const LINE =
  /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]{8,32}:([0-9A-F]{4}) ([0-9A-F]{2}) ([0-9A-F]{8}):([0-9A-F]{8}) \S+ \S+\s+\d+\s+\d+ (\d+)/;

export function parseSocketLine(line: string): SocketLine | undefined {
  const found = LINE.exec(line);
  if (found === null) return undefined;
  const hex = (i: number) => Number.parseInt(found[i]!, 16);
  return {
    address: addressBytes(found[1]!),
    port: hex(2),
    remotePort: hex(3),
    state: hex(4),
    sendQueueBytes: hex(5),
    receiveQueueBytes: hex(6),
    inode: Number(found[7]),
  };
}

/** The kernel prints each 32-bit word of the address as a number of the machine; all the machines Node runs Linux on but s390x are little-endian. */
function addressBytes(text: string): Uint8Array {
  const words = Buffer.from(text, 'hex');
  return IS_LITTLE_ENDIAN ? words.swap32() : words;
}

const IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** `192.0.2.1`, `2001:db8::1`, `::`; an IPv4 address inside IPv6 as `::ffff:192.0.2.1`. */
export function addressText(address: Uint8Array): string {
  if (address.length === 4) return address.join('.');
  const words = Array.from({ length: 8 }, (_, i) => ((address[2 * i] ?? 0) << 8) | (address[2 * i + 1] ?? 0));
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff) return `::ffff:${address.slice(12).join('.')}`;
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && words[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const text = (part: readonly number[]) => part.map((word) => word.toString(16)).join(':');
  return best.at < 0 ? text(words) : `${text(words.slice(0, best.at))}::${text(words.slice(best.at + best.length))}`;
}
