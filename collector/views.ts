/** What the page shows of the whole and of one host, joined from the parts. */
import { type Clock, labelValue, type Millis } from '@bellwether/shared';
import type { AlertView, GapView, HostDetail, HostState, StatusStrip } from '@bellwether/shared/api';
import { compareAlerts, type Fleet, type KnownHost } from './api/index.ts';
import type { Gateway } from './gateway/index.ts';
import type { QueryEngine } from './query/index.ts';
import type { Store } from './store/index.ts';
import type { HostWatch, Uptime } from './uptime/index.ts';

const STRIP_HOSTS_MAX_AGE_MS = 5_000;
const GAPS_SHOWN_MS = 7 * 86_400_000;

export interface ViewSources {
  readonly clock: Clock;
  readonly store: Pick<Store, 'stats'>;
  readonly engine: Pick<QueryEngine, 'instant'>;
  readonly gateway: Pick<Gateway, 'agent' | 'isUp'>;
  readonly watch: Pick<HostWatch, 'hosts' | 'host'>;
  readonly uptime: Pick<Uptime, 'current'>;
  readonly alerts: () => readonly AlertView[];
  readonly gaps: (hostId: string, sinceMs: Millis) => Promise<GapView[]>;
}

/** Hosts as the fleet view wants them: the inventory's word, corrected by what the gateway sees this moment; the verdict's reason says the most. */
export function knownHosts({ gateway, watch, uptime }: Pick<ViewSources, 'gateway' | 'watch' | 'uptime'>): KnownHost[] {
  return watch.hosts().map((host) => {
    const agent = gateway.agent(host.id);
    return {
      id: host.id,
      name: host.name,
      os: host.os,
      agentVersion: host.agentVersion,
      connected: agent !== undefined,
      up: gateway.isUp(host.id),
      lastSeenMs: agent?.lastMessageMs ?? host.lastSeenMs,
      sinceMs: host.sinceMs,
      absence: agent === undefined ? uptime.current('host', host.id)?.seenReason || host.absence : '',
    };
  });
}

/** Agents send on a grid, so a rate means something only over a few of their intervals. */
const RATE_WINDOW_MS = 30_000;

/** Samples a second over about the last RATE_WINDOW_MS, from the store's counter; call it now and then. */
export function sampleRate(store: Pick<Store, 'stats'>): (now: Millis) => number {
  const readings: { readonly timeMs: Millis; readonly samples: number }[] = [];
  return (now) => {
    const samples = store.stats().samplesAppended;
    if (readings.length === 0 || now - readings.at(-1)!.timeMs >= 1_000) readings.push({ timeMs: now, samples });
    while (readings.length > 2 && readings[1]!.timeMs <= now - RATE_WINDOW_MS) readings.shift();
    const first = readings[0]!;
    return now === first.timeMs ? 0 : Math.round(((samples - first.samples) / (now - first.timeMs)) * 1_000);
  };
}

export function createStatus(sources: ViewSources, fleet: Fleet): (now: Millis) => Promise<StatusStrip> {
  const rate = sampleRate(sources.store);
  const startedMs = sources.clock.now();
  return async (now) => {
    const hosts: Record<HostState, number> = { ok: 0, warning: 0, critical: 0, unknown: 0 };
    for (const { state } of await fleet.rows(now, STRIP_HOSTS_MAX_AGE_MS)) hosts[state]++;
    const alerts = sources.alerts();
    const firing = alerts.filter(({ state, severity }) => state === 'firing' && severity !== 'info').sort(compareAlerts);
    const ended = alerts.map(({ resolvedMs }) => resolvedMs ?? 0);
    const worst = firing[0];
    return {
      hosts,
      critical: firing.filter(({ severity }) => severity === 'critical').length,
      warning: firing.filter(({ severity }) => severity === 'warning').length,
      pending: alerts.filter(({ state }) => state === 'pending').length,
      worst:
        worst === undefined
          ? null
          : {
              name: worst.annotations.summary ?? worst.name,
              target: worst.labels.instance ?? '',
              sinceMs: worst.activeMs,
              owner: worst.acknowledgedBy,
            },
      quietSinceMs: firing.length > 0 ? null : Math.max(startedMs, ...ended),
      samplesPerSecond: rate(now),
      series: sources.store.stats().series,
      nowMs: now,
    };
  };
}

/** Facts of the host page that come from metrics; one value each, null when there is none. */
const FACTS = {
  bootMs: (host: string) => `node_boot_time_seconds${host} * 1000`,
  cpus: (host: string) => `count(count by (cpu) (node_cpu_seconds_total${host}))`,
  memoryBytes: (host: string) => `node_memory_MemTotal_bytes${host}`,
  agentCpuRatio: (host: string) => `rate(process_cpu_seconds_total${host.replace('job="node"', 'job="bellwether-agent"')}[1m])`,
  agentRssBytes: (host: string) => `process_resident_memory_bytes${host.replace('job="node"', 'job="bellwether-agent"')}`,
} as const;

export function createHostDetail(sources: ViewSources, fleet: Fleet): (id: string, now: Millis) => Promise<HostDetail | undefined> {
  const { engine, gateway, watch, alerts, gaps } = sources;

  async function value(query: string, now: Millis): Promise<number | null> {
    const result = await engine.instant(query, now);
    const found = result.kind === 'vector' ? result.samples[0]?.value : undefined;
    return found === undefined || !Number.isFinite(found) ? null : found;
  }

  async function kernel(host: string, now: Millis): Promise<string> {
    const result = await engine.instant(`node_uname_info${host}`, now);
    return result.kind === 'vector' && result.samples[0] !== undefined ? labelValue(result.samples[0].labels, 'release') : '';
  }

  return async (id, now) => {
    const row = (await fleet.rows(now)).find((candidate) => candidate.id === id);
    const known = watch.host(id);
    if (row === undefined || known === undefined) return undefined;
    const agent = gateway.agent(id);
    const host = `{job="node",instance=${JSON.stringify(row.name)}}`;
    const [bootMs, cpus, memoryBytes, agentCpuRatio, agentRssBytes] = await Promise.all(
      Object.values(FACTS).map((query) => value(query(host), now)),
    );
    return {
      ...row,
      firstSeenMs: known.firstSeenMs,
      bootMs: bootMs ?? null,
      cpus: cpus ?? null,
      memoryBytes: memoryBytes ?? null,
      agentCpuRatio: agentCpuRatio ?? null,
      agentRssBytes: agentRssBytes ?? null,
      clockOffsetMs: agent?.clockOffsetMs ?? null,
      queuedBatches: agent?.queuedBatches ?? 0,
      droppedSamples: agent?.droppedSamples ?? 0,
      kernel: await kernel(host, now),
      alerts: alerts().filter(({ labels }) => labels.instance === row.name),
      gaps: await gaps(id, now - GAPS_SHOWN_MS),
    };
  };
}
