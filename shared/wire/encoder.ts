import type { GroupRow, SeriesMeta } from '../series.ts';
import { ByteWriter, tooLarge } from './bytes.ts';
import { SAMPLES_BIT, writeControl } from './control.ts';
import { References, type WireGroup } from './groups.ts';
import { type AgentMessage, WIRE_LIMITS, type WireLimits } from './messages.ts';
import { RowEncoder, worstRowBytes } from './row-encoder.ts';
import { writeSchema } from './schema-codec.ts';

/** Flags of a samples message: what is not as expected and so is written. */
export const SAMPLES_SEQ = 1;
export const SAMPLES_TIME = 2;
export const SAMPLES_GROUP = 4;
export const SAMPLES_PRESENCE = 8;
export const SAMPLES_FLAGS = SAMPLES_SEQ | SAMPLES_TIME | SAMPLES_GROUP | SAMPLES_PRESENCE;

const FULL_BYTES = 256 * 1_024;
const HEAD_BYTES = 64;

/**
 * Writes the frames of one agent connection; make a new one for each connection. A frame is `begin()`, any number of messages, `finish()`.
 * Throws TypeError for what only a mistake in the caller can cause (unregistered group, wrong column count) and WireError `tooLarge` for what
 * exceeds a limit; either way nothing of that message was written and the encoder can go on.
 */
export class WireEncoder {
  readonly limits: WireLimits;
  readonly #out = new ByteWriter();
  readonly #body = new ByteWriter();
  readonly #known = new References();
  readonly #rows = new RowEncoder(this.#known.columns);
  #frameSamples = 0;

  constructor(limits: WireLimits = WIRE_LIMITS) {
    this.limits = limits;
  }

  /** Starts a frame; views handed out by an earlier `finish` are overwritten from here on. */
  begin(): void {
    this.#out.clear();
    this.#frameSamples = 0;
  }

  /** Bytes in the present frame. */
  get byteLength(): number {
    return this.#out.length;
  }

  /** Whether this frame has enough in it: a caller with more to send finishes it and begins another. Far below the limits. */
  get isFull(): boolean {
    return this.#out.length >= FULL_BYTES || this.#frameSamples >= this.limits.samplesPerFrame / 4;
  }

  /** The generation registered for `group` on this connection; undefined if none is. */
  generation(group: number): number | undefined {
    return this.#known.groups.get(group)?.generation;
  }

  /** Registers or replaces a group (its next row is a keyframe). An empty `series` frees the number for another name. */
  schema(group: number, generation: number, name: string, series: readonly SeriesMeta[]): void {
    const { limits } = this;
    const total = this.#known.seriesCount - (this.#known.groups.get(group)?.count ?? 0) + series.length;
    if (group >= limits.groupsPerConnection) throw tooLarge('groups of a connection', group + 1, limits.groupsPerConnection);
    if (series.length > limits.seriesPerGroup) throw tooLarge(`series of group ${name}`, series.length, limits.seriesPerGroup);
    if (total > limits.seriesPerConnection) throw tooLarge('series of a connection', total, limits.seriesPerConnection);
    this.#body.clear();
    writeSchema(this.#body, { group, generation, name, series }, limits);
    this.#append();
    this.#known.register(group, generation, series.length);
  }

  /** Adds one row, which is copied. `generation` must be the registered one. */
  samples(seq: number, group: number, generation: number, row: GroupRow): void {
    const known = this.#known;
    const target = known.groups.get(group);
    if (target === undefined || target.generation !== generation) {
      throw new TypeError(`group ${group} generation ${generation} is not registered on this connection`);
    }
    this.#checkRow(target, seq, row);
    known.place(target);
    const body = this.#body;
    body.clear();
    const samePresence = isSamePresence(target.presence, row.presence, target.count);
    const flags =
      (seq === known.seq + 1 ? 0 : SAMPLES_SEQ) |
      (row.timeMs === known.timeMs ? 0 : SAMPLES_TIME) |
      (group === known.expectedGroup ? 0 : SAMPLES_GROUP) |
      (samePresence ? 0 : SAMPLES_PRESENCE);
    body.u8(SAMPLES_BIT | flags);
    if ((flags & SAMPLES_SEQ) !== 0) body.int(seq - known.seq - 1);
    if ((flags & SAMPLES_TIME) !== 0) body.int(row.timeMs - known.timeMs - known.tickMs);
    if ((flags & SAMPLES_GROUP) !== 0) body.uint(group);
    if (!samePresence) target.presence = copyPresence(row.presence, target.count);
    this.#rows.encode(body, target, row.values, target.presence, !samePresence);
    this.#append();
    known.follow(target, seq, row.timeMs);
    this.#frameSamples += target.count;
  }

  /** Adds any message; `schema` and `samples` take the paths above. */
  message(message: AgentMessage): void {
    switch (message.type) {
      case 'schema':
        this.schema(message.group, message.generation, message.name, message.series);
        return;
      case 'samples':
        this.samples(message.seq, message.group, message.generation, message);
        return;
      default:
        this.#body.clear();
        writeControl(this.#body, message, this.limits);
        this.#append();
    }
  }

  /** The frame: a view of the encoder's buffer, valid until the next `begin`. Empty if nothing was added. */
  finish(): Uint8Array {
    return this.#out.bytes.subarray(0, this.#out.length);
  }

  #checkRow(target: WireGroup, seq: number, row: GroupRow): void {
    const { count } = target;
    const { limits } = this;
    if (row.values.length < count)
      throw new TypeError(`a row of group ${target.group} has ${row.values.length} values for ${count} columns`);
    if (row.presence !== null && row.presence.length * 8 < count) throw new TypeError(`the presence of group ${target.group} is too short`);
    if (!Number.isSafeInteger(row.timeMs) || Math.abs(row.timeMs) >= 2 ** 50) throw new TypeError(`not a time in whole ms: ${row.timeMs}`);
    if (!Number.isSafeInteger(seq) || seq < 0 || seq >= 2 ** 51) throw new TypeError(`not a sequence number: ${seq}`);
    const samples = this.#frameSamples + count;
    if (samples > limits.samplesPerFrame) throw tooLarge('samples of a frame', samples, limits.samplesPerFrame);
    const bytes = this.#out.length + worstRowBytes(count) + HEAD_BYTES;
    if (bytes > limits.frameBytes) throw tooLarge('bytes of a frame', bytes, limits.frameBytes);
  }

  /** Moves the body into the frame, behind its length. */
  #append(): void {
    appendMessage(this.#out, this.#body, this.limits);
  }
}

/** Appends `body` behind its length. Throws WireError, and appends nothing, if the frame would get too large. */
export function appendMessage(out: ByteWriter, body: ByteWriter, limits: WireLimits): void {
  const size = out.length + body.length + 4;
  if (size > limits.frameBytes) throw tooLarge('bytes of a frame', size, limits.frameBytes);
  out.uint(body.length);
  out.reserve(body.length);
  out.bytes.set(body.bytes.subarray(0, body.length), out.length);
  out.length += body.length;
}

function isSamePresence(a: Uint8Array | null, b: Uint8Array | null, count: number): boolean {
  if (a === null && b === null) return true;
  for (let i = 0; i << 3 < count; i++) if (presenceByte(a, i, count) !== presenceByte(b, i, count)) return false;
  return true;
}

function copyPresence(presence: Uint8Array | null, count: number): Uint8Array | null {
  if (isSamePresence(presence, null, count)) return null;
  return Uint8Array.from({ length: (count + 7) >> 3 }, (_, i) => presenceByte(presence, i, count));
}

/** Byte `i` of a presence bitmap, bits behind the last column cleared. */
function presenceByte(presence: Uint8Array | null, i: number, count: number): number {
  const columns = count - i * 8;
  return (presence === null ? 0xff : presence[i]!) & (columns >= 8 ? 0xff : (1 << columns) - 1);
}
