import { AppError } from '@bellwether/shared';
import type { Clock } from '@bellwether/shared/clock';
import type { Kysely } from 'kysely';
import type { Migration } from './migrations/index.ts';
import type { StateTables } from './tables.ts';

/**
 * Runs what is missing, in order, each step in a transaction with its own entry, so that a kill between two steps resumes at the second.
 * Throws AppError DATA_DIR_UNUSABLE for a database that a newer version has written.
 */
export async function migrate(db: Kysely<StateTables>, migrations: readonly Migration[], clock: Clock, where: string): Promise<number[]> {
  await db.schema
    .createTable('migrations')
    .ifNotExists()
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('appliedMs', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('kv')
    .ifNotExists()
    .addColumn('key', 'text', (column) => column.primaryKey())
    .addColumn('value', 'text', (column) => column.notNull())
    .execute();
  const applied = new Set((await db.selectFrom('migrations').select('id').execute()).map(({ id }) => id));
  const unknown = [...applied].filter((id) => !migrations.some((migration) => migration.id === id));
  if (unknown.length > 0) {
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `${where} was written by a newer Bellwether (it has migration ${Math.max(...unknown)}); start that version, or restore a backup of this one.`,
    );
  }
  const ran: number[] = [];
  for (const { id, name, up } of [...migrations].sort((a, b) => a.id - b.id)) {
    if (applied.has(id)) continue;
    await db.transaction().execute(async (transaction) => {
      await up(transaction as unknown as Kysely<unknown>);
      await transaction.insertInto('migrations').values({ id, name, appliedMs: clock.now() }).execute();
    });
    ran.push(id);
  }
  return ran;
}
