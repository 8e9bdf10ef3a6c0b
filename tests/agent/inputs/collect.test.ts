import { SteppedClock, silentLog } from '@bellwether/shared';
import agentSelf from '../../../agent/inputs/agent-self.ts';
import { type CollectorOptions, createCollector } from '../../../agent/inputs/collect.ts';
import { defineInput, gauge, type Input, type InputContext, type InputDefinition } from '../../../agent/inputs/input.ts';
import { dueInputs } from '../../../agent/inputs/schedule.ts';
import { rowOf } from './support.ts';

const BASE = { job: 'node', instance: 'h' };

function input(name: string, create: (context: InputContext) => Input, more: Partial<InputDefinition> = {}): InputDefinition {
  return defineInput({ name, help: '', metrics: {}, create, ...more });
}

/** An input with one column a value; `values` returns what it reads now, undefined for an absent one. */
function valuesInput(name: string, values: () => (number | undefined)[], more: Partial<InputDefinition> = {}): InputDefinition {
  return input(
    name,
    ({ frame }) => ({
      read() {
        const now = values();
        frame.setColumns(now.map((_, i) => ({ name: `${name}_${i}`, ...gauge('') })));
        for (const [i, value] of now.entries()) if (value !== undefined) frame.values[i] = value;
      },
    }),
    more,
  );
}

function collectorOf(definitions: InputDefinition[], more: Partial<CollectorOptions> = {}) {
  const clock = new SteppedClock(1_000_000);
  return { clock, collector: createCollector({ baseLabels: BASE, clock, log: silentLog, definitions, ...more }) };
}

/** The rows of one tick by group, without the group about the inputs. */
async function tick(collector: ReturnType<typeof createCollector>, timeMs: number, due?: string[]) {
  const { readings } = await collector.collect(timeMs, due);
  const rows = readings.filter(({ group }) => group !== 'scrape').map((reading) => [reading.group, rowOf(reading)]);
  return Object.fromEntries(rows) as Record<string, Record<string, number | 'stale'>>;
}

test('series carry the agent labels; the agent itself has a job of its own', async () => {
  const { collector } = collectorOf([valuesInput('a', () => [1]), valuesInput('agent_self', () => [2])], {
    baseLabels: { ...BASE, site: 'lab' },
  });
  expect(await tick(collector, 0)).toEqual({
    a: { 'a_0{instance=h,job=node,site=lab}': 1 },
    agent_self: { 'agent_self_0{instance=h,job=bellwether-agent,site=lab}': 2 },
  });
});

test('a column that goes away is stale once, then absent, and comes back', async () => {
  const rows = [
    [1, 2],
    [1, undefined],
    [1, undefined],
    [1, 3],
    [Number.POSITIVE_INFINITY, 3],
  ];
  let at = 0;
  const { collector } = collectorOf([valuesInput('a', () => rows[at++]!)], { baseLabels: {} });
  const seen = [];
  for (const [i] of rows.entries()) seen.push((await tick(collector, i * 1000)).a);
  expect(seen).toEqual([{ a_0: 1, a_1: 2 }, { a_0: 1, a_1: 'stale' }, { a_0: 1 }, { a_0: 1, a_1: 3 }, { a_0: 'stale', a_1: 3 }]);
});

test('new columns raise the generation, the same ones do not, and a column that stays keeps its state', async () => {
  const layouts = [[1], [2], [3, 4], [undefined, 4]];
  let at = 0;
  const { collector } = collectorOf([valuesInput('a', () => layouts[at++]!)], { baseLabels: {} });
  const generations = [];
  const rows = [];
  for (const [i] of layouts.entries()) {
    const reading = (await collector.collect(i)).readings.find(({ group }) => group === 'a')!;
    generations.push(reading.generation);
    rows.push(rowOf(reading));
  }
  expect(generations).toEqual([1, 1, 2, 2]);
  expect(rows).toEqual([{ a_0: 1 }, { a_0: 2 }, { a_0: 3, a_1: 4 }, { a_0: 'stale', a_1: 4 }]);
});

test('an input that throws ends its own series only, and says so', async () => {
  let broken = false;
  const bad = valuesInput('bad', () => {
    if (broken) throw new Error('garbled');
    return [1];
  });
  const { collector } = collectorOf([bad, valuesInput('good', () => [7])], { baseLabels: {} });
  expect(await tick(collector, 0)).toEqual({ bad: { bad_0: 1 }, good: { good_0: 7 } });
  broken = true;
  expect(await tick(collector, 1)).toEqual({ bad: { bad_0: 'stale' }, good: { good_0: 7 } });
  expect(await tick(collector, 2)).toEqual({ good: { good_0: 7 } });
  broken = false;
  expect(await tick(collector, 3)).toEqual({ bad: { bad_0: 1 }, good: { good_0: 7 } });
});

test('success of every input is reported every 10 s and at once when it changes', async () => {
  let broken = false;
  const bad = valuesInput('bad', () => {
    if (broken) throw new Error('garbled');
    return [1];
  });
  const { collector } = collectorOf([bad, valuesInput('good', () => [7])], { baseLabels: {} });
  const success = async (timeMs: number) => {
    const row = rowOf((await collector.collect(timeMs)).readings.find(({ group }) => group === 'scrape'));
    return [row['node_scrape_collector_success{collector=bad}'], row['node_scrape_collector_success{collector=good}']];
  };
  expect(await success(0)).toEqual([1, 1]);
  expect(await success(1_000)).toEqual([undefined, undefined]);
  broken = true;
  expect(await success(2_000)).toEqual([0, 1]);
  expect(await success(3_000)).toEqual([undefined, undefined]);
  expect(await success(10_000)).toEqual([0, 1]);
});

test('an input beyond its deadline holds up nobody and is not asked again until it answers', async () => {
  const answers: (() => void)[] = [];
  const slow = input('slow', ({ frame }) => ({
    read() {
      frame.setColumns([{ name: 'slow', ...gauge('') }]);
      return new Promise<void>((resolve) =>
        answers.push(() => {
          frame.values[0] = 5;
          resolve();
        }),
      );
    },
  }));
  const { clock, collector } = collectorOf([slow, valuesInput('good', () => [7])], { baseLabels: {}, deadlineMs: 500 });
  const first = tick(collector, 0);
  await clock.advance(500);
  expect(await first).toEqual({ good: { good_0: 7 } });
  expect(await tick(collector, 1_000)).toEqual({ good: { good_0: 7 } });
  expect(answers).toHaveLength(1);
  answers[0]!();
  await clock.advance(0);
  const third = tick(collector, 2_000);
  answers[1]!();
  expect(await third).toEqual({ good: { good_0: 7 }, slow: { slow: 5 } });
});

test('an input that can settle does so at the deadline', async () => {
  let finish = () => {};
  const slow = input('slow', ({ frame }) => ({
    read() {
      frame.setColumns([{ name: 'slow', ...gauge('') }]);
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    },
    settle() {
      frame.values[0] = 3;
      finish();
    },
  }));
  const { clock, collector } = collectorOf([slow], { baseLabels: {}, deadlineMs: 100 });
  const first = tick(collector, 0);
  await clock.advance(100);
  expect(await first).toEqual({ slow: { slow: 3 } });
});

test('an input with nothing to read is left alone for a minute', async () => {
  let asked = 0;
  const nothing = input('nothing', () => ({
    read() {
      asked++;
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    },
  }));
  const { collector } = collectorOf([nothing]);
  for (const seconds of [0, 1, 30, 59, 60, 61]) await collector.collect(seconds * 1000);
  expect(asked).toBe(2);
});

test('intervals: default, own, setting, at most two minutes, live mode but for slow inputs', () => {
  const { collector } = collectorOf(
    [
      valuesInput('plain', () => []),
      valuesInput('own', () => [], { intervalMs: 60_000, slow: true }),
      valuesInput('set', () => []),
      valuesInput('far', () => []),
      valuesInput('off', () => []),
    ],
    { inputs: { set: { intervalMs: 5_000 }, far: { intervalMs: 3_600_000 }, off: { enabled: false } } },
  );
  const intervals = () => Object.fromEntries(collector.schedule.map(({ name, intervalMs }) => [name, intervalMs]));
  expect(intervals()).toEqual({ plain: 10_000, own: 60_000, set: 5_000, far: 120_000 });
  collector.setLive(1_000);
  expect(intervals()).toEqual({ plain: 1_000, own: 60_000, set: 1_000, far: 1_000 });
  expect(dueInputs(collector.schedule, 1_000, 2_000)).toEqual(['plain', 'set', 'far']);
  collector.setLive(undefined);
  collector.setInterval(30_000);
  expect(intervals()).toEqual({ plain: 30_000, own: 60_000, set: 5_000, far: 120_000 });
});

test('a floor holds against the default interval and live mode, not against an interval of its own', () => {
  const definitions = [valuesInput('dear', () => [], { floorMs: 5_000 }), valuesInput('set', () => [], { floorMs: 5_000 })];
  const { collector } = collectorOf(definitions, { inputs: { set: { intervalMs: 1_000 } } });
  const intervals = () => collector.schedule.map(({ intervalMs }) => intervalMs);
  expect(intervals()).toEqual([10_000, 1_000]);
  collector.setLive(1_000);
  expect(intervals()).toEqual([5_000, 1_000]);
  collector.setLive(undefined);
  collector.setInterval(1_000);
  expect(intervals()).toEqual([5_000, 1_000]);
});

test('only what is due is read', async () => {
  const { collector } = collectorOf([valuesInput('a', () => [1]), valuesInput('b', () => [2])], { baseLabels: {} });
  expect(await tick(collector, 0, ['b'])).toEqual({ b: { b_0: 2 } });
});

test('the agent reports itself, its inputs and what its other parts say', async () => {
  const { collector } = collectorOf([agentSelf, valuesInput('a', () => [1, 2])], {
    baseLabels: { instance: 'h' },
    selfMetrics: () => [{ name: 'bellwether_agent_queue_rows', ...gauge('x'), value: 3 }],
  });
  await tick(collector, 0);
  const { agent_self: row } = await tick(collector, 10_000);
  const of = (name: string) => row![`${name}{instance=h,job=bellwether-agent}`];
  expect(of('bellwether_agent_collections_total')).toBe(1);
  expect(of('bellwether_agent_input_failures_total')).toBe(0);
  expect(of('bellwether_agent_series')).toBe(Object.keys(row!).length + 2);
  expect(of('bellwether_agent_queue_rows')).toBe(3);
  expect(of('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
  expect(of('process_cpu_seconds_total')).toBeGreaterThan(0);
});

test.each([
  [{ nope: 1 }, /inputs\.a\.nope is not an option of this input; its options: pattern, flag, wait/],
  [{ pattern: '(' }, /inputs\.a\.pattern is not a regular expression/],
  [{ flag: 'yes' }, /inputs\.a\.flag must be true or false/],
  [{ wait: 'soon' }, /inputs\.a\.wait must be a duration/],
])('options %j are refused', (options, message) => {
  const definition = valuesInput('a', () => [], {
    options: {
      pattern: { kind: 'pattern', default: '', help: '' },
      flag: { kind: 'boolean', default: false, help: '' },
      wait: { kind: 'duration', default: 5_000, help: '' },
    },
  });
  expect(() => collectorOf([definition], { inputs: { a: { options } } })).toThrow(message);
});
