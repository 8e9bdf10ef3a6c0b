import { labelsFrom, type Millis, type SeriesMeta, setPresent } from '@bellwether/shared';
import type { GroupRef, Store } from '../store/index.ts';

/** How often every known state is repeated. */
export const UP_INTERVAL_MS = 10_000;
/** A closed connection may come back this long before the host counts as down. */
export const RECONNECT_GRACE_MS = 2_000;
/** After a start, hosts may take this long to come back: their back-off reaches 30 s. */
export const START_GRACE_MS = 45_000;

/** Hosts whose `up` series share one SeriesGroup. */
const CHUNK_HOSTS = 100;

interface TrackedHost {
  readonly hostname: string;
  readonly slot: number;
  /** undefined: not known yet (the collector has just started). */
  up: 0 | 1 | undefined;
  /** When an unanswered disconnection turns into 0. */
  downAtMs: Millis | null;
}

interface Chunk {
  readonly series: SeriesMeta[];
  group: GroupRef | undefined;
}

export interface UpChange {
  readonly agentId: string;
  readonly hostname: string;
  readonly up: boolean;
  readonly timeMs: Millis;
}

/**
 * Decides and writes `up{job="node",instance}`: 1 while the agent is connected; 0 at once after a goodbye or missed heartbeats, or when a
 * closed connection is not followed by another within RECONNECT_GRACE_MS. Written every UP_INTERVAL_MS on the collector's clock and at once
 * when it changes; a host whose state is not known yet has no sample. `now` never decreases between calls.
 */
export class UpTracker {
  readonly #store: Pick<Store, 'openGroup' | 'append'>;
  readonly #onChange: (change: UpChange) => void;
  readonly #hosts = new Map<string, TrackedHost>();
  readonly #chunks: Chunk[] = [];
  #slots = 0;
  #nextRepeatMs: Millis | undefined;

  constructor(store: Pick<Store, 'openGroup' | 'append'>, onChange: (change: UpChange) => void) {
    this.#store = store;
    this.#onChange = onChange;
  }

  /** A host known from before this start, connected then or not: it may have come back meanwhile, so nothing is said of it for a while. */
  remember(agentId: string, hostname: string, now: Millis): void {
    const host = this.#track(agentId, hostname);
    host.downAtMs = now + START_GRACE_MS;
  }

  connected(agentId: string, hostname: string, now: Millis): void {
    const host = this.#track(agentId, hostname);
    host.downAtMs = null;
    this.#set(agentId, host, 1, now);
  }

  /** `graceMs` 0: known to be gone (goodbye, silence); else the time a reconnection may take. */
  disconnected(agentId: string, graceMs: Millis, now: Millis): void {
    const host = this.#hosts.get(agentId);
    if (host === undefined) return;
    host.downAtMs = now + graceMs;
    this.tick(now);
  }

  isUp(agentId: string): boolean | undefined {
    const up = this.#hosts.get(agentId)?.up;
    return up === undefined ? undefined : up === 1;
  }

  /** Turns overdue disconnections into 0 and repeats all states when that is due. Call at least every second. */
  tick(now: Millis): void {
    for (const [agentId, host] of this.#hosts) {
      if (host.downAtMs === null || host.downAtMs > now) continue;
      host.downAtMs = null;
      this.#set(agentId, host, 0, now);
    }
    this.#nextRepeatMs ??= Math.ceil(now / UP_INTERVAL_MS) * UP_INTERVAL_MS;
    if (now >= this.#nextRepeatMs) {
      const gridMs = now - (now % UP_INTERVAL_MS);
      this.#repeat(gridMs);
      this.#nextRepeatMs = gridMs + UP_INTERVAL_MS;
    }
  }

  #track(agentId: string, hostname: string): TrackedHost {
    const known = this.#hosts.get(agentId);
    if (known !== undefined) return known;
    const slot = this.#slots++;
    const host: TrackedHost = { hostname, slot, up: undefined, downAtMs: null };
    this.#hosts.set(agentId, host);
    const at = Math.floor(slot / CHUNK_HOSTS);
    this.#chunks[at] ??= { series: [], group: undefined };
    this.#chunks[at].series.push({
      labels: labelsFrom({ __name__: 'up', job: 'node', instance: hostname }),
      type: 'gauge',
      help: 'Whether the agent of this host is connected to the collector.',
    });
    this.#chunks[at].group = undefined;
    return host;
  }

  #set(agentId: string, host: TrackedHost, up: 0 | 1, now: Millis): void {
    if (host.up === up) return;
    host.up = up;
    this.#write(Math.floor(host.slot / CHUNK_HOSTS), now, [host]);
    this.#onChange({ agentId, hostname: host.hostname, up: up === 1, timeMs: now });
  }

  #repeat(timeMs: Millis): void {
    const byChunk: TrackedHost[][] = this.#chunks.map(() => []);
    for (const host of this.#hosts.values()) if (host.up !== undefined) byChunk[Math.floor(host.slot / CHUNK_HOSTS)]!.push(host);
    for (const [chunk, hosts] of byChunk.entries()) if (hosts.length > 0) this.#write(chunk, timeMs, hosts);
  }

  #write(at: number, timeMs: Millis, hosts: readonly TrackedHost[]): void {
    const chunk = this.#chunks[at]!;
    chunk.group ??= this.#store.openGroup(`collector/up/${at}`, chunk.series);
    const presence = new Uint8Array(Math.ceil(chunk.series.length / 8));
    const values = new Float64Array(chunk.series.length);
    for (const host of hosts) {
      const column = host.slot % CHUNK_HOSTS;
      setPresent(presence, column, true);
      values[column] = host.up!;
    }
    this.#store.append(chunk.group, { timeMs, presence, values });
  }
}
