/** Readings of a host or results of a check as the store has them, as evidence for a time gone by. */
import { labelValue, METRIC_NAME, type Millis } from '@bellwether/shared';
import type { QueryEngine, QueryResult } from '../query/index.ts';
import type { Reading } from './proof.ts';

/** Longest stretch one query reads: a day of readings every second would be a burden. */
const STRETCH_MS = 6 * 3_600_000;
/** Further back nothing is looked for. */
const MAX_WINDOW_MS = 30 * 86_400_000;

type Instant = Pick<QueryEngine, 'instant'>;

/** Times at which the host's agent read its clock, ascending, with the boot that the reading belongs to. */
export async function hostReadings(engine: Instant, name: string, fromMs: Millis, toMs: Millis): Promise<Reading[]> {
  const selector = `{__name__=~"node_time_seconds|node_boot_time_seconds",job="node",instance=${JSON.stringify(name)}}`;
  const readings: Reading[] = [];
  for await (const result of stretches(engine, selector, fromMs, toMs)) {
    if (result.kind !== 'matrix') continue;
    const of = (metric: string) => result.series.filter(({ labels }) => labelValue(labels, METRIC_NAME) === metric);
    const boots = new Map<Millis, number>();
    for (const { times, values } of of('node_boot_time_seconds')) for (const [i, time] of times.entries()) boots.set(time, values[i]!);
    for (const { times, values } of of('node_time_seconds')) {
      for (const [i, timeMs] of times.entries()) {
        const boot = boots.get(timeMs);
        // Both are of the host's clock; the sample's own time is of the collector's.
        const bootMs = boot === undefined ? undefined : Math.round(timeMs - (values[i]! - boot) * 1_000);
        readings.push(bootMs === undefined ? { timeMs, up: true } : { timeMs, up: true, bootMs });
      }
    }
  }
  return readings.sort((a, b) => a.timeMs - b.timeMs);
}

/** Values of `selector` (1 up, 0 down), of several series at one time the best: one witness that reached it is enough. */
export async function resultReadings(engine: Instant, selector: string, fromMs: Millis, toMs: Millis): Promise<Reading[]> {
  const byTime = new Map<Millis, boolean>();
  for await (const result of stretches(engine, selector, fromMs, toMs)) {
    if (result.kind !== 'matrix') continue;
    for (const { times, values } of result.series) {
      for (const [i, timeMs] of times.entries()) {
        if (!Number.isNaN(values[i]!)) byTime.set(timeMs, (byTime.get(timeMs) ?? false) || values[i]! > 0);
      }
    }
  }
  return [...byTime].map(([timeMs, up]) => ({ timeMs, up })).sort((a, b) => a.timeMs - b.timeMs);
}

async function* stretches(engine: Instant, selector: string, fromMs: Millis, toMs: Millis): AsyncGenerator<QueryResult> {
  for (let at = Math.max(fromMs, toMs - MAX_WINDOW_MS); at < toMs; at += STRETCH_MS) {
    const end = Math.min(toMs, at + STRETCH_MS);
    yield await engine.instant(`${selector}[${Math.max(1, Math.ceil(end - at))}ms]`, end);
  }
}

const FEW_MS = 60_000;

/** How far apart readings may be and still be of one run: three times the usual distance, within 3 s and 5 min. */
export function reachOf(readings: readonly Reading[]): Millis {
  if (readings.length < 3) return FEW_MS;
  const distances = readings.slice(1).map(({ timeMs }, i) => timeMs - readings[i]!.timeMs);
  const median = distances.sort((a, b) => a - b)[distances.length >> 1]!;
  return Math.min(300_000, Math.max(3_000, 3 * median));
}
