import { AppError, SteppedClock } from '@bellwether/shared';
import { createQueryEngine, parse, print } from '../../collector/query/index.ts';
import { openMemoryStore } from '../../collector/store/index.ts';

const seed = Number(process.env.FUZZ_SEED ?? 20_240_531);
const CASES = 20_000;

const WORDS = [
  'sum',
  'topk',
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'bool',
  'and',
  'or',
  'unless',
  'atan2',
  'offset',
  'a',
  'b_total',
  'le',
  'inf',
  'nan',
  'rate',
  'time',
  'vector',
  'absent',
  'label_replace',
  'histogram_quantile',
  'max_over_time',
  'step',
  'range',
  'start',
  'end',
  'fill',
  'anchored',
  'smoothed',
  'min_of',
  'info',
  '5m',
  '1',
  '0x1f',
  '.5',
  '1e3',
  '1h30m',
  '"s"',
  "'t'",
  '`u`',
  '"\\xff"',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  ',',
  ':',
  '@',
  '=',
  '!=',
  '=~',
  '!~',
  '==',
  '<',
  '>=',
  '+',
  '-',
  '*',
  '/',
  '%',
  '^',
  '</',
  ' ',
  '\n',
  '# c\n',
  'é',
  '\u0000',
  '\ud800',
];
const QUERIES = [
  'sum by (job) (rate(a_total{code=~"5.."}[5m] offset 1m)) / on (job) group_left (x) b > bool 0.05',
  'histogram_quantile(0.9, sum by (le) (rate(a_bucket[5m])))',
  'max_over_time((a + b)[1h:30s] @ end()) and on () vector(1) unless c{d!~"e|f"}',
  'label_replace(topk(3, a), "x", "$1", "y", "(.*)") or absent(z{q="1"})',
  'a[step() + 1m:max_of(5s, range())] offset -(2 * 3)',
  '{"a b", "c.d"="e"} + fill_left(1) ignoring(x) b',
  '-a ^ 2 ^ b * count_values("v", c) without (d)',
];

function randomOf(start: number): () => number {
  let state = start;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32;
  };
}

function mutated(random: () => number): string {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  if (random() < 0.3) return Array.from({ length: 1 + Math.floor(random() * 12) }, () => pick(WORDS)).join(random() < 0.5 ? ' ' : '');
  let text = pick(QUERIES);
  for (let i = 0, count = 1 + Math.floor(random() * 4); i < count; i++) {
    const at = Math.floor(random() * (text.length + 1));
    const cut = Math.floor(random() * 4);
    text = text.slice(0, at) + (random() < 0.6 ? pick(WORDS) : '') + text.slice(at + cut);
  }
  return text;
}

test(`any text is parsed or refused as QUERY_INVALID, and what is parsed prints to itself (seed ${seed})`, () => {
  const random = randomOf(seed);
  let accepted = 0;
  for (let i = 0; i < CASES; i++) {
    const query = mutated(random);
    let canonical: string;
    try {
      canonical = print(parse(query));
    } catch (error) {
      if (error instanceof AppError && error.code === 'QUERY_INVALID') continue;
      throw new Error(`case ${i}: ${JSON.stringify(query)}`, { cause: error });
    }
    accepted++;
    try {
      expect(print(parse(canonical))).toBe(canonical);
    } catch (error) {
      throw new Error(`case ${i}: ${JSON.stringify(query)} printed as ${JSON.stringify(canonical)}`, { cause: error });
    }
  }
  expect(accepted).toBeGreaterThan(CASES / 20);
});

test(`what is parsed is evaluated or fails with a code (seed ${seed})`, async () => {
  const random = randomOf(seed + 1);
  const clock = new SteppedClock(10_000_000);
  const engine = createQueryEngine({ store: openMemoryStore({ clock }), clock, limits: { maxSamples: 100_000 } });
  for (let i = 0; i < CASES / 10; i++) {
    const query = mutated(random);
    try {
      if (i % 2 === 0) await engine.instant(query, 10_000_000);
      else await engine.range(query, 9_000_000, 10_000_000, 60_000);
    } catch (error) {
      if (error instanceof AppError && error.code.startsWith('QUERY_')) continue;
      throw new Error(`case ${i}: ${JSON.stringify(query)}`, { cause: error });
    }
  }
});
