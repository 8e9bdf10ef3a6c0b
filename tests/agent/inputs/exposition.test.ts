import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { ExpositionError, parseExposition } from '../../../agent/inputs/exposition.ts';

const corpora = process.env.BELLWETHER_CORPORA;
const seed = Number(process.env.FUZZ_SEED ?? 8720);

/** Samples as `name{labels} value @time`. */
const samplesOf = (text: string) =>
  parseExposition(text).flatMap(({ samples }) =>
    samples.map(
      ({ name, labels, value, timeMs }) =>
        `${name}{${Object.entries(labels)
          .map((pair) => pair.join('='))
          .join(',')}} ${value}${timeMs === undefined ? '' : ` @${timeMs}`}`,
    ),
  );

test.each([
  ['a 1\n', ['a{} 1']],
  ['a{} 1\n', ['a{} 1']],
  ['a:b_c{} -.5e3\n', ['a:b_c{} -500']],
  [' \ta { x = "1" , y="2", }  3.  -4 \n', ['a{x=1,y=2} 3 @-4']],
  ['a +Inf\nb -inf\nc nan\nd INFINITY\n', ['a{} Infinity', 'b{} -Infinity', 'c{} NaN', 'd{} Infinity']],
  ['a{x="q\\"b\\\\n\\n"} 1\n', ['a{x=q"b\\n\n} 1']],
  ['a{x="}, # ="} 1\n', ['a{x=}, # =} 1']],
  ['# whatever\n#\n\n   \n#EOF\n', []],
])('%j', (text, samples) => expect(samplesOf(text)).toEqual(samples));

test.each([
  ['a 1', 'middle of a line'],
  ['a\n', 'no value'],
  ['a b\n', 'no value'],
  ['a 0x10\n', 'no value'],
  ['a 1_000\n', 'no value'],
  ['1a 2\n', 'no metric name'],
  ['a{x=1} 2\n', 'without quotes'],
  ['a{x="1} 2\n', 'closing quote'],
  ['a{x="1"y="2"} 2\n', 'no comma'],
  ['a{x="1",x="2"} 2\n', 'occurs twice'],
  ['a{,} 2\n', 'no label name'],
  ['a{x="\\t"} 2\n', 'unknown escape'],
  ['a{x="\\', 'middle of a line'],
  ['a{x="\\\n', 'closing quote'],
  ['a 1 2 3\n', 'follows'],
  ['a 1 2.5\n', 'milliseconds'],
  ['# HELP a x\\q\n', 'unknown escape'],
])('%j is refused', (text, reason) => expect(() => parseExposition(text)).toThrow(reason));

test('an error names its line', () => {
  expect(() => parseExposition('a 1\n\nb x\n')).toThrow(/^line 3: /);
});

test('families carry type and help, and own what histograms and summaries are made of', () => {
  const text = `# HELP h Time.\\nSecond line, \\\\ and "quotes".
# TYPE h histogram
h_bucket{le="+Inf"} 2
h_sum 3
h_count 2
# TYPE s summary
s{quantile="0.5"} 1
s_bucket 7
# TYPE h_count_other counter
h_other 1
`;
  expect(parseExposition(text).map(({ name, type, help, samples }) => [name, type, help, samples.length])).toEqual([
    ['h', 'histogram', 'Time.\nSecond line, \\ and "quotes".', 3],
    ['s', 'summary', '', 1],
    ['s_bucket', 'untyped', '', 1],
    ['h_other', 'untyped', '', 1],
  ]);
});

test('limits end it before memory is spent', () => {
  const limits = { samples: 2, labelsPerSample: 1, nameLength: 8, valueLength: 4 };
  expect(() => parseExposition('a 1\nb 2\nc 3\n', limits)).toThrow('more than 2 samples');
  expect(() => parseExposition('a{x="1",y="2"} 1\n', limits)).toThrow('more than 1 labels');
  expect(() => parseExposition('abcdefghi 1\n', limits)).toThrow('longer than 8');
  expect(() => parseExposition('a{x="12345"} 1\n', limits)).toThrow('longer than 4');
});

(corpora ? test : test.skip)('accepts and refuses what the reference parser does (corpora/exposition)', () => {
  const folder = join(corpora!, 'exposition/expfmt-fuzz');
  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), 'utf8');
    const isRefused = ((): boolean => {
      try {
        parseExposition(text);
        return false;
      } catch (error) {
        expect(error).toBeInstanceOf(ExpositionError);
        return true;
      }
    })();
    expect([name, isRefused]).toEqual([name, name.includes('error')]);
  }
});

(corpora ? test : test.skip)('reads real scrapes whole (corpora/exposition)', () => {
  const read = (path: string) => readFileSync(join(corpora!, 'exposition', path), 'utf8');
  for (const path of ['textparse/alltypes.237mfs.prom.txt', 'textparse/alltypes.237mfs.nometa.prom.txt', 'expfmt-testdata/text']) {
    const text = read(path);
    const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
    expect(parseExposition(text).reduce((sum, { samples }) => sum + samples.length, 0)).toBe(lines.length);
  }
  expect(parseExposition(read('textparse/alltypes.237mfs.prom.txt')).length).toBe(237);
});

test(`what is written is read back (seed ${seed})`, () => {
  const name = fc.stringMatching(/^[a-z_:][a-z0-9_:]{0,8}$/);
  const label = fc.stringMatching(/^[a-z][a-z0-9_]{0,5}$/);
  const sample = fc.record({ name, labels: fc.dictionary(label, fc.string({ unit: 'binary' })), value: fc.double() });
  const quote = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  fc.assert(
    fc.property(sample, ({ name: metric, labels, value }) => {
      const pairs = Object.entries(labels).map(([key, text]) => `${key}="${quote(text)}"`);
      const [family] = parseExposition(`${metric}{${pairs.join(',')}} ${value}\n`);
      expect(family!.samples[0]!.labels).toEqual({ ...labels });
      expect(family!.samples[0]!.value).toBe(value === 0 ? Number(`${value}`) : value);
    }),
    { seed },
  );
});

test(`damaged text is refused with a line, never anything else (seed ${seed})`, () => {
  const good = '# HELP a text\n# TYPE a histogram\na_bucket{le="1",x="y\\n"} 2 1234\na_sum 3e7\nb NaN\n';
  const damage = fc.array(fc.tuple(fc.nat(good.length), fc.constantFrom(...'{}"\\\n #=,+-.eEx1é', ''), fc.boolean()), { maxLength: 5 });
  fc.assert(
    fc.property(damage, (edits) => {
      let text = good;
      for (const [at, character, replace] of edits) text = text.slice(0, at) + character + text.slice(at + (replace ? 1 : 0));
      try {
        parseExposition(text);
      } catch (error) {
        expect(error).toBeInstanceOf(ExpositionError);
      }
    }),
    { seed, numRuns: 2000 },
  );
});
