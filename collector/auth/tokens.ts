import { AppError, type Clock, type Millis } from '@bellwether/shared';
import type { State } from '../state/index.ts';
import type { Principal, Scope } from './access.ts';
import { hashSecret, newId, newSecret } from './credentials.ts';

export const TOKEN_PREFIX = 'bw_';
export const JOIN_PREFIX = 'bwj_';
/** How exact `lastUsedMs` is: it is not written at each request. */
const USED_STEP_MS = 60_000;

export interface NewToken {
  readonly name: string;
  /** `join`: lets agents enrol, nothing else. */
  readonly scope: Scope | 'join';
  readonly expiresInMs?: Millis | null;
  /** Join tokens only: how many agents may enrol with it; any number when not given. */
  readonly uses?: number | null;
}

export interface TokenView {
  readonly id: string;
  readonly name: string;
  readonly scope: Scope | 'join';
  readonly createdMs: Millis;
  readonly expiresMs: Millis | null;
  readonly lastUsedMs: Millis | null;
  readonly usesLeft: number | null;
}

export interface Tokens {
  /** The secret is given this once; only its hash is kept. */
  create(token: NewToken): Promise<{ id: string; token: string }>;
  list(): Promise<TokenView[]>;
  /** By id. AppError NOT_FOUND. */
  revoke(id: string): Promise<void>;
  principal(token: string): Promise<Principal | undefined>;
  /** Uses a join token once; false when it is wrong, expired or used up. */
  useJoinToken(token: string): Promise<boolean>;
}

export function createTokens({ db }: State, clock: Clock): Tokens {
  return {
    async create({ name, scope, expiresInMs, uses }) {
      const id = newId();
      const createdMs = clock.now();
      const expiresMs = expiresInMs === undefined || expiresInMs === null ? null : createdMs + expiresInMs;
      if (scope === 'join') {
        const token = newSecret(JOIN_PREFIX);
        const row = { id, hash: hashSecret(token), name, createdMs, expiresMs, usesLeft: uses ?? null };
        await db.insertInto('joinTokens').values(row).execute();
        return { id, token };
      }
      const token = newSecret(TOKEN_PREFIX);
      await db
        .insertInto('apiTokens')
        .values({ id, hash: hashSecret(token), name, scope, createdMs, expiresMs, lastUsedMs: null })
        .execute();
      return { id, token };
    },

    async list() {
      const api = await db.selectFrom('apiTokens').select(['id', 'name', 'scope', 'createdMs', 'expiresMs', 'lastUsedMs']).execute();
      const join = await db.selectFrom('joinTokens').select(['id', 'name', 'createdMs', 'expiresMs', 'usesLeft']).execute();
      const views: TokenView[] = [
        ...api.map((token) => ({ ...token, usesLeft: null })),
        ...join.map((token) => ({ ...token, scope: 'join' as const, lastUsedMs: null })),
      ];
      return views.sort((a, b) => a.createdMs - b.createdMs);
    },

    async revoke(id) {
      const api = await db.deleteFrom('apiTokens').where('id', '=', id).executeTakeFirst();
      const join = await db.deleteFrom('joinTokens').where('id', '=', id).executeTakeFirst();
      if (api.numDeletedRows + join.numDeletedRows === 0n) throw new AppError('NOT_FOUND', `There is no token with the id "${id}".`);
    },

    async principal(token) {
      if (!token.startsWith(TOKEN_PREFIX)) return undefined;
      const now = clock.now();
      const found = await db
        .selectFrom('apiTokens')
        .select(['id', 'name', 'scope', 'expiresMs', 'lastUsedMs'])
        .where('hash', '=', hashSecret(token))
        .executeTakeFirst();
      if (found === undefined || (found.expiresMs !== null && found.expiresMs <= now)) return undefined;
      if (found.lastUsedMs === null || now - found.lastUsedMs >= USED_STEP_MS) {
        // A note only: a disk that takes nothing more must not shut everybody out.
        const noted = db.updateTable('apiTokens').set({ lastUsedMs: now }).where('id', '=', found.id).execute();
        await noted.catch(() => {});
      }
      return { kind: 'token', name: `token:${found.name}`, scope: found.scope, mustSetPassword: false };
    },

    async useJoinToken(token) {
      if (!token.startsWith(JOIN_PREFIX)) return false;
      const { numUpdatedRows } = await db
        .updateTable('joinTokens')
        .set((is) => ({ usesLeft: is('usesLeft', '-', 1) }))
        .where('hash', '=', hashSecret(token))
        .where((where) => where.or([where('expiresMs', 'is', null), where('expiresMs', '>', clock.now())]))
        .where((where) => where.or([where('usesLeft', 'is', null), where('usesLeft', '>', 0)]))
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
  };
}
