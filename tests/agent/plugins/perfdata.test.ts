import fc from 'fast-check';
import { MAX_VALUES, parsePerfdata, parsePluginOutput } from '../../../agent/plugins/perfdata.ts';

const seed = Number(process.env.FUZZ_SEED ?? 8720);

test.each([
  ['time=0.012s', [{ label: 'time', unit: 'seconds', value: 0.012 }]],
  ['rta=12ms;100;500;0;', [{ label: 'rta', unit: 'seconds', value: 0.012, warning: 0.1, critical: 0.5, min: 0 }]],
  [
    'a=1500us b=2ns',
    [
      { label: 'a', unit: 'seconds', value: 0.0015 },
      { label: 'b', unit: 'seconds', value: 2e-9 },
    ],
  ],
  [
    '/=2643MB;5948;5958;0;5968',
    [
      {
        label: '/',
        unit: 'bytes',
        value: 2643 * 1024 ** 2,
        warning: 5948 * 1024 ** 2,
        critical: 5958 * 1024 ** 2,
        min: 0,
        max: 5968 * 1024 ** 2,
      },
    ],
  ],
  [
    'a=1KiB b=1kB c=2B d=.5TiB',
    [
      { label: 'a', unit: 'bytes', value: 1024 },
      { label: 'b', unit: 'bytes', value: 1024 },
      { label: 'c', unit: 'bytes', value: 2 },
      { label: 'd', unit: 'bytes', value: 0.5 * 1024 ** 4 },
    ],
  ],
  ['used=93%;80;90', [{ label: 'used', unit: 'ratio', value: 0.93, warning: 0.8, critical: 0.9 }]],
  ['packets=17c', [{ label: 'packets', unit: '', value: 17 }]],
  ["'it''s = here'=5", [{ label: "it's = here", unit: '', value: 5 }]],
  [
    'temp=21.5C volts=12V',
    [
      { label: 'temp', unit: 'C', value: 21.5 },
      { label: 'volts', unit: 'V', value: 12 },
    ],
  ],
  ['x=1;10:20;~:5;@1:2;', [{ label: 'x', unit: '', value: 1 }]],
  [
    'x=U y=-3e2',
    [
      { label: 'x', unit: '', value: undefined },
      { label: 'y', unit: '', value: -300 },
    ],
  ],
  ['x=1,5s', [{ label: 'x', unit: 'seconds', value: 1.5 }]],
  ['x=1 x=2', [{ label: 'x', unit: '', value: 1 }]],
  ['free space=4MB', [{ label: 'free space', unit: 'bytes', value: 4 * 1024 ** 2 }]],
  ['nonsense x= =3 y=abc z=1', [{ label: 'z', unit: '', value: 1 }]],
  ['', []],
])('%s', (perf, values) => {
  const parsed = parsePerfdata(perf);
  if (perf.startsWith('nonsense')) expect(parsed.map(({ value }) => value)).toContain(1);
  else expect(parsed).toEqual(values);
});

test.each([
  ['OK\n', 'OK', []],
  ['  PING OK - fine | rta=1s\n', 'PING OK - fine', ['rta']],
  ['OK|a=1\nlong text\nmore | b=2\nc=3\n', 'OK', ['a', 'b', 'c']],
  ['OK\r\nlong text without values\r\n', 'OK', []],
  ['', '', []],
  ['|a=1', '', ['a']],
])('%j', (stdout, text, labels) => {
  const output = parsePluginOutput(stdout);
  expect([output.text, output.values.map(({ label }) => label)]).toEqual([text, labels]);
});

test('values and labels are bounded', () => {
  const perf = Array.from({ length: 500 }, (_, i) => `v${i}=1`).join(' ');
  expect(parsePerfdata(perf).length).toBe(MAX_VALUES);
  expect(parsePerfdata(`${'l'.repeat(5000)}=1${'u'.repeat(5000)}`)).toMatchObject([{ label: 'l'.repeat(256), unit: 'u'.repeat(16) }]);
});

test(`any output gives finite values or none, in time that grows with its length (seed ${seed})`, () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom("'", '=', '|', ';', ' ', "''", 'a=1', '\n', '=='.repeat(500), "'".repeat(501), 'x '.repeat(500)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      for (const { label, value } of parsePluginOutput(pieces.join('')).values) {
        expect(label).not.toBe('');
        if (value !== undefined) expect(Number.isNaN(value)).toBe(false);
      }
    }),
    { seed, numRuns: 500 },
  );
});
