import type { Kysely } from 'kysely';

export async function createAlerts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('ruleAlerts')
    .addColumn('ruleId', 'text', (column) => column.notNull())
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('labels', 'text', (column) => column.notNull())
    .addColumn('annotations', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('sinceMs', 'bigint', (column) => column.notNull())
    .addColumn('firedMs', 'bigint')
    .addColumn('clearedMs', 'bigint')
    .addColumn('resolvedMs', 'bigint')
    .addColumn('value', 'double precision')
    .addPrimaryKeyConstraint('ruleAlertsKey', ['ruleId', 'fingerprint'])
    .execute();
  await db.schema
    .createTable('ruleGroups')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('evaluatedMs', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('alertTraces')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('timeMs', 'bigint', (column) => column.notNull())
    .addColumn('stage', 'text', (column) => column.notNull())
    .addColumn('text', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('alertTracesByFingerprint').on('alertTraces').columns(['fingerprint', 'id']).execute();
  await db.schema
    .createTable('alertAcknowledgements')
    .addColumn('fingerprint', 'text', (column) => column.primaryKey())
    .addColumn('userName', 'text', (column) => column.notNull())
    .addColumn('note', 'text', (column) => column.notNull())
    .addColumn('timeMs', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('alertNotifications')
    .addColumn('groupKey', 'text', (column) => column.notNull())
    .addColumn('receiver', 'text', (column) => column.notNull())
    .addColumn('channel', 'text', (column) => column.notNull())
    .addColumn('sentMs', 'bigint', (column) => column.notNull())
    .addColumn('firing', 'text', (column) => column.notNull())
    .addColumn('resolved', 'text', (column) => column.notNull())
    .addColumn('thread', 'text')
    .addPrimaryKeyConstraint('alertNotificationsKey', ['groupKey', 'receiver', 'channel'])
    .execute();
  await db.schema
    .createTable('alertDeliveries')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('timeMs', 'bigint', (column) => column.notNull())
    .addColumn('groupKey', 'text', (column) => column.notNull())
    .addColumn('receiver', 'text', (column) => column.notNull())
    .addColumn('channel', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('alerts', 'text', (column) => column.notNull())
    .addColumn('outcome', 'text', (column) => column.notNull())
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('detail', 'text', (column) => column.notNull())
    .addColumn('deadlineMs', 'bigint', (column) => column.notNull())
    .addColumn('notification', 'text')
    .execute();
  await db.schema.createIndex('alertDeliveriesByOutcome').on('alertDeliveries').columns(['outcome', 'id']).execute();
}
