import { HOST_PANELS, panelQuery, seriesName, seriesOrder } from '../../dashboards/src/panels.ts';

const cpu = HOST_PANELS.find(({ id }) => id === 'cpu')!;

test('a step finer than the agent reads takes its last two readings, a coarser one the slope over the step', () => {
  expect(panelQuery(cpu, 'web-1', 2_000)).toBe('avg by (mode) (irate(node_cpu_seconds_total{instance="web-1",mode!="idle"}[40s]))');
  expect(panelQuery(cpu, 'web-1', 300_000)).toBe('avg by (mode) (rate(node_cpu_seconds_total{instance="web-1",mode!="idle"}[5m]))');
});

test('a host name cannot break out of the selector', () => {
  expect(panelQuery(cpu, 'a"} or up{x="', 1_000)).toContain('instance="a\\"} or up{x=\\""');
});

test('every panel has its own id and asks about the host alone', () => {
  expect(new Set(HOST_PANELS.map(({ id }) => id)).size).toBe(HOST_PANELS.length);
  for (const panel of HOST_PANELS) {
    const query = panelQuery(panel, 'web-1', 1_000);
    const selectors = query.match(/node_\w+\{[^}]*\}/g)!;
    expect(selectors.length).toBeGreaterThan(0);
    for (const selector of selectors) expect(selector).toContain('instance="web-1"');
    expect(query.match(/node_\w+/g)).toHaveLength(selectors.length);
  }
});

test('series come in the panel’s order, then by name, with words for their labels', () => {
  const series = ['zzz', 'system', 'user'].map((mode) => ({ labels: { mode } }));
  expect(seriesOrder(cpu, series)).toEqual([2, 1, 0]);
  const load = HOST_PANELS.find(({ id }) => id === 'load')!;
  expect(seriesName(load, { part: '15' })).toBe('15 min');
  expect(seriesName(cpu, {})).toBe('CPU');
});

test.each([
  ['cpu', [0.2, 0.1, null], 0.2 + 0.1],
  ['disks', [0.2, 0.9, null], 0.9],
  ['memory', [0.5, 0.1], 0.5],
  ['cpu', [null, null], null],
  ['disks', [], null],
])('the headline of %s over %j is %p', (id, values, expected) =>
  expect(HOST_PANELS.find((panel) => panel.id === id)!.headline.of(values)).toEqual(expected),
);
