import {
  formatLiteral,
  formatOpenMetrics,
  formatPlain,
  formatValue,
  parseGoFloat,
  parseNumber,
  quote,
  unquote,
} from '../../../collector/query/text.ts';

test.each([
  [0, '0', '0', '0', '0.0'],
  [-0, '-0', '-0', '-0', '-0.0'],
  [1.5, '1.5', '1.5', '1.5', '1.5'],
  [1e-5, '0.00001', '0.00001', '1e-05', '1e-05'],
  [1.25e-7, '1.25e-07', '0.000000125', '1.25e-07', '1.25e-07'],
  [123456789012345680000, '123456789012345680000', '123456789012345680000', '123456789012345680000', '123456789012345680000.0'],
  [1.5e21, '1.5e+21', '1500000000000000000000', '1.5e+21', '1.5e+21'],
  [5e-324, '5e-324', `0.${'0'.repeat(323)}5`, '5e-324', '5e-324'],
  [Number.POSITIVE_INFINITY, '+Inf', '+Inf', '+Inf', '+Inf'],
  [Number.NEGATIVE_INFINITY, '-Inf', '-Inf', '-Inf', '-Inf'],
  [Number.NaN, 'NaN', 'NaN', 'NaN', 'NaN'],
])('%p is written as Go writes it', (value, answer, plain, literal, openMetrics) => {
  expect([formatValue(value), formatPlain(value), formatLiteral(value), formatOpenMetrics(value)]).toEqual([
    answer,
    plain,
    literal,
    openMetrics,
  ]);
});

test.each([
  ['1', 1],
  ['+1.5e3', 1500],
  ['.5', 0.5],
  ['5.', 5],
  ['0x1p-2', 0.25],
  ['Inf', Number.POSITIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
  ['nan', Number.NaN],
  ['', undefined],
  [' 1', undefined],
  ['1e', undefined],
  ['Hello World', undefined],
])('ParseFloat of %p', (text, value) => expect(parseGoFloat(text)).toBe(value));

test.each([
  ['1_000_000', 1_000_000],
  ['0x_ff', 255],
  ['0755', 493],
  ['08', 8],
  ['1__0', undefined],
  ['1_', undefined],
])('the literal %p', (text, value) => expect(parseNumber(text)).toBe(value));

test.each([
  ['"a\\tb"', 'a\tb'],
  ["'it\\'s'", "it's"],
  ['"\\x41\\101\\u00e9\\U0001F600"', 'AAé😀'],
  ['"\\xc3\\xa9"', 'é'],
  ['`\\n"`', '\\n"'],
  ['"\\\'"', undefined],
  ['"\\ud800"', undefined],
  ['"\\400"', undefined],
  ['"\\q"', undefined],
])('the string %s', (text, value) => {
  expect(unquote(text)).toBe(value);
  if (value !== undefined) expect(unquote(quote(value))).toBe(value);
});

test('bytes that are no UTF-8 survive quoting', () => {
  expect(quote(unquote('"a\\xc5z\\xff\\xc3\\xa9"')!)).toBe('"a\\xc5z\\xffé"');
});
