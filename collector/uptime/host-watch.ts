/**
 * What is known of every host without its metrics: who it is, whether its agent is connected and since when, and the gap ledger: every time
 * without a connection gets a reason, mended once the agent is back and can tell more.
 */
import { type Clock, errorMessage, type Log, type Millis, type Stoppable } from '@bellwether/shared';
import type { GoodbyeReason } from '@bellwether/shared/wire';

/** How often the time up to which the collector was alive is noted; a start later than that was preceded by an absence of its own. */
const ALIVE_INTERVAL_MS = 5_000;
/** Shorter absences are reconnections, not gaps. */
const MIN_GAP_MS = 2_000;

export type GapReason =
  | 'agent stopped'
  | 'agent restarted'
  | 'host shutting down'
  | 'host rebooted'
  | 'connection lost'
  | 'no heartbeat'
  | 'collector was off';

export interface StoredHost {
  readonly id: string;
  readonly name: string;
  readonly os: string;
  readonly agentVersion: string;
  readonly bootId: string | null;
  readonly firstSeenMs: Millis;
  readonly lastSeenMs: Millis | null;
  readonly connected: boolean;
  /** Why it is not connected; '' while it is. */
  readonly absence: string;
  readonly sinceMs: Millis | null;
}

/** Where hosts, gaps and events are kept. */
export interface HostLedger {
  hosts(): Promise<StoredHost[]>;
  saveHost(host: StoredHost): Promise<void>;
  openGap(hostId: string, fromMs: Millis, reason: string): Promise<void>;
  /** Ends the host's open gap, if there is one, with its final reason. */
  closeGap(hostId: string, toMs: Millis, reason: string, backfilled: boolean): Promise<void>;
  recordEvent(hostId: string | null, timeMs: Millis, kind: string, text: string): Promise<void>;
  lastAliveMs(): Promise<Millis | undefined>;
  saveAlive(timeMs: Millis): Promise<void>;
}

/** What a returning agent says of itself, as far as it explains an absence. */
export interface Return {
  readonly bootId: string;
  /** When its process started, on the collector's clock. */
  readonly startedMs: Millis;
  readonly lastGoodbye: GoodbyeReason | null;
  /** Rows it still holds from before. */
  readonly backlog: number;
  readonly os: string;
  readonly agentVersion: string;
}

export type Departure =
  | { readonly kind: 'goodbye'; readonly reason: GoodbyeReason }
  | { readonly kind: 'closed' }
  | { readonly kind: 'silent' };

/** The reason as the connection ends; all that can be known then. */
export function departureReason(departure: Departure): GapReason {
  if (departure.kind === 'silent') return 'no heartbeat';
  if (departure.kind === 'closed') return 'connection lost';
  return departure.reason === 'shutting-down'
    ? 'host shutting down'
    : departure.reason === 'stopping'
      ? 'agent stopped'
      : 'agent restarted';
}

/** The reason once the agent is back: its boot id, its start time and its last words tell what the collector could not see. */
export function finalReason(
  before: { readonly reason: string; readonly bootId: string | null; readonly fromMs: Millis },
  back: Return,
): string {
  if (before.reason === 'collector was off') return before.reason;
  if (before.bootId !== null && before.bootId !== back.bootId) return 'host rebooted';
  if (before.reason === 'agent stopped' || back.lastGoodbye === 'stopping') return 'agent stopped';
  if (back.startedMs > before.fromMs) return 'agent restarted';
  return 'connection lost';
}

export interface HostWatch extends Stoppable {
  hosts(): readonly StoredHost[];
  host(id: string): StoredHost | undefined;
  enrolled(id: string, name: string, os: string, now: Millis): void;
  connected(id: string, name: string, back: Return, now: Millis): void;
  disconnected(id: string, departure: Departure, now: Millis): void;
  event(id: string | null, kind: string, text: string, timeMs: Millis): void;
}

export interface HostWatchOptions {
  readonly ledger: HostLedger;
  readonly clock: Clock;
  readonly log: Log;
}

export async function startHostWatch({ ledger, clock, log }: HostWatchOptions): Promise<HostWatch> {
  const hosts = new Map<string, StoredHost>();
  const started = clock.now();
  /** Ledger writes one after the other, in the order things happened. */
  let writing: Promise<void> = Promise.resolve();
  /** Said once, not with every write of a disk that stays full. */
  let isFailing = false;

  function write(what: string, work: () => Promise<void>): void {
    writing = writing.then(work).then(
      () => {
        isFailing = false;
      },
      (error: unknown) => {
        if (!isFailing) log.error({ what, error: errorMessage(error) }, 'host ledger not written');
        isFailing = true;
      },
    );
  }

  function set(host: StoredHost): void {
    hosts.set(host.id, host);
    write('host', () => ledger.saveHost(host));
  }

  const lastAliveMs = await ledger.lastAliveMs();
  for (const host of await ledger.hosts()) {
    if (!host.connected || lastAliveMs === undefined) {
      hosts.set(host.id, host);
      continue;
    }
    const reason: GapReason = 'collector was off';
    set({ ...host, absence: reason, sinceMs: lastAliveMs });
    write('gap', () => ledger.openGap(host.id, lastAliveMs, reason));
  }
  write('alive', () => ledger.saveAlive(started));
  const cancel = clock.every(ALIVE_INTERVAL_MS, () => write('alive', () => ledger.saveAlive(clock.now())));

  return {
    hosts: () => [...hosts.values()],
    host: (id) => hosts.get(id),
    enrolled(id, name, os, now) {
      if (hosts.has(id)) return;
      const absence = 'enrolled, never connected';
      set({ id, name, os, agentVersion: '', bootId: null, firstSeenMs: now, lastSeenMs: null, connected: false, absence, sinceMs: now });
    },
    connected(id, name, back, now) {
      const before = hosts.get(id);
      const fromMs = before?.sinceMs ?? null;
      set({
        id,
        name,
        os: back.os,
        agentVersion: back.agentVersion,
        bootId: back.bootId,
        firstSeenMs: before?.firstSeenMs ?? now,
        lastSeenMs: now,
        connected: true,
        absence: '',
        sinceMs: now,
      });
      if (before === undefined || before.lastSeenMs === null || before.absence === '' || fromMs === null) return;
      const reason = finalReason({ reason: before.absence, bootId: before.bootId, fromMs }, back);
      write('gap', () => ledger.closeGap(id, now, reason, back.backlog > 0));
      if (now - fromMs < MIN_GAP_MS) return;
      const filled = back.backlog > 0 ? '; its readings are being back-filled' : '';
      write('event', () =>
        ledger.recordEvent(id, now, 'connected', `Connected again after ${Math.round((now - fromMs) / 1_000)} s: ${reason}${filled}.`),
      );
    },
    disconnected(id, departure, now) {
      const before = hosts.get(id);
      if (before === undefined) return;
      const reason = departureReason(departure);
      set({ ...before, connected: false, absence: reason, sinceMs: now, lastSeenMs: now });
      write('gap', () => ledger.openGap(id, now, reason));
      write('event', () => ledger.recordEvent(id, now, 'disconnected', `Disconnected: ${reason}.`));
    },
    event(id, kind, text, timeMs) {
      write('event', () => ledger.recordEvent(id, timeMs, kind, text));
    },
    async stop() {
      cancel();
      write('alive', () => ledger.saveAlive(clock.now()));
      await writing;
    },
  };
}
