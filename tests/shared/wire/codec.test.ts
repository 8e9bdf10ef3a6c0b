import * as fc from 'fast-check';
import { setStale } from '../../../shared/samples.ts';
import { type AgentMessage, WireDecoder, WireEncoder, WireError } from '../../../shared/wire/index.ts';
import { comparable, fromBits, samples, seriesOf } from './rows.ts';

function frameOf(encoder: WireEncoder, messages: readonly AgentMessage[]): Uint8Array {
  encoder.begin();
  for (const message of messages) encoder.message(message);
  return encoder.finish();
}

/** Sends rows of one group, a frame each, and gives back what arrived. */
function overTheWire(rows: readonly Float64Array[]): Float64Array[] {
  const encoder = new WireEncoder();
  const decoder = new WireDecoder();
  decoder.decodeAll(frameOf(encoder, [{ type: 'schema', group: 0, generation: 1, name: 'test', series: seriesOf(rows[0]!.length) }]));
  return rows.flatMap((values, t) => {
    const [message] = decoder.decodeAll(frameOf(encoder, [samples(t + 1, 0, 1, 1_000 * t, values)]));
    return message?.type === 'samples' ? [message.values] : [];
  });
}

/** Bytes of the last of these rows of one group. */
function lastFrameBytes(rows: readonly (readonly number[])[]): number {
  const encoder = new WireEncoder();
  frameOf(encoder, [{ type: 'schema', group: 0, generation: 1, name: 'test', series: seriesOf(rows[0]!.length) }]);
  const sizes = rows.map((row, t) => frameOf(encoder, [samples(t + 1, 0, 1, 1_000 * t, Float64Array.from(row))]).length);
  return sizes.at(-1)!;
}

function bitsOf(rows: readonly Float64Array[]): string[][] {
  return rows.map((row) => Array.from(new BigUint64Array(row.slice().buffer), (bits) => bits.toString(16)));
}

const bitPattern = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }).map((bits) => fromBits(bits));
const special = fc
  .constantFrom(
    0n,
    0x8000_0000_0000_0000n,
    0x7ff0_0000_0000_0002n,
    0x7ff8_0000_0000_0001n,
    0xfff8_dead_beef_0000n,
    0x7ff0_0000_0000_0000n,
    0xfff0_0000_0000_0000n,
    1n,
    0x000f_ffff_ffff_ffffn,
    0x7fef_ffff_ffff_ffffn,
    0x4340_0000_0000_0000n,
    0x4330_0000_0000_0001n,
  )
  .map((bits) => fromBits(bits));
const decimal = fc
  .tuple(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), fc.integer({ min: 0, max: 14 }))
  .map(([mantissa, digits]) => Float64Array.of(mantissa / 10 ** digits));
const product = fc
  .tuple(fc.integer({ min: 0, max: 1_000_000 }), fc.constantFrom(0.1, 0.001, 1e-6, 1e-9, 4096, 2 ** 30))
  .map(([mantissa, scale]) => Float64Array.of(mantissa * scale));
const huge = fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }).map((value) => Float64Array.of(Number(value)));
const anyValue = fc.oneof(
  { weight: 1, arbitrary: bitPattern },
  { weight: 2, arbitrary: special },
  { weight: 4, arbitrary: decimal },
  { weight: 2, arbitrary: product },
  { weight: 1, arbitrary: huge },
);
/** What happens to a column: it stays, moves on as it did, moves a little, or is something else altogether. */
const change = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'stays' as const }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'repeats' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('moves' as const), by: fc.integer({ min: -300, max: 3_000 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('becomes' as const), value: anyValue }) },
);

/** A script of one connection: groups that come, change and go, and rows of them. */
const script = fc.record({
  groups: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 }),
  steps: fc.array(
    fc.record({
      group: fc.nat({ max: 3 }),
      regenerate: fc.integer({ min: 0, max: 30 }).map((n) => n === 0),
      resize: fc.integer({ min: 1, max: 20 }),
      seqStep: fc.constantFrom(1, 1, 1, 1, 5, -3),
      timeStep: fc.constantFrom(0, 0, 1_000, 1_000, 1_003, 997, -60_000),
      presence: fc.option(fc.uint8Array({ minLength: 3, maxLength: 3 }), { freq: 4 }),
      changes: fc.array(change, { minLength: 20, maxLength: 20 }),
    }),
    { minLength: 1, maxLength: 40 },
  ),
});

test('what is decoded is bit for bit what was encoded, whatever the groups, rows and presence', () => {
  fc.assert(
    fc.property(script, ({ groups, steps }) => {
      const sizes = [...groups];
      const generations = sizes.map(() => 1);
      const encoder = new WireEncoder();
      const decoder = new WireDecoder();
      const register = (group: number): AgentMessage => {
        return { type: 'schema', group, generation: generations[group]!, name: `g${group}`, series: seriesOf(sizes[group]!) };
      };
      const sent: AgentMessage[] = sizes.map((_, group) => register(group));
      const received = decoder.decodeAll(frameOf(encoder, sent));
      let rows = sizes.map((size) => new Float64Array(size));
      const motions = sizes.map(() => new Float64Array(20));
      let seq = 0;
      let timeMs = 1_700_000_000_000;
      for (const step of steps) {
        const group = step.group % sizes.length;
        const messages: AgentMessage[] = [];
        if (step.regenerate) {
          sizes[group] = step.resize;
          generations[group]!++;
          rows[group] = new Float64Array(step.resize);
          messages.push(register(group));
        }
        const values = rows[group]!.slice();
        for (let i = 0; i < values.length; i++) {
          const what = step.changes[i]!;
          if (what.kind === 'repeats') values[i]! += motions[group]![i]!;
          else if (what.kind === 'moves') {
            motions[group]![i] = what.by;
            values[i]! += what.by;
          } else if (what.kind === 'becomes') values.set(what.value, i);
        }
        seq = Math.max(1, seq + step.seqStep);
        timeMs += step.timeStep;
        messages.push(samples(seq, group, generations[group]!, timeMs, values, step.presence));
        rows = rows.map((row, at) => (at === group ? values : row));
        sent.push(...messages);
        received.push(...decoder.decodeAll(frameOf(encoder, messages)));
      }
      expect(received.map(comparable)).toEqual(sent.map(comparable));
    }),
    { numRuns: 400 },
  );
});

test('every bit pattern arrives, also in a column of decimals', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.oneof(anyValue, bitPattern), { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 30 }),
      (table) => {
        const rows = table.map((row) => {
          const values = new Float64Array(row.length);
          for (const [i, value] of row.entries()) values.set(value, i);
          return values;
        });
        expect(bitsOf(overTheWire(rows))).toEqual(bitsOf(rows));
      },
    ),
    { numRuns: 500 },
  );
});

test('both sides stay in step over a long connection', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.integer({ min: 0, max: 9 })), (dice) => {
      const next = () => dice.next().value as number;
      const row = new Float64Array(6);
      const rows = Array.from({ length: 1_500 }, () => {
        row[0]! += next() * 1_000_003;
        row[1] = (Math.round(row[1]! * 100) + (next() > 7 ? next() : 0)) / 100;
        if (next() === 0) row[2] = next() === 0 ? Number.NaN : (next() * next()) / 7;
        row[3]! += 1;
        row[4]! -= 4_096 * (next() - 4);
        if (next() === 0) row[5]! += next() * 0.001;
        return row.slice();
      });
      expect(bitsOf(overTheWire(rows))).toEqual(bitsOf(rows));
    }),
    { numRuns: 5 },
  );
});

test('staleness is a value like any other and does not outlive its row', () => {
  const rows = [Float64Array.of(1.5, 7), Float64Array.of(1.75, 8), Float64Array.of(1.75, 9)];
  setStale(rows[1]!, 0);
  expect(bitsOf(overTheWire(rows))).toEqual([
    ['3ff8000000000000', '401c000000000000'],
    ['7ff0000000000002', '4020000000000000'],
    ['3ffc000000000000', '4022000000000000'],
  ]);
});

test.each([
  ['nothing changed', 3, (_t: number, i: number) => i],
  ['a clock in every column', 3 + 13, (t: number) => t],
  ['hundredths that rise by 0 or 1', 3 + 30, (t: number, i: number) => (1_000_000 + Math.floor((t * (i + 1)) / 130)) / 100],
  ['multiples of 4096 that move about', 3 + 100, (t: number, i: number) => 4_096 * (100_000 + ((t * (i + 7)) % 10))],
])('a settled row of 100 columns is short: %s', (_name, most, value) => {
  const rows = Array.from({ length: 60 }, (_, t) => Array.from({ length: 100 }, (_, i) => value(t, i)));
  expect(lastFrameBytes(rows)).toBeLessThanOrEqual(most);
});

test('rows in their usual order cost two bytes beside their columns', () => {
  const encoder = new WireEncoder();
  encoder.begin();
  for (let group = 0; group < 3; group++) encoder.schema(group, 1, `g${group}`, seriesOf(2));
  let seq = 0;
  const tick = (timeMs: number) => {
    encoder.begin();
    for (let group = 0; group < 3; group++) encoder.samples(++seq, group, 1, samples(seq, group, 1, timeMs, Float64Array.of(1, 2)));
    return encoder.finish().length;
  };
  expect([0, 1_000, 2_000, 3_000, 4_000].map(tick).at(-1)).toBe(3 * 2 + 1); // the time, as expected, takes one byte of the first row
});

test('an absent column keeps its reference', () => {
  const encoder = new WireEncoder();
  const decoder = new WireDecoder();
  const messages: AgentMessage[] = [
    { type: 'schema', group: 0, generation: 1, name: 'test', series: seriesOf(3) },
    samples(1, 0, 1, 0, Float64Array.of(1, 2, 3)),
    samples(2, 0, 1, 0, Float64Array.of(1, -1, 4), Uint8Array.of(0b101)),
    samples(3, 0, 1, 0, Float64Array.of(1, -1, 4), Uint8Array.of(0b1111_1101)),
    samples(4, 0, 1, 0, Float64Array.of(1, 2, 4), Uint8Array.of(0xff)),
  ];
  const got = decoder.decodeAll(frameOf(encoder, messages));
  expect(got.map(comparable)).toEqual(messages.map(comparable));
  expect(got.map((message) => (message.type === 'samples' ? message.presence : undefined))).toEqual([
    undefined,
    null,
    Uint8Array.of(0b101),
    Uint8Array.of(0b101),
    null,
  ]);
});

test('a group without series gives its number and its columns back', () => {
  const encoder = new WireEncoder();
  const decoder = new WireDecoder();
  for (let name = 0; name < 50; name++) {
    const messages: AgentMessage[] = [
      { type: 'schema', group: 1, generation: name, name: `container/${name}`, series: seriesOf(10 + name) },
      samples(name + 1, 1, name, name, new Float64Array(10 + name).fill(name)),
      { type: 'schema', group: 1, generation: name, name: `container/${name}`, series: [] },
    ];
    expect(decoder.decodeAll(frameOf(encoder, messages)).map(comparable)).toEqual(messages.map(comparable));
  }
  expect(encoder.generation(1)).toBeUndefined();
});

test.each([
  ['an unknown group', (encoder: WireEncoder) => encoder.samples(1, 9, 1, samples(1, 9, 1, 0, Float64Array.of(1)))],
  ['another generation', (encoder: WireEncoder) => encoder.samples(1, 0, 2, samples(1, 0, 2, 0, Float64Array.of(1, 2)))],
  ['too few values', (encoder: WireEncoder) => encoder.samples(1, 0, 1, samples(1, 0, 1, 0, Float64Array.of(1)))],
  ['a short presence', (encoder: WireEncoder) => encoder.samples(1, 0, 1, samples(1, 0, 1, 0, Float64Array.of(1, 2), new Uint8Array(0)))],
  ['a time with a fraction', (encoder: WireEncoder) => encoder.samples(1, 0, 1, samples(1, 0, 1, 0.5, Float64Array.of(1, 2)))],
  [
    'labels out of order',
    (encoder: WireEncoder) => encoder.schema(0, 2, 'test', [{ labels: ['b', '1', 'a', '1'], type: 'gauge', help: '' }]),
  ],
  ['an empty label', (encoder: WireEncoder) => encoder.schema(0, 2, 'test', [{ labels: ['a', ''], type: 'gauge', help: '' }])],
  ['a negative sequence number', (encoder: WireEncoder) => encoder.samples(-1, 0, 1, samples(-1, 0, 1, 0, Float64Array.of(1, 2)))],
])('the encoder refuses %s and goes on', (_name, act) => {
  const encoder = new WireEncoder();
  const decoder = new WireDecoder();
  encoder.begin();
  encoder.schema(0, 1, 'test', seriesOf(2));
  expect(() => act(encoder)).toThrow(TypeError);
  const row = samples(1, 0, 1, 0, Float64Array.of(1, 2));
  encoder.samples(1, 0, 1, row);
  expect(decoder.decodeAll(encoder.finish()).slice(1).map(comparable)).toEqual([comparable(row)]);
});

test('samples without a schema close the connection as malformed', () => {
  const encoder = new WireEncoder();
  frameOf(encoder, [{ type: 'schema', group: 0, generation: 1, name: 'test', series: seriesOf(1) }]);
  const frame = frameOf(encoder, [samples(1, 0, 1, 0, Float64Array.of(1))]);
  expect(() => new WireDecoder().decodeAll(frame)).toThrow(WireError);
  expect(() => new WireDecoder().decodeAll(frame)).toThrow(/group 0, which has no schema/);
});
