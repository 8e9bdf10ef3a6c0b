import { isPresent, isStaleAt, labelsToRecord, SteppedClock, silentLog } from '@bellwether/shared';
import type { CheckAssignment, DeviceAssignment, WatchResult } from '@bellwether/shared/assignments';
import type { Reading } from '../../../agent/inputs/input.ts';
import type { Probe, ProbeOutcome } from '../../../agent/probes/index.ts';
import { reasonOfTries } from '../../../agent/watch/checks.ts';
import { firstDelayMs, nextRun, phaseMs } from '../../../agent/watch/schedule.ts';
import { Watch, type WatchOptions } from '../../../agent/watch/watch.ts';

const START = 1_700_000_000_000;

interface Row {
  readonly group: string;
  readonly timeMs: number;
  /** Metric name (and `phase`) to value; 'stale' for a marker. */
  readonly values: Record<string, number | 'stale'>;
  readonly labels: Record<string, string>;
}

function rowOf({ group, series, presence, values }: Reading, timeMs: number): Row {
  const row: Row = { group, timeMs, values: {}, labels: {} };
  for (const [i, { labels }] of series.entries()) {
    const { __name__: name, ...others } = labelsToRecord(labels);
    if (!isPresent(presence, i)) continue;
    row.values[others.phase === undefined ? name! : `${name} ${others.phase}`] = isStaleAt(values, i) ? 'stale' : values[i]!;
    if (name === 'probe_success') Object.assign(row.labels, others);
  }
  return row;
}

/** A watch whose one probe `http` answers with what `outcomes` gives for a target, after `tookMs`. */
function watchOf(
  outcomes: (target: string, run: number) => Partial<ProbeOutcome> & { tookMs?: number },
  changes: Partial<WatchOptions> = {},
) {
  const clock = new SteppedClock(START);
  const rows: Row[] = [];
  const results: WatchResult[] = [];
  const runs: { target: string; atMs: number }[] = [];
  let hostname = 'web-1';
  const probe: Probe = async ({ target }) => {
    runs.push({ target, atMs: clock.now() - START });
    const { tookMs = 1, ...outcome } = outcomes(target, runs.length);
    await new Promise<void>((resolve) => clock.after(tookMs, resolve));
    return { success: true, reason: '', durationMs: tookMs, samples: [], ...outcome };
  };
  const watch = new Watch({
    clock,
    log: silentLog,
    hostname: () => hostname,
    tags: { site: 'home', team: 'nobody' },
    now: () => clock.now(),
    push: (reading, timeMs) => rows.push(rowOf(reading, timeMs)),
    report: (result) => results.push(result),
    probes: { http: probe },
    ...changes,
  });
  let version = 0;
  const assign = (...checks: CheckAssignment[]) =>
    watch.assign({ type: 'assignments', version: ++version, json: JSON.stringify({ checks, devices: [] }) });
  return { clock, rows, results, runs, watch, assign, rename: (name: string) => (hostname = name) };
}

const check = (id: string, changes: Partial<CheckAssignment> = {}): CheckAssignment => ({
  id,
  name: `check ${id}`,
  probe: 'http',
  target: `http://${id}/`,
  intervalMs: 10_000,
  timeoutMs: 1_000,
  attempts: 1,
  options: {},
  labels: { team: 'web' },
  ...changes,
});

test('a run becomes a row with the labels of the check, and a result', async () => {
  const { clock, rows, results, watch, assign } = watchOf(() => ({ samples: [{ name: 'probe_http_status_code', value: 200 }] }));
  assign(check('a'));
  await clock.advance(2_500);
  expect(rows).toMatchObject([
    {
      group: 'check/a',
      values: { probe_success: 1, probe_duration_seconds: 0.001, probe_attempts: 1, probe_http_status_code: 200 },
      labels: { job: 'blackbox', instance: 'http://a/', check: 'check a', agent: 'web-1', team: 'web', site: 'home' },
    },
  ]);
  expect(results).toEqual([{ id: 'a', kind: 'check', timeMs: rows[0]!.timeMs, up: true, reason: '' }]);
  expect(watch.results()).toEqual(results);
});

test('rows are whole intervals apart, and a result is told when it changes only', async () => {
  let isUp = true;
  const { clock, rows, results, assign } = watchOf(() => ({ success: isUp, reason: isUp ? '' : 'HTTP 503' }));
  assign(check('a'));
  await clock.advance(60_000);
  isUp = false;
  await clock.advance(60_000);
  const grid = rows.slice(1).map(({ timeMs }) => timeMs);
  expect(new Set(grid.map((timeMs) => timeMs % 10_000))).toEqual(new Set([phaseMs(check('a'))]));
  expect(grid.every((timeMs, i) => i === 0 || timeMs - grid[i - 1]! === 10_000)).toBe(true);
  expect(results.map(({ up, reason }) => `${up} ${reason}`)).toEqual(['true ', 'false HTTP 503']);
});

test.each([
  [['HTTP 503', ''], 2, 2, true, ''],
  [['HTTP 503', 'HTTP 503'], 2, 2, false, 'HTTP 503 (2 tries)'],
  [['HTTP 503', 'connection refused'], 2, 2, false, 'HTTP 503, then connection refused'],
  [['HTTP 503'], 1, 1, false, 'HTTP 503'],
  [['a', 'a', ''], 3, 3, true, ''],
] as const)('tries %j of at most %i', async (reasons, attempts, tries, up, reason) => {
  const { clock, rows, results, assign } = watchOf((_target, run) => ({
    success: reasons[run - 1] === '',
    reason: reasons[run - 1] ?? 'more',
  }));
  assign(check('a', { attempts }));
  await clock.advance(9_000);
  expect(results).toMatchObject([{ up, reason }]);
  expect(rows[0]!.values).toMatchObject({ probe_attempts: tries, probe_success: up ? 1 : 0 });
});

test('tries end where the interval does', async () => {
  const { clock, runs, results, assign } = watchOf(() => ({ success: false, reason: 'no answer in 4 s', tookMs: 4_000 }));
  assign(check('a', { attempts: 5, timeoutMs: 4_000 }));
  await clock.advance(10_000);
  expect(runs).toHaveLength(2);
  expect(results).toMatchObject([{ reason: 'no answer in 4 s (2 tries)' }]);
});

test('reasons of many tries', () => {
  expect(reasonOfTries(['a', 'b', 'b', 'a'])).toBe('a, then b, then a');
});

test('checks spread evenly over their interval, and first show themselves within two seconds', async () => {
  const many = Array.from({ length: 500 }, (_, i) => check(`00000000-0000-4000-8000-${String(i).padStart(12, '0')}`));
  const buckets = new Array<number>(10).fill(0);
  for (const one of many) buckets[Math.floor(phaseMs(one) / 1_000)]!++;
  expect(Math.min(...buckets)).toBeGreaterThan(25);
  expect(Math.max(...buckets)).toBeLessThan(80);
  for (const one of many) {
    expect(firstDelayMs(one)).toBeLessThan(2_000);
    const next = nextRun(one, START);
    expect([next > START, next <= START + 15_000, next % 10_000]).toEqual([true, true, phaseMs(one)]);
  }
  expect(phaseMs(check('a', { probe: 'icmp' }))).toBe(phaseMs(check('b', { probe: 'icmp' })));
});

test('one that hangs delays no other, and does not run twice at a time', async () => {
  const { clock, runs, watch, assign } = watchOf((target) => ({ tookMs: target === 'http://slow/' ? 25_000 : 1 }));
  assign(check('slow'), check('fast'));
  await clock.advance(42_000);
  expect(runs.filter(({ target }) => target === 'http://fast/').length).toBeGreaterThanOrEqual(4);
  expect(runs.filter(({ target }) => target === 'http://slow/')).toHaveLength(2);
  const skipped = watch.selfMetrics().find(({ name }) => name === 'bellwether_agent_check_runs_skipped_total');
  expect(skipped!.value).toBeGreaterThanOrEqual(2);
});

test('what is no longer assigned ends its series; what did not change goes on undisturbed', async () => {
  const { clock, rows, watch, assign } = watchOf(() => ({}));
  assign(check('a'), check('b'));
  await clock.advance(2_500);
  rows.length = 0;
  assign(check('b'));
  expect(rows).toMatchObject([{ group: 'check/a', values: { probe_success: 'stale', probe_attempts: 'stale' } }]);
  await clock.advance(10_000);
  expect(rows.slice(1).every(({ group }) => group === 'check/b')).toBe(true);
  expect(watch.results().map(({ id }) => id)).toEqual(['b']);
});

test('an end while a probe is under way: no row afterwards', async () => {
  const { clock, rows, results, assign } = watchOf(() => ({ tookMs: 5_000 }));
  assign(check('a'));
  await clock.advance(2_500);
  assign();
  await clock.advance(20_000);
  expect([rows, results]).toEqual([[], []]);
});

test('columns that come and go: a marker, then nothing', async () => {
  const { clock, rows, assign } = watchOf((_target, run) => ({
    samples: run === 2 ? [] : [{ name: 'probe_ssl_earliest_cert_expiry', value: run }],
  }));
  assign(check('a'));
  await clock.advance(33_000);
  expect(rows.slice(0, 3).map(({ values }) => values.probe_ssl_earliest_cert_expiry)).toEqual([1, 'stale', 3]);
});

test('certificates that change for ever do not add columns for ever', async () => {
  const { clock, rows, assign } = watchOf((_target, run) => ({
    samples: [{ name: 'probe_ssl_last_chain_info', value: 1, labels: { subject: `CN=${run}` } }],
  }));
  assign(check('a', { intervalMs: 1_000, timeoutMs: 500 }));
  let widest = 0;
  for (let i = 0; i < 200; i++) {
    await clock.advance(1_000);
    widest = Math.max(widest, Object.keys(rows.at(-1)!.values).length);
  }
  expect(rows.length).toBeGreaterThan(190);
  expect(widest).toBeLessThan(70);
});

test('another name of the host: the old series end, new ones begin', async () => {
  const { clock, rows, watch, assign, rename } = watchOf(() => ({}));
  assign(check('a'));
  await clock.advance(2_500);
  rename('web-2');
  watch.relabel();
  expect(rows[1]).toMatchObject({ labels: { agent: 'web-1' }, values: { probe_success: 'stale' } });
  await clock.advance(10_000);
  expect(rows[2]).toMatchObject({ labels: { agent: 'web-2' }, values: { probe_success: 1 } });
});

test('a list that cannot be read changes nothing', async () => {
  const { clock, runs, watch, assign } = watchOf(() => ({}));
  assign(check('a'));
  watch.assign({ type: 'assignments', version: 9, json: '{' });
  await clock.advance(12_000);
  expect(runs.length).toBeGreaterThan(0);
});

test('a probe of a later version is said so', async () => {
  const { clock, results, assign } = watchOf(() => ({}));
  assign(check('a', { probe: 'quic' as 'http' }));
  await clock.advance(2_500);
  expect(results).toMatchObject([{ up: false, reason: 'this agent knows no probe "quic"; update it' }]);
});

describe('single probes', () => {
  const ask = { type: 'runProbe', id: 7, probe: 'http', target: 'http://x/', timeoutMs: 1_000, options: '{"a":1}' } as const;

  test('are run now, with their options', async () => {
    let seen: unknown;
    const probe: Probe = async ({ options }) => {
      seen = options;
      return { success: false, reason: 'HTTP 503', durationMs: 4, samples: [] };
    };
    const { watch } = watchOf(() => ({}), { probes: { http: probe } });
    expect(await watch.runProbe(ask)).toEqual({ type: 'probeResult', id: 7, success: false, durationMs: 4, text: 'HTTP 503' });
    expect(seen).toEqual({ a: 1 });
    expect(await watch.runProbe({ ...ask, options: '' })).toMatchObject({ text: 'HTTP 503' });
    expect(await watch.runProbe({ ...ask, options: '{' })).toMatchObject({ success: false, durationMs: 0 });
    expect(await watch.runProbe({ ...ask, probe: 'x' })).toMatchObject({ success: false, durationMs: 0 });
  });

  test('have a bound', async () => {
    const { clock, watch } = watchOf(() => ({ tookMs: 1_000 }));
    const all = Array.from({ length: 40 }, () => watch.runProbe(ask));
    await clock.advance(1_000);
    const refused = (await Promise.all(all)).filter(({ durationMs }) => durationMs === 0);
    expect(refused).toHaveLength(8);
    expect(refused[0]!.text).toBe('this agent runs too many probes already');
  });
});

test('devices go to a part that is loaded with the first of them', async () => {
  const assigned: (readonly DeviceAssignment[])[] = [];
  let opened = 0;
  const { clock, watch } = watchOf(() => ({}), {
    openDevices: async () => {
      opened++;
      return {
        assign: (devices) => void assigned.push(devices),
        results: () => [{ id: 'd', kind: 'device', timeMs: 1, up: true, reason: '' }],
        stop: async () => {},
      };
    },
  });
  const send = (devices: unknown[]) => watch.assign({ type: 'assignments', version: 1, json: JSON.stringify({ checks: [], devices }) });
  send([]);
  await clock.advance(0);
  expect(opened).toBe(0);
  send([{ id: 'd' }]);
  send([{ id: 'd' }, { id: 'e' }]);
  await clock.advance(0);
  send([]);
  await clock.advance(0);
  expect([opened, assigned.map((list) => list.length)]).toEqual([1, [2, 2, 0]]);
  expect(watch.results()).toMatchObject([{ id: 'd', kind: 'device' }]);
  await watch.stop();
});
