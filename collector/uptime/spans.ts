/**
 * The verdict on something watched, as spans of time, and the maths on them. A span holds two verdicts: `seen`, what was known while it lasted,
 * which never changes afterwards, and `proven`, what is known by now. Pure: every time is an argument, in ms since the epoch.
 */
import type { Millis } from '@bellwether/shared';

export type Verdict = 'up' | 'down' | 'unknown';
export type Basis = 'seen' | 'proven';

export interface Span {
  readonly fromMs: Millis;
  /** null: still going on. */
  readonly toMs: Millis | null;
  readonly seen: Verdict;
  /** In words, as it was said at the time; '' when up. */
  readonly seenReason: string;
  readonly proven: Verdict;
  readonly reason: string;
}

/** A piece of time about which something was learned later. */
export interface Part {
  readonly fromMs: Millis;
  readonly toMs: Millis;
  readonly verdict: Verdict;
  readonly reason: string;
}

export interface Share {
  readonly upMs: Millis;
  readonly downMs: Millis;
  readonly unknownMs: Millis;
  /** up / (up + down); null when neither was ever known. Unknown time counts for neither. */
  readonly ratio: number | null;
}

export interface Bar {
  readonly fromMs: Millis;
  readonly toMs: Millis;
  readonly seen: Share;
  readonly proven: Share;
  /** The reason that took most of the time not seen up; '' when there was none. */
  readonly reason: string;
}

/** Why everything is unknown from the collector's last sign of life to the first word after its start. Never refined: it is what happened. */
export const COLLECTOR_OFF = 'collector was off';

/** A change of reason alone within this time of a bad span's start replaces the reason: first words are often refined at once. */
const REFINE_MS = 60_000;

/**
 * What an observation does to the span that is open: the spans to write, the open one last. An earlier time than the open span's start counts as
 * that start; the same again writes nothing.
 */
export function stepSpan(open: Span | undefined, verdict: Verdict, reason: string, timeMs: Millis): readonly Span[] {
  const next: Span = { fromMs: timeMs, toMs: null, seen: verdict, seenReason: reason, proven: verdict, reason };
  if (open === undefined) return [next];
  if (open.seen === verdict && open.seenReason === reason) return [];
  const isRefined = open.seen === verdict && verdict !== 'up' && open.seenReason !== COLLECTOR_OFF && timeMs - open.fromMs < REFINE_MS;
  if (timeMs <= open.fromMs || isRefined) return [{ ...next, fromMs: open.fromMs }];
  return [{ ...open, toMs: timeMs }, next];
}

/** Spans cut to [fromMs, toMs); an open one ends at `toMs`. Empty pieces are left out. */
export function clip(spans: readonly Span[], fromMs: Millis, toMs: Millis): (Span & { readonly toMs: Millis })[] {
  return spans
    .map((span) => ({ ...span, fromMs: Math.max(fromMs, span.fromMs), toMs: Math.min(toMs, span.toMs ?? toMs) }))
    .filter((span) => span.fromMs < span.toMs);
}

/** `proven` and `reason` of closed spans overwritten where a part covers them; `seen` stays. Parts are disjoint; time outside all spans is ignored. */
export function overlay(spans: readonly Span[], parts: readonly Part[]): Span[] {
  const result: Span[] = [];
  for (const span of spans) {
    const within = span.toMs === null ? [] : parts.filter((part) => part.fromMs < span.toMs! && part.toMs > span.fromMs);
    let at = span.fromMs;
    for (const part of [...within].sort((a, b) => a.fromMs - b.fromMs)) {
      const [from, to] = [Math.max(part.fromMs, span.fromMs), Math.min(part.toMs, span.toMs!)];
      if (from > at) result.push({ ...span, fromMs: at, toMs: from });
      result.push({ ...span, fromMs: from, toMs: to, proven: part.verdict, reason: part.reason });
      at = to;
    }
    if (span.toMs === null || at < span.toMs) result.push({ ...span, fromMs: at });
  }
  return joinEqual(result);
}

/** Neighbours that say the same become one. */
export function joinEqual(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const span of spans) {
    const last = result.at(-1);
    const same =
      last !== undefined &&
      last.toMs === span.fromMs &&
      last.seen === span.seen &&
      last.seenReason === span.seenReason &&
      last.proven === span.proven &&
      last.reason === span.reason;
    if (same) result[result.length - 1] = { ...last, toMs: span.toMs };
    else result.push(span);
  }
  return result;
}

/** Time in each verdict within [fromMs, toMs). Time before the first span is in none. */
export function share(spans: readonly Span[], basis: Basis, fromMs: Millis, toMs: Millis): Share {
  const ms: Record<Verdict, Millis> = { up: 0, down: 0, unknown: 0 };
  for (const span of clip(spans, fromMs, toMs)) ms[span[basis]] += span.toMs - span.fromMs;
  const known = ms.up + ms.down;
  return { upMs: ms.up, downMs: ms.down, unknownMs: ms.unknown, ratio: known === 0 ? null : ms.up / known };
}

/** [fromMs, toMs) in pieces that end at whole multiples of `bucketMs` (UTC); the first and the last may be shorter. `spans` ascend. */
export function bars(spans: readonly Span[], fromMs: Millis, toMs: Millis, bucketMs: Millis): Bar[] {
  const result: Bar[] = [];
  let first = 0;
  for (let at = fromMs; at < toMs; ) {
    const end = Math.min(toMs, (Math.floor(at / bucketMs) + 1) * bucketMs);
    while (first < spans.length && (spans[first]!.toMs ?? Number.POSITIVE_INFINITY) <= at) first++;
    let last = first;
    while (last < spans.length && spans[last]!.fromMs < end) last++;
    const inside = clip(spans.slice(first, last), at, end);
    result.push({
      fromMs: at,
      toMs: end,
      seen: share(inside, 'seen', at, end),
      proven: share(inside, 'proven', at, end),
      reason: mainReason(inside),
    });
    at = end;
  }
  return result;
}

function mainReason(spans: readonly (Span & { readonly toMs: Millis })[]): string {
  const byReason = new Map<string, Millis>();
  for (const { seen, proven, reason, fromMs, toMs } of spans) {
    if (seen !== 'up' || proven !== 'up') byReason.set(reason, (byReason.get(reason) ?? 0) + toMs - fromMs);
  }
  return [...byReason].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '';
}
