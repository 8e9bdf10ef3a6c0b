import type { Clock, Millis } from '@bellwether/shared';
import type { State } from '../state/index.ts';
import { type Principal, scopeOf } from './access.ts';
import { hashSecret, newSecret } from './credentials.ts';

/** A session ends this long after its last use, */
export const SESSION_IDLE_MS = 14 * 86_400_000;
/** and at the latest this long after the sign-in. */
export const SESSION_MAX_MS = 90 * 86_400_000;
/** Its expiry is written again only after this much of it has gone, not at each request. */
const SLIDE_MS = 3_600_000;

export interface Sessions {
  /** The session's secret, for the cookie. */
  create(userName: string, viaLink: boolean): Promise<string>;
  /** Whose session it is; slides its end. */
  principal(secret: string): Promise<Principal | undefined>;
  end(secret: string): Promise<void>;
}

export function createSessions({ db }: State, clock: Clock): Sessions {
  const end = (createdMs: Millis, now: Millis): Millis => Math.min(now + SESSION_IDLE_MS, createdMs + SESSION_MAX_MS);
  return {
    async create(userName, viaLink) {
      const secret = newSecret('');
      const now = clock.now();
      await db.deleteFrom('sessions').where('expiresMs', '<=', now).execute();
      await db
        .insertInto('sessions')
        .values({ hash: hashSecret(secret), userName, createdMs: now, expiresMs: end(now, now), viaLink: Number(viaLink) })
        .execute();
      return secret;
    },

    async principal(secret) {
      const hash = hashSecret(secret);
      const now = clock.now();
      const session = await db
        .selectFrom('sessions')
        .innerJoin('users', 'users.name', 'sessions.userName')
        .select(['users.name', 'users.role', 'sessions.createdMs', 'sessions.expiresMs', 'sessions.viaLink'])
        .where('sessions.hash', '=', hash)
        .where('sessions.expiresMs', '>', now)
        .executeTakeFirst();
      if (session === undefined) return undefined;
      const expiresMs = end(session.createdMs, now);
      if (expiresMs - session.expiresMs >= SLIDE_MS) {
        // It has time left: a disk that takes nothing more must not sign everybody out.
        const slid = db.updateTable('sessions').set({ expiresMs }).where('hash', '=', hash).execute();
        await slid.catch(() => {});
      }
      return { kind: 'session', name: session.name, scope: scopeOf(session.role), mustSetPassword: session.viaLink === 1 };
    },

    async end(secret) {
      await db.deleteFrom('sessions').where('hash', '=', hashSecret(secret)).execute();
    },
  };
}
