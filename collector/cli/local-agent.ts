/** The agent that `up` runs beside the collector: enrolled without being asked, started again when it dies. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { arch, hostname, platform, release, type } from 'node:os';
import { join } from 'node:path';
import type { Cancel, Clock, Log, Millis, Stoppable } from '@bellwether/shared';
import type { Auth } from '../auth/index.ts';
import { VERSION } from '../version.ts';

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;
/** An agent that ran this long was well; its next death starts the delays anew. */
const WELL_MS = 60_000;
/** From the polite signal to the other. */
const STOP_MS = 5_000;
/** As in bin/bellwether-agent.mjs. */
const MEMORY_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=64', '--v8-pool-size=0'];
/** Ends the agent with the process that started it, however that ended: its end of the pipe closes. */
const END_WITH_PARENT =
  "data:text/javascript,process.stdin.on('end',()=>process.kill(process.pid,'SIGTERM')).on('error',()=>{}).resume();process.stdin.unref?.()";

export interface LocalAgentOptions {
  /** dist/agent-run.mjs */
  readonly program: string;
  /** The agent's own data directory. */
  readonly dir: string;
  readonly url: string;
  readonly auth: Auth;
  readonly clock: Clock;
  readonly log: Log;
  readonly logLevel: string;
}

export async function startLocalAgent(options: LocalAgentOptions): Promise<Stoppable> {
  await ensureIdentity(options);
  const { clock, log, dir, url } = options;
  let child: ChildProcess | undefined;
  let failures = 0;
  let isStopping = false;
  let cancelRestart: Cancel = () => {};

  function start(): void {
    const startedMs = clock.monotonic();
    const args = [...MEMORY_FLAGS, '--import', END_WITH_PARENT, options.program, 'run', '--data-dir', dir, '--url', url];
    // Detached: a Ctrl-C in the terminal is for the collector, which ends the agent after itself.
    child = spawn(process.execPath, [...args, '--log-level', options.logLevel], { stdio: ['pipe', 'inherit', 'inherit'], detached: true });
    child.on('error', (error) => log.error({ error: error.message }, 'local agent cannot be started'));
    child.on('exit', (code, signal) => {
      if (isStopping) return;
      failures = clock.monotonic() - startedMs >= WELL_MS ? 1 : failures + 1;
      const retryMs = restartDelayMs(failures);
      log.warn({ code, signal, retryMs }, 'local agent ended; it is started again');
      cancelRestart = clock.after(retryMs, start);
    });
  }

  start();
  return {
    async stop() {
      isStopping = true;
      cancelRestart();
      if (child !== undefined) await stopChild(child, clock);
    },
  };
}

/** The wait before the n-th start in a row: doubles from half a second to half a minute. */
export function restartDelayMs(failures: number): Millis {
  return Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(20, failures - 1));
}

async function stopChild(child: ChildProcess, clock: Clock): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const cancel = clock.after(STOP_MS, () => child.kill('SIGKILL'));
  await ended;
  cancel();
}

/** Enrols through a join token of its own; an identity that the collector does not know (any more) is replaced. */
async function ensureIdentity({ dir, url, auth, log }: LocalAgentOptions): Promise<void> {
  const file = join(dir, 'identity.json');
  const known = await readIdentity(file);
  if (known !== undefined && (await auth.authenticateAgent(`Bearer ${known.agentId}.${known.key}`)) !== undefined) return;
  const { id, token } = await auth.tokens.create({ name: 'local agent', scope: 'join', uses: 1, expiresInMs: 60_000 });
  const os = platform() === 'linux' ? `Linux ${release()}` : `${type()} ${release()}`;
  const agent = await auth.enroll(token, { hostname: hostname(), os, arch: arch(), agentVersion: VERSION }, 'local');
  await auth.tokens.revoke(id);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await writeFile(`${file}.new`, `${JSON.stringify({ ...agent, url })}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  log.info({ agentId: agent.agentId, hostname: agent.hostname }, 'local agent enrolled');
}

async function readIdentity(file: string): Promise<{ agentId: string; key: string } | undefined> {
  try {
    const { agentId, key } = JSON.parse(await readFile(file, 'utf8')) as { agentId?: unknown; key?: unknown };
    return typeof agentId === 'string' && typeof key === 'string' ? { agentId, key } : undefined;
  } catch {
    return undefined; // missing or damaged: a new one is made
  }
}
