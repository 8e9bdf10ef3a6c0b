import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type AgentMessage,
  type CollectorMessage,
  decodeCollectorFrame,
  encodeCollectorFrame,
  WireDecoder,
  WireEncoder,
} from '../../../shared/wire/index.ts';
import { comparable, fromBits } from './rows.ts';

/** A connection of the page: pairs of messages and the frame that holds them. */
interface Vector {
  from: string;
  frames: { messages: unknown[]; hex: string }[];
}

function readVectors(): Vector[] {
  const page = readFileSync(join(fileURLToPath(import.meta.url), '../../../../docs/formats/wire.md'), 'utf8');
  return [...page.matchAll(/^```vector (\w+)\n(.*?)^```$/gms)].map(([, from, block]) => {
    const frames: Vector['frames'] = [];
    let messages: unknown[] = [];
    for (const line of block!.split('\n')) {
      if (line.startsWith('{')) messages.push(JSON.parse(line));
      else if (line !== '') {
        frames.push({ messages, hex: line.replaceAll(' ', '') });
        messages = [];
      }
    }
    return { from: from!, frames };
  });
}

/** JSON of the page to a message: values may be bits in hex, presence a list of bytes. */
function agentMessage(json: unknown): AgentMessage {
  const message = json as AgentMessage & { values?: (number | string)[]; presence?: number[] | null };
  if (message.type !== 'samples') return message;
  const values = new Float64Array(message.values.length);
  for (const [i, value] of (message.values as unknown as (number | string)[]).entries()) {
    values.set(typeof value === 'string' ? fromBits(BigInt(`0x${value}`)) : [value], i);
  }
  return { ...message, values, presence: message.presence === null ? null : Uint8Array.from(message.presence) };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

const vectors = readVectors();

test('the page has vectors of both sides', () => {
  expect(new Set(vectors.map(({ from }) => from))).toEqual(new Set(['agent', 'collector']));
});

test.each(vectors.map((vector, i) => [i, vector] as const))('vector %i of docs/formats/wire.md', (_i, { from, frames }) => {
  const encoder = new WireEncoder();
  const decoder = new WireDecoder();
  for (const { messages, hex } of frames) {
    if (from === 'agent') {
      const expected = messages.map(agentMessage);
      encoder.begin();
      for (const message of expected) encoder.message(message);
      expect(hexOf(encoder.finish())).toBe(hex);
      expect(decoder.decodeAll(Buffer.from(hex, 'hex')).map(comparable)).toEqual(expected.map(comparable));
    } else {
      expect(hexOf(encodeCollectorFrame(messages as CollectorMessage[]))).toBe(hex);
      expect(decodeCollectorFrame(Buffer.from(hex, 'hex'))).toEqual(messages);
    }
  }
});
