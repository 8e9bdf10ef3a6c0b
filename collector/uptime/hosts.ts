/** The verdicts on hosts: from their agents' connections, from attempts to reach those that are gone, and from what those that return bring. */
import { type Clock, errorMessage, type Log, type Millis, type Stoppable } from '@bellwether/shared';
import { reachOf } from './evidence.ts';
import { type Answer, COLLECTOR, hostVerdict } from './host-verdict.ts';
import { finalReason, type HostWatch, type Return, type StoredHost } from './host-watch.ts';
import { type HostReturn, proveHost, type Reading, type Window } from './proof.ts';
import type { Path } from './reach.ts';
import { COLLECTOR_OFF } from './spans.ts';
import type { Uptime } from './uptime.ts';
import type { Witnesses } from './witnesses.ts';

/** How often a host whose agent is gone is tried again. */
const RETRY_MS = 30_000;
/** Hosts tried at once. */
const AT_ONCE = 16;
/** A host that said it shuts down may answer for a while. */
const SHUTDOWN_MS = 120_000;
/** Shorter absences are reconnections. */
const MIN_ABSENCE_MS = 2_000;
/** When to look at what a returned host brought: its spool is sent over some time. */
const LOOKS_AFTER_MS = [4_000, 30_000, 120_000, 600_000] as const;
/** Returned hosts waiting to be looked at; beyond it the oldest are left as they were seen, and counted. */
const MAX_LOOKS = 20_000;
/** Readings this far around an absence tell how far apart they usually are. */
const MARGIN_MS = 60_000;

export interface HostVerdictsOptions {
  readonly uptime: Uptime;
  readonly watch: Pick<HostWatch, 'host' | 'hosts'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Boot id of the machine the collector runs on. */
  readonly ownBootId: string | undefined;
  /** Never rejects. */
  readonly reach: (path: Path) => Promise<Answer>;
  /** Other agents that may have an answer; left out, nobody is asked. */
  readonly witnesses?: Pick<Witnesses, 'learn' | 'ask'>;
  readonly readings: (name: string, fromMs: Millis, toMs: Millis) => Promise<Reading[]>;
}

export interface HostVerdicts extends Stoppable {
  /** An agent was admitted. `before`: what was known of its host until now; `path`: the ends of its connection. */
  connected(id: string, name: string, before: StoredHost | undefined, back: Return, path: Path, now: Millis): void;
  /** Its agent is gone for longer than a reconnection takes. */
  gone(id: string, name: string, now: Millis): void;
  /** Looks that were given up because too many waited. */
  readonly skipped: number;
}

interface Gone {
  readonly id: string;
  readonly name: string;
  readonly absence: string;
  readonly sinceMs: Millis;
}

interface Look {
  readonly id: string;
  readonly name: string;
  readonly window: Window;
  readonly back: HostReturn;
  readonly attempt: number;
}

export function createHostVerdicts(options: HostVerdictsOptions): HostVerdicts {
  const { uptime, watch, clock, log } = options;
  const startedMs = clock.now();
  const paths = new Map<string, Path>();
  const away = new Map<string, Gone>();
  const looks: Look[] = [];
  const cancels = new Set<() => void>();
  let trying: Promise<void> = Promise.resolve();
  let isTrying = false;
  let looking: Promise<void> | undefined;
  let skipped = 0;
  let stopped = false;

  const cancelRetries = clock.every(RETRY_MS, () => {
    if (isTrying || away.size === 0) return;
    isTrying = true;
    trying = tryAll().finally(() => {
      isTrying = false;
    });
  });

  async function tryAll(): Promise<void> {
    const list = [...away.values()];
    const worker = async (): Promise<void> => {
      for (let host = list.pop(); host !== undefined && !stopped; host = list.pop()) await tryOne(host);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  async function tryOne(host: Gone): Promise<void> {
    if (host.absence === 'host shutting down' && clock.now() - host.sinceMs < SHUTDOWN_MS) return;
    try {
      const answers = await ask(host.id);
      if (answers.length === 0 || away.get(host.id) !== host || stopped) return; // nobody to ask, or it is back
      const { verdict, reason } = hostVerdict(host.absence, answers);
      uptime.observe({ kind: 'host', id: host.id, name: host.name }, verdict, reason, clock.now());
    } catch (error) {
      log.warn({ host: host.name, error: errorMessage(error) }, 'host could not be tried');
    }
  }

  async function ask(id: string): Promise<Answer[]> {
    const path = paths.get(id);
    if (path === undefined || path.remote === '') return [];
    if (isLoopback(path.remote)) {
      // A proxy in front of the collector looks like this too; the same kernel does not.
      const isThisMachine = options.ownBootId !== undefined && watch.host(id)?.bootId === options.ownBootId;
      return isThisMachine ? [{ from: COLLECTOR, answered: true, detail: 'it is the collector’s own machine' }] : [];
    }
    // Several hosts behind one address: the answer would be the router's.
    for (const [other, theirs] of paths) if (theirs.remote === path.remote && other !== id) return [];
    const own = await options.reach(path);
    return own.answered || options.witnesses === undefined ? [own] : [own, ...(await options.witnesses.ask(id, path.remote))];
  }

  function after(delayMs: Millis, run: () => void): void {
    const cancel = clock.after(delayMs, () => {
      cancels.delete(cancel);
      run();
    });
    cancels.add(cancel);
  }

  function schedule(look: Look, delayMs: Millis): void {
    if (cancels.size + looks.length >= MAX_LOOKS) {
      skipped++;
      return;
    }
    after(delayMs, () => {
      looks.push(look);
      looking ??= lookAtAll().finally(() => {
        looking = undefined;
      });
    });
  }

  /** One after the other: a fleet that comes back together must not stand in the way of live data. */
  async function lookAtAll(): Promise<void> {
    for (let look = looks.shift(); look !== undefined && !stopped; look = looks.shift()) {
      try {
        const isComplete = await lookAt(look);
        const next = look.attempt + 1;
        if (!isComplete && next < LOOKS_AFTER_MS.length)
          schedule({ ...look, attempt: next }, LOOKS_AFTER_MS[next]! - LOOKS_AFTER_MS[look.attempt]!);
      } catch (error) {
        log.warn({ host: look.name, error: errorMessage(error) }, 'absence not looked at');
      }
    }
  }

  /** True when nothing is left open. */
  async function lookAt({ id, name, window, back }: Look): Promise<boolean> {
    const host = { kind: 'host', id, name } as const;
    const readings = await options.readings(name, window.fromMs - MARGIN_MS, window.toMs + MARGIN_MS);
    const spans = await uptime.spans(host, window.fromMs, window.toMs);
    const answered = spans.filter(({ seen }) => seen === 'up').map(({ fromMs, toMs }) => ({ fromMs, toMs: toMs ?? window.toMs }));
    const parts = proveHost(window, back, readings, answered, reachOf(readings));
    await uptime.prove(host, parts);
    const bootKnown = back.sameBoot !== false || readings.some(({ timeMs, bootMs }) => timeMs >= window.toMs && bootMs !== undefined);
    return bootKnown && parts.every(({ verdict }) => verdict !== 'unknown');
  }

  return {
    get skipped() {
      return skipped;
    },
    connected(id, name, before, back, path, now) {
      paths.set(id, path);
      options.witnesses?.learn(id, name, path.remote);
      away.delete(id);
      uptime.observe({ kind: 'host', id, name }, 'up', '', now);
      const fromMs = before?.sinceMs ?? null;
      if (before === undefined || before.lastSeenMs === null || before.absence === '' || fromMs === null) return;
      if (now - fromMs < MIN_ABSENCE_MS) return;
      const reason = finalReason({ reason: before.absence, bootId: before.bootId, fromMs }, back);
      const sameBoot = before.bootId === null ? undefined : before.bootId === back.bootId;
      const last = before.absence === 'host shutting down' || back.lastGoodbye === 'shutting-down' ? 'host shut down' : reason;
      const hostReturn = { reason: last, sameBoot, sameProcess: back.startedMs <= fromMs, startedMs: back.startedMs };
      schedule({ id, name, window: { fromMs, toMs: now }, back: hostReturn, attempt: 0 }, LOOKS_AFTER_MS[0]);
    },
    gone(id, name, now) {
      const host = watch.host(id);
      const wasOff = host === undefined || host.absence === COLLECTOR_OFF || host.absence === '';
      const absence = wasOff ? 'not heard of since the collector started' : host.absence;
      // What happened before this start was not seen now.
      const sinceMs = wasOff || host.sinceMs === null || host.sinceMs < startedMs ? now : host.sinceMs;
      if (host?.lastSeenMs === null) return; // enrolled, never connected: nothing to watch yet
      const { verdict, reason } = hostVerdict(absence, []);
      uptime.observe({ kind: 'host', id, name }, verdict, reason, sinceMs);
      const entry: Gone = { id, name, absence, sinceMs };
      away.set(id, entry);
      void tryOne(entry);
    },
    async stop() {
      stopped = true;
      cancelRetries();
      for (const cancel of cancels) cancel();
      cancels.clear();
      await Promise.all([trying, looking]);
    },
  };
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
