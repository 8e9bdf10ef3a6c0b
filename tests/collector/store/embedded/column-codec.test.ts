import fc from 'fast-check';
import { ByteSink, ByteSource } from '../../../../collector/store/embedded/bytes.ts';
import { ColumnCodec } from '../../../../collector/store/embedded/column-codec.ts';

const codec = new ColumnCodec();

function bitsOf(values: Float64Array): string[] {
  return [...new BigUint64Array(values.buffer, values.byteOffset, values.length)].map((bits) => bits.toString(16));
}

function encode(values: Float64Array, presence: Uint8Array | null = null): Uint8Array {
  const sink = new ByteSink(16);
  sink.u8(0xaa);
  codec.write(sink, values, values.length, presence);
  return sink.take(1);
}

function expectRoundTrip(values: Float64Array): Uint8Array {
  const bytes = encode(values);
  const source = new ByteSource(bytes);
  const out = new Float64Array(values.length);
  expect(codec.read(source, values.length, out, new Uint8Array(1_000))).toBe(values.length);
  expect(source.at).toBe(bytes.length);
  expect(bitsOf(out)).toEqual(bitsOf(values));
  return bytes;
}

const EDGES = [
  0,
  -0,
  1,
  -1,
  0.1,
  1e-15,
  5e-324,
  2.2e-308,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  2 ** 49,
  -(2 ** 49),
  2 ** 49 + 1,
  2 ** 50,
  2 ** 51 - 1,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 53 + 2,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  4096,
  1e22,
  123456.789,
];

test('edge values alone and beside every other edge value', () => {
  for (const a of EDGES) {
    expectRoundTrip(new Float64Array([a]));
    for (const b of EDGES) {
      expectRoundTrip(new Float64Array([a, b]));
      expectRoundTrip(new Float64Array([a, a, b, b, a, 7]));
    }
  }
});

test('NaNs keep their payload', () => {
  expectRoundTrip(
    new Float64Array(new BigUint64Array([0x7ff0000000000002n, 0x7ff8000000000000n, 0xfff0000000000001n, 1n, 1n << 63n]).buffer),
  );
});

test.each([
  ['zeros', () => 0, 1],
  ['a constant integer', () => 123_456, 4],
  ['a counter by one', (i: number) => 1_000_000 + i, 8],
  ['a counter by 4096', (i: number) => 2 ** 40 + i * 4096, 12],
  ['hundredths by division', (i: number) => (88_321_123 + i * 7) / 100, 10],
  ['milliseconds by multiplication', (i: number) => (1_234_567 + i * 13) * 0.001, 10],
  ['microseconds by two divisions', (i: number) => (987_654_321 + i * 1_237) / 1000 / 1000, 12],
  ['nanoseconds', (i: number) => (16_185 + i * 11) / 1e9, 10],
] as const)('60 values of %s take at most %#', (_name, value, maxBytes) => {
  const bytes = expectRoundTrip(Float64Array.from({ length: 60 }, (_, i) => value(i)));
  expect(bytes.length).toBeLessThanOrEqual(maxBytes);
});

test.each([Number.NaN, -0, Number.POSITIVE_INFINITY, 0.123456789012345, 5e-324, 2 ** 60])(
  'one odd value (%d) among integers costs no more than 17 bytes',
  (odd) => {
    for (const at of [0, 1, 30, 59]) {
      const values = Float64Array.from({ length: 60 }, (_, i) => 1_000 + i * 10);
      const plain = expectRoundTrip(values).length;
      values[at] = odd;
      expect(expectRoundTrip(values).length).toBeLessThanOrEqual(plain + 17);
    }
  },
);

test('random bits are never much larger than raw', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 1, maxLength: 100 }), (bits) => {
      const bytes = expectRoundTrip(new Float64Array(new BigUint64Array(bits).buffer));
      return bytes.length <= 1 + 8 * bits.length;
    }),
    { numRuns: 500, seed: 1 },
  );
});

test('decimals of every form and size, with noise', () => {
  const column = fc.record({
    form: fc.constantFrom(0, 1, 2),
    exponent: fc.integer({ min: 0, max: 12 }),
    start: fc.integer({ min: -(2 ** 45), max: 2 ** 45 }),
    steps: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: -100, max: 100 }), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })), {
      maxLength: 130,
    }),
    odd: fc.array(fc.tuple(fc.nat(130), fc.double()), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(column, ({ form, exponent, start, steps, odd }) => {
      let integer = start;
      const values = Float64Array.from([0, ...steps], (step) => {
        integer += step;
        if (form === 0) return integer / 10 ** exponent;
        return form === 1 ? integer * Number(`1e-${exponent}`) : integer / 1000 / 10 ** exponent;
      });
      for (const [at, value] of odd) if (at < values.length) values[at] = value;
      expectRoundTrip(values);
    }),
    { numRuns: 2_000, seed: 2 },
  );
});

test('a sparse column gives back its bitmap', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.oneof(fc.integer(), fc.double(), fc.constant(3))), { minLength: 2, maxLength: 80 }), (cells) => {
      const values = Float64Array.from(cells.filter((cell) => cell !== null));
      fc.pre(values.length > 0 && values.length < cells.length);
      const presence = new Uint8Array((cells.length + 7) >> 3);
      for (const [i, cell] of cells.entries()) if (cell !== null) presence[i >> 3]! |= 1 << (i & 7);
      const bytes = encode(values, presence);
      const out = new Float64Array(cells.length);
      const bitmap = new Uint8Array(10);
      const source = new ByteSource(bytes);
      expect(codec.read(source, cells.length, out, bitmap)).toBe(values.length);
      expect(source.at).toBe(bytes.length);
      expect(bitsOf(out.slice(0, values.length))).toEqual(bitsOf(values));
      expect(bitmap.subarray(0, presence.length)).toEqual(presence);
    }),
    { numRuns: 1_000, seed: 3 },
  );
});
