import type { Millis } from '@bellwether/shared';
import type { TraceEntry } from '@bellwether/shared/api';
import type { Kysely } from 'kysely';
import type { State, Tables } from '../state/index.ts';
import type { WriteBehind } from './write-behind.ts';
import { chunks } from './write-behind.ts';

/** Entries kept of one alert in memory and given to the page; the oldest go first. */
const PER_ALERT = 100;
/** Alerts with a trace in memory; the one that was quiet longest goes first. */
const ALERTS = 20_000;
const KEPT_ROWS = 100_000;
const LOADED_ROWS = 5_000;

/** What each stage decided about each alert, newest last. Kept in the state so that a restart does not forget why somebody was paged. */
export class Traces {
  readonly #entries = new Map<string, (TraceEntry & { key: string })[]>();
  readonly #unwritten: (TraceEntry & { fingerprint: string })[] = [];
  readonly #writer: WriteBehind;

  constructor(writer: WriteBehind) {
    this.#writer = writer;
  }

  async load({ db }: State): Promise<void> {
    const rows = await db.selectFrom('alertTraces').selectAll().orderBy('id', 'desc').limit(LOADED_ROWS).execute();
    for (const { fingerprint, timeMs, stage, text } of rows.reverse()) this.#keep(fingerprint, { timeMs, stage, text, key: text });
  }

  /** `key` names the decision without its times: the same one again replaces the entry instead of filling the trace. */
  add(fingerprint: string, timeMs: Millis, stage: string, text: string, key: string = text): void {
    const last = this.#entries.get(fingerprint)?.at(-1);
    if (last !== undefined && last.stage === stage && last.key === key) {
      last.timeMs = timeMs;
      last.text = text;
      return;
    }
    this.#keep(fingerprint, { timeMs, stage, text, key });
    this.#unwritten.push({ fingerprint, timeMs, stage, text });
    if (this.#unwritten.length === 1) this.#writer.add((db) => this.#write(db));
  }

  of(fingerprint: string): TraceEntry[] {
    return (this.#entries.get(fingerprint) ?? []).map(({ timeMs, stage, text }) => ({ timeMs, stage, text }));
  }

  /** Drops the oldest rows beyond the bound. */
  prune(): void {
    this.#writer.add(async (db) => {
      const newest = await db.selectFrom('alertTraces').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst();
      if (newest !== undefined)
        await db
          .deleteFrom('alertTraces')
          .where('id', '<=', newest.id - KEPT_ROWS)
          .execute();
    });
  }

  async #write(db: Kysely<Tables>): Promise<void> {
    const rows = chunks(this.#unwritten)[0] ?? [];
    this.#unwritten.splice(0, rows.length);
    if (this.#unwritten.length > 0) this.#writer.add((next) => this.#write(next));
    if (rows.length > 0) await db.insertInto('alertTraces').values(rows).execute();
  }

  #keep(fingerprint: string, entry: TraceEntry & { key: string }): void {
    const list = this.#entries.get(fingerprint) ?? [];
    this.#entries.delete(fingerprint); // moves it to the end: the first is the one that was quiet longest
    this.#entries.set(fingerprint, list);
    list.push(entry);
    if (list.length > PER_ALERT) list.shift();
    if (this.#entries.size > ALERTS) this.#entries.delete(this.#entries.keys().next().value!);
  }
}
