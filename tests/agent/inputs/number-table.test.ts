import fc from 'fast-check';
import { KeptFile, ReadBuffer } from '../../../agent/inputs/kept-file.ts';
import { NumberTable, type TableFormat } from '../../../agent/inputs/number-table.ts';
import { TempTree } from './support.ts';

const tree = new TempTree();
const tables: { close: () => void }[] = [];
afterAll(() => {
  for (const table of tables) table.close();
  tree.cleanUp();
});

let files = 0;
function tableOf(content: string, format?: TableFormat) {
  const path = `table-${files++}`;
  tree.write(path, content);
  const buffer = new ReadBuffer();
  const file = new KeptFile(`${tree.root}/${path}`, buffer);
  tables.push(file);
  return { table: new NumberTable(file, buffer, format), rewrite: (text: string) => tree.write(path, text) };
}

/** Lines with the numbers in place of their cells. */
function shown(table: NumberTable): (string | number)[][] {
  return table.lines().map((line) => line.map((token) => (typeof token === 'number' ? table.cells[token]! : token)));
}

test.each<[string, string, TableFormat | undefined, (string | number)[][]]>([
  [
    'names and numbers',
    'cpu  1 2\nctxt 3\n',
    { names: 1 },
    [
      ['cpu', 1, 2],
      ['ctxt', 3],
    ],
  ],
  ['units stay text', 'MemTotal:  12 kB\n', { names: 1 }, [['MemTotal', 12, 'kB']]],
  ['decimals are divided, so they stay short', '0.21 0.37 10.3\n', undefined, [[0.21, 0.37, 10.3]]],
  ['key=value', 'some avg10=0.18 total=159886802\n', undefined, [['some', 'avg10', 0.18, 'total', 159886802]]],
  ['names that look like numbers', '  7:  1\n', { names: 1 }, [['7', 1]]],
  ['hexadecimal', '000dfb82 0000000a\n', { hex: true }, [[0xdfb82, 10]]],
  [
    'a header is text, even where it looks hexadecimal',
    'entries dead\n0a 0b\n',
    { hex: true, headerLines: 1 },
    [
      ['entries', 'dead'],
      [10, 11],
    ],
  ],
  ['no newline at the end', 'a 1', undefined, [['a', 1]]],
  ['tokens beyond the wanted', '1 2 3 4/5\n6\n', { maxTokens: 2 }, [[1, 2], [6]]],
  ['a minus is text', 'a -1\n', undefined, [['a', '-1']]],
  ['empty', '', undefined, []],
  ['the largest counter', 'a 18446744073709551615\n', undefined, [['a', 2 ** 64]]],
])('%s', (_name, content, format, expected) => {
  const { table } = tableOf(content, format);
  table.update(1);
  expect(shown(table)).toEqual(expected);
});

test.each([
  ['other numbers', 'a 1\nb 2\n', 'a 100\nb 2.5\n', false],
  ['another name', 'a 1\nb 2\n', 'a 1\nc 2\n', true],
  ['a name more', 'a 1\n', 'a 1\nb 2\n', true],
  ['a name less', 'a 1\nb 2\n', 'a 1\n', true],
  ['a number more', 'a 1\n', 'a 1 2\n', true],
  ['a number less', 'a 1 2\n', 'a 1\n', true],
  ['a name that starts like the old one', 'ab 1\n', 'a 1\n', true],
  ['empty', 'a 1\n', '', true],
])('a new reading with %s: the generation rises as told', (_name, before, after, rises) => {
  const { table, rewrite } = tableOf(before);
  table.update(1);
  const { generation } = table;
  rewrite(after);
  table.update(2);
  expect(table.generation).toBe(rises ? generation + 1 : generation);
  expect(shown(table)).toEqual(shown(fresh(after)));
});

function fresh(content: string): NumberTable {
  const { table } = tableOf(content);
  table.update(1);
  return table;
}

test('one tick reads the file once', () => {
  const { table, rewrite } = tableOf('a 1\n');
  table.update(1);
  rewrite('a 2\n');
  table.update(1);
  expect(table.cells[0]).toBe(1);
  table.update(2);
  expect(table.cells[0]).toBe(2);
});

test('a file larger than the buffer is read whole', () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `name${i} ${i}`);
  const { table } = tableOf(`${lines.join('\n')}\n`);
  table.update(1);
  expect(shown(table).at(-1)).toEqual(['name19999', 19999]);
});

test('any text gives the tokens of a plain split, again and again', () => {
  const word = fc.constantFrom('a', 'bc', '1', '42', '3.5', '007', 'x1', '-2', 'é');
  const line = fc.array(word, { maxLength: 5 });
  fc.assert(
    fc.property(fc.array(fc.array(line, { maxLength: 6 }), { minLength: 1, maxLength: 4 }), (contents) => {
      const { table, rewrite } = tableOf('');
      for (const [tick, lines] of contents.entries()) {
        rewrite(lines.map((tokens) => `${tokens.join(' ')}\n`).join(''));
        table.update(tick);
        expect(shown(table)).toEqual(lines.map((tokens) => tokens.map((token) => (/^[\d.]+$/.test(token) ? Number(token) : token))));
      }
    }),
    { seed: 8720, numRuns: 200 },
  );
});

describe('lines nobody wants', () => {
  const cellOf = (table: NumberTable, name: string) => table.lines().find(([first]) => first === name)![1] as number;

  test('are skipped, the wanted ones read', () => {
    const { table, rewrite } = tableOf('a 1\nb 2\nc 3\n');
    table.update(1);
    table.want([cellOf(table, 'b')]);
    rewrite('a 100\nb 200\nc 300\n');
    table.update(2);
    expect([...table.cells.subarray(0, 3)]).toEqual([1, 200, 3]);
    table.want([cellOf(table, 'c')]);
    rewrite('a 7\nb 8\nc 9\n');
    table.update(3);
    expect([...table.cells.subarray(0, 3)]).toEqual([1, 8, 9]);
  });

  test.each([
    ['a line before the wanted one', 'x 0\na 1\nb 2\nc 3\n'],
    ['a line after it', 'a 1\nb 2\nc 3\nd 4\n'],
    ['a line less', 'a 1\nb 2\n'],
    ['another name', 'a 1\nB 2\nc 3\n'],
    ['a number more', 'a 1\nb 2 2\nc 3\n'],
    ['an end without newline', 'a 1\nb 2\nc 3'],
    ['nothing', ''],
  ])('%s is a new generation, read whole', (_name, content) => {
    const { table, rewrite } = tableOf('a 1\nb 2\nc 3\n');
    table.update(1);
    table.want([cellOf(table, 'b')]);
    table.update(2);
    rewrite(content);
    table.update(3);
    expect(table.generation).toBe(2);
    expect(shown(table)).toEqual(shown(fresh(content)));
  });

  test('a change in a skipped line is seen within a minute', () => {
    const { table, rewrite } = tableOf('a 1\nb 2\n');
    table.update(0);
    table.want([cellOf(table, 'b')]);
    rewrite('x 1\nb 2\n');
    table.update(59_999);
    expect(table.generation).toBe(1);
    table.update(60_000);
    expect(table.generation).toBe(2);
  });

  test('whatever is wanted and however the numbers move, wanted cells are right', () => {
    const numbers = fc.array(fc.integer({ min: 0, max: 10 ** 9 }), { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { minLength: 1 }),
        fc.array(numbers, { minLength: 1, maxLength: 5 }),
        (wanted, readings) => {
          const text = (row: number[]) => row.map((value, i) => `n${i} ${value}\n`).join('');
          const { table, rewrite } = tableOf(text([0, 0, 0, 0, 0, 0]));
          table.update(0);
          table.want(wanted);
          for (const [i, row] of readings.entries()) {
            rewrite(text(row));
            table.update(i + 1);
            for (const cell of wanted) expect(table.cells[cell]).toBe(row[cell]);
          }
          expect(table.generation).toBe(1);
        },
      ),
      { seed: 8720 },
    );
  });
});
