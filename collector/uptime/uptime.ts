/** The verdicts on all that is watched: what is seen now, what was seen, and what was proven later. */
import type { Log, Millis, Stoppable } from '@bellwether/shared';
import type { UptimeDetail, UptimePage, UptimeQuery, UptimeRow } from '@bellwether/shared/api';
import type { State } from '../state/index.ts';
import { type StoredWatched, VerdictHistory, type Watched, type WatchedKind } from './history.ts';
import { bars, COLLECTOR_OFF, clip, overlay, type Part, type Span, share, stepSpan, type Verdict } from './spans.ts';

/** Spans older than this are dropped. */
const KEPT_MS = 400 * 86_400_000;
/** Spans one answer lists; newest first. */
const MAX_LISTED = 1_000;
const RANK: Readonly<Record<Verdict, number>> = { down: 0, unknown: 1, up: 2 };

export interface VerdictChange extends Watched {
  readonly verdict: Verdict;
  readonly reason: string;
  readonly timeMs: Millis;
}

export interface Uptime extends Stoppable {
  /** What is known of `watched` from `timeMs` on; the same again changes nothing. `reason` is '' when up. */
  observe(watched: Watched, verdict: Verdict, reason: string, timeMs: Millis): void;
  /** It is no longer watched: its history ends and stays. */
  retire(kind: WatchedKind, id: string, timeMs: Millis): void;
  /** What was learned later of ended spans: their proven verdict and reason, never what was seen. */
  prove(watched: Watched, parts: readonly Part[]): Promise<void>;
  /** Spans that touch the window, oldest first. */
  spans(watched: Pick<Watched, 'kind' | 'id'>, fromMs: Millis, toMs: Millis): Promise<Span[]>;
  current(kind: WatchedKind, id: string): Span | undefined;
  all(kind: WatchedKind): readonly { readonly watched: Watched; readonly span: Span }[];
  /** Calls back after every change of what is seen; the returned function ends that. */
  onChange(listener: (change: VerdictChange) => void): () => void;
  page(query: UptimeQuery): Promise<UptimePage>;
  detail(kind: WatchedKind, id: string, query: Pick<UptimeQuery, 'fromMs' | 'toMs' | 'bucketMs'>): Promise<UptimeDetail | undefined>;
  prune(now: Millis): Promise<void>;
  /** Writes what a full disk held back. */
  flush(): Promise<void>;
  /** Changes that wait for the disk, and those dropped because it took none for too long. */
  readonly counters: { readonly waiting: number; readonly dropped: number };
}

export interface UptimeOptions {
  readonly state: State;
  readonly log: Log;
  /** Up to when the collector is known to have been alive before this start; undefined at its first. */
  readonly lastAliveMs: Millis | undefined;
}

interface Entry {
  watched: StoredWatched;
  open: Span | undefined;
}

export async function startUptime({ state, log, lastAliveMs }: UptimeOptions): Promise<Uptime> {
  const history = new VerdictHistory(state, log);
  const entries = new Map<string, Entry>();
  const listeners = new Set<(change: VerdictChange) => void>();
  const keyOf = (kind: WatchedKind, id: string): string => `${kind} ${id}`;

  const stored = await history.load();
  for (const watched of stored.watched) entries.set(keyOf(watched.kind, watched.id), { watched, open: undefined });
  for (const { kind, id, span } of stored.open) {
    const entry = entries.get(keyOf(kind, id));
    if (entry === undefined) continue;
    entry.open = span;
    if (lastAliveMs !== undefined) step(entry, 'unknown', COLLECTOR_OFF, lastAliveMs);
  }

  function step(entry: Entry, verdict: Verdict, reason: string, timeMs: Millis): boolean {
    const spans = stepSpan(entry.open, verdict, reason, timeMs);
    for (const span of spans) history.saveSpan(entry.watched, span);
    entry.open = spans.at(-1) ?? entry.open;
    return spans.length > 0;
  }

  function save(entry: Entry, watched: StoredWatched): void {
    entry.watched = watched;
    history.saveWatched(watched);
  }

  /** Rows as the list shows them: the worst first, then by name. */
  function rowsOf({ kind, filter }: Pick<UptimeQuery, 'kind' | 'filter'>): Required<Entry>[] {
    const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
    return [...entries.values()]
      .filter((entry): entry is Required<Entry> & { open: Span } => entry.open !== undefined && entry.watched.retiredMs === null)
      .filter(
        ({ watched }) => (kind === undefined || watched.kind === kind) && words.every((word) => watched.name.toLowerCase().includes(word)),
      )
      .sort((a, b) => RANK[a.open.seen] - RANK[b.open.seen] || (a.watched.name < b.watched.name ? -1 : 1));
  }

  async function row(
    entry: Entry,
    { fromMs, toMs, bucketMs }: Pick<UptimeQuery, 'fromMs' | 'toMs' | 'bucketMs'>,
  ): Promise<{ row: UptimeRow; spans: Span[] }> {
    const { watched, open } = entry;
    const spans = await history.spans(watched, fromMs, toMs);
    return {
      spans,
      row: {
        kind: watched.kind,
        id: watched.id,
        name: watched.name,
        verdict: open?.seen ?? 'unknown',
        reason: open?.seenReason ?? 'no longer watched',
        sinceMs: open?.fromMs ?? watched.retiredMs ?? toMs,
        seen: share(spans, 'seen', fromMs, toMs),
        proven: share(spans, 'proven', fromMs, toMs),
        bars: bars(spans, fromMs, toMs, bucketMs),
      },
    };
  }

  return {
    observe({ kind, id, name }, verdict, reason, timeMs) {
      const key = keyOf(kind, id);
      let entry = entries.get(key);
      if (entry === undefined) {
        entry = { watched: { kind, id, name, retiredMs: null }, open: undefined };
        entries.set(key, entry);
        history.saveWatched(entry.watched);
      }
      if (entry.watched.name !== name || entry.watched.retiredMs !== null) save(entry, { kind, id, name, retiredMs: null });
      const text = verdict === 'up' && reason === '' ? '' : reason;
      if (!step(entry, verdict, text, timeMs)) return;
      for (const listener of listeners) listener({ kind, id, name, verdict, reason: text, timeMs });
    },

    retire(kind, id, timeMs) {
      const entry = entries.get(keyOf(kind, id));
      if (entry === undefined || entry.watched.retiredMs !== null) return;
      if (entry.open !== undefined) {
        if (timeMs > entry.open.fromMs) history.saveSpan(entry.watched, { ...entry.open, toMs: timeMs });
        else history.removeSpan(entry.watched, entry.open.fromMs);
        entry.open = undefined;
      }
      save(entry, { ...entry.watched, retiredMs: timeMs });
    },

    async prove(watched, parts) {
      if (parts.length === 0) return;
      const fromMs = Math.min(...parts.map((part) => part.fromMs));
      const toMs = Math.max(...parts.map((part) => part.toMs));
      const before = (await history.spans(watched, fromMs, toMs)).filter((span) => span.toMs !== null);
      const after = overlay(before, parts);
      const kept = new Set(after.map((span) => span.fromMs));
      for (const span of before) if (!kept.has(span.fromMs)) history.removeSpan(watched, span.fromMs);
      for (const span of after) history.saveSpan(watched, span);
    },

    spans: (watched, fromMs, toMs) => history.spans(watched, fromMs, toMs),
    current: (kind, id) => entries.get(keyOf(kind, id))?.open,
    all: (kind) => rowsOf({ kind, filter: '' }).map(({ watched, open }) => ({ watched, span: open! })),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    async page(query) {
      const rows = rowsOf(query);
      const counts = { up: 0, down: 0, unknown: 0 };
      for (const { open } of rows) counts[open!.seen]++;
      const shown: UptimeRow[] = [];
      for (const entry of rows.slice(query.offset, query.offset + query.limit)) shown.push((await row(entry, query)).row);
      const { fromMs, toMs, bucketMs } = query;
      return { fromMs, toMs, bucketMs, total: rows.length, counts, rows: shown };
    },

    async detail(kind, id, query) {
      const entry = entries.get(keyOf(kind, id));
      if (entry === undefined) return undefined;
      const found = await row(entry, query);
      const isOpen = found.spans.at(-1)?.toMs === null;
      const spans = clip(found.spans, query.fromMs, query.toMs).map((span, i, all) => ({
        ...span,
        toMs: isOpen && i === all.length - 1 ? null : span.toMs,
      }));
      return { ...found.row, fromMs: query.fromMs, toMs: query.toMs, spans: spans.reverse().slice(0, MAX_LISTED) };
    },

    async prune(now) {
      await history.prune(now - KEPT_MS);
    },
    flush: () => history.flush(),
    get counters() {
      return { waiting: history.waiting, dropped: history.dropped };
    },
    stop: () => history.flush(),
  };
}
