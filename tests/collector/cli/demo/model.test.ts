import { labelValue } from '@bellwether/shared';
import { shouldBeConnected } from '../../../../collector/cli/demo/fleet.ts';
import { planFleet } from '../../../../collector/cli/demo/fleet-plan.ts';
import { createHostModel } from '../../../../collector/cli/demo/host-model.ts';

const START = Date.UTC(2026, 0, 1);

function at(timeMs: number, options: Partial<Parameters<typeof createHostModel>[0]> = {}): Map<string, number> {
  const model = createHostModel({ seed: 1, index: 7, name: 'web-1', ailment: 'none', startMs: START, ...options });
  const values = new Map<string, number>();
  for (const group of model.groups) {
    const row = new Float64Array(group.series.length);
    group.fill(timeMs, row);
    for (const [i, { labels }] of group.series.entries()) values.set(labels.join('|'), row[i]!);
  }
  return values;
}

test('the same seed gives the same fleet and the same values, another seed others', () => {
  expect(planFleet(50, 1)).toEqual(planFleet(50, 1));
  expect(planFleet(50, 1)).not.toEqual(planFleet(50, 2));
  expect([...at(START)]).toEqual([...at(START)]);
  expect([...at(START)]).not.toEqual([...at(START, { seed: 2 })]);
});

test('names are unique and every part of the play is cast in a fleet that is large enough', () => {
  const plan = planFleet(1_000, 1);
  expect(new Set(plan.map(({ name }) => name)).size).toBe(1_000);
  expect(new Set(plan.map(({ behaviour }) => behaviour))).toEqual(new Set(['steady', 'never', 'dies', 'gaps', 'cloned', 'slow']));
  expect(new Set(plan.map(({ ailment }) => ailment))).toEqual(new Set(['none', 'disk-full', 'memory-tight', 'busy', 'recovers']));
  expect(planFleet(1, 1)).toHaveLength(1);
});

test('counters never fall and gauges stay in their bounds', () => {
  const model = createHostModel({ seed: 3, index: 1, name: 'db-1', ailment: 'none', startMs: START });
  for (const group of model.groups) {
    const before = new Float64Array(group.series.length);
    const now = new Float64Array(group.series.length);
    for (let step = 0; step < 40; step++) {
      group.fill(START + step * 10_000, now);
      for (const [i, { type, labels }] of group.series.entries()) {
        expect(Number.isFinite(now[i]!)).toBe(true);
        expect(now[i]).toBeGreaterThanOrEqual(type === 'counter' && labelValue(labels, 'mode') !== 'idle' ? before[i]! : 0);
      }
      before.set(now);
    }
  }
});

test('a full disk is full, and one that recovers has room again later', () => {
  const free = (values: Map<string, number>): number => {
    const find = (metric: string): number => [...values].find(([key]) => key.includes(metric) && key.includes('|/var'))![1];
    return find('node_filesystem_avail_bytes') / find('node_filesystem_size_bytes');
  };
  expect(free(at(START, { ailment: 'disk-full' }))).toBeLessThan(0.03);
  expect(free(at(START, { ailment: 'recovers' }))).toBeLessThan(0.03);
  expect(free(at(START + 120_000, { ailment: 'recovers' }))).toBeGreaterThan(0.2);
});

test('who is connected when', () => {
  const host = { index: 0, name: 'x', ailment: 'none' } as const;
  expect(shouldBeConnected({ ...host, behaviour: 'never' }, 0)).toBe(false);
  expect([0, 29_999, 30_000].map((age) => shouldBeConnected({ ...host, behaviour: 'dies' }, age))).toEqual([true, true, false]);
  expect([0, 209_999, 210_000, 300_000].map((age) => shouldBeConnected({ ...host, behaviour: 'gaps' }, age))).toEqual([
    true,
    true,
    false,
    true,
  ]);
});
