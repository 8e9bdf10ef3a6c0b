import { AppError, errorCode } from '@bellwether/shared';
import type { SqliteDatabase } from 'kysely';
import Libsql from 'libsql';

/**
 * Opens a SQLite file for this process alone: the exclusive lock is held until `close`, and a second opener gets SQLITE_BUSY at once.
 * WAL with synchronous NORMAL: a crash of the process loses nothing, a power cut at most the last moments, and neither corrupts the file.
 */
export function openSqlite(file: string): SqliteDatabase {
  const database = new Libsql(file);
  try {
    for (const pragma of ['locking_mode = exclusive', 'journal_mode = wal', 'synchronous = normal', 'foreign_keys = on']) {
      database.pragma(pragma);
    }
    // The lock is taken by the first transaction, not by the pragma.
    database.exec('begin immediate; commit');
  } catch (error) {
    database.close();
    throw error;
  }
  return {
    prepare: (sql) => {
      const statement = database.prepare(sql);
      return {
        reader: statement.reader,
        all: (parameters) => named(file, () => statement.all(parameters.map(bindable))),
        run: (parameters) => {
          // SQLite has rolled back by itself when the disk was full; to ask for it again would hide why.
          if (sql === 'rollback' && !database.inTransaction) return { changes: 0, lastInsertRowid: 0 };
          return named(file, () => statement.run(parameters.map(bindable)));
        },
        iterate: (parameters) => statement.iterate(parameters.map(bindable)),
      };
    },
    close: () => {
      if (!database.open) return;
      releaseLock(database);
      database.close();
    },
  };
}

/**
 * libsql keeps the file open until the garbage collector has found every statement, so the lock is given back by hand: out of WAL (which
 * also folds the log into the file), out of exclusive mode, and one read, upon which SQLite lets go.
 */
function releaseLock(database: Libsql.Database): void {
  for (const pragma of ['journal_mode = delete', 'locking_mode = normal', 'user_version']) database.pragma(pragma);
}

/** A full disk is nobody's mistake and mends itself with room: callers get an error that says so. */
function named<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (errorCode(cause) !== 'SQLITE_FULL') throw cause;
    throw new AppError('STORE_FULL', `The disk of ${file} is full; nothing can be changed until there is room.`, { cause });
  }
}

/** libsql aborts the whole process on a boolean; SQLite has none anyway. */
function bindable(value: unknown): unknown {
  return typeof value === 'boolean' ? Number(value) : value;
}
