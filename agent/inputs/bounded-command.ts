/** A program run for its output, with a deadline, a limit on what it may print, and the lowest priority. */
import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import type { Clock, Millis } from '@bellwether/shared';

export interface CommandLimits {
  readonly clock: Clock;
  readonly deadlineMs: Millis;
  readonly maxBytes: number;
}

/** What a program printed, and how it ended: its exit status, or why it was ended. What it printed until then is there in any case. */
export interface CommandResult {
  readonly stdout: string;
  readonly status: number | 'deadline' | 'too-much-output' | 'signal';
}

/** Rejects only when the program cannot be started. No shell is involved; the program sees no environment but a fixed PATH and the C locale. */
export function runBounded(
  command: string,
  args: readonly string[],
  { clock, deadlineMs, maxBytes }: CommandLimits,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    // A group of its own, so that what the program starts ends with it.
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    });
    const chunks: Buffer[] = [];
    let size = 0;
    let ended: 'deadline' | 'too-much-output' | undefined;
    const end = (why: typeof ended) => {
      ended ??= why;
      endGroup(child.pid);
    };
    const cancel = clock.after(deadlineMs, () => end('deadline'));
    child.on('spawn', () => lowerPriority(child.pid));
    child.stdout.on('data', (chunk: Buffer) => {
      const room = maxBytes - size;
      if (room > 0) chunks.push(chunk.subarray(0, room));
      size += chunk.length;
      if (size > maxBytes) end('too-much-output');
    });
    child.on('error', (error) => {
      cancel();
      reject(error);
    });
    child.on('close', (code) => {
      cancel();
      resolve({ stdout: Buffer.concat(chunks).toString('utf8'), status: ended ?? code ?? 'signal' });
    });
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

function lowerPriority(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It has just ended by itself.
  }
}
