import { ByteReader, ByteWriter } from './bytes.ts';
import { controlType, readControl, writeControl } from './control.ts';
import { eachMessage } from './decoder.ts';
import { appendMessage } from './encoder.ts';
import { type CollectorMessage, WIRE_LIMITS, type WireLimits } from './messages.ts';

/** One frame of collector messages, freshly allocated. This direction has no references between messages. Throws WireError `tooLarge`. */
export function encodeCollectorFrame(messages: readonly CollectorMessage[], limits: WireLimits = WIRE_LIMITS): Uint8Array {
  const out = new ByteWriter();
  const body = new ByteWriter();
  for (const message of messages) {
    body.clear();
    writeControl(body, message, limits);
    appendMessage(out, body, limits);
  }
  return out.bytes.slice(0, out.length);
}

/** The messages of one frame from the collector. Throws WireError only. */
export function decodeCollectorFrame(frame: Uint8Array, limits: WireLimits = WIRE_LIMITS): CollectorMessage[] {
  const messages: CollectorMessage[] = [];
  eachMessage(frame, new ByteReader(), limits, (input) => {
    const type = controlType(input.u8(), 'collector');
    if (type !== undefined) messages.push(readControl(input, type, limits) as CollectorMessage);
  });
  return messages;
}
