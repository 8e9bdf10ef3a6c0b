/** What the collector of inputs does at each level. */
import { SteppedClock, silentLog } from '@bellwether/shared';
import { createCollector } from '../../../agent/inputs/collect.ts';
import { defineInput, gauge, type InputDefinition } from '../../../agent/inputs/input.ts';
import { dueInputs } from '../../../agent/inputs/schedule.ts';
import type { Priority, SheddingLevel } from '../../../agent/limits/shedding.ts';
import { rowOf } from '../inputs/support.ts';

function input(name: string, priority: Priority | undefined, more: Partial<InputDefinition> = {}): InputDefinition {
  return defineInput({
    name,
    help: '',
    metrics: {},
    ...(priority === undefined ? {} : { priority }),
    create: ({ frame }) => ({
      read() {
        frame.setColumns([{ name, ...gauge('') }]);
        frame.values[0] = 1;
      },
    }),
    ...more,
  });
}

const definitions = [
  input('cpu', 'essential'),
  input('vmstat', undefined),
  input('mdadm', 'normal', { intervalMs: 60_000, slow: true }),
  input('smart', 'extra'),
];

function begin() {
  const clock = new SteppedClock(0);
  return createCollector({ baseLabels: {}, clock, log: silentLog, definitions });
}

test.each<[SheddingLevel, Record<string, number>, { off: string[]; slowed: string[] }]>([
  [0, { cpu: 1_000, vmstat: 1_000, mdadm: 60_000, smart: 1_000 }, { off: [], slowed: [] }],
  [1, { cpu: 10_000, vmstat: 10_000, mdadm: 60_000, smart: 60_000 }, { off: [], slowed: ['smart'] }],
  [2, { cpu: 10_000, vmstat: 30_000, mdadm: 120_000 }, { off: ['smart'], slowed: ['vmstat', 'mdadm'] }],
  [3, { cpu: 10_000 }, { off: ['vmstat', 'mdadm', 'smart'], slowed: [] }],
])('level %d in live mode', (level, schedule, shed) => {
  const collector = begin();
  collector.setLive(1_000);
  collector.setShedding(level);
  expect(Object.fromEntries(collector.schedule.map(({ name, intervalMs }) => [name, intervalMs]))).toEqual(schedule);
  expect(collector.shed).toEqual(shed);
  collector.setShedding(0);
  expect(collector.schedule.map(({ intervalMs }) => intervalMs)).toEqual([1_000, 1_000, 60_000, 1_000]);
  expect(collector.shed).toEqual({ off: [], slowed: [] });
});

test('series of an input that is left out end once, also those about it, and come back', async () => {
  const collector = begin();
  const seen: Record<string, unknown>[] = [];
  let previousMs: number | undefined;
  for (const [i, level] of ([0, 2, 2, 3, 0, 0] as SheddingLevel[]).entries()) {
    const timeMs = (i + 1) * 120_000;
    collector.setShedding(level);
    const { readings } = await collector.collect(timeMs, dueInputs(collector.schedule, previousMs, timeMs));
    previousMs = timeMs;
    const all = Object.assign({}, ...readings.map(rowOf)) as Record<string, number | 'stale'>;
    seen.push({ smart: all.smart, about: all['node_scrape_collector_success{collector=smart}'], vmstat: all.vmstat, cpu: all.cpu });
  }
  expect(seen).toEqual([
    { smart: 1, about: 1, vmstat: 1, cpu: 1 },
    { smart: 'stale', about: 'stale', vmstat: 1, cpu: 1 },
    { smart: undefined, about: undefined, vmstat: 1, cpu: 1 },
    { smart: undefined, about: undefined, vmstat: 'stale', cpu: 1 },
    { smart: 1, about: 1, vmstat: 1, cpu: 1 },
    { smart: 1, about: 1, vmstat: 1, cpu: 1 },
  ]);
});

test('one that is left out and taken up again between two readings has no gap', async () => {
  const collector = begin();
  await collector.collect(0);
  collector.setShedding(3);
  collector.setShedding(0);
  const { readings } = await collector.collect(10_000);
  expect(rowOf(readings.find(({ group }) => group === 'smart'))).toEqual({ smart: 1 });
});

test('one that does not answer in time is left out all the same', async () => {
  const clock = new SteppedClock(0);
  let answer: () => void = () => {};
  const slow = input('slow', 'extra', {
    create: ({ frame }) => ({
      read() {
        frame.setColumns([{ name: 'slow', ...gauge('') }]);
        frame.values[0] = 1;
        return new Promise<void>((resolve) => {
          answer = resolve;
        });
      },
    }),
  });
  const collector = createCollector({ baseLabels: {}, clock, log: silentLog, definitions: [slow] });
  const first = collector.collect(0);
  await clock.advance(1_000);
  await first;
  collector.setShedding(2);
  answer();
  await clock.advance(0);
  const { readings } = await collector.collect(10_000);
  expect(readings.map(({ group }) => group)).toEqual(['scrape']);
});
