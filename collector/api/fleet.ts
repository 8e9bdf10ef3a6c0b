/** The hosts list: inventory, connection state, alerts and five fleet-wide queries joined into HostRow. */
import { errorMessage, type Labels, type Log, labelValue, type Millis } from '@bellwether/shared';
import type { AlertView, HostPage, HostQuery, HostRow, HostSort, HostState } from '@bellwether/shared/api';
import type { QueryEngine } from '../query/index.ts';

/** What the inventory and the gateway know of a host, without metrics. */
export interface KnownHost {
  readonly id: string;
  readonly name: string;
  readonly os: string;
  readonly agentVersion: string;
  readonly connected: boolean;
  /** undefined while the collector does not know yet. */
  readonly up: boolean | undefined;
  readonly lastSeenMs: Millis | null;
  /** Since when the connection state is what it is. */
  readonly sinceMs: Millis | null;
  /** Why the host is not connected, in words; '' when it is. */
  readonly absence: string;
}

/** Interfaces that carry no traffic of their own. */
const VIRTUAL_DEVICES = 'lo|veth.*|docker.*|br-.*|virbr.*|ifb.*|tap.*|cali.*|flannel.*';

type Measure = 'cpu' | 'memory' | 'disk' | 'networkIn' | 'networkOut' | 'load1';

/** One value per instance. The rate window spans several readings of an agent at 10 s. */
const QUERIES: Readonly<Record<Measure, string>> = {
  cpu: '1 - avg by (instance) (rate(node_cpu_seconds_total{job="node",mode="idle"}[45s]))',
  memory: '1 - node_memory_MemAvailable_bytes{job="node"} / node_memory_MemTotal_bytes{job="node"}',
  disk: 'max by (instance) (1 - node_filesystem_avail_bytes{job="node",fstype!~"tmpfs|ramfs"} / (node_filesystem_size_bytes{job="node",fstype!~"tmpfs|ramfs"} > 0))',
  networkIn: `sum by (instance) (rate(node_network_receive_bytes_total{job="node",device!~"${VIRTUAL_DEVICES}"}[45s]))`,
  networkOut: `sum by (instance) (rate(node_network_transmit_bytes_total{job="node",device!~"${VIRTUAL_DEVICES}"}[45s]))`,
  load1: 'node_load1{job="node"}',
};
const MEASURES = Object.keys(QUERIES) as Measure[];

export interface FleetSources {
  readonly hosts: () => readonly KnownHost[];
  /** Pending and firing alerts. */
  readonly alerts: () => readonly AlertView[];
  readonly engine: Pick<QueryEngine, 'instant'>;
  readonly log: Log;
}

export interface Fleet {
  /** All hosts with metrics at most `maxAgeMs` old; concurrent callers share one evaluation. */
  rows(now: Millis, maxAgeMs?: Millis): Promise<readonly HostRow[]>;
}

export function createFleet({ hosts, alerts, engine, log }: FleetSources): Fleet {
  const measures = new Map<Measure, Map<string, number>>();
  let measuredMs = -Infinity;
  let measuring: Promise<void> | undefined;

  async function measure(now: Millis): Promise<void> {
    for (const name of MEASURES) {
      try {
        const result = await engine.instant(QUERIES[name], now);
        if (result.kind === 'vector') measures.set(name, byInstance(result.samples));
      } catch (error) {
        measures.delete(name);
        log.warn({ measure: name, error: errorMessage(error) }, 'fleet query failed');
      }
    }
    measuredMs = now;
  }

  return {
    async rows(now, maxAgeMs = 2_000) {
      if (now - measuredMs >= maxAgeMs) {
        measuring ??= measure(now).finally(() => {
          measuring = undefined;
        });
        await measuring;
      }
      const worst = worstAlerts(alerts());
      return hosts().map((host) => hostRow(host, worst.get(host.name), measures));
    },
  };
}

function byInstance(samples: readonly { labels: Labels; value: number }[]): Map<string, number> {
  const values = new Map<string, number>();
  for (const { labels, value } of samples) if (Number.isFinite(value)) values.set(labelValue(labels, 'instance'), value);
  return values;
}

/** The worst firing alert of each instance; of two equally severe ones the older. */
function worstAlerts(alerts: readonly AlertView[]): Map<string, AlertView> {
  const worst = new Map<string, AlertView>();
  for (const alert of alerts) {
    const instance = alert.labels.instance;
    if (alert.state !== 'firing' || alert.severity === 'info' || instance === undefined) continue;
    const other = worst.get(instance);
    if (other === undefined || compareAlerts(alert, other) < 0) worst.set(instance, alert);
  }
  return worst;
}

/** Orders firing alerts: critical first, then the oldest. */
export function compareAlerts(a: AlertView, b: AlertView): number {
  const rank = { critical: 0, warning: 1, info: 2 };
  return rank[a.severity] - rank[b.severity] || a.activeMs - b.activeMs || (a.fingerprint < b.fingerprint ? -1 : 1);
}

function hostRow(host: KnownHost, alert: AlertView | undefined, measures: ReadonlyMap<Measure, ReadonlyMap<string, number>>): HostRow {
  const value = (name: Measure): number | null => (host.connected ? (measures.get(name)?.get(host.name) ?? null) : null);
  const verdict = judge(host, alert);
  return {
    id: host.id,
    name: host.name,
    ...verdict,
    cpu: value('cpu'),
    memory: value('memory'),
    disk: value('disk'),
    networkIn: value('networkIn'),
    networkOut: value('networkOut'),
    load1: value('load1'),
    connected: host.connected,
    lastSeenMs: host.lastSeenMs,
    os: host.os,
    agentVersion: host.agentVersion,
  };
}

/** An alert beats silence: a host whose AgentDown fires is critical, one that is merely not known is "no data", never OK. */
function judge(host: KnownHost, alert: AlertView | undefined): { state: HostState; reason: string; sinceMs: Millis | null } {
  if (alert !== undefined) {
    const state = alert.severity === 'critical' ? 'critical' : 'warning';
    return { state, reason: alert.annotations.summary ?? alert.name, sinceMs: alert.activeMs };
  }
  if (host.up !== true) return { state: 'unknown', reason: host.absence || 'no data yet', sinceMs: host.sinceMs };
  return { state: 'ok', reason: '', sinceMs: host.sinceMs };
}

const STATE_RANK: Readonly<Record<HostState, number>> = { critical: 0, warning: 1, unknown: 2, ok: 3 };

/** Filters, sorts and cuts the list. Terms of the filter: `state:x`, `state:!x`, and words that the name must contain; all must hold. */
export function queryHosts(rows: readonly HostRow[], query: HostQuery): HostPage {
  const terms = query.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = rows.filter((row) => terms.every((term) => holds(row, term)));
  const sign = query.descending ? -1 : 1;
  matching.sort((a, b) => compareBy(a, b, query.sort, sign) || STATE_RANK[a.state] - STATE_RANK[b.state] || (a.name < b.name ? -1 : 1));
  return { total: rows.length, matching: matching.length, rows: matching.slice(query.offset, query.offset + query.limit) };
}

function holds(row: HostRow, term: string): boolean {
  const state = /^state:(!?)(\w+)$/.exec(term);
  if (state === null) return row.name.toLowerCase().includes(term);
  const wanted = state[2] === 'nodata' ? 'unknown' : state[2];
  return (row.state === wanted) !== (state[1] === '!');
}

/** By the column, `sign` -1 for descending; "worst first" (critical before ok) is ascending for states. Missing values come last either way. */
function compareBy(a: HostRow, b: HostRow, sort: HostSort, sign: 1 | -1): number {
  if (sort === 'state') return sign * (STATE_RANK[a.state] - STATE_RANK[b.state]);
  if (sort === 'name') return sign * (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  const left = a[sort];
  const right = b[sort];
  if (left === null || right === null) return Number(left === null) - Number(right === null);
  return sign * (left - right);
}
