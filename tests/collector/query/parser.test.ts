import { AppError } from '@bellwether/shared';
import { parse, pretty, print } from '../../../collector/query/index.ts';

function errorOf(query: string): string {
  try {
    parse(query);
  } catch (error) {
    if (error instanceof AppError && error.code === 'QUERY_INVALID') return error.message.replace('parse error: ', '');
    throw error;
  }
  return 'accepted';
}

describe('accepted, with its canonical text', () => {
  test.each([
    ['1_000', '1000'],
    ['0x1F', '31'],
    ['0755', '493'],
    ['.5', '0.5'],
    ['2.', '2'],
    ['1e-7', '1e-07'],
    ['0.00001', '1e-05'],
    ['1e21', '1e+21'],
    ['iNf', '+Inf'],
    ['-inf', '-Inf'],
    ['nan', 'NaN'],
    ['1h30m', '1h30m'],
    ["'it\\'s \\x41\\u00e9'", '"it\'s Aé"'],
    ['`a\\n`', '"a\\\\n"'],
    ['"\\xc5"', '"\\xc5"'],
    ['foo # a comment\n{ a = "b", }', 'foo{a="b"}'],
    ['a:b:c', 'a:b:c'],
    ['{"a.b", "c d"=~"x|y", e!~"z"}', '{"a.b","c d"=~"x|y",e!~"z"}'],
    ['{__name__=~"a.+",__name__!="ab"}', '{__name__=~"a.+",__name__!="ab"}'],
    ['{"foo"}', 'foo'],
    ['foo [ 300 ]', 'foo[5m]'],
    ['foo[5m] OFFSET -1h @ 12.5', 'foo[5m] @ 12.500 offset -1h'],
    ['foo @ end()', 'foo @ end()'],
    ['foo[1h:]', 'foo[1h:]'],
    ['foo[1h:30s] @ start() offset 5m', 'foo[1h:30s] @ start() offset 5m'],
    ['foo[(STEP()+1m)*2:max_of(step(),5s)]', 'foo[(step() + 1m) * 2:max_of(step(), 5s)]'],
    ['foo offset (2 ^ 3 - 1)', 'foo offset (2 ^ 3 - 1)'],
    ['rate(foo[5m] smoothed offset 1m)', 'rate(foo[5m] smoothed offset 1m)'],
    ['rate(foo[5m] ANCHORED)', 'rate(foo[5m] anchored)'],
    ['-1 ^ 2', '-1 ^ 2'],
    ['+foo', '+foo'],
    ['a ^ b ^ c * d', 'a ^ b ^ c * d'],
    ['a ATAN2 b % c', 'a atan2 b % c'],
    ['a == BOOL b', 'a == bool b'],
    ['a OR b And c uNless d', 'a or b and c unless d'],
    ['a</b', 'a </ b'],
    ['a * on(x,y) group_left(z) b', 'a * on (x, y) group_left (z) b'],
    ['a * on() b', 'a * on () b'],
    ['a / ignoring("l 1") group_right b', 'a / ignoring ("l 1") group_right () b'],
    ['a + fill(0) b', 'a + fill (0) b'],
    ['a + on(x) fill_left(-1) fill_right(NaN) b', 'a + on (x) fill_left (-1) fill_right (NaN) b'],
    ['SUM(a) By (b, "c.d")', 'sum by (b, "c.d") (a)'],
    ['sum without() (a)', 'sum without () (a)'],
    ['topk by(x)(3, a)', 'topk by (x) (3, a)'],
    ['count_values("v", a)', 'count_values("v", a)'],
    ['round(a)', 'round(a)'],
    ['label_join(a, "b", "-")', 'label_join(a, "b", "-")'],
    ['minute()', 'minute()'],
    ['info(a, {x="1"})', 'info(a, {x="1"})'],
    ['sum + by + on + offset + fill + step + bool', 'sum + by + on + offset + fill + step + bool'],
    ['and and and', 'and and and'],
    ['by{x="1"}', 'by{x="1"}'],
    ['((a))', '((a))'],
  ])('%s', (query, canonical) => {
    expect(print(parse(query))).toBe(canonical);
    expect(print(parse(canonical))).toBe(canonical);
  });
});

describe('refused, with where and why', () => {
  test.each([
    ['', 'unknown position: no expression found in input'],
    ['# nothing\n', '1:1: no expression found in input'],
    ['1 +', '1:4: unexpected end of input'],
    ['\n\n1 +\n*', '4:1: unexpected <op:*>'],
    ['.', "1:1: unexpected character: '.'"],
    ['2.5.', "1:4: unexpected character: '.'"],
    ['100..4', '1:5: unexpected number ".4"'],
    ['0deadbeef', '1:1: bad number or duration syntax: "0de"'],
    ['(1))', "1:4: unexpected right parenthesis ')'"],
    ['((1)', '1:5: unclosed left parenthesis'],
    ['1 and 1', '1:1: set operator "and" not allowed in binary scalar expression'],
    ['1 == 1', '1:3: comparisons between scalars must use BOOL modifier'],
    ['1 !~ 1', "1:3: unexpected character after '!': '~'"],
    ['1 =~ 1', "1:3: unexpected character after '=': '~'"],
    ['1 = 1', '1:3: unexpected "="'],
    ['-"a"', '1:1: unary expression only allowed on expressions of type scalar or instant vector, got "string"'],
    ['-a[5m]', '1:1: unary expression only allowed on expressions of type scalar or instant vector, got "range vector"'],
    ['1 offset 1d', '1:1: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery'],
    ['a offset 1s offset 2s', '1:1: offset may not be set multiple times'],
    ['a @ 1 @ 2', '1:1: @ <timestamp> may not be set multiple times'],
    ['a @ x', '1:5: unexpected identifier "x" in @, expected timestamp'],
    ['a @ Inf', '1:5: timestamp out of bounds for @ modifier: Infinity'],
    ['a - on(b) ignoring(c) d', '1:11: unexpected <ignoring>'],
    ['a and on(b) group_left(c) d', '1:1: no grouping allowed for "and" operation'],
    ['a + on(b) group_left(c, b) d', '1:3: label "b" must not occur in ON and GROUP clause at once'],
    ['1 + on(b) a', '1:1: vector matching only allowed between instant vectors'],
    ['a + bool b', '1:3: bool modifier can only be used on comparison operators'],
    ['a and fill(1) b', '1:1: filling in missing series not allowed for set operators'],
    ['a[5m] + 1', '1:1: binary expression must contain only scalar and instant vector types'],
    ['a{', '1:3: unexpected end of input inside braces'],
    ['a}', "1:2: unexpected character: '}'"],
    ['a{b=c}', '1:5: unexpected identifier "c" in label matching, expected string'],
    ['a{b:c="d"}', "1:4: unexpected character inside braces: ':'"],
    ['a{b}', '1:4: unexpected "}" in label matching, expected label matching operator'],
    ['a{b="c" d="e"}', '1:9: unexpected identifier "d" in label matching, expected "," or "}"'],
    ['a{,}', '1:3: unexpected "," in label matching, expected identifier or "}"'],
    ['{}', '1:1: vector selector must contain at least one non-empty matcher'],
    ['{a=~".*"}', '1:1: vector selector must contain at least one non-empty matcher'],
    ['a{__name__="b"}', '1:1: metric name must not be set twice: "a" or "b"'],
    ['a{b=~"("}', '1:3: error parsing regexp: missing closing ): `^(?s:()$`'],
    ['a[5mm]', '1:3: bad number or duration syntax: "5mm"'],
    ['a[1h1h]', '1:3: bad number or duration syntax: "1h1h"'],
    ['a[]', '1:3: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()'],
    ['a[0]', '1:3: duration must be greater than 0'],
    ['a[5m', '1:5: unclosed left bracket'],
    ['a[5m:30s:1s]', '1:9: unexpected ":" in subquery selector, expected "]"'],
    ['(a + b)[5m]', '1:8: ranges only allowed for vector selectors'],
    ['a offset 5m [5m]', '1:13: no offset modifiers allowed before range'],
    ['a @ 1 [5m]', '1:7: no @ modifiers allowed before range'],
    ['a[5m:1m][5m:1m]', '1:1: subquery is only allowed on instant vector, got matrix instead'],
    ['a[5m] offset', '1:13: unexpected end of input in offset, expected number, duration, step(), or range()'],
    ['sum()', '1:1: no arguments for aggregate expression provided'],
    ['topk(a)', '1:1: wrong number of arguments for aggregate expression provided, expected 2, got 1'],
    ['topk(a, b)', '1:6: expected type scalar in aggregation parameter, got instant vector'],
    ['count_values(5, a)', '1:14: expected type string in aggregation parameter, got scalar'],
    ['sum(5)', '1:5: expected type instant vector in aggregation expression, got scalar'],
    ['sum(a) by (b) by (c)', '1:15: unexpected <by>'],
    ['sum by (1) (a)', '1:9: unexpected number "1" in grouping opts, expected label'],
    ['floor()', '1:1: expected 1 argument(s) in call to "floor", got 0'],
    ['round()', '1:1: expected at least 1 argument(s) in call to "round", got 0'],
    ['hour(a, b)', '1:1: expected at most 1 argument(s) in call to "hour", got 2'],
    ['floor(a,)', '1:8: trailing commas not allowed in function call args'],
    ['floor(1)', '1:7: expected type instant vector in call to function "floor", got scalar'],
    ['rate(a)', '1:6: expected type range vector in call to function "rate", got instant vector'],
    ['Rate(a[5m])', '1:1: unknown function with name "Rate"'],
    ['info(a, b + 1)', '1:9: expected label selectors only'],
    ['"a', '1:1: unterminated quoted string'],
    ['`a', '1:1: unterminated raw string'],
    ['"\\q"', '1:1: error unquoting string: invalid syntax'],
    ['a b(', '1:3: unexpected identifier "b"'],
    ['a anchored', '1:3: anchored modifier must be preceded by a range vector selector'],
  ])('%s', (query, text) => expect(errorOf(query)).toBe(text));

  test('nesting beyond every use', () => {
    expect(errorOf(`a${'+a'.repeat(5000)}`)).toMatch(/more than 1000 operators in a row$/);
    expect(errorOf(`${'('.repeat(5000)}1${')'.repeat(5000)}`)).toMatch(/nests deeper than 400 levels$/);
    expect(errorOf(`${'-'.repeat(5000)}1`)).toMatch(/nests deeper/);
    expect(errorOf(`a[${'('.repeat(5000)}1${')'.repeat(5000)}]`)).toMatch(/nests too deep$/);
    expect(errorOf(`a[${'-'.repeat(5000)}1]`)).toMatch(/nests too deep$/);
  });
});

test('long expressions are broken up', () => {
  const query =
    'sum by (job) (rate(http_requests_total{code=~"5..",method="GET"}[5m])) / on (job) group_left () sum by (job) (rate(http_requests_total[5m]))';
  expect(pretty(parse(query))).toBe(`  sum by (job) (rate(http_requests_total{code=~"5..",method="GET"}[5m]))
/ on (job) group_left ()
  sum by (job) (rate(http_requests_total[5m]))`);
  expect(pretty(parse('up'))).toBe('up');
});
