import type { Kysely } from 'kysely';

export async function createInventory(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('hosts')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('os', 'text', (column) => column.notNull())
    .addColumn('agentVersion', 'text', (column) => column.notNull())
    .addColumn('bootId', 'text')
    .addColumn('firstSeenMs', 'bigint', (column) => column.notNull())
    .addColumn('lastSeenMs', 'bigint')
    .addColumn('connected', 'integer', (column) => column.notNull())
    .addColumn('absence', 'text', (column) => column.notNull())
    .addColumn('sinceMs', 'bigint')
    .execute();
  await db.schema
    .createTable('events')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('timeMs', 'bigint', (column) => column.notNull())
    .addColumn('host', 'text')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('text', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('eventsByTime').on('events').column('timeMs').execute();
  await db.schema.createIndex('eventsByHost').on('events').columns(['host', 'timeMs']).execute();
  await db.schema
    .createTable('gaps')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('host', 'text', (column) => column.notNull())
    .addColumn('fromMs', 'bigint', (column) => column.notNull())
    .addColumn('toMs', 'bigint')
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('backfilled', 'integer', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('gapsByHost').on('gaps').columns(['host', 'fromMs']).execute();
}
