import { crc32 } from 'node:zlib';
import { type ByteSink, ByteSource } from './bytes.ts';

/** Every record of the series log and the WAL: length of the body u32, CRC-32 of the body u32, body. */
export const RECORD_HEAD_BYTES = 8;

/** Begins a record; `endRecord` with what it returns closes it. */
export function beginRecord(sink: ByteSink): number {
  const start = sink.length;
  sink.u32(0);
  sink.u32(0);
  return start;
}

export function endRecord(sink: ByteSink, start: number): void {
  const body = start + RECORD_HEAD_BYTES;
  sink.patchU32(start, sink.length - body);
  sink.patchU32(start + 4, crc32(sink.bytes.subarray(body, sink.length)));
}

/** Calls `read` with the body of each whole record from `at`, and its offset; returns the offset of the first byte that is not one. */
export function readRecords(bytes: Uint8Array, at: number, read: (body: ByteSource, offset: number) => void): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = at;
  while (offset + RECORD_HEAD_BYTES <= bytes.length) {
    const length = view.getUint32(offset);
    const start = offset + RECORD_HEAD_BYTES;
    // A body of nothing is what a tail of zeros looks like.
    if (length === 0 || length > bytes.length - start) break;
    if (crc32(bytes.subarray(start, start + length)) !== view.getUint32(offset + 4)) break;
    read(new ByteSource(bytes, start, start + length), offset);
    offset = start + length;
  }
  return offset;
}
