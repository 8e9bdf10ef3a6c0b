import { answerText } from '../../../collector/cli/query.ts';
import { table, timeText } from '../../../collector/cli/table.ts';

test('columns are as wide as their widest cell, numbers stand right', () => {
  expect(
    table(
      ['NAME', 'N', 'X'],
      [
        ['a', 1, ''],
        ['long name', 100, 'y'],
      ],
    ),
  ).toBe(['NAME         N  X', 'a            1', 'long name  100  y', ''].join('\n'));
  expect(table(['NAME'], [])).toBe('NAME\n');
});

test.each([
  [null, '-'],
  [0, '1970-01-01 00:00:00Z'],
  [1_763_809_523_999, '2025-11-22 11:05:23Z'],
])('timeText %j', (ms, text) => expect(timeText(ms)).toBe(text));

const up = { __name__: 'up', job: 'node' };
test.each([
  [
    'vector',
    {
      resultType: 'vector',
      result: [
        { metric: up, value: [1, '1'] },
        { metric: { a: 'x' }, value: [1, 'NaN'] },
      ],
    },
    'METRIC  a  job   VALUE\nup         node  1\n        x        NaN\n',
  ],
  ['empty vector', { resultType: 'vector', result: [] }, 'no data\n'],
  [
    'matrix',
    {
      resultType: 'matrix',
      result: [
        {
          metric: up,
          values: [
            [0, '1'],
            [10, '2'],
          ],
        },
      ],
    },
    'METRIC  job   TIME                  VALUE\nup      node  1970-01-01 00:00:00Z  1\nup      node  1970-01-01 00:00:10Z  2\n',
  ],
  ['scalar', { resultType: 'scalar', result: [1, '4.2'] }, '4.2\n'],
] as const)('%s', (_name, data, text) => expect(answerText({ data } as unknown as Parameters<typeof answerText>[0])).toBe(text));
