import { AppError, type Clock, type Millis } from '@bellwether/shared';
import type { Role } from '@bellwether/shared/api';
import type { State } from '../state/index.ts';
import { hashPassword, hashSecret, newSecret, verifyPassword } from './credentials.ts';

export const LINK_LIFETIME_MS = 15 * 60_000;
export const MIN_PASSWORD_LENGTH = 10;
const MAX_PASSWORD_LENGTH = 1_024;
/** Passwords checked or hashed at once; each takes 32 MB and a thread of the pool that file reads need too. */
const MAX_HASHING = 4;

export interface UserView {
  readonly name: string;
  readonly role: Role;
  readonly hasPassword: boolean;
  readonly createdMs: Millis;
}

export interface Users {
  list(): Promise<UserView[]>;
  get(name: string): Promise<UserView | undefined>;
  /** AppError CONFLICT for a name that exists, BAD_REQUEST for one that cannot be. */
  create(name: string, role: Role): Promise<void>;
  setRole(name: string, role: Role): Promise<void>;
  /** Ends the user's sessions too. */
  remove(name: string): Promise<void>;
  /** A secret that signs `name` in once within 15 minutes; earlier links of that user stop working. */
  createLink(name: string): Promise<string>;
  /** The user a link is for, and makes the link useless. */
  useLink(link: string): Promise<string | undefined>;
  /** Ends the user's sessions. AppError BAD_REQUEST for a password that is too short. */
  setPassword(name: string, password: string): Promise<void>;
  checkPassword(name: string, password: string): Promise<boolean>;
}

export function createUsers({ db }: State, clock: Clock): Users {
  let hashing = 0;

  /** Bounds how many passwords are worked on; beyond it the caller is told to come again. */
  async function limited<T>(work: () => Promise<T>): Promise<T> {
    if (hashing >= MAX_HASHING)
      throw new AppError('TOO_MANY_REQUESTS', 'Too many people sign in at this moment; try again in a few seconds.');
    hashing++;
    try {
      return await work();
    } finally {
      hashing--;
    }
  }

  async function existing(name: string): Promise<{ role: Role }> {
    const user = await db.selectFrom('users').select('role').where('name', '=', name).executeTakeFirst();
    if (user === undefined) throw new AppError('NOT_FOUND', `There is no user "${name}".`);
    return user;
  }

  /** Somebody must be able to mend things. */
  async function notLastAdmin(name: string): Promise<void> {
    if ((await existing(name)).role !== 'admin') return;
    const other = await db.selectFrom('users').select('name').where('role', '=', 'admin').where('name', '!=', name).executeTakeFirst();
    if (other === undefined) throw new AppError('CONFLICT', `"${name}" is the only admin; make another one first.`);
  }

  const view = ({
    name,
    role,
    password,
    createdMs,
  }: {
    name: string;
    role: Role;
    password: string | null;
    createdMs: Millis;
  }): UserView => ({
    name,
    role,
    hasPassword: password !== null,
    createdMs,
  });

  return {
    async list() {
      return (await db.selectFrom('users').selectAll().orderBy('name').execute()).map(view);
    },

    async get(name) {
      const user = await db.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst();
      return user === undefined ? undefined : view(user);
    },

    async create(name, role) {
      if (!/^[\w.@-]{1,64}$/.test(name)) {
        throw new AppError('BAD_REQUEST', `"${name}" cannot be a user name; use up to 64 letters, digits and . _ - @.`);
      }
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('users')
        .values({ name, role, password: null, createdMs: clock.now() })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .executeTakeFirst();
      if (numInsertedOrUpdatedRows === 0n) throw new AppError('CONFLICT', `There is a user "${name}" already.`);
    },

    async setRole(name, role) {
      if (role !== 'admin') await notLastAdmin(name);
      await existing(name);
      await db.updateTable('users').set({ role }).where('name', '=', name).execute();
    },

    async remove(name) {
      await notLastAdmin(name);
      await db.deleteFrom('users').where('name', '=', name).execute();
    },

    async createLink(name) {
      await existing(name);
      const link = newSecret('');
      await db.transaction().execute(async (transaction) => {
        await transaction
          .deleteFrom('signInLinks')
          .where((where) => where.or([where('userName', '=', name), where('expiresMs', '<=', clock.now())]))
          .execute();
        await transaction
          .insertInto('signInLinks')
          .values({ hash: hashSecret(link), userName: name, expiresMs: clock.now() + LINK_LIFETIME_MS })
          .execute();
      });
      return link;
    },

    async useLink(link) {
      const used = await db
        .deleteFrom('signInLinks')
        .where('hash', '=', hashSecret(link))
        .returning(['userName', 'expiresMs'])
        .executeTakeFirst();
      return used !== undefined && used.expiresMs > clock.now() ? used.userName : undefined;
    },

    async setPassword(name, password) {
      if (password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH) {
        throw new AppError(
          'BAD_REQUEST',
          `A password needs ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters; a few words do well.`,
        );
      }
      await existing(name);
      const hash = await limited(() => hashPassword(password));
      await db.transaction().execute(async (transaction) => {
        await transaction.updateTable('users').set({ password: hash }).where('name', '=', name).execute();
        await transaction.deleteFrom('sessions').where('userName', '=', name).execute();
        await transaction.deleteFrom('signInLinks').where('userName', '=', name).execute();
      });
    },

    async checkPassword(name, password) {
      const user = await db.selectFrom('users').select('password').where('name', '=', name).executeTakeFirst();
      return limited(() => verifyPassword(password.slice(0, MAX_PASSWORD_LENGTH + 1), user?.password));
    },
  };
}
