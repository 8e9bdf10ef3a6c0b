import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@bellwether/shared';
import { readJsonFile, writeJsonFile } from './data-file.ts';
import type { Identity } from './settings.ts';

function identityPath(dataDir: string): string {
  return join(dataDir, 'identity.json');
}

/** Who this agent is. Throws CONFIG_INVALID with the command that mends it when there is no usable identity. */
export async function readIdentity(dataDir: string): Promise<Identity> {
  const found = await readJsonFile(identityPath(dataDir));
  if (typeof found === 'object' && found !== null && 'agentId' in found && 'key' in found && 'hostname' in found) {
    const { agentId, key, hostname } = found;
    const url = 'url' in found && typeof found.url === 'string' ? found.url : undefined;
    if (typeof agentId === 'string' && typeof key === 'string' && typeof hostname === 'string')
      return { agentId, key, hostname, ...(url === undefined ? {} : { url }) };
  }
  const what = found === undefined ? 'is missing or not JSON' : 'lacks agentId, key or hostname';
  throw new AppError(
    'CONFIG_INVALID',
    `${identityPath(dataDir)} ${what}; enrol this host with \`bellwether-agent enroll --url URL --token JOIN_TOKEN --data-dir ${dataDir}\`.`,
  );
}

export async function writeIdentity(dataDir: string, identity: Identity): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await writeJsonFile(identityPath(dataDir), identity, 0o600);
}
