import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(fileURLToPath(import.meta.url), '../certificates');

/** A file of ./certificates: `ca`, and of servers with the key `server`: `good` (localhost, 127.0.0.1), `other`, `expired` (2021), `future`, `self-signed`. */
export function pem(name: string): string {
  return readFileSync(join(folder, name.includes('.') ? name : `${name}.pem`), 'utf8');
}

export function pemPath(name: string): string {
  return join(folder, name);
}

export const SERVER_KEY = pem('server.key');
