/** A real collector and real agents from dist/, for integration suites and benchmarks. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, freePort, ROOT, type RunningProgram, startProgram } from './process.ts';

export interface TestCollector {
  readonly url: string;
  readonly dir: string;
  readonly token: string;
  program: RunningProgram;
  /** GET with the admin token; throws on anything but 2xx. */
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
  /** The result of an instant PromQL query. */
  query(expression: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]>;
  /** A token with which agents enrol. */
  joinToken(): Promise<string>;
  restart(signal?: NodeJS.Signals): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface CollectorFiles {
  /** Text of bellwether.yml, without `listen` and `data_dir`. */
  readonly config?: string;
  readonly port?: number;
  readonly listen?: string;
  readonly command?: 'up' | 'collector';
}

const BELLWETHER = join(ROOT, 'bin/bellwether.mjs');
const AGENT = join(ROOT, 'bin/bellwether-agent.mjs');

export function temporaryDir(): string {
  return mkdtempSync(join(tmpdir(), 'bellwether-test-'));
}

export async function startTestCollector(files: CollectorFiles = {}): Promise<TestCollector> {
  const dir = temporaryDir();
  const listen = files.listen ?? `127.0.0.1:${files.port ?? (await freePort())}`;
  const url = `http://${listen}`;
  writeFileSync(join(dir, 'bellwether.yml'), `listen: ${listen}\ndata_dir: ${join(dir, 'data')}\n${files.config ?? ''}`);
  const start = async (): Promise<RunningProgram> => {
    const program = startProgram(process.execPath, [BELLWETHER, files.command ?? 'collector', '--config', join(dir, 'bellwether.yml')], {
      cwd: dir,
    });
    await eventually(async () => {
      if (program.child.exitCode !== null) throw new Error(program.output());
      return (await fetch(`${url}/-/ready`)).ok || undefined;
    });
    return program;
  };
  const program = await start();
  const token = readFileSync(join(dir, 'data/initial-admin-token'), 'utf8').trim();
  const headers = { authorization: `Bearer ${token}` };

  async function answer<T>(response: Response): Promise<T> {
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  const collector: TestCollector = {
    url,
    dir,
    token,
    program,
    get: async (path) => answer(await fetch(url + path, { headers })),
    post: async (path, body) =>
      answer(
        await fetch(url + path, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
      ),
    async query(expression) {
      const body = await collector.get<{ data: { result: { metric: Record<string, string>; value: [number, string] }[] } }>(
        `/api/v1/query?query=${encodeURIComponent(expression)}`,
      );
      return body.data.result;
    },
    async joinToken() {
      const { token: join } = await collector.post<{ token: string }>('/api/bellwether/tokens', { scope: 'join', name: 'test' });
      return join;
    },
    async restart(signal = 'SIGTERM') {
      await collector.program.stop(signal);
      collector.program = await start();
    },
    async stop(signal = 'SIGTERM') {
      await collector.program.stop(signal);
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return collector;
}

export interface TestAgent {
  readonly dir: string;
  program: RunningProgram;
  restart(signal?: NodeJS.Signals): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Enrols and starts an agent. `config`: text of bellwether-agent.yml; `prefix`: a command that starts it elsewhere (a network namespace). */
export async function startTestAgent(
  collector: Pick<TestCollector, 'url' | 'joinToken'>,
  options: { config?: string; prefix?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<TestAgent> {
  const dir = temporaryDir();
  const [command, ...before] = [...(options.prefix ?? []), process.execPath];
  const start = (args: readonly string[]): RunningProgram =>
    startProgram(command!, [...before, AGENT, ...args], { cwd: dir, env: options.env });
  const enroll = start(['enroll', '--url', collector.url, '--token', await collector.joinToken(), '--data-dir', dir]);
  const code = await enroll.stop('SIGCONT');
  if (code !== 0) throw new Error(`enroll failed: ${enroll.output()}`);
  const configFile = join(dir, 'bellwether-agent.yml');
  writeFileSync(configFile, `url: ${collector.url}\ndata_dir: ${dir}\n${options.config ?? ''}`);
  const run = ['run', '--config', configFile];
  const agent: TestAgent = {
    dir,
    program: start(run),
    async restart(signal = 'SIGTERM') {
      await agent.program.stop(signal);
      agent.program = start(run);
    },
    async stop(signal = 'SIGTERM') {
      await agent.program.stop(signal);
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return agent;
}
