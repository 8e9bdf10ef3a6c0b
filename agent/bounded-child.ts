/** Runs somebody else's program: no shell, a process group of its own, and an end to its time and its output. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { type Cancel, type Clock, errorCode, errorMessage, type Millis } from '@bellwether/shared';

export interface ChildOptions {
  /** Program and arguments. */
  readonly argv: readonly [string, ...string[]];
  readonly timeoutMs: Millis;
  /** Of standard output; of standard error the same. More ends the program. */
  readonly maxBytes: number;
  readonly clock: Clock;
  /** All it gets; nothing of the agent's own environment, which may hold secrets. Default: a search path and the C locale. */
  readonly env?: Readonly<Record<string, string>>;
  /** Behind everything else on the machine. */
  readonly isLowPriority?: boolean;
  /** Ends it early. */
  readonly signal?: AbortSignal;
}

export interface ChildResult {
  readonly outcome: 'exited' | 'killed' | 'timeout' | 'flood' | 'not-started';
  /** Of a program that exited. */
  readonly exitCode: number | undefined;
  /** At most `maxBytes`; bytes that are not UTF-8 are replaced. */
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: Millis;
  /** Why it was not started. */
  readonly problem: string | undefined;
}

export const CHILD_ENV: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};
/** Grandchildren may hold the pipes open after the program is gone and its group was killed (they left the group). */
const PIPES_WITHIN_MS: Millis = 250;

/** Never rejects. When it resolves, the program and every process it started that stayed in its group are gone. */
export function runChild(options: ChildOptions): Promise<ChildResult> {
  const { argv, timeoutMs, clock, env = CHILD_ENV, signal } = options;
  const startedMs = clock.monotonic();
  const [program, ...args] = argv;
  return new Promise((resolve) => {
    const notStarted = (problem: string) =>
      resolve({ outcome: 'not-started', exitCode: undefined, stdout: '', stderr: '', durationMs: clock.monotonic() - startedMs, problem });
    let child: ChildProcess;
    try {
      child = spawn(program, args, { env, cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    } catch (error) {
      notStarted(errorMessage(error));
      return;
    }
    let outcome: ChildResult['outcome'] | undefined;
    let cancelTimeout: Cancel = () => {};
    let cancelPipes: Cancel = () => {};
    const end = (why: ChildResult['outcome']): void => {
      outcome ??= why;
      killGroup(child);
    };
    const onAbort = () => end('killed');
    const stdout = new Output(child.stdout, options.maxBytes, () => end('flood'));
    const stderr = new Output(child.stderr, options.maxBytes, () => end('flood'));
    const finish = (code: number | null): void => {
      cancelTimeout();
      cancelPipes();
      signal?.removeEventListener('abort', onAbort);
      stdout.close();
      stderr.close();
      resolve({
        outcome: outcome ?? (code === null ? 'killed' : 'exited'),
        exitCode: outcome === undefined && code !== null ? code : undefined,
        stdout: stdout.text(),
        stderr: stderr.text(),
        durationMs: clock.monotonic() - startedMs,
        problem: undefined,
      });
    };
    child.once('error', (error) => {
      if (child.pid !== undefined) return;
      cancelTimeout();
      notStarted(errorMessage(error));
    });
    child.once('exit', (code) => {
      cancelTimeout();
      killGroup(child);
      cancelPipes = clock.after(PIPES_WITHIN_MS, () => finish(code));
    });
    child.once('close', (code) => {
      if (child.pid !== undefined) finish(code);
    });
    if (child.pid === undefined) return;
    cancelTimeout = clock.after(timeoutMs, () => end('timeout'));
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    if (options.isLowPriority === true) lowerPriority(child.pid);
  });
}

/** The program leads its group, so the group's number is its own. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // Everything in it has ended already (macOS says EPERM of a group of zombies).
    if (errorCode(error) !== 'ESRCH' && errorCode(error) !== 'EPERM') throw error;
  }
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It ended, or the system has no such thing; it runs as it is.
  }
}

/** What came from one pipe, up to a bound. */
class Output {
  readonly #stream: NodeJS.ReadableStream | null;
  readonly #maxBytes: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(stream: ChildProcess['stdout'], maxBytes: number, onFlood: () => void) {
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    stream?.on('data', (chunk: Buffer) => {
      if (this.#bytes < maxBytes) this.#chunks.push(chunk);
      this.#bytes += chunk.length;
      if (this.#bytes > maxBytes) onFlood();
    });
    // A pipe that breaks says no more than one that ends.
    stream?.on('error', () => {});
  }

  text(): string {
    return Buffer.concat(this.#chunks).subarray(0, this.#maxBytes).toString('utf8');
  }

  close(): void {
    if (this.#stream !== null && 'destroy' in this.#stream && typeof this.#stream.destroy === 'function') this.#stream.destroy();
  }
}
