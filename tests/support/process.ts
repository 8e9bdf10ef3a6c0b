/** Starting real programs for integration suites and benchmarks, and reading what they cost. Linux only. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root, from a source file and from a bundle in dist/ alike. */
export const ROOT = (() => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!readdirSync(folder).includes('package-lock.json')) folder = dirname(folder);
  return folder;
})();

export interface RunningProgram {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Everything it has printed so far, both streams. */
  output(): string;
  /** Resolves with the first match of `pattern` in the output; rejects when the program ends first or `timeoutMs` passes. */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Sends `signal` and waits for the end; resolves with the exit code (null: killed by a signal). */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export function startProgram(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): RunningProgram {
  const child = spawn(command, args, { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const watchers = new Set<() => void>();
  const take = (data: Buffer): void => {
    output += data.toString();
    for (const watcher of watchers) watcher();
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  return {
    pid: child.pid!,
    child,
    output: () => output,
    waitFor(pattern, timeoutMs = 20_000) {
      return new Promise((resolve, reject) => {
        const finish = (settle: () => void): void => {
          clearTimeout(timer);
          watchers.delete(look);
          settle();
        };
        const look = (): void => {
          const match = pattern.exec(output);
          if (match !== null) finish(() => resolve(match));
        };
        const timer = setTimeout(
          () => finish(() => reject(new Error(`${command}: no ${pattern} within ${timeoutMs} ms in:\n${output}`))),
          timeoutMs,
        );
        watchers.add(look);
        ended.then(() => finish(() => reject(new Error(`${command} ended before ${pattern}:\n${output}`))));
        look();
      });
    },
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return ended;
    },
  };
}

/** Runs a program that ends by itself; after `timeoutMs` it is killed and the code is null. */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; timeoutMs?: number } = {},
): Promise<{ code: number | null; output: string }> {
  const program = startProgram(command, args, options);
  const timer = setTimeout(() => program.child.kill('SIGKILL'), options.timeoutMs ?? 30_000);
  const [code] = (await once(program.child, 'close')) as [number | null]; // unlike the exit: all output has come
  clearTimeout(timer);
  return { code, output: program.output() };
}

/** The kernel's clock ticks a second, in which /proc/PID/stat counts. */
const TICKS_PER_SECOND = 100;

/** What a process has used so far by both of the kernel's accounts, seconds. */
export interface CpuReading {
  /** Of its living threads, to the nanosecond. */
  readonly threads: number;
  /** Of itself and the children it waited for, in ticks. */
  readonly process: number;
}

export function readCpu(pid: number): CpuReading {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // the thread ended meanwhile
    }
  }
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const ticks = stat.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { threads: nanoseconds / 1e9, process: ticks / TICKS_PER_SECOND };
}

/** CPU seconds used between two readings: the account that saw more, since ticks miss short bursts and threads' times end with the thread. */
export function cpuBetween(before: CpuReading, after: CpuReading): number {
  return Math.max(after.threads - before.threads, after.process - before.process);
}

/** Resident and unshared memory of a process, MB. */
export function memoryMb(pid: number): { rss: number; uss: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { rss: kilobytes('Rss') / 1024, uss: (kilobytes('Private_Clean') + kilobytes('Private_Dirty')) / 1024 };
}

/** A TCP port on 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  return address.port;
}

/** Asks until `ask` gives something; real time, for suites with real programs. */
export async function eventually<T>(ask: () => Promise<T | undefined> | T | undefined, timeoutMs = 20_000, everyMs = 50): Promise<T> {
  const end = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < end) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  throw new Error(`nothing within ${timeoutMs} ms${last === undefined ? '' : `; last: ${String(last)}`}`);
}
