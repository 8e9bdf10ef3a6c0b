/** Hosts, the event log and the gap ledger, as kept in the state database. */
import type { Millis } from '@bellwether/shared';
import type { EventView, GapView, HostFacts } from '@bellwether/shared/api';
import type { State } from '../state/index.ts';

export interface Host {
  /** The agent's id. */
  readonly id: string;
  readonly name: string;
  readonly os: string;
  readonly agentVersion: string;
  readonly bootId: string | null;
  readonly firstSeenMs: Millis;
  readonly lastSeenMs: Millis | null;
  readonly connected: boolean;
  /** Why it is not connected, in words; '' while it is. */
  readonly absence: string;
  /** Since when it is or is not connected. */
  readonly sinceMs: Millis | null;
}

export interface InventoryLimits {
  /** Events and ended gaps beyond these are dropped, oldest first. */
  readonly maxEvents: number;
  readonly maxAgeMs: Millis;
}

export const DEFAULT_INVENTORY_LIMITS: InventoryLimits = { maxEvents: 100_000, maxAgeMs: 400 * 86_400_000 };

export interface Inventory {
  hosts(): Promise<Host[]>;
  /** Inserts or replaces. */
  saveHost(host: Host): Promise<void>;
  removeHost(id: string): Promise<void>;
  /** Begins a hole in the host's data; an open one goes on as it is. */
  openGap(host: string, fromMs: Millis, reason: string): Promise<void>;
  /** Ends the host's open gap, if there is one, with its final reason. */
  closeGap(host: string, toMs: Millis, reason: string, backfilled: boolean): Promise<void>;
  /** Gaps that touch [fromMs, toMs], newest first. */
  gaps(host: string, fromMs: Millis, toMs: Millis, limit?: number): Promise<GapView[]>;
  /** `host` is an agent id; null for the collector itself. */
  recordEvent(host: string | null, timeMs: Millis, kind: string, text: string): Promise<void>;
  /** Newest first; all hosts' when none is named. */
  events(host: string | undefined, limit: number): Promise<EventView[]>;
  /** Replaces what a host said of itself: hardware, system, packages. Any JSON. */
  saveFacts(host: string, timeMs: Millis, facts: unknown): Promise<void>;
  facts(host: string): Promise<HostFacts | undefined>;
  /** Up to when the collector is known to have been alive. */
  lastAliveMs(): Promise<Millis | undefined>;
  saveAlive(timeMs: Millis): Promise<void>;
  /** Drops what is beyond the limits; returns how many rows. */
  prune(now: Millis): Promise<number>;
}

const ALIVE = 'collector.alive';
const factsKey = (host: string): string => `facts.${host}`;
const MAX_TEXT = 2_000;

export function createInventory(state: State, limits: InventoryLimits = DEFAULT_INVENTORY_LIMITS): Inventory {
  const { db } = state;
  return {
    async hosts() {
      const rows = await db.selectFrom('hosts').selectAll().orderBy('name').execute();
      return rows.map((row) => ({ ...row, connected: row.connected === 1 }));
    },

    async saveHost({ id, ...host }) {
      const row = { ...host, connected: Number(host.connected) };
      await db
        .insertInto('hosts')
        .values({ id, ...row })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
        .execute();
    },

    async removeHost(id) {
      await db.transaction().execute(async (transaction) => {
        await transaction.deleteFrom('hosts').where('id', '=', id).execute();
        await transaction.deleteFrom('gaps').where('host', '=', id).execute();
        await transaction.deleteFrom('kv').where('key', '=', factsKey(id)).execute();
      });
    },

    async openGap(host, fromMs, reason) {
      const open = await db.selectFrom('gaps').select('id').where('host', '=', host).where('toMs', 'is', null).executeTakeFirst();
      if (open === undefined) await db.insertInto('gaps').values({ host, fromMs, toMs: null, reason, backfilled: 0 }).execute();
    },

    async closeGap(host, toMs, reason, backfilled) {
      await db
        .updateTable('gaps')
        .set({ toMs, reason, backfilled: Number(backfilled) })
        .where('host', '=', host)
        .where('toMs', 'is', null)
        .execute();
    },

    async gaps(host, fromMs, toMs, limit = 1_000) {
      const rows = await db
        .selectFrom('gaps')
        .select(['fromMs', 'toMs', 'reason', 'backfilled'])
        .where('host', '=', host)
        .where('fromMs', '<=', toMs)
        .where((where) => where.or([where('toMs', 'is', null), where('toMs', '>=', fromMs)]))
        .orderBy('fromMs', 'desc')
        .limit(limit)
        .execute();
      return rows.map((row) => ({ ...row, backfilled: row.backfilled === 1 }));
    },

    async recordEvent(host, timeMs, kind, text) {
      await db
        .insertInto('events')
        .values({ host, timeMs, kind, text: text.slice(0, MAX_TEXT) })
        .execute();
    },

    async events(host, limit) {
      let query = db
        .selectFrom('events')
        .select(['timeMs', 'host', 'kind', 'text'])
        .orderBy('timeMs', 'desc')
        .orderBy('id', 'desc')
        .limit(limit);
      if (host !== undefined) query = query.where('host', '=', host);
      return query.execute();
    },

    saveFacts: (host, timeMs, facts) => state.set(factsKey(host), { timeMs, facts }),
    facts: (host) => state.get<HostFacts>(factsKey(host)),

    lastAliveMs: () => state.get<Millis>(ALIVE),
    saveAlive: (timeMs) => state.set(ALIVE, timeMs),

    async prune(now) {
      const oldest = now - limits.maxAgeMs;
      const events = await db.deleteFrom('events').where('timeMs', '<', oldest).executeTakeFirst();
      const surplus = await db
        .deleteFrom('events')
        .where('id', 'in', (from) =>
          from.selectFrom('events').select('id').orderBy('timeMs', 'desc').orderBy('id', 'desc').limit(-1).offset(limits.maxEvents),
        )
        .executeTakeFirst();
      const gaps = await db.deleteFrom('gaps').where('toMs', '<', oldest).executeTakeFirst();
      return Number(events.numDeletedRows + surplus.numDeletedRows + gaps.numDeletedRows);
    },
  };
}
