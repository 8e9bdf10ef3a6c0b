import type { Kysely } from 'kysely';

export async function createUptime(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('uptimeWatched')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('retiredMs', 'bigint')
    .addPrimaryKeyConstraint('uptimeWatchedKey', ['kind', 'id'])
    .execute();
  await db.schema
    .createTable('uptimeSpans')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('watched', 'text', (column) => column.notNull())
    .addColumn('fromMs', 'bigint', (column) => column.notNull())
    .addColumn('toMs', 'bigint')
    .addColumn('seen', 'text', (column) => column.notNull())
    .addColumn('seenReason', 'text', (column) => column.notNull())
    .addColumn('proven', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('uptimeSpansKey', ['kind', 'watched', 'fromMs'])
    .execute();
  await db.schema.createIndex('uptimeSpansByEnd').on('uptimeSpans').column('toMs').execute();
}
