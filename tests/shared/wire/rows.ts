import { isPresent } from '../../../shared/samples.ts';
import type { SeriesMeta } from '../../../shared/series.ts';
import type { AgentMessage, Samples } from '../../../shared/wire/index.ts';

/** `count` series that differ in one label. */
export function seriesOf(count: number): SeriesMeta[] {
  return Array.from({ length: count }, (_, i) => ({ labels: ['__name__', 'node_test', 'i', `${i}`], type: 'gauge', help: 'For tests.' }));
}

export function samples(
  seq: number,
  group: number,
  generation: number,
  timeMs: number,
  values: Float64Array,
  presence: Uint8Array | null = null,
): Samples {
  return { type: 'samples', seq, group, generation, timeMs, presence, values };
}

/** A double with exactly these bits, where plain numbers would lose those of a NaN. */
export function fromBits(...bits: bigint[]): Float64Array {
  return new Float64Array(BigUint64Array.from(bits).buffer);
}

/** A message in a form that compares by the bits of what is present. */
export function comparable(message: AgentMessage): unknown {
  if (message.type !== 'samples') return message;
  const bits = new BigUint64Array(message.values.slice().buffer);
  return {
    ...message,
    presence: undefined,
    values: Array.from(bits, (value, i) => (isPresent(message.presence, i) ? value.toString(16) : null)),
  };
}
