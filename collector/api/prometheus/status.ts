/** The routes that tell about the server itself: metadata and status. Clients probe them to learn what they talk to. */
import { hostname } from 'node:os';
import { labelValue, METRIC_NAME } from '@bellwether/shared';
import { successJson } from './json.ts';
import type { Parameters } from './parameters.ts';
import type { PrometheusApiOptions } from './plugin.ts';

type AddRoute = (path: string, answer: (parameters: Parameters) => Promise<string>) => void;

/** Entries of the statistics lists when the client names no number. */
const TOP_DEFAULT = 10;

export function statusRoutes(add: AddRoute, options: PrometheusApiOptions): void {
  const { clock, buildInfo } = options;
  const startedMs = clock.now();
  add('metadata', async (parameters) => successJson(metadataJson(options, parameters)));
  add('status/buildinfo', async () =>
    successJson(
      JSON.stringify({
        version: buildInfo.version,
        revision: buildInfo.revision ?? '',
        branch: '',
        buildUser: '',
        buildDate: '',
        goVersion: '',
        application: 'Bellwether',
      }),
    ),
  );
  add('status/runtimeinfo', async () =>
    successJson(
      JSON.stringify({
        startTime: new Date(startedMs).toISOString(),
        CWD: '',
        hostname: hostname(),
        serverTime: new Date(clock.now()).toISOString(),
        reloadConfigSuccess: true,
        lastConfigTime: new Date(startedMs).toISOString(),
        corruptionCount: 0,
        goroutineCount: 0,
        GOMAXPROCS: 0,
        GOMEMLIMIT: 0,
        GOGC: '',
        GODEBUG: '',
        storageRetention: '',
      }),
    ),
  );
  // The configuration holds secrets and is not Prometheus' own, so it is not shown here.
  add('status/config', async () => successJson('{"yaml":""}'));
  add('status/flags', async () => successJson('{}'));
  add('status/walreplay', async () => successJson('{"min":0,"max":0,"current":0,"state":"done"}'));
  add('status/tsdb', async (parameters) => {
    const limit = parameters.limit();
    return successJson(JSON.stringify(await statistics(options, Number.isFinite(limit) ? limit : TOP_DEFAULT)));
  });
  add('targets', async () => successJson('{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}}'));
  add('scrape_pools', async () => successJson('{"scrapePools":[]}'));
  add('alertmanagers', async () => successJson('{"activeAlertmanagers":[],"droppedAlertmanagers":[]}'));
}

function metadataJson({ store }: PrometheusApiOptions, parameters: Parameters): string {
  const limit = parameters.limit();
  const wanted = parameters.text('metric');
  const entries = new Map<string, { type: string; help: string; unit: string }[]>();
  let count = 0;
  for (const [name, { type, help }] of store.metadata()) {
    if (wanted !== '' && name !== wanted) continue;
    if (count++ >= limit) break;
    entries.set(name, [{ type: type === 'untyped' ? 'unknown' : type, help, unit: '' }]);
  }
  return JSON.stringify(Object.fromEntries(entries));
}

interface Count {
  readonly name: string;
  readonly value: number;
}

async function statistics({ store, clock }: PrometheusApiOptions, limit: number): Promise<object> {
  const nowMs = clock.now();
  const series = await store.series([], nowMs - 3_600_000, nowMs);
  const byMetric = new Map<string, number>();
  const byPair = new Map<string, number>();
  const valuesByLabel = new Map<string, Set<string>>();
  for (const labels of series) {
    increase(byMetric, labelValue(labels, METRIC_NAME));
    for (let i = 0; i < labels.length; i += 2) {
      increase(byPair, `${labels[i]}=${labels[i + 1]}`);
      const values = valuesByLabel.get(labels[i]!);
      if (values === undefined) valuesByLabel.set(labels[i]!, new Set([labels[i + 1]!]));
      else values.add(labels[i + 1]!);
    }
  }
  const sizes = [...valuesByLabel].map(([name, values]): [string, number] => [name, values.size]);
  const bytes = [...valuesByLabel].map(([name, values]): [string, number] => [
    name,
    [...values].reduce((sum, value) => sum + value.length, 0),
  ]);
  const { oldestMs } = store.stats();
  return {
    headStats: {
      numSeries: series.length,
      numLabelPairs: byPair.size,
      chunkCount: 0,
      minTime: oldestMs ?? nowMs,
      maxTime: nowMs,
    },
    seriesCountByMetricName: top(byMetric, limit),
    labelValueCountByLabelName: top(sizes, limit),
    memoryInBytesByLabelName: top(bytes, limit),
    seriesCountByLabelValuePair: top(byPair, limit),
  };
}

function increase(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function top(counts: Iterable<readonly [string, number]>, limit: number): Count[] {
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, limit)
    .map(([name, value]) => ({ name, value }));
}
