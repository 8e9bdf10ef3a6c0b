/** Checks made through the API, as the state database keeps them. Their secrets are in it in clear; the file is its owner's alone. */
import { AppError, type Millis } from '@bellwether/shared';
import type { State } from '../state/index.ts';

/** As it was sent: what the schema reads. */
export type WrittenCheck = Readonly<Record<string, unknown>>;

export interface KeptChecks {
  all(): Promise<{ readonly id: string; readonly written: WrittenCheck }[]>;
  /** AppError CONFLICT when another one has the name. */
  insert(id: string, name: string, written: WrittenCheck, user: string, now: Millis): Promise<void>;
  update(id: string, name: string, written: WrittenCheck, user: string, now: Millis): Promise<void>;
  remove(id: string): Promise<void>;
}

export function keptChecks({ db }: State): KeptChecks {
  return {
    async all() {
      const rows = await db.selectFrom('checks').select(['id', 'written']).orderBy('name').execute();
      return rows.map(({ id, written }) => ({ id, written: JSON.parse(written) as WrittenCheck }));
    },
    async insert(id, name, written, user, now) {
      const row = { id, name, written: JSON.stringify(written), changedBy: user, changedMs: now };
      const result = await db
        .insertInto('checks')
        .values(row)
        .onConflict((conflict) => conflict.column('name').doNothing())
        .executeTakeFirst();
      if (result.numInsertedOrUpdatedRows === 0n) throw nameTaken(name);
    },
    async update(id, name, written, user, now) {
      const other = await db.selectFrom('checks').select('id').where('name', '=', name).where('id', '!=', id).executeTakeFirst();
      if (other !== undefined) throw nameTaken(name);
      await db
        .updateTable('checks')
        .set({ name, written: JSON.stringify(written), changedBy: user, changedMs: now })
        .where('id', '=', id)
        .execute();
    },
    async remove(id) {
      await db.deleteFrom('checks').where('id', '=', id).execute();
    },
  };
}

export function nameTaken(name: string): AppError {
  return new AppError('CONFLICT', `Another check is named "${name}"; choose another name.`);
}
