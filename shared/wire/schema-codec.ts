import type { MetricType, SeriesMeta } from '../series.ts';
import { type ByteReader, type ByteWriter, malformed, tooLarge } from './bytes.ts';
import { SCHEMA_NUMBER } from './control.ts';
import type { Schema, WireLimits } from './messages.ts';

const TYPES: readonly MetricType[] = ['untyped', 'counter', 'gauge', 'histogram', 'summary'];

/**
 * Writes a schema message. Texts are written once: a reference is 0 and a text, or 1 + the place of an earlier text of this message. Throws
 * WireError for what is above a limit, TypeError for labels that are no label set.
 */
export function writeSchema(out: ByteWriter, schema: Omit<Schema, 'type'>, limits: WireLimits): void {
  const places = new Map<string, number>();
  const reference = (text: string, limit: number, what: string) => {
    const place = places.get(text);
    if (place !== undefined) {
      if (text.length * 3 > limit && Buffer.byteLength(text) > limit) throw tooLarge(what, Buffer.byteLength(text), limit);
      out.uint(place + 1);
    } else {
      out.uint(0);
      out.text(text, limit, what);
      places.set(text, places.size);
    }
  };
  out.u8(SCHEMA_NUMBER);
  out.uint(schema.group);
  out.uint(schema.generation);
  out.text(schema.name, limits.textBytes, 'the name of a group');
  out.uint(schema.series.length);
  for (const { labels, type, help } of schema.series) {
    const pairs = labels.length / 2;
    if (pairs > limits.labelsPerSeries) throw tooLarge('labels of a series', pairs, limits.labelsPerSeries);
    out.u8(TYPES.indexOf(type));
    reference(help, limits.helpBytes, 'the help of a metric');
    out.uint(pairs);
    for (let i = 0; i < labels.length; i += 2) {
      const name = labels[i]!;
      if (!isNextLabel(i === 0 ? '' : labels[i - 2]!, name, labels[i + 1]!)) throw new TypeError(`not a label set: ${labels.join(' ')}`);
      reference(name, limits.labelNameBytes, 'a label name');
      reference(labels[i + 1]!, limits.labelValueBytes, 'a label value');
    }
  }
}

/** Whether a label may follow the one called `before` ('' for none): names rise, and neither name nor value is empty. */
function isNextLabel(before: string, name: string, value: string): boolean {
  return before < name && value !== '';
}

/** Group, generation and number of series come first, so that the caller can check them against its limits before the series are read. */
export interface SchemaHead {
  readonly group: number;
  readonly generation: number;
  readonly name: string;
  readonly count: number;
}

export function readSchemaHead(input: ByteReader, limits: WireLimits): SchemaHead {
  const group = input.uint();
  if (group >= limits.groupsPerConnection) throw tooLarge('groups of a connection', group + 1, limits.groupsPerConnection);
  const generation = input.uint();
  const name = input.text(limits.textBytes, 'the name of a group');
  const count = input.uint();
  if (count > limits.seriesPerGroup) throw tooLarge('series of a group', count, limits.seriesPerGroup);
  return { group, generation, name, count };
}

export function readSeries(input: ByteReader, count: number, limits: WireLimits): SeriesMeta[] {
  const texts: string[] = [];
  const reference = (limit: number, what: string) => {
    const place = input.uint();
    if (place === 0) {
      const text = input.text(limit, what);
      texts.push(text);
      return text;
    }
    const text = texts[place - 1];
    if (text === undefined) throw malformed(`${what} refers to a text that was not sent`);
    if (text.length * 3 > limit && Buffer.byteLength(text) > limit) throw tooLarge(what, Buffer.byteLength(text), limit);
    return text;
  };
  const series: SeriesMeta[] = [];
  for (let i = 0; i < count; i++) {
    const type = TYPES[input.u8()];
    if (type === undefined) throw malformed('a metric has an unknown type');
    const help = reference(limits.helpBytes, 'the help of a metric');
    const pairs = input.uint();
    if (pairs > limits.labelsPerSeries) throw tooLarge('labels of a series', pairs, limits.labelsPerSeries);
    const labels: string[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      const name = reference(limits.labelNameBytes, 'a label name');
      const value = reference(limits.labelValueBytes, 'a label value');
      if (!isNextLabel(pair === 0 ? '' : labels[labels.length - 2]!, name, value)) throw malformed('labels that are empty or not in order');
      labels.push(name, value);
    }
    series.push({ labels, type, help });
  }
  return series;
}
