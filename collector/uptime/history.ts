/** Verdict spans in the state database. What changes waits in memory until it is written; a disk that is full loses nothing but a crash would. */
import { errorMessage, type Log, type Millis } from '@bellwether/shared';
import type { Kysely } from 'kysely';
import type { State, Tables } from '../state/index.ts';
import type { Span } from './spans.ts';

export type WatchedKind = 'host' | 'check' | 'device';

export interface Watched {
  readonly kind: WatchedKind;
  /** The agent's, check's or device's id. */
  readonly id: string;
  readonly name: string;
}

export interface StoredWatched extends Watched {
  /** When it ceased to be watched; its history stays. */
  readonly retiredMs: Millis | null;
}

/** Changes that wait for the disk; beyond it the oldest are dropped and counted. */
const CAPACITY = 50_000;
/** Changes in one transaction; between transactions others have their turn. */
const TOGETHER = 20;

type Change =
  | { readonly kind: 'watched'; readonly row: StoredWatched }
  | { readonly kind: 'span'; readonly of: Watched; readonly span: Span }
  | { readonly kind: 'no span'; readonly of: Watched; readonly fromMs: Millis };

export class VerdictHistory {
  readonly #state: State;
  readonly #log: Log;
  /** By table and key, oldest first: the newest change of a row replaces an older one. */
  readonly #waiting = new Map<string, Change>();
  #writing: Promise<void> | undefined;
  #isFailing = false;
  /** Changes dropped because the disk took none for too long. */
  dropped = 0;

  constructor(state: State, log: Log) {
    this.#state = state;
    this.#log = log;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Everything that is watched or was, and the span of each that is open. */
  async load(): Promise<{ watched: StoredWatched[]; open: { kind: WatchedKind; id: string; span: Span }[] }> {
    const { db } = this.#state;
    const watched = await db.selectFrom('uptimeWatched').selectAll().execute();
    const open = await db.selectFrom('uptimeSpans').selectAll().where('toMs', 'is', null).execute();
    return { watched, open: open.map(({ kind, watched: id, ...span }) => ({ kind, id, span })) };
  }

  /** Spans that touch [fromMs, toMs], oldest first. */
  async spans({ kind, id }: Pick<Watched, 'kind' | 'id'>, fromMs: Millis, toMs: Millis): Promise<Span[]> {
    await this.flush();
    const rows = await this.#state.db
      .selectFrom('uptimeSpans')
      .select(['fromMs', 'toMs', 'seen', 'seenReason', 'proven', 'reason'])
      .where('kind', '=', kind)
      .where('watched', '=', id)
      .where('fromMs', '<=', toMs)
      .where((where) => where.or([where('toMs', 'is', null), where('toMs', '>=', fromMs)]))
      .orderBy('fromMs')
      .execute();
    if (this.#waiting.size === 0) return rows;
    // The disk takes nothing now: what waits is truer.
    const byStart = new Map<Millis, Span>(rows.map((row) => [row.fromMs, row]));
    for (const change of this.#waiting.values()) {
      if (change.kind === 'watched' || change.of.kind !== kind || change.of.id !== id) continue;
      if (change.kind === 'no span') byStart.delete(change.fromMs);
      else if (change.span.fromMs <= toMs && (change.span.toMs ?? fromMs) >= fromMs) byStart.set(change.span.fromMs, change.span);
    }
    return [...byStart.values()].sort((a, b) => a.fromMs - b.fromMs);
  }

  saveWatched(row: StoredWatched): void {
    this.#add(`watched ${row.kind} ${row.id}`, { kind: 'watched', row });
  }

  saveSpan(of: Watched, span: Span): void {
    this.#add(`span ${of.kind} ${of.id} ${span.fromMs}`, { kind: 'span', of, span });
  }

  removeSpan(of: Watched, fromMs: Millis): void {
    this.#add(`span ${of.kind} ${of.id} ${fromMs}`, { kind: 'no span', of, fromMs });
  }

  /** Drops spans that ended before `beforeMs`, and what has none left and is not watched. */
  async prune(beforeMs: Millis): Promise<void> {
    const { db } = this.#state;
    await db.deleteFrom('uptimeSpans').where('toMs', '<', beforeMs).execute();
    await db.deleteFrom('uptimeWatched').where('retiredMs', '<', beforeMs).execute();
  }

  /** Resolves when what waited is written, or the disk refused it; then it waits for the next call or change. */
  async flush(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    await this.#writing;
  }

  #add(key: string, change: Change): void {
    this.#waiting.delete(key);
    this.#waiting.set(key, change);
    if (this.#waiting.size > CAPACITY) {
      this.#waiting.delete(this.#waiting.keys().next().value!);
      this.dropped++;
    }
    if (!this.#isFailing) void this.flush();
  }

  async #write(): Promise<void> {
    await Promise.resolve(); // what changes in the same turn shares the transaction
    while (this.#waiting.size > 0) {
      const batch: [string, Change][] = [];
      for (const entry of this.#waiting) {
        batch.push(entry);
        if (batch.length === TOGETHER) break;
      }
      try {
        await this.#state.db.transaction().execute(async (transaction) => {
          for (const [, change] of batch) await write(transaction, change);
        });
        this.#isFailing = false;
      } catch (error) {
        if (!this.#isFailing) this.#log.error({ waiting: this.#waiting.size, error: errorMessage(error) }, 'uptime history not written');
        this.#isFailing = true;
        return;
      }
      for (const [key, change] of batch) if (this.#waiting.get(key) === change) this.#waiting.delete(key);
      if (this.#waiting.size > 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

async function write(db: Kysely<Tables>, change: Change): Promise<void> {
  if (change.kind === 'watched') {
    const { kind, id, ...rest } = change.row;
    await db
      .insertInto('uptimeWatched')
      .values({ kind, id, ...rest })
      .onConflict((conflict) => conflict.columns(['kind', 'id']).doUpdateSet(rest))
      .execute();
  } else if (change.kind === 'span') {
    const { fromMs, ...rest } = change.span;
    const row = { kind: change.of.kind, watched: change.of.id, fromMs };
    await db
      .insertInto('uptimeSpans')
      .values({ ...row, ...rest })
      .onConflict((conflict) => conflict.columns(['kind', 'watched', 'fromMs']).doUpdateSet(rest))
      .execute();
  } else {
    const { of, fromMs } = change;
    await db.deleteFrom('uptimeSpans').where('kind', '=', of.kind).where('watched', '=', of.id).where('fromMs', '=', fromMs).execute();
  }
}
