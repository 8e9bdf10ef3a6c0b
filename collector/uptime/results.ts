/** What checks and devices were while nobody told: results that came later, from the spools of the agents that have them. */
import { type Clock, errorMessage, type Log, type Millis, type Stoppable } from '@bellwether/shared';
import { reachOf } from './evidence.ts';
import type { Watched } from './history.ts';
import { proveResults, type Reading } from './proof.ts';
import type { Uptime, VerdictChange } from './uptime.ts';

/** When to look after something was heard of again: a spool is sent over some time. */
const LOOKS_AFTER_MS = [4_000, 30_000, 120_000, 600_000] as const;
/** Looks that wait; beyond it times stay as they were seen. */
const MAX_LOOKS = 20_000;

export interface ResultProofsOptions {
  readonly uptime: Uptime;
  readonly clock: Clock;
  readonly log: Log;
  /** Results of a check or device, ascending. */
  readonly results: (watched: Watched, fromMs: Millis, toMs: Millis) => Promise<Reading[]>;
}

interface Look {
  readonly watched: Watched;
  readonly fromMs: Millis;
  readonly toMs: Millis;
  readonly attempt: number;
}

/** Proves the unknown times of checks and devices once they are known again. */
export function startResultProofs({ uptime, clock, log, results }: ResultProofsOptions): Stoppable {
  const unknownSince = new Map<string, Millis>();
  const cancels = new Set<() => void>();
  const looks: Look[] = [];
  let looking: Promise<void> | undefined;
  let stopped = false;
  const keyOf = ({ kind, id }: Pick<Watched, 'kind' | 'id'>): string => `${kind} ${id}`;

  for (const kind of ['check', 'device'] as const) {
    for (const { watched, span } of uptime.all(kind)) if (span.seen === 'unknown') unknownSince.set(keyOf(watched), span.fromMs);
  }

  const stopListening = uptime.onChange((change: VerdictChange) => {
    if (change.kind === 'host') return;
    const key = keyOf(change);
    const since = unknownSince.get(key);
    if (change.verdict === 'unknown') {
      if (since === undefined) unknownSince.set(key, change.timeMs);
    } else if (since !== undefined) {
      unknownSince.delete(key);
      const { kind, id, name, timeMs } = change;
      schedule({ watched: { kind, id, name }, fromMs: since, toMs: timeMs, attempt: 0 }, LOOKS_AFTER_MS[0]);
    }
  });

  function schedule(look: Look, delayMs: Millis): void {
    if (stopped || cancels.size + looks.length >= MAX_LOOKS) return;
    const cancel = clock.after(delayMs, () => {
      cancels.delete(cancel);
      looks.push(look);
      looking ??= lookAtAll().finally(() => {
        looking = undefined;
      });
    });
    cancels.add(cancel);
  }

  async function lookAtAll(): Promise<void> {
    for (let look = looks.shift(); look !== undefined && !stopped; look = looks.shift()) {
      try {
        const { watched, fromMs, toMs, attempt } = look;
        const readings = await results(watched, fromMs, toMs);
        const unknown = (await uptime.spans(watched, fromMs, toMs)).filter(({ seen, toMs: end }) => seen === 'unknown' && end !== null);
        const parts = unknown.flatMap((span) => proveResults({ fromMs: span.fromMs, toMs: span.toMs! }, readings, reachOf(readings)));
        await uptime.prove(watched, parts);
        const coveredMs = parts.reduce((sum, part) => sum + part.toMs - part.fromMs, 0);
        const wantedMs = unknown.reduce((sum, span) => sum + span.toMs! - span.fromMs, 0);
        const next = attempt + 1;
        if (coveredMs < wantedMs && next < LOOKS_AFTER_MS.length)
          schedule({ ...look, attempt: next }, LOOKS_AFTER_MS[next]! - LOOKS_AFTER_MS[attempt]!);
      } catch (error) {
        log.warn({ watched: look.watched.name, error: errorMessage(error) }, 'unknown time not looked at');
      }
    }
  }

  return {
    async stop() {
      stopped = true;
      stopListening();
      for (const cancel of cancels) cancel();
      cancels.clear();
      await looking;
    },
  };
}
