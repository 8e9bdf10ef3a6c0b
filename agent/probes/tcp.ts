/** TCP as blackbox_exporter probes it: a connection, TLS if asked for, and a conversation in lines. */
import { isIP, type Socket } from 'node:net';
import type { TcpProbeOptions } from '@bellwether/shared/assignments';
import { openTcp, startTls, type TlsContexts } from './connect.ts';
import type { PatternMatcher } from './pattern.ts';
import type { Probe } from './probe.ts';
import { ProbeRun } from './probe-run.ts';
import { ProbeFailure, plain } from './reason.ts';

/** What one server may say in a conversation, and in one line of it. */
const MAX_SAID_BYTES = 1024 * 1024;
const MAX_LINE_BYTES = 64 * 1024;

export interface TcpParts {
  readonly contexts: TlsContexts;
  readonly patterns: PatternMatcher;
}

export function createTcpProbe(parts: TcpParts): Probe {
  return (request, tools) => {
    const run = new ProbeRun(request, tools);
    const options = request.options as TcpProbeOptions;
    const regex = { failed: false };
    return run.finish(
      () => talk(run, request.target, options, parts, regex),
      () => run.set('probe_failed_due_to_regex', regex.failed ? 1 : 0),
    );
  };
}

async function talk(run: ProbeRun, target: string, options: TcpProbeOptions, parts: TcpParts, regex: { failed: boolean }): Promise<void> {
  const { host, port } = hostAndPort(target);
  const address = await run.resolve(host, options);
  let socket = await openTcp(run, address, port);
  if (options.tls === true) socket = await startTls(run, socket, host, parts.contexts, options.tls_config);
  let lines = new LineReader(socket);
  for (const step of options.query_response ?? []) {
    const groups = step.expect === undefined ? undefined : await expectLine(run, lines, step.expect, parts.patterns, regex);
    if (step.send !== undefined) socket.write(`${groups === undefined ? step.send : filled(step.send, groups)}\n`);
    if (step.starttls === true) {
      lines.close();
      socket = await startTls(run, socket, host, parts.contexts, options.tls_config);
      lines = new LineReader(socket);
    }
  }
  lines.close();
}

async function expectLine(
  run: ProbeRun,
  lines: LineReader,
  pattern: string,
  patterns: PatternMatcher,
  regex: { failed: boolean },
): Promise<readonly (string | undefined)[]> {
  let last = '';
  regex.failed = true;
  for (;;) {
    const line = await run.within('answer', lines.next());
    if (line === undefined) {
      const heard = last === '' ? 'nothing was said' : `the last line was ${JSON.stringify(last.slice(0, 80))}`;
      throw new ProbeFailure(plain(`connection closed before a line matched /${pattern}/: ${heard}`));
    }
    const match = patterns.exec(pattern, line);
    if (match !== null) {
      regex.failed = false;
      return match;
    }
    last = line;
  }
}

/** `${1}` is the first group of the last match; `${0}` all of it. */
function filled(send: string, groups: readonly (string | undefined)[]): string {
  return send.replace(/\$\{(\d+)\}|\$(\d+)/g, (_, braced?: string, bare?: string) => groups[Number(braced ?? bare)] ?? '');
}

/** `host:port`, `[v6]:port`. */
export function hostAndPort(target: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(target);
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined || Number(match[3]) > 65_535 || (match[1] !== undefined && isIP(match[1]) !== 6))
    throw new ProbeFailure(`target is not host:port: ${target}`);
  return { host, port: Number(match[3]) };
}

/** Lines of a socket, bounded; a line ends in LF, a CR before it goes. */
class LineReader {
  readonly #socket: Socket;
  readonly #lines: string[] = [];
  readonly #onData: (chunk: Buffer) => void;
  #rest = '';
  #saidBytes = 0;
  #error: Error | undefined;
  #isEnded = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#onData = (chunk) => this.#take(chunk);
    socket.on('data', this.#onData);
    socket.once('end', () => this.#end());
    socket.once('close', () => this.#end());
    socket.once('error', (error) => {
      this.#error ??= error;
      this.#end();
    });
  }

  /** undefined: nothing more will come. */
  async next(): Promise<string | undefined> {
    while (this.#lines.length === 0) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#isEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#lines.shift();
  }

  close(): void {
    this.#socket.off('data', this.#onData);
    this.#socket.pause();
  }

  #take(chunk: Buffer): void {
    this.#saidBytes += chunk.length;
    const lines = (this.#rest + chunk.toString('latin1')).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#lines.push(Buffer.from(line, 'latin1').toString('utf8').replace(/\r$/, ''));
    if (this.#saidBytes > MAX_SAID_BYTES || this.#rest.length > MAX_LINE_BYTES) {
      this.#error = new ProbeFailure('server says more than a conversation in lines should hold');
      this.#socket.destroy();
    }
    this.#wake();
  }

  #end(): void {
    if (!this.#isEnded && this.#rest !== '') this.#lines.push(Buffer.from(this.#rest, 'latin1').toString('utf8'));
    this.#rest = '';
    this.#isEnded = true;
    this.#wake();
  }
}
