import fc from 'fast-check';
import { compileMatcher } from '../../../collector/store/index.ts';

test.each([
  ['abc', ['abc'], ['abcd', 'xabc', '']],
  ['a|b|', ['a', 'b', ''], ['c', 'ab']],
  ['(a|b)', ['a', 'b'], ['', '(a']],
  ['(?:a|b)', ['a', 'b'], ['c']],
  ['(?i:ab)', ['ab', 'AB'], ['b']],
  ['a\\.b', ['a.b'], ['axb']],
  ['a\\|b', ['a|b'], ['a', 'b']],
  ['a\\\\|b', ['a\\', 'b'], ['a']],
  ['web-.*', ['web-', 'web-1', 'web-\n'], ['web', 'xweb-1']],
  ['web-.+', ['web-1'], ['web-']],
  ['.*-1', ['-1', 'web-1'], ['-10']],
  ['.+-1', ['web-1'], ['-1']],
  ['.*b.+', ['bx', 'abb'], ['b', 'ab']],
  ['.+b.+', ['bbb', 'abc'], ['bb', 'bc', 'ab']],
  ['.*', ['', 'x'], []],
  ['.+', ['x', '\n'], ['']],
  ['a|ab', ['a', 'ab'], ['abc']],
  ['(a|ab)(c|bcd)?', ['a', 'abcd', 'abbcd'], ['abcdx']],
  ['[a-c]{2}', ['ab'], ['a', 'abc']],
  ['^web$', ['web'], ['webs']],
])('=~ %s', (pattern, yes, no) => {
  const positive = compileMatcher('l', '=~', pattern);
  const negative = compileMatcher('l', '!~', pattern);
  for (const value of yes) expect([value, positive.matches(value), negative.matches(value)]).toEqual([value, true, false]);
  for (const value of no) expect([value, positive.matches(value), negative.matches(value)]).toEqual([value, false, true]);
});

test('equality compares whole values', () => {
  expect(compileMatcher('l', '=', 'a.*').matches('ab')).toBe(false);
  expect(compileMatcher('l', '!=', 'a').matches('')).toBe(true);
});

test.each(['a(', '[', '*', 'a**', '(?=a)', '\\1', ')('])('%s is refused', (pattern) => {
  expect(() => compileMatcher('l', '=~', pattern)).toThrow(expect.objectContaining({ code: 'QUERY_INVALID' }));
});

test('shortcuts agree with the machine', () => {
  const part = fc.constantFrom('.*', '.+', 'a', 'ab', 'b', '\\.', '|', '');
  const value = fc.stringMatching(/^[ab.]{0,5}$/);
  fc.assert(
    fc.property(fc.array(part, { maxLength: 4 }), value, (parts, candidate) => {
      const pattern = parts.join('');
      fc.pre(!/[*+][*+]/.test(pattern.replaceAll('.*', '').replaceAll('.+', '')));
      // A group that no shortcut recognises.
      const slow = compileMatcher('l', '=~', `(?:(?:${pattern}))`);
      return compileMatcher('l', '=~', pattern).matches(candidate) === slow.matches(candidate);
    }),
    { numRuns: 2_000, seed: 11 },
  );
});

test('an expression that blows up a backtracking engine answers', () => {
  expect(compileMatcher('l', '=~', '(a+)+b').matches('a'.repeat(5_000))).toBe(false);
});
