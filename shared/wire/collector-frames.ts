import { type CollectorMessage, WIRE_LIMITS, type WireLimits } from './messages.ts';

/** One frame of collector messages, freshly allocated. This direction has no references between messages. Throws WireError `tooLarge`. */
export function encodeCollectorFrame(_messages: readonly CollectorMessage[], _limits: WireLimits = WIRE_LIMITS): Uint8Array {
  throw new TypeError('not built yet');
}

/** The messages of one frame from the collector. Throws WireError only. */
export function decodeCollectorFrame(_frame: Uint8Array, _limits: WireLimits = WIRE_LIMITS): CollectorMessage[] {
  throw new TypeError('not built yet');
}
