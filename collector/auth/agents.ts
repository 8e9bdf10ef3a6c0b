import type { Clock, Log, Millis } from '@bellwether/shared';
import type { State } from '../state/index.ts';
import { equalHashes, hashSecret, newId, newSecret } from './credentials.ts';

export interface AgentIdentity {
  readonly agentId: string;
  readonly hostname: string;
}

export interface EnrolledAgent extends AgentIdentity {
  /** Given this once; the agent shows `<agentId>.<key>` as its bearer. */
  readonly key: string;
}

export interface AgentView extends AgentIdentity {
  readonly createdMs: Millis;
  readonly revokedMs: Millis | null;
}

export interface Agents {
  /** Makes an identity. A host name that is taken gets -2, -3, ... and `renamed` is told. */
  create(hostname: string): Promise<EnrolledAgent>;
  /** The agent of an `Authorization: Bearer <agentId>.<key>` header (or of the bare bearer); undefined if it is not one of ours. */
  authenticate(authorization: string): Promise<AgentIdentity | undefined>;
  list(): Promise<AgentView[]>;
  /** The agent is refused from now on; its name becomes free. */
  revoke(agentId: string): Promise<void>;
}

export interface AgentsOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
  readonly renamed: (agentId: string, wanted: string, given: string) => void;
}

export function createAgents({ state: { db }, clock, log, renamed }: AgentsOptions): Agents {
  return {
    async create(hostname) {
      const wanted = cleanHostname(hostname);
      const agentId = newId();
      const key = newSecret('');
      const given = await db.transaction().execute(async (transaction) => {
        const like = await transaction
          .selectFrom('agents')
          .select('hostname')
          .where((where) => where.or([where('hostname', '=', wanted), where('hostname', 'like', `${wanted}-%`)]))
          .execute();
        const name = freeName(wanted, new Set(like.map((agent) => agent.hostname)));
        const row = { id: agentId, keyHash: hashSecret(key), hostname: name, createdMs: clock.now(), revokedMs: null };
        await transaction.insertInto('agents').values(row).execute();
        return name;
      });
      log.info({ agentId, hostname: given }, 'agent enrolled');
      if (given !== wanted) renamed(agentId, wanted, given);
      return { agentId, key, hostname: given };
    },

    async authenticate(authorization) {
      const bearer = authorization.replace(/^Bearer\s+/i, '').trim();
      const dot = bearer.indexOf('.');
      if (dot <= 0) return undefined;
      const agent = await db
        .selectFrom('agents')
        .select(['id', 'hostname', 'keyHash', 'revokedMs'])
        .where('id', '=', bearer.slice(0, dot))
        .executeTakeFirst();
      const known = equalHashes(hashSecret(bearer.slice(dot + 1)), agent?.keyHash ?? hashSecret(''));
      return known && agent !== undefined && agent.revokedMs === null ? { agentId: agent.id, hostname: agent.hostname } : undefined;
    },

    async list() {
      const rows = await db.selectFrom('agents').select(['id', 'hostname', 'createdMs', 'revokedMs']).orderBy('hostname').execute();
      return rows.map(({ id, ...agent }) => ({ agentId: id, ...agent }));
    },

    async revoke(agentId) {
      const agent = await db.selectFrom('agents').select(['hostname', 'revokedMs']).where('id', '=', agentId).executeTakeFirst();
      if (agent === undefined || agent.revokedMs !== null) return;
      const hostname = `${agent.hostname} (revoked ${agentId})`;
      await db.updateTable('agents').set({ revokedMs: clock.now(), hostname }).where('id', '=', agentId).execute();
      log.info({ agentId }, 'agent revoked');
    },
  };
}

/** What a label and a URL can hold: no spaces or control characters, at most 200 characters, never empty. */
function cleanHostname(hostname: string): string {
  return (
    hostname
      .trim()
      .replaceAll(/[^\w.:@-]+/g, '-')
      .slice(0, 200) || 'unnamed'
  );
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wanted)) return wanted;
  let n = 2;
  while (taken.has(`${wanted}-${n}`)) n++;
  return `${wanted}-${n}`;
}
