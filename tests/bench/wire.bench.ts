/**
 * Bytes per sample and CPU microseconds per row of the wire coding, over a recording of a real host at 1 s. `BELLWETHER_PEERS` names the folder with
 * `rec1-all.pbd.gz` (head: `PBD1`, u32 length, JSON; then blocks of doubles, series by series). Prints one JSON line.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { labelsFrom } from '../../shared/labels.ts';
import type { GroupRow, SeriesMeta } from '../../shared/series.ts';
import { WireDecoder, WireEncoder } from '../../shared/wire/index.ts';

/** CPU time of this process: other work on the machine does not count. */
function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

interface Head {
  start_ms: number;
  step_ms: number;
  steps: number;
  blockSteps: number;
  series: { m: string; f: string; tags: Record<string, string> }[];
}

interface RecordedGroup {
  name: string;
  series: SeriesMeta[];
  rows: GroupRow[];
}

function readRecording(file: string): RecordedGroup[] {
  const bytes = gunzipSync(readFileSync(file));
  const headLength = bytes.readUInt32LE(4);
  const head = JSON.parse(bytes.toString('utf8', 8, 8 + headLength)) as Head;
  const doubles = new Float64Array(head.series.length * head.steps);
  new Uint8Array(doubles.buffer).set(bytes.subarray(8 + headLength, 8 + headLength + doubles.byteLength));
  const members = new Map<string, number[]>();
  for (const [s, { m }] of head.series.entries()) members.set(m, [...(members.get(m) ?? []), s]);
  // What has one or two series of its own stands for the small inputs, which an agent reads as one.
  const small = [...members].filter(([, list]) => list.length < 4);
  for (const [name] of small) members.delete(name);
  members.set(
    'other',
    small.flatMap(([, list]) => list),
  );
  return [...members].map(([name, list]) => ({
    name,
    series: list.map((s) => {
      const { m, f, tags } = head.series[s]!;
      return { labels: labelsFrom({ __name__: `${m}_${f}`, job: 'node', ...tags }), type: 'untyped', help: '' };
    }),
    rows: Array.from({ length: head.steps }, (_, t) => {
      const block = Math.floor(t / head.blockSteps);
      const at = block * head.series.length * head.blockSteps + (t % head.blockSteps);
      return {
        timeMs: head.start_ms + t * head.step_ms,
        presence: null,
        values: Float64Array.from(list, (s) => doubles[at + s * head.blockSteps]!),
      };
    }),
  }));
}

function encodeAll(groups: readonly RecordedGroup[]): { schemas: Uint8Array; ticks: Uint8Array[]; micros: number } {
  const encoder = new WireEncoder();
  encoder.begin();
  for (const [group, { name, series }] of groups.entries()) encoder.schema(group, 1, name, series);
  const schemas = encoder.finish().slice();
  const ticks: Uint8Array[] = [];
  let seq = 0;
  const start = cpuMicros();
  for (let t = 0; t < groups[0]!.rows.length; t++) {
    encoder.begin();
    for (let group = 0; group < groups.length; group++) encoder.samples(++seq, group, 1, groups[group]!.rows[t]!);
    ticks.push(encoder.finish().slice());
  }
  return { schemas, ticks, micros: cpuMicros() - start };
}

function decodeAll(groups: readonly RecordedGroup[], schemas: Uint8Array, ticks: readonly Uint8Array[]): number {
  const decoder = new WireDecoder();
  let checked = 0;
  let tick = 0;
  const sink = {
    samples(_seq: number, group: number, _generation: number, timeMs: number, _presence: Uint8Array | null, values: Float64Array) {
      const row = groups[group]!.rows[tick]!;
      if (row.timeMs !== timeMs) throw new Error(`time of group ${group} differs`);
      for (let i = 0; i < values.length; i++)
        if (!Object.is(values[i], row.values[i])) throw new Error(`value ${i} of group ${group} differs`);
      checked += values.length;
    },
    message() {},
  };
  decoder.decode(schemas, sink);
  const quiet = { samples() {}, message() {} };
  for (; tick < ticks.length; tick++) decoder.decode(ticks[tick]!, sink);
  if (checked !== groups.reduce((sum, { rows, series }) => sum + rows.length * series.length, 0)) throw new Error('samples are missing');
  const timed = new WireDecoder();
  timed.decode(schemas, quiet);
  const start = cpuMicros();
  for (const frame of ticks) timed.decode(frame, quiet);
  return cpuMicros() - start;
}

const folder = process.env.BELLWETHER_PEERS;
if (folder === undefined) throw new Error('BELLWETHER_PEERS must name the folder with rec1-all.pbd.gz.');
const groups = readRecording(join(folder, 'rec1-all.pbd.gz'));
const series = groups.reduce((sum, group) => sum + group.series.length, 0);
encodeAll(groups);
const { schemas, ticks, micros } = encodeAll(groups);
const decodeMicros = decodeAll(groups, schemas, ticks);
const bytes = ticks.reduce((sum, tick) => sum + tick.length, 0);
const steady = ticks.slice(30).reduce((sum, tick) => sum + tick.length, 0);
const rows = ticks.length * groups.length;
console.log(
  JSON.stringify({
    groups: groups.length,
    series,
    seconds: ticks.length,
    schemaBytes: schemas.length,
    firstTickBytes: ticks[0]!.length,
    bytesPerSample: +(bytes / ticks.length / series).toFixed(3),
    bytesPerSampleAfter30s: +(steady / (ticks.length - 30) / series).toFixed(3),
    encodeMicrosPerTick: +(micros / ticks.length).toFixed(1),
    decodeMicrosPerTick: +(decodeMicros / ticks.length).toFixed(1),
    encodeMicrosPerRow: +(micros / rows).toFixed(2),
    decodeMicrosPerRow: +(decodeMicros / rows).toFixed(2),
  }),
);
