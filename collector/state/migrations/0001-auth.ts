import type { Kysely } from 'kysely';

export async function createAuth(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('users')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('password', 'text')
    .addColumn('createdMs', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('sessions')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('userName', 'text', (column) => column.notNull().references('users.name').onDelete('cascade'))
    .addColumn('createdMs', 'bigint', (column) => column.notNull())
    .addColumn('expiresMs', 'bigint', (column) => column.notNull())
    .addColumn('viaLink', 'integer', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('signInLinks')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('userName', 'text', (column) => column.notNull().references('users.name').onDelete('cascade'))
    .addColumn('expiresMs', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('apiTokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('scope', 'text', (column) => column.notNull())
    .addColumn('createdMs', 'bigint', (column) => column.notNull())
    .addColumn('expiresMs', 'bigint')
    .addColumn('lastUsedMs', 'bigint')
    .execute();
  await db.schema
    .createTable('joinTokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('createdMs', 'bigint', (column) => column.notNull())
    .addColumn('expiresMs', 'bigint')
    .addColumn('usesLeft', 'integer')
    .execute();
  await db.schema
    .createTable('agents')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('keyHash', 'text', (column) => column.notNull())
    .addColumn('hostname', 'text', (column) => column.notNull().unique())
    .addColumn('createdMs', 'bigint', (column) => column.notNull())
    .addColumn('revokedMs', 'bigint')
    .execute();
}
