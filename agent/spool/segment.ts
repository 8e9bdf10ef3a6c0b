/**
 * The bytes of a spool segment (docs/guides/agent.md says what the spool is for). A segment is a list of records, little-endian:
 *
 *   0  u32  magic 'BWR1'        16 u32  samples in the record
 *   4  u32  payload length      20 f64  first sequence number
 *   8  u32  CRC-32 of 12..end   28 u32  last minus first sequence number
 *   12 u8   flags, 3 zero       32 ...  payload: one wire frame (schema and samples messages)
 *
 * A record with the flag RESTART begins a new block: its frame refers to nothing before it. A damaged record costs itself and the rest of its
 * block; the reader goes on at the next RESTART. A record cut short at the end of the file is what a power cut leaves.
 */
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { SeriesMeta } from '@bellwether/shared';
import { WIRE_LIMITS, WireDecoder } from '@bellwether/shared/wire';
import { type GroupColumns, type QueuedRow, sampleCount } from './row.ts';
import { RowCoder } from './row-coder.ts';

const MAGIC = 0x31525742;
export const RECORD_HEADER_BYTES = 32;
const RESTART = 1;
/** The payload is deflated: done for the first record of a block, most of which is label text. */
const DEFLATED = 2;
/** A new block is begun after this many bytes, so that damage costs no more. */
const BLOCK_BYTES = 256 * 1024;

export interface RecordHead {
  readonly offset: number;
  /** Header and payload. */
  readonly byteLength: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly samples: number;
  readonly restart: boolean;
}

export interface Scan {
  readonly records: readonly RecordHead[];
  /** Bytes that belong to no intact record, the torn end included. */
  readonly damagedBytes: number;
  /** Where an intact record ended last; what follows is damaged. */
  readonly goodEnd: number;
}

/** Writes the records of one segment. */
export class SegmentEncoder {
  #coder: RowCoder | undefined;
  #blockBytes = 0;

  /**
   * One record with the first `taken` of `rows` (at least one, ascending by seq), freshly allocated. Rows that no frame can hold are left out
   * and returned as `unfit`.
   */
  encode(rows: readonly QueuedRow[]): { record: Buffer; taken: number; samples: number; unfit: QueuedRow[] } {
    const restart = this.#coder === undefined || this.#blockBytes >= BLOCK_BYTES;
    if (restart) {
      this.#coder = new RowCoder();
      this.#blockBytes = 0;
    }
    const coder = this.#coder!;
    const unfit: QueuedRow[] = [];
    let samples = 0;
    let taken = 0;
    coder.encoder.begin();
    while (taken < rows.length && !coder.encoder.isFull) {
      const row = rows[taken++]!;
      if (coder.add(row)) samples += sampleCount(row);
      else unfit.push(row);
    }
    const frame = coder.encoder.finish();
    const payload = restart ? deflateRawSync(frame, { level: 6, memLevel: 5 }) : frame;
    const record = Buffer.alloc(RECORD_HEADER_BYTES + payload.byteLength);
    record.writeUInt32LE(MAGIC, 0);
    record.writeUInt32LE(payload.byteLength, 4);
    record[12] = restart ? RESTART | DEFLATED : 0;
    record.writeUInt32LE(samples, 16);
    record.writeDoubleLE(rows[0]!.seq, 20);
    record.writeUInt32LE(rows[taken - 1]!.seq - rows[0]!.seq, 28);
    record.set(payload, RECORD_HEADER_BYTES);
    record.writeUInt32LE(crc32(record.subarray(12)), 8);
    this.#blockBytes += record.byteLength;
    return { record, taken, samples, unfit };
  }
}

/** Finds the intact records of a segment. Never throws, whatever the bytes. */
export function scanSegment(bytes: Buffer): Scan {
  const records: RecordHead[] = [];
  let damagedBytes = 0;
  let goodEnd = 0;
  for (let at = 0; at < bytes.byteLength; ) {
    const head = recordAt(bytes, at);
    if (head !== undefined) {
      records.push(head);
      at += head.byteLength;
      goodEnd = at;
      continue;
    }
    const next = nextMagic(bytes, at + 1);
    damagedBytes += next - at;
    at = next;
  }
  return { records, damagedBytes, goodEnd };
}

function recordAt(bytes: Buffer, offset: number): RecordHead | undefined {
  if (offset + RECORD_HEADER_BYTES > bytes.byteLength || bytes.readUInt32LE(offset) !== MAGIC) return undefined;
  const end = offset + RECORD_HEADER_BYTES + bytes.readUInt32LE(offset + 4);
  if (end > bytes.byteLength || crc32(bytes.subarray(offset + 12, end)) !== bytes.readUInt32LE(offset + 8)) return undefined;
  const firstSeq = bytes.readDoubleLE(offset + 20);
  if (!Number.isSafeInteger(firstSeq) || firstSeq < 0) return undefined;
  return {
    offset,
    byteLength: end - offset,
    firstSeq,
    lastSeq: firstSeq + bytes.readUInt32LE(offset + 28),
    samples: bytes.readUInt32LE(offset + 16),
    restart: (bytes[offset + 12]! & RESTART) !== 0,
  };
}

const MAGIC_BYTES = Buffer.from('BWR1', 'latin1');

function nextMagic(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(MAGIC_BYTES, from);
  return at === -1 ? bytes.byteLength : at;
}

/** Reads the rows of a segment's records, which must be given in order. */
export class SegmentDecoder {
  #decoder: WireDecoder | undefined;
  #columns = new Map<number, GroupColumns>();
  /** Where the next record must begin to continue the block. */
  #continuesAt = -1;

  /** The rows of one record, or undefined if what it builds upon is damaged or was not read. */
  decode(bytes: Buffer, head: RecordHead): QueuedRow[] | undefined {
    if (head.restart) {
      this.#decoder = new WireDecoder();
      this.#columns = new Map();
    } else if (this.#continuesAt !== head.offset) this.#decoder = undefined;
    this.#continuesAt = head.offset + head.byteLength;
    if (this.#decoder === undefined) return undefined;
    const rows: QueuedRow[] = [];
    try {
      this.#decoder.decode(payloadOf(bytes, head), {
        samples: (seq, group, _generation, timeMs, presence, values) => {
          const columns = this.#columns.get(group)!;
          rows.push({ seq, columns, timeMs, presence: presence === null ? null : presence.slice(), values: values.slice() });
        },
        message: (message) => {
          if (message.type === 'schema') this.#columns.set(message.group, columnsOf(message.name, message.series));
        },
      });
      return rows;
    } catch {
      // An intact checksum around bytes that are no frame: written by another version, or tampered with. The block is lost, not the agent.
      this.#decoder = undefined;
      return undefined;
    }
  }
}

function columnsOf(name: string, series: readonly SeriesMeta[]): GroupColumns {
  return { name, series };
}

function payloadOf(bytes: Buffer, head: RecordHead): Uint8Array {
  const payload = bytes.subarray(head.offset + RECORD_HEADER_BYTES, head.offset + head.byteLength);
  const deflated = (bytes[head.offset + 12]! & DEFLATED) !== 0;
  return deflated ? inflateRawSync(payload, { maxOutputLength: WIRE_LIMITS.frameBytes }) : payload;
}
