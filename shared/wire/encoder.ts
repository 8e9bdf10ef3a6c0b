import type { GroupRow, SeriesMeta } from '../series.ts';
import { type AgentMessage, WIRE_LIMITS, type WireLimits } from './messages.ts';

/**
 * Writes the frames of one agent connection; make a new one for each connection. A frame is `begin()`, any number of messages, `finish()`.
 * Throws TypeError for what only a mistake in the caller can cause (unregistered group, wrong column count) and WireError `tooLarge` for what
 * exceeds a limit; either way nothing of that message was written and the encoder can go on.
 */
export class WireEncoder {
  readonly limits: WireLimits;

  constructor(limits: WireLimits = WIRE_LIMITS) {
    this.limits = limits;
  }

  /** Starts a frame; views handed out by an earlier `finish` are overwritten from here on. */
  begin(): void {
    throw new TypeError('not built yet');
  }

  /** Bytes in the present frame. */
  get byteLength(): number {
    throw new TypeError('not built yet');
  }

  /** Whether this frame has enough in it: a caller with more to send finishes it and begins another. Far below the limits. */
  get isFull(): boolean {
    throw new TypeError('not built yet');
  }

  /** The generation registered for `group` on this connection; undefined if none is. */
  generation(_group: number): number | undefined {
    throw new TypeError('not built yet');
  }

  /** Registers or replaces a group (its next row is a keyframe). An empty `series` frees the number for another name. */
  schema(_group: number, _generation: number, _name: string, _series: readonly SeriesMeta[]): void {
    throw new TypeError('not built yet');
  }

  /** Adds one row, which is copied. `generation` must be the registered one. */
  samples(_seq: number, _group: number, _generation: number, _row: GroupRow): void {
    throw new TypeError('not built yet');
  }

  /** Adds any message; `schema` and `samples` take the paths above. */
  message(_message: AgentMessage): void {
    throw new TypeError('not built yet');
  }

  /** The frame: a view of the encoder's buffer, valid until the next `begin`. Empty if nothing was added. */
  finish(): Uint8Array {
    throw new TypeError('not built yet');
  }
}
