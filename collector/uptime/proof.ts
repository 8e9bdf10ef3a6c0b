/** What was learned later about a time without contact. Pure. */
import type { Millis } from '@bellwether/shared';
import { COLLECTOR_OFF, type Part } from './spans.ts';

export interface Reading {
  readonly timeMs: Millis;
  /** What it says of the thing watched; a reading of a host was made by a host that is up. */
  readonly up: boolean;
  /** When the host that made it had booted, collector's time. */
  readonly bootMs?: Millis;
}

export interface HostReturn {
  /** Why there was no contact, as known by now: `connection lost`, `agent stopped`, ... */
  readonly reason: string;
  /** undefined: the boot before is not known. */
  readonly sameBoot: boolean | undefined;
  /** The same agent process ran all the time. */
  readonly sameProcess: boolean;
  /** When the agent's process started, collector's time: the host had booted by then. */
  readonly startedMs: Millis;
}

export interface Window {
  readonly fromMs: Millis;
  readonly toMs: Millis;
}

/** Boot times differ a little between readings: clocks are slewed and stepped. */
const SAME_BOOT_MS = 30_000;

/**
 * The verdict on a host between its last word and its return. Evidence, strongest first: readings it made meanwhile (they came later) and times
 * it answered somebody (`answered`): up. A boot: down from the last evidence before it, up from it. The same boot id with another agent process:
 * only the agent was gone, so up. The same process without readings proves nothing (a suspended machine looks like this): unknown.
 * Readings further apart than `everyMs` leave what is between them open; those before and after the window bridge it only for the same process. The parts fill `window` without overlap.
 */
export function proveHost(
  window: Window,
  back: HostReturn,
  readings: readonly Reading[],
  answered: readonly Window[],
  everyMs: Millis,
): Part[] {
  const inside = readings.filter(({ timeMs }) => timeMs >= window.fromMs - everyMs && timeMs <= window.toMs + everyMs);
  const boots = back.sameBoot === false ? bootsWithin(window, inside, back.startedMs) : [];
  const covered: Part[] = [
    ...runs(window, inside, everyMs, boots)
      .filter(
        (run) =>
          back.sameProcess ||
          inside.some(({ timeMs }) => timeMs > window.fromMs && timeMs < window.toMs && timeMs >= run.fromMs && timeMs <= run.toMs),
      )
      .map(({ fromMs, toMs }) => ({
        fromMs,
        toMs,
        verdict: 'up' as const,
        reason: `${contact(back.reason)}host up, its readings came later`,
      })),
    ...answered
      .map((span) => ({ fromMs: Math.max(span.fromMs, window.fromMs), toMs: Math.min(span.toMs, window.toMs) }))
      .filter(({ fromMs, toMs }) => fromMs < toMs)
      .map(({ fromMs, toMs }) => ({ fromMs, toMs, verdict: 'up' as const, reason: `${back.reason}; host up, it answered` })),
  ];
  const parts: Part[] = [];
  let at = window.fromMs;
  for (const part of [...covered.sort((a, b) => a.fromMs - b.fromMs), { fromMs: window.toMs, toMs: window.toMs }]) {
    if (part.fromMs > at) parts.push(...uncovered({ fromMs: at, toMs: part.fromMs }, back, boots));
    if ('verdict' in part && part.toMs > at) parts.push({ ...part, fromMs: Math.max(at, part.fromMs) });
    at = Math.max(at, part.toMs);
  }
  return parts.filter(({ fromMs, toMs }) => fromMs < toMs);
}

function contact(reason: string): string {
  return reason === COLLECTOR_OFF ? `${reason}; ` : 'unreachable from here, ';
}

function uncovered({ fromMs, toMs }: Window, back: HostReturn, boots: readonly Millis[]): Part[] {
  const boot = boots.findLast((bootMs) => bootMs > fromMs && bootMs <= toMs);
  if (boot !== undefined) {
    const wasOff = back.reason === 'host shutting down' || back.reason === 'host shut down';
    return [
      { fromMs, toMs: boot, verdict: 'down', reason: wasOff ? 'host shut down' : 'host rebooted' },
      { fromMs: boot, toMs, verdict: 'up', reason: 'host rebooted; up again, its agent was not connected yet' },
    ];
  }
  if (back.sameBoot === true && !back.sameProcess) {
    return [{ fromMs, toMs, verdict: 'up', reason: `${back.reason}; host up, it did not reboot` }];
  }
  return [{ fromMs, toMs, verdict: 'unknown', reason: `${back.reason}; no readings from this time` }];
}

/** Boots inside the window, ascending; the agent's start stands for the last one while its readings are not here yet. */
function bootsWithin({ fromMs, toMs }: Window, readings: readonly Reading[], startedMs: Millis): Millis[] {
  const boots: Millis[] = [];
  for (const { bootMs } of readings) {
    if (bootMs === undefined || bootMs <= fromMs || bootMs > toMs) continue;
    if (boots.length === 0 || bootMs > boots.at(-1)! + SAME_BOOT_MS) boots.push(bootMs);
  }
  if (boots.length === 0) boots.push(Math.min(Math.max(startedMs, fromMs), toMs));
  return boots;
}

/** Stretches of the window with readings at most `everyMs` apart and no boot in between; the window's ends count as readings that are near. A lone reading is a stretch without length. */
function runs({ fromMs, toMs }: Window, readings: readonly Reading[], everyMs: Millis, boots: readonly Millis[]): Window[] {
  const result: { fromMs: Millis; toMs: Millis }[] = [];
  const broken = (after: Millis, until: Millis): boolean =>
    until - after > everyMs || boots.some((bootMs) => bootMs > after && bootMs <= until);
  for (const { timeMs } of readings) {
    const last = result.at(-1);
    if (last !== undefined && !broken(last.toMs, timeMs)) last.toMs = timeMs;
    else result.push({ fromMs: timeMs, toMs: timeMs });
  }
  const first = result[0];
  if (first !== undefined && first.fromMs > fromMs && !broken(fromMs, first.fromMs)) first.fromMs = fromMs;
  const last = result.at(-1);
  if (last !== undefined && last.toMs < toMs && !broken(last.toMs, toMs)) last.toMs = toMs;
  return result
    .map((run) => ({ fromMs: Math.max(fromMs, run.fromMs), toMs: Math.min(toMs, run.toMs) }))
    .filter((run) => run.fromMs <= run.toMs);
}

/**
 * The verdict on a check or device from results that came later. A result holds until the next, for `everyMs` at most; what no result covers gets
 * no part and stays as it was seen.
 */
export function proveResults({ fromMs, toMs }: Window, readings: readonly Reading[], everyMs: Millis): Part[] {
  const parts: Part[] = [];
  for (const [i, { timeMs, up }] of readings.entries()) {
    const part = {
      fromMs: Math.max(fromMs, timeMs),
      toMs: Math.min(toMs, timeMs + everyMs, readings[i + 1]?.timeMs ?? Number.POSITIVE_INFINITY),
      verdict: up ? ('up' as const) : ('down' as const),
      reason: up ? 'up, its results came later' : 'down, its results came later',
    };
    if (part.fromMs >= part.toMs) continue;
    const last = parts.at(-1);
    if (last !== undefined && last.toMs === part.fromMs && last.verdict === part.verdict)
      parts[parts.length - 1] = { ...last, toMs: part.toMs };
    else parts.push(part);
  }
  return parts;
}
