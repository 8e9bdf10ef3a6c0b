import * as fc from 'fast-check';
import { BitReader, BitWriter } from '../../../shared/wire/bits.ts';
import { ByteReader, ByteWriter } from '../../../shared/wire/bytes.ts';
import { bitLength, findForm, fromMantissa, isForm, RAW_FORM, toMantissa, trailingZeros } from '../../../shared/wire/decimal.ts';

test.each<[number, number]>([
  [0, 0],
  [-17, 0],
  [2 ** 51, 0],
  [2 ** 51 + 1, RAW_FORM],
  [12.5, 1],
  [8_123.45, 2],
  [0.000016185, 9],
  [123.456, 3],
  [7 * 0.1, 13], // 0.7000000000000001, which no division gives
  [9 / 1e3 / 1e3, 25], // 0.000008999999999999999, which neither of the others gives
  [1e-12, 12],
  [1 / 3, RAW_FORM],
  [5e-324, RAW_FORM],
  [1.7e308, RAW_FORM],
  [-0, RAW_FORM],
  [Number.NaN, RAW_FORM],
  [Number.NEGATIVE_INFINITY, RAW_FORM],
])('%d has form %i', (value, form) => {
  expect(findForm(value, 0)).toBe(form);
  if (form !== RAW_FORM) expect(fromMantissa(toMantissa(value, form), form)).toBe(value);
});

test('a column keeps the digits it had', () => {
  expect(findForm(12, 3)).toBe(3);
  expect(findForm(12.0625, 3)).toBe(4);
});

test('every form that is found leads back to the same double', () => {
  fc.assert(
    fc.property(fc.double(), fc.integer({ min: 0, max: 12 }), (value, digits) => {
      const form = findForm(value, digits);
      expect(isForm(form) || form === RAW_FORM).toBe(true);
      if (isForm(form)) expect(Object.is(fromMantissa(toMantissa(value, form), form), value)).toBe(true);
    }),
  );
});

test('bit length and trailing zeros agree with those of a bigint', () => {
  const wide = fc.integer({ min: 0, max: 53 }).chain((bits) => fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) }));
  fc.assert(
    fc.property(wide, fc.boolean(), (value, negative) => {
      expect(bitLength(Number(value))).toBe(value === 0n ? 0 : value.toString(2).length);
      const zeros = /0*$/.exec(value.toString(2))![0].length;
      expect(trailingZeros(Number(negative ? -value : value))).toBe(value === 0n ? 31 : Math.min(31, zeros));
    }),
  );
});

test('bits come back as they were put, and missing ones are zeros', () => {
  const piece = fc.oneof(
    fc
      .integer({ min: 0, max: 24 })
      .chain((width) => fc.record({ kind: fc.constant('bits'), width: fc.constant(width), value: fc.nat({ max: 2 ** width - 1 }) })),
    fc
      .integer({ min: 25, max: 53 })
      .chain((width) =>
        fc.record({ kind: fc.constant('long'), width: fc.constant(width), value: fc.maxSafeNat().map((n) => n % 2 ** width) }),
      ),
    fc.record({ kind: fc.constant('gamma'), width: fc.constant(0), value: fc.integer({ min: 1, max: 65_535 }) }),
    fc.record({ kind: fc.constant('ones'), width: fc.constant(12), value: fc.integer({ min: 0, max: 12 }) }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const out = new ByteWriter();
      out.reserve(1_024);
      const writer = new BitWriter();
      writer.open(out);
      for (const { kind, width, value } of pieces) {
        if (kind === 'bits') writer.put(value, width);
        else if (kind === 'long') writer.putLong(value, width);
        else if (kind === 'gamma') writer.putGamma(value);
        else writer.put(value === 12 ? 0xfff : (1 << (value + 1)) - 2, value === 12 ? 12 : value + 1);
      }
      writer.close(out);
      if (out.length > 0) expect(out.bytes[out.length - 1]).not.toBe(0);
      const reader = new BitReader();
      reader.open(out.bytes.slice(0, out.length), 0, out.length);
      for (const { kind, width, value } of pieces) {
        if (kind === 'bits') expect(reader.take(width)).toBe(value);
        else if (kind === 'long') expect(reader.takeLong(width)).toBe(value);
        else if (kind === 'gamma') expect(reader.takeGamma()).toBe(value);
        else expect(reader.takeOnes(12)).toBe(value);
      }
    }),
  );
});

test('integers and texts come back as they were written', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.integer({ min: -(2 ** 51), max: 2 ** 51 }), fc.string({ unit: 'binary' }), (uint, int, text) => {
      const out = new ByteWriter();
      out.uint(uint);
      out.int(int);
      out.text(text, 1_000, 'text');
      const input = new ByteReader();
      input.open(out.bytes, 0, out.length);
      expect([input.uint(), input.int(), input.text(1_000, 'text'), input.atEnd]).toEqual([uint, int, text, true]);
    }),
  );
});
