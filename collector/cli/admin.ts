import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, errorCode, silentLog } from '@bellwether/shared';
import type { Role } from '@bellwether/shared/api';
import { createAuth, type NewToken, type TokenView, type UserView } from '../auth/index.ts';
import type { CollectorConfig } from '../config.ts';
import { openState } from '../state/index.ts';
import type { Terminal } from './context.ts';
import { createClient } from './http-client.ts';

/** What the token and user commands do, on a running collector or on the data of one that does not run. */
export interface Admin {
  createToken(token: NewToken): Promise<{ id: string; token: string }>;
  tokens(): Promise<TokenView[]>;
  revokeToken(id: string): Promise<void>;
  createUser(name: string, role: Role): Promise<{ link: string }>;
  createLink(name: string): Promise<{ link: string }>;
  users(): Promise<UserView[]>;
  setPassword(name: string, password: string): Promise<void>;
  removeUser(name: string): Promise<void>;
}

/** Whoever holds the data directory does the work: its collector over HTTP if one runs, else this process. */
export async function withAdmin<T>(config: CollectorConfig, { env, clock }: Terminal, work: (admin: Admin) => Promise<T>): Promise<T> {
  if (!existsSync(join(config.data_dir, 'state.db'))) {
    throw new AppError(
      'BAD_REQUEST',
      `${config.data_dir} holds no data of a collector yet; start one with \`bellwether up\`, or name another with --data-dir.`,
    );
  }
  try {
    const state = await openState({ dir: config.data_dir, clock });
    try {
      const auth = createAuth({ state, clock, log: silentLog });
      await auth.firstStart();
      return await work({
        createToken: (token) => auth.tokens.create(token),
        tokens: () => auth.tokens.list(),
        revokeToken: (id) => auth.tokens.revoke(id),
        async createUser(name, role) {
          await auth.users.create(name, role);
          return { link: await auth.users.createLink(name) };
        },
        createLink: async (name) => ({ link: await auth.users.createLink(name) }),
        users: () => auth.users.list(),
        setPassword: (name, password) => auth.users.setPassword(name, password),
        removeUser: (name) => auth.users.remove(name),
      });
    } finally {
      await state.stop();
    }
  } catch (error) {
    if (errorCode(error) !== 'DATA_DIR_LOCKED') throw error;
    return work(await remoteAdmin(config, env));
  }
}

async function remoteAdmin(config: CollectorConfig, env: Terminal['env']): Promise<Admin> {
  const { call } = await createClient({ config, env });
  const base = '/api/bellwether';
  const user = (name: string): string => `${base}/users/${encodeURIComponent(name)}`;
  return {
    createToken: ({ expiresInMs, ...token }) =>
      call('POST', `${base}/tokens`, { ...token, expiresIn: typeof expiresInMs === 'number' ? `${expiresInMs}ms` : null }),
    tokens: () => call('GET', `${base}/tokens`),
    revokeToken: (id) => call('DELETE', `${base}/tokens/${encodeURIComponent(id)}`),
    createUser: (name, role) => call('POST', `${base}/users`, { name, role }),
    createLink: (name) => call('POST', `${user(name)}/link`),
    users: () => call('GET', `${base}/users`),
    setPassword: (name, password) => call('POST', `${user(name)}/password`, { password }),
    removeUser: (name) => call('DELETE', user(name)),
  };
}
