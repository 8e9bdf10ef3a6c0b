import { join } from 'node:path';
import type { Column } from './frame.ts';
import { defineInput, gauge } from './input.ts';
import { KeptFile, ReadBuffer } from './kept-file.ts';

const METRICS = { node_udp_queues: gauge('Bytes that wait in the queues of all UDP sockets.') };
const FILES = [
  ['udp', 'v4'],
  ['udp6', 'v6'],
] as const;

export default defineInput({
  name: 'udp_queues',
  help: 'Data waiting in UDP sockets, from /proc/net/udp and udp6; every 5 s at most unless its own interval says otherwise.',
  metrics: METRICS,
  // The kernel walks its whole socket table for each reading.
  floorMs: 5_000,
  slow: true,
  priority: 'extra',
  create({ paths, frame }) {
    const buffer = new ReadBuffer();
    const files = FILES.map(([file]) => new KeptFile(join(paths.procfs, 'net', file), buffer));
    const labels = FILES.flatMap(([, ip]) => ['tx', 'rx'].map((queue) => ({ queue, ip })));
    frame.setColumns(labels.map((pair): Column => ({ name: 'node_udp_queues', labels: pair, ...METRICS.node_udp_queues })));
    return {
      read(timeMs) {
        const lengths = files.map((file, i) => {
          const length = file.readIfPresent(timeMs);
          if (length >= 0) sumQueues(buffer.bytes, length, frame.values, i * 2);
          return length;
        });
        if (lengths.every((length) => length < 0)) throw Object.assign(new Error('no /proc/net/udp'), { code: 'ENOENT' });
      },
      close() {
        for (const file of files) file.close();
      },
    };
  },
});

const NEWLINE = 10;
const BLANK = 32;
const COLON = 58;
/** The token `tx_queue:rx_queue`, in hexadecimal bytes, after slot, two addresses and the state. */
const QUEUES = 4;

/** Adds up the send and receive queues of all lines but the header into `into[at]` and `into[at + 1]`. */
export function sumQueues(bytes: Uint8Array, length: number, into: Float64Array, at: number): void {
  let sending = 0;
  let receiving = 0;
  let pos = bytes.indexOf(NEWLINE) + 1;
  if (pos === 0 || pos > length) pos = length;
  while (pos < length) {
    for (let token = 0; token < QUEUES; token++) {
      while (bytes[pos] === BLANK && pos < length) pos++;
      while (bytes[pos] !== BLANK && bytes[pos] !== NEWLINE && pos < length) pos++;
    }
    while (bytes[pos] === BLANK && pos < length) pos++;
    let value = 0;
    for (; pos < length && bytes[pos] !== BLANK && bytes[pos] !== NEWLINE; pos++) {
      const byte = bytes[pos]!;
      if (byte === COLON) {
        sending += value;
        value = 0;
      } else value = value * 16 + (byte <= 57 ? byte - 48 : (byte & 15) + 9);
    }
    receiving += value;
    while (pos < length && bytes[pos] !== NEWLINE) pos++;
    pos++;
  }
  into[at] = sending;
  into[at + 1] = receiving;
}
