import { access, chmod, constants, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError, errorCode, errorMessage, type Stoppable } from '@bellwether/shared';
import { type Clock, systemClock } from '@bellwether/shared/clock';
import { CamelCasePlugin, Kysely, type SqliteDatabase, SqliteDialect } from 'kysely';
import { migrate } from './migrate.ts';
import { MIGRATIONS, type Migration } from './migrations/index.ts';
import { openSqlite } from './sqlite.ts';
import type { Tables } from './tables.ts';

export interface State extends Stoppable {
  /**
   * One connection: queries of one transaction must go through its own handle, since a query on `db` waits for the transaction's end.
   * Each query runs synchronously in this process: keep them small and indexed.
   */
  readonly db: Kysely<Tables>;
  readonly dir: string;
  /** A small JSON value kept under a name; undefined if there is none. */
  get<T>(key: string): Promise<T | undefined>;
  set(key: string, value: unknown): Promise<void>;
  remove(key: string): Promise<void>;
}

export interface StateOptions {
  /** The data directory; made (0700) when missing. Holding its `state.db` open is the lock on the directory. */
  dir: string;
  clock?: Clock;
  migrations?: readonly Migration[];
}

/** Opens `<dir>/state.db` and brings it to the present form. AppError DATA_DIR_LOCKED: another process has it; DATA_DIR_UNUSABLE: anything else. */
export async function openState({ dir, clock = systemClock, migrations = MIGRATIONS }: StateOptions): Promise<State> {
  const file = join(dir, 'state.db');
  const db = new Kysely<Tables>({
    dialect: new SqliteDialect({ database: await openFile(dir, file) }),
    plugins: [new CamelCasePlugin()],
  });
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= db.destroy();
    return stopping;
  };
  try {
    await migrate(db, migrations, clock, file);
  } catch (error) {
    await stop();
    if (errorCode(error) === 'DATA_DIR_UNUSABLE') throw error;
    throw unusable(dir, error);
  }
  return {
    db,
    dir,
    async get<T>(key: string) {
      const row = await db.selectFrom('kv').select('value').where('key', '=', key).executeTakeFirst();
      return row === undefined ? undefined : (JSON.parse(row.value) as T);
    },
    async set(key, value) {
      const text = JSON.stringify(value);
      await db
        .insertInto('kv')
        .values({ key, value: text })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: text }))
        .execute();
    },
    async remove(key) {
      await db.deleteFrom('kv').where('key', '=', key).execute();
    },
    stop,
  };
}

async function openFile(dir: string, file: string): Promise<SqliteDatabase> {
  try {
    await makeDir(dir);
    await access(`${dir}/.`, constants.W_OK | constants.X_OK); // SQLite would only say that it cannot open a file
    const database = openSqlite(file);
    await chmod(file, 0o600); // the directory may be an older one that others can read
    return database;
  } catch (error) {
    if (errorCode(error) === 'SQLITE_BUSY') {
      const sentence = `The data directory ${dir} is in use by another collector; stop that one, or choose another directory with --data-dir.`;
      throw new AppError('DATA_DIR_LOCKED', sentence, { cause: error });
    }
    throw unusable(dir, error);
  }
}

/** mkdir's own `recursive` loops for ever where the kernel answers ENOENT below a folder that exists (/proc). */
async function makeDir(dir: string): Promise<void> {
  try {
    await mkdir(dir, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return;
    if (errorCode(error) !== 'ENOENT' || dirname(dir) === dir) throw error;
    await makeDir(dirname(dir));
    await mkdir(dir, { mode: 0o700 });
  }
}

function unusable(dir: string, cause: unknown): AppError {
  const sentence = `The data directory ${dir} cannot be used (${errorMessage(cause)}); check that it can be written, or choose another with --data-dir.`;
  return new AppError('DATA_DIR_UNUSABLE', sentence, { cause });
}
