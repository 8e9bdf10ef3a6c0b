import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineInput, gauge, type HostPaths } from './input.ts';
import { isAbsence } from './kept-file.ts';

const METRICS = { node_users_logged_in: gauge('Logins at a terminal, over the network or at a screen that are open now.') };
const UTMP = ['run/utmp', 'var/run/utmp'];
const SESSIONS = 'run/systemd/sessions';
const MAX_BYTES = 4 * 1024 * 1024;

export default defineInput({
  name: 'users',
  help: 'Logged-in users, from utmp, or from logind where there is none.',
  metrics: METRICS,
  intervalMs: 60_000,
  slow: true,
  priority: 'extra',
  create({ paths, frame }) {
    frame.setColumns([{ name: 'node_users_logged_in', ...METRICS.node_users_logged_in }]);
    return {
      read() {
        frame.values[0] = countLogins(paths);
      },
    };
  },
});

function countLogins({ rootfs, procfs }: HostPaths): number {
  for (const file of UTMP) {
    const bytes = readIfThere(join(rootfs, file));
    // A login whose process is gone was not signed off: the machine or the service went down under it.
    if (bytes !== undefined) return parseUtmp(bytes).filter(({ pid }) => existsSync(join(procfs, String(pid)))).length;
  }
  const names = readdirSync(join(rootfs, SESSIONS)).filter((name) => !name.endsWith('.ref'));
  return names.filter((name) => isUserSession(readIfThere(join(rootfs, SESSIONS, name))?.toString('utf8') ?? '')).length;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (!isAbsence(error)) throw error;
    return undefined;
  }
}

export interface Login {
  readonly pid: number;
  readonly line: string;
  readonly user: string;
  readonly host: string;
}

/** glibc's struct utmp where time_t and long are told apart for 32-bit programs' sake: x86, arm, riscv, power. */
const RECORD_BYTES = 384;
const USER_PROCESS = 7;

/** Logins of users in a utmp file. Throws when it is not made of whole records. */
export function parseUtmp(bytes: Buffer): Login[] {
  if (bytes.length % RECORD_BYTES !== 0 || bytes.length > MAX_BYTES)
    throw new Error(`utmp is ${bytes.length} bytes, not whole records of ${RECORD_BYTES}`);
  const text = (at: number, length: number) => {
    const field = bytes.subarray(at, at + length);
    const end = field.indexOf(0);
    return field.toString('utf8', 0, end < 0 ? length : end);
  };
  const logins: Login[] = [];
  for (let at = 0; at < bytes.length; at += RECORD_BYTES) {
    const type = bytes.readInt16LE(at);
    const login = { pid: bytes.readInt32LE(at + 4), line: text(at + 8, 32), user: text(at + 44, 32), host: text(at + 76, 256) };
    if (type === USER_PROCESS && login.user !== '' && login.pid > 0) logins.push(login);
  }
  return logins;
}

/** A session file of logind: `KEY=VALUE` lines. */
export function isUserSession(text: string): boolean {
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1];
  return value('CLASS') === 'user' && (value('STATE') === 'active' || value('STATE') === 'online');
}
