import { labelsToRecord } from '@bellwether/shared';
import { parseSeriesLine, runPromqlTest, runScript } from '../../../collector/query/index.ts';

test.each([
  ['up 1 2', { __name__: 'up' }, [1, 2]],
  ['up{a="x y", b=\'}\'} 1x2 _ stale', { __name__: 'up', a: 'x y', b: '}' }, [1, 1, 1, 'missing', 'stale']],
  ['{"a.b", c="d"} 1+2x3 10-5x2 _x2', { __name__: 'a.b', c: 'd' }, [1, 3, 5, 7, 10, 5, 0, 'missing', 'missing']],
  ['{} -Inf NaN 0x3 1e2', {}, [Number.NEGATIVE_INFINITY, Number.NaN, 0, 0, 0, 0, 100]],
  ['h {{schema:0 sum:1 count:1}}x1 {{}} 2', { __name__: 'h' }, ['histogram', 'histogram', 'histogram', 2]],
])('the series line %s', (line, labels, points) => {
  const parsed = parseSeriesLine(line);
  expect(labelsToRecord(parsed.labels)).toEqual(labels);
  expect(parsed.points).toEqual(points);
});

test.each(['up 1+', 'up{a} 1', 'up{a=1} 1', 'up 1x9999999', 'up one'])('%s is no series line', (line) => {
  expect(() => parseSeriesLine(line)).toThrow(expect.objectContaining({ code: 'QUERY_INVALID' }));
});

const SCRIPT = `
load 1m
  m_total{a="x"} 0+60x10
  m_total{a="y"} 0 stale

#@ case:1 core
eval instant at 10m rate(m_total[5m])
  {a="x"} 1

#@ case:2 experimental
eval instant at 10m m_total
  expect no_info
  m_total{a="x"} 601

#@ case:3 core
eval range from 0 to 2m step 1m sum(m_total)
  {} 0 60 120

eval instant at 0 1 +
  expect fail msg: 1:4: parse error: unexpected end of input

eval instant at 10m sum(rate(m_total[5m])) > 2

clear
eval instant at 1m m_total
`;

test('a script is run and its cases judged', async () => {
  const results = await runScript(SCRIPT, ['core', 'experimental']);
  expect(results.map(({ origin, complaint }) => [origin, complaint])).toEqual([
    ['case:1', undefined],
    ['case:2', 'm_total{a="x"}: wanted 601, got 600'],
    ['case:3', undefined],
    ['line 19', undefined],
    ['line 22', undefined],
    ['line 25', undefined],
  ]);
});

test('failures are printed with where they come from, and counted', async () => {
  const lines: string[] = [];
  expect(await runPromqlTest([{ name: 'a.test', text: SCRIPT }], ['experimental'], (line) => lines.push(line))).toEqual({
    passed: 0,
    failed: 1,
  });
  expect(lines).toEqual([
    expect.stringMatching(/^FAIL case:2: m_total: m_total\{a="x"\}: wanted 601, got 600$/),
    'a.test: 0 passed, 1 failed',
  ]);
});

test('what is no command is refused with its line', async () => {
  await expect(runScript('\nload\n', ['core'])).rejects.toMatchObject({
    code: 'QUERY_INVALID',
    message: 'line 2: "load" should read: load STEP',
  });
  await expect(runScript('frob 1', ['core'])).rejects.toMatchObject({
    message: 'line 1: "frob 1" is no command; write load, eval or clear',
  });
});
