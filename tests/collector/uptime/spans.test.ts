import fc from 'fast-check';
import { bars, clip, joinEqual, overlay, type Part, type Span, share, stepSpan, type Verdict } from '../../../collector/uptime/spans.ts';

const MINUTE = 60_000;
const LETTERS: Record<string, Verdict> = { U: 'up', D: 'down', '?': 'unknown' };

/** One letter a minute from 0 on: `UU??D`; the last span stays open. */
function spansOf(text: string): Span[] {
  const each = [...text].map((letter, i): Span => {
    const verdict = LETTERS[letter]!;
    return { fromMs: i * MINUTE, toMs: (i + 1) * MINUTE, seen: verdict, seenReason: letter, proven: verdict, reason: letter };
  });
  const joined = joinEqual(each);
  return joined.map((span, i) => (i === joined.length - 1 ? { ...span, toMs: null } : span));
}

/** Back to letters. */
function letters(spans: readonly Span[], basis: 'seen' | 'proven', minutes: number): string {
  const letterOf = { up: 'U', down: 'D', unknown: '?' };
  let text = '';
  for (let i = 0; i < minutes; i++) {
    const at = spans.find(({ fromMs, toMs }) => fromMs <= i * MINUTE && (toMs === null || toMs > i * MINUTE));
    text += at === undefined ? '.' : letterOf[at[basis]];
  }
  return text;
}

const part = (from: number, to: number, verdict: Verdict): Part => ({
  fromMs: from * MINUTE,
  toMs: to * MINUTE,
  verdict,
  reason: `proven ${verdict}`,
});

describe('an observation', () => {
  const open: Span = { fromMs: 1_000, toMs: null, seen: 'up', seenReason: '', proven: 'up', reason: '' };
  const unknown: Span = { ...open, seen: 'unknown', proven: 'unknown', seenReason: 'lost', reason: 'lost' };
  test.each<[string, Span | undefined, Verdict, string, number, [number, number | null, Verdict, string][]]>([
    ['the first', undefined, 'up', '', 5, [[5, null, 'up', '']]],
    ['the same again', open, 'up', '', 9_000, []],
    ['another verdict', open, 'down', 'off', 9_000, [[1_000, 9_000, 'up', ''], [9_000, null, 'down', 'off']]], // biome-ignore format: a row
    ['from the open span’s start', open, 'down', 'off', 1_000, [[1_000, null, 'down', 'off']]],
    ['from before it', open, 'down', 'off', 10, [[1_000, null, 'down', 'off']]],
    ['a better reason soon', unknown, 'unknown', 'unreachable', 3_000, [[1_000, null, 'unknown', 'unreachable']]],
    ['the collector’s absence keeps its reason', { ...unknown, seenReason: 'collector was off' }, 'unknown', 'no result yet', 3_000, [[1_000, 3_000, 'unknown', 'collector was off'], [3_000, null, 'unknown', 'no result yet']]], // biome-ignore format: a row
    ['another reason later', unknown, 'unknown', 'off', 90_000, [[1_000, 90_000, 'unknown', 'lost'], [90_000, null, 'unknown', 'off']]], // biome-ignore format: a row
  ])('%s', (_what, before, verdict, reason, at, expected) => {
    const spans = stepSpan(before, verdict, reason, at);
    expect(spans.map(({ fromMs, toMs, seen, seenReason }) => [fromMs, toMs, seen, seenReason])).toEqual(expected);
    for (const { seen, proven } of spans) if (seen === verdict) expect(proven).toBe(verdict);
  });
});

// One letter is one minute: U up, D down, ? unknown, . not watched.
test.each<[string, string, Part[], string]>([
  ['a cut link that was filled in', 'UU???UU', [part(2, 5, 'up')], 'UUUUUUU'],
  ['a reboot in it', 'UU???UU', [part(2, 3, 'up'), part(3, 4, 'down'), part(4, 5, 'up')], 'UUUDUUU'],
  ['over several spans', 'UU?D?UU', [part(2, 5, 'up')], 'UUUUUUU'],
  ['the open span is left alone', 'UU??', [part(2, 4, 'up')], 'UU??'],
  ['time before the first span', 'UU??U', [part(-3, 1, 'down')], 'DU??U'],
  ['nothing learned', 'UU??U', [], 'UU??U'],
])('%s', (_what, seen, parts, proven) => {
  const after = overlay(spansOf(seen), parts);
  expect(letters(after, 'seen', seen.length)).toBe(seen);
  expect(letters(after, 'proven', seen.length)).toBe(proven);
});

test('the example of the guide: ten minutes cut and filled in, six minutes off', () => {
  const seen = `${'U'.repeat(60)}${'?'.repeat(10)}${'U'.repeat(24)}${'D'.repeat(6)}`;
  const after = overlay([...spansOf(`${seen}U`)], [part(60, 70, 'up')]);
  const [asSeen, asProven] = [share(after, 'seen', 0, 100 * MINUTE), share(after, 'proven', 0, 100 * MINUTE)];
  expect(asSeen).toEqual({ upMs: 84 * MINUTE, downMs: 6 * MINUTE, unknownMs: 10 * MINUTE, ratio: 84 / 90 });
  expect(asProven).toEqual({ upMs: 94 * MINUTE, downMs: 6 * MINUTE, unknownMs: 0, ratio: 94 / 100 });
});

test('nothing known is no percentage', () => {
  expect(share(spansOf('???'), 'seen', 0, 3 * MINUTE).ratio).toBeNull();
  expect(share([], 'seen', 0, 3 * MINUTE)).toEqual({ upMs: 0, downMs: 0, unknownMs: 0, ratio: null });
});

test('bars end at whole buckets and name the reason that took most of the time', () => {
  const spans = spansOf('UUU?DD?UU');
  const result = bars(spans, 2 * MINUTE, 9 * MINUTE, 3 * MINUTE);
  expect(result.map(({ fromMs, toMs, reason }) => [fromMs / MINUTE, toMs / MINUTE, reason])).toEqual([
    [2, 3, ''],
    [3, 6, 'D'],
    [6, 9, '?'],
  ]);
  expect(result[1]!.seen).toEqual({ upMs: 0, downMs: 2 * MINUTE, unknownMs: MINUTE, ratio: 0 });
});

const history = fc
  .array(fc.constantFrom('U', 'D', '?'), { minLength: 1, maxLength: 40 })
  .map((list) => ({ text: list.join(''), spans: spansOf(list.join('')) }));
const window = fc.tuple(fc.integer({ min: -10, max: 50 }), fc.integer({ min: 1, max: 60 })).map(([from, length]) => [from, from + length]);
const proofs = fc
  .uniqueArray(fc.integer({ min: -5, max: 45 }), { maxLength: 12 })
  .chain((cuts) =>
    fc.tuple(
      fc.constant([...cuts].sort((a, b) => a - b)),
      fc.array(fc.constantFrom('up', 'down', 'unknown'), { minLength: 12, maxLength: 12 }),
    ),
  )
  .map(([cuts, verdicts]) => cuts.slice(1).flatMap((to, i) => (i % 3 === 2 ? [] : [part(cuts[i]!, to, verdicts[i] as Verdict)])));

test('the verdicts of a window add up to the watched part of it', () => {
  fc.assert(
    fc.property(history, window, ({ spans }, [from, to]) => {
      const watched = Math.max(0, to! - Math.max(0, from!)) * MINUTE;
      const { upMs, downMs, unknownMs } = share(spans, 'seen', from! * MINUTE, to! * MINUTE);
      expect(upMs + downMs + unknownMs).toBe(watched);
    }),
  );
});

test('what is learned never changes what was seen, and spans go on touching', () => {
  fc.assert(
    fc.property(history, proofs, ({ text, spans }, parts) => {
      const after = overlay(spans, parts);
      expect(letters(after, 'seen', text.length)).toBe(text);
      for (const [i, span] of after.entries()) if (i > 0) expect(after[i - 1]!.toMs).toBe(span.fromMs);
      expect(after[0]!.fromMs).toBe(0);
      expect(after.at(-1)!.toMs).toBeNull();
      const closedMs = spans.at(-1)!.fromMs;
      for (const { fromMs, toMs, verdict } of parts) {
        for (const span of clip(after, Math.max(0, fromMs), Math.min(toMs, closedMs))) expect(span.proven).toBe(verdict);
      }
      expect(overlay(after, parts)).toEqual(after);
    }),
  );
});

test('bars add up to the whole', () => {
  fc.assert(
    fc.property(history, proofs, window, fc.integer({ min: 1, max: 9 }), ({ spans }, parts, [from, to], bucket) => {
      const after = overlay(spans, parts);
      const list = bars(after, from! * MINUTE, to! * MINUTE, bucket * MINUTE);
      expect(list[0]!.fromMs).toBe(from! * MINUTE);
      expect(list.at(-1)!.toMs).toBe(to! * MINUTE);
      for (const basis of ['seen', 'proven'] as const) {
        const whole = share(after, basis, from! * MINUTE, to! * MINUTE);
        for (const key of ['upMs', 'downMs', 'unknownMs'] as const)
          expect(list.reduce((sum, bar) => sum + bar[basis][key], 0)).toBe(whole[key]);
      }
    }),
  );
});
