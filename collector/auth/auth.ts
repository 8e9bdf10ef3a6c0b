import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, type Clock, errorCode, errorMessage, type Log } from '@bellwether/shared';
import type { Session, SignIn } from '@bellwether/shared/api';
import type { State } from '../state/index.ts';
import { type Principal, roleOf } from './access.ts';
import { type AgentIdentity, type Agents, createAgents, type EnrolledAgent } from './agents.ts';
import { FailureLimit } from './failure-limit.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { createTokens, type Tokens } from './tokens.ts';
import { createUsers, type Users } from './users.ts';

/** In the data directory, 0600. */
export const ADMIN_TOKEN_FILE = 'initial-admin-token';
export const FIRST_ADMIN = 'admin';

export interface EnrollRequest {
  readonly hostname: string;
  readonly os: string;
  readonly arch: string;
  readonly agentVersion: string;
}

export interface FirstStart {
  /** The secret of a one-time link for an admin who has no password yet; null when every admin has one. */
  readonly link: string | null;
  readonly user: string;
}

export interface Auth {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly agents: Agents;
  /** Checks a password or uses a one-time link. `client` is the address failures are counted by. AppError UNAUTHENTICATED, TOO_MANY_REQUESTS. */
  signIn(credentials: SignIn, client: string): Promise<{ secret: string; session: Session }>;
  /** For what needs the password again. AppError FORBIDDEN, TOO_MANY_REQUESTS. */
  confirmPassword(user: string, password: string, client: string): Promise<void>;
  /** Uses a join token. AppError UNAUTHENTICATED, TOO_MANY_REQUESTS. */
  enroll(joinToken: string, request: EnrollRequest, client: string): Promise<EnrolledAgent>;
  /** The agent of a bearer credential, as the gateway asks. */
  authenticateAgent(authorization: string): Promise<AgentIdentity | undefined>;
  /** Makes the first admin and the admin token file; gives a fresh link while an admin without a password is all there is. Safe at every start. */
  firstStart(): Promise<FirstStart>;
}

export interface AuthOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
  /** Told after each enrolment, with the name that was wanted when another host had it already. */
  readonly enrolled?: (agent: AgentIdentity, request: EnrollRequest, wanted: string | undefined) => void;
}

export function createAuth({ state, clock, log, enrolled }: AuthOptions): Auth {
  const users = createUsers(state, clock);
  const sessions = createSessions(state, clock);
  const tokens = createTokens(state, clock);
  const wantedNames = new Map<string, string>();
  const agents = createAgents({
    state,
    clock,
    log,
    renamed: (agentId, wanted, given) => {
      wantedNames.set(agentId, wanted);
      log.warn({ agentId, wanted, given }, 'host name is taken by another agent');
    },
  });
  const perUser = new FailureLimit({ free: 5, baseMs: 1_000, maxMs: 300_000, forgetMs: 900_000, capacity: 10_000 });
  const perClient = new FailureLimit({ free: 30, baseMs: 1_000, maxMs: 300_000, forgetMs: 900_000, capacity: 10_000 });

  function mayTry(limit: FailureLimit, key: string): void {
    const waitMs = limit.waitMs(key, clock.now());
    if (waitMs === 0) return;
    throw new AppError('TOO_MANY_REQUESTS', `Too many failed attempts; try again in ${Math.ceil(waitMs / 1_000)} s.`);
  }

  /** A password can be guessed: its tries are counted before they are made, so that many at once cannot outrun the count. */
  async function checkPassword(client: string, user: string, password: string): Promise<string | undefined> {
    const key = `${client} ${user}`;
    mayTry(perUser, key);
    perUser.failed(key, clock.now());
    const right = await checkSecret(client, async () => ((await users.checkPassword(user, password)) ? user : undefined));
    if (right !== undefined) perUser.succeeded(key);
    return right;
  }

  /** A random secret cannot be guessed; whoever keeps trying is slowed down all the same. undefined is a failure. */
  async function checkSecret<T>(client: string, work: () => Promise<T | undefined>): Promise<T | undefined> {
    mayTry(perClient, client);
    const result = await work();
    if (result === undefined) {
      perClient.failed(client, clock.now());
      log.warn({ client }, 'authentication failed');
    }
    return result;
  }

  return {
    users,
    sessions,
    tokens,
    agents,

    async signIn(credentials, client) {
      const viaLink = 'link' in credentials;
      const name = viaLink
        ? await checkSecret(client, () => users.useLink(credentials.link))
        : await checkPassword(client, credentials.user, credentials.password);
      const user = name === undefined ? undefined : await users.get(name);
      if (user === undefined) {
        const sentence = viaLink
          ? 'This link was used already or is older than 15 minutes; get another with `bellwether user link`.'
          : 'User name or password is wrong.';
        throw new AppError('UNAUTHENTICATED', sentence);
      }
      const secret = await sessions.create(user.name, viaLink);
      log.info({ user: user.name, client, viaLink }, 'signed in');
      return { secret, session: { user: user.name, role: user.role, mustSetPassword: viaLink } };
    },

    async confirmPassword(user, password, client) {
      if ((await checkPassword(client, user, password)) === undefined) throw new AppError('FORBIDDEN', 'The present password is wrong.');
    },

    async enroll(joinToken, request, client) {
      const agent = await checkSecret(client, async () =>
        (await tokens.useJoinToken(joinToken)) ? agents.create(request.hostname) : undefined,
      );
      if (agent === undefined) {
        throw new AppError(
          'UNAUTHENTICATED',
          'The join token is wrong, used up or expired; make one with `bellwether token create --join`.',
        );
      }
      const wanted = wantedNames.get(agent.agentId);
      wantedNames.delete(agent.agentId);
      enrolled?.({ agentId: agent.agentId, hostname: agent.hostname }, request, wanted);
      return agent;
    },

    authenticateAgent: (authorization) => agents.authenticate(authorization),

    async firstStart() {
      const all = await users.list();
      if (all.length === 0) {
        // The user comes last: a kill in between leaves a start that is still the first.
        const { token } = await tokens.create({ name: ADMIN_TOKEN_FILE, scope: 'admin' });
        await writePrivate(join(state.dir, ADMIN_TOKEN_FILE), `${token}\n`);
        await users.create(FIRST_ADMIN, 'admin');
      }
      const admins = all.filter(({ role }) => role === 'admin');
      const user = admins[0]?.name ?? FIRST_ADMIN;
      if (admins.some(({ hasPassword }) => hasPassword)) return { user, link: null };
      const link = await users.createLink(user).catch((error: unknown) => {
        if (errorCode(error) !== 'STORE_FULL') throw error;
        log.warn({ error: errorMessage(error) }, 'no sign-in link now; make one later with `bellwether user link`');
        return null;
      });
      return { user, link };
    },
  };
}

async function writePrivate(file: string, text: string): Promise<void> {
  await writeFile(file, text, { mode: 0o600 });
  await chmod(file, 0o600); // `mode` is for new files only
}

/** How a principal is shown to the page. */
export function sessionOf(principal: Principal): Session {
  return { user: principal.name, role: roleOf(principal.scope), mustSetPassword: principal.mustSetPassword };
}
