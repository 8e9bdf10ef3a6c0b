import fc from 'fast-check';
import { INPUTS } from '../../../agent/inputs/index.ts';
import { Limiter } from '../../../agent/limits/limiter.ts';
import {
  beginShedding,
  type Priority,
  pacedMs,
  type SheddingLevel,
  stepShedding,
  type UsageLimits,
} from '../../../agent/limits/shedding.ts';
import { childSeconds, readUsage } from '../../../agent/limits/usage.ts';

const MB = 1024 ** 2;
const LIMITS: UsageLimits = { cpu: 0.1, memoryBytes: 128 * MB };

/** The level after each window; a window is [share of a core, MB]. */
function levels(windows: readonly (readonly [number, number])[], limits = LIMITS): number[] {
  let usage = { timeMs: 5_000, cpuSeconds: 3, rssBytes: 0 };
  let shedding = beginShedding(usage);
  return windows.map(([cpu, megabytes]) => {
    usage = { timeMs: usage.timeMs + 60_000, cpuSeconds: usage.cpuSeconds + cpu * 60, rssBytes: megabytes * MB };
    shedding = stepShedding(shedding, usage, limits).next;
    return shedding.level;
  });
}

const times = <T>(count: number, value: T): T[] => new Array<T>(count).fill(value);
const HOT = [0.2, 50] as const;
const FAT = [0.01, 200] as const;
const NEAR = [0.08, 50] as const;
const CALM = [0.05, 50] as const;

test.each([
  ['one hot minute is nothing', [HOT, CALM, HOT, CALM], [0, 0, 0, 0]],
  ['two in a row raise the level, and two more again, up to 3', times(9, HOT), [0, 1, 1, 2, 2, 3, 3, 3, 3]],
  ['memory counts as CPU does', [FAT, HOT, FAT, FAT], [0, 1, 1, 2]],
  ['between 70 % and the limit the level stays', [HOT, HOT, ...times(20, NEAR)], [0, ...times(21, 1)]],
  ['five calm minutes in a row lower it', [HOT, HOT, ...times(4, CALM), NEAR, ...times(5, CALM)], [0, ...times(10, 1), 0]],
  ['it goes down as it came, one by one', [...times(4, HOT), ...times(10, CALM)], [0, 1, 1, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 0]],
  ['what takes memory is not calm', [HOT, HOT, ...times(9, [0, 100] as const)], [0, ...times(10, 1)]],
])('%s', (_, windows, expected) => {
  expect(levels(windows)).toEqual(expected);
});

test('0 is no limit', () => {
  expect(levels(times(4, [0.9, 900]), { cpu: 0, memoryBytes: 0 })).toEqual([0, 0, 0, 0]);
  expect(levels(times(2, [0.9, 900]), { cpu: 0, memoryBytes: 1 })).toEqual([0, 1]);
  expect(levels(times(2, [0.9, 900]), { cpu: 0.5, memoryBytes: 0 })).toEqual([0, 1]);
});

test('what was exceeded is said with its limit', () => {
  const { exceeded } = stepShedding(
    beginShedding({ timeMs: 0, cpuSeconds: 0, rssBytes: 0 }),
    { timeMs: 120_000, cpuSeconds: 27.6, rssBytes: 200 * MB },
    LIMITS,
  );
  expect(exceeded).toEqual(['CPU 23% of a core, limit 10%', 'memory 200 MB, limit 128 MB']);
});

test('the level moves by one at most, and never up while all is within the limits', () => {
  const window = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 300 }));
  fc.assert(
    fc.property(fc.array(window, { maxLength: 60 }), (windows) => {
      let before = 0;
      for (const [i, level] of levels(windows).entries()) {
        const [cpu, megabytes] = windows[i]!;
        if (Math.abs(level - before) > 1) return false;
        if (level > before && cpu < 0.0999 && megabytes <= 128) return false;
        if (level < before && (cpu > 0.0701 || megabytes >= 90)) return false;
        before = level;
      }
      return true;
    }),
    { seed: 20_260_101 },
  );
});

test.each<[Priority, number, (number | undefined)[]]>([
  ['essential', 1_000, [1_000, 1_000, 1_000, 1_000]],
  ['normal', 1_000, [1_000, 1_000, 30_000, undefined]],
  ['normal', 15_000, [15_000, 15_000, 45_000, undefined]],
  ['normal', 60_000, [60_000, 60_000, 120_000, undefined]],
  ['extra', 10_000, [10_000, 60_000, undefined, undefined]],
  ['extra', 120_000, [120_000, 120_000, undefined, undefined]],
])('%s inputs read every %d ms', (priority, usualMs, expected) => {
  expect(([0, 1, 2, 3] as SheddingLevel[]).map((level) => pacedMs(level, priority, usualMs, 120_000))).toEqual(expected);
});

test('what stays and what goes first', () => {
  const namesOf = (priority: Priority) => INPUTS.filter((input) => input.priority === priority).map(({ name }) => name);
  expect(namesOf('essential').sort()).toEqual(['agent_self', 'cpu', 'diskstats', 'filesystem', 'loadavg', 'meminfo', 'netdev', 'stat']);
  expect(namesOf('extra')).toEqual(
    expect.arrayContaining(['containers', 'listening', 'process_group', 'processes', 'smart', 'tcpstat', 'updates', 'users', 'zoneinfo']),
  );
});

test('measured once a minute, however often the tick comes', () => {
  const readAt: number[] = [];
  const read = (timeMs: number) => {
    readAt.push(timeMs);
    return { timeMs, cpuSeconds: timeMs / 2_000, rssBytes: 0 };
  };
  const limiter = new Limiter(LIMITS, read, 0);
  const changes = [];
  // Ticks of every second come a few ms early or late.
  for (let i = 1; i <= 240; i++) changes.push(limiter.observe(i * 1_000 + (i % 3) * 4 - 4));
  expect(readAt).toHaveLength(5);
  expect(changes.filter((change) => change !== undefined)).toEqual([
    { level: 1, exceeded: ['CPU 50% of a core, limit 10%'] },
    { level: 2, exceeded: ['CPU 50% of a core, limit 10%'] },
  ]);
});

test.each([
  ['1 (node (x) y) S 0 1 1 0 -1 4 1 2 3 4 500 60 250 50 20 0 11', 3],
  ['1 (node) S', 0],
  ['', 0],
])('time of ended children in %j', (stat, seconds) => {
  expect(childSeconds(stat)).toBe(seconds);
});

test('this very process uses something', () => {
  const usage = readUsage(7, true);
  expect(usage.timeMs).toBe(7);
  expect(usage.cpuSeconds).toBeGreaterThan(0);
  expect(usage.rssBytes).toBeGreaterThan(MB);
});
