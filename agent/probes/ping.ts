/** ICMP echoes through the system's own program, since Node has no socket for them. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Cancel, Clock, Log, Millis } from '@bellwether/shared';
import { inWords, plain } from './reason.ts';

/** Round trip in ms, or why there was none. */
export type PingAnswer = { readonly rttMs: number } | { readonly reason: string };

export interface Pinger {
  /** One echo to an address, answered within `timeoutMs` and a moment. Never rejects. */
  ping(address: string, timeoutMs: Millis): Promise<PingAnswer>;
  stop(): void;
}

/** Requests within this time share one child. */
const GATHER_MS = 50;
/** Children at a time; further requests wait for one to end. */
const MAX_CHILDREN = 4;
/** Addresses one child takes. */
const MAX_BATCH = 500;
/** fping's pause between two echoes. */
const GAP_MS = 1;
/** Beyond the timeout, for the child to start and to end. */
const GRACE_MS = 1_000;
const FPING = ['/usr/bin/fping', '/usr/sbin/fping', '/bin/fping', '/sbin/fping', '/usr/local/bin/fping', '/usr/local/sbin/fping'];
const PING = ['/usr/bin/ping', '/bin/ping', '/sbin/ping', '/usr/sbin/ping', '/usr/local/bin/ping'];
const MAX_STDERR = 2_000;

export const NO_PROGRAM = 'this agent has neither fping nor ping: install the package fping';

/** The program that sends echoes here, fping rather than ping; undefined: there is none. */
export function pingProgram(): string | undefined {
  return [...FPING, ...PING].find((path) => existsSync(path));
}

/** What a child said about one address. */
export interface PingLine {
  readonly address: string;
  readonly answer: PingAnswer;
}

/** One line of `fping -c1` (standard output or error); undefined for any other. */
export function parseFping(line: string, timeoutMs: Millis): PingLine | undefined {
  const reply = /^(\S+)\s+: \[\d+\], \d+ bytes, (\d+(?:\.\d+)?) ms/.exec(line);
  if (reply !== null) return { address: reply[1]!, answer: { rttMs: Number(reply[2]) } };
  const lost = /^(\S+)\s+: \[\d+\], timed out/.exec(line);
  if (lost !== null) return { address: lost[1]!, answer: { reason: `no answer in ${inWords(timeoutMs)}` } };
  const error = /^ICMP (.+?) from (\S+) for ICMP Echo sent to (\S+)/.exec(line);
  if (error !== null) return { address: error[3]!, answer: { reason: plain(`${error[1]!.toLowerCase()} (says ${error[2]})`) } };
  const failed = /^(\S+): error while sending ping: (.+)$/.exec(line);
  if (failed !== null) return { address: failed[1]!, answer: { reason: plain(failed[2]!.toLowerCase()) } };
  return undefined;
}

interface Waiting {
  readonly address: string;
  readonly timeoutMs: Millis;
  readonly resolve: (answer: PingAnswer) => void;
}

export interface PingerOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Path of fping or ping; default: what is found. undefined within the object means none. */
  readonly program?: { readonly path: string | undefined };
}

/**
 * Gathers what is asked within a moment into one child: a child per echo would cost more than all else an agent does, and one that lives for
 * ever could not be told of other targets. With plain `ping` each address needs a child of its own.
 */
export class ChildPinger implements Pinger {
  readonly #options: PingerOptions;
  #program: { readonly path: string | undefined } | undefined;
  #queue: Waiting[] = [];
  readonly #running = new Set<{ kill(signal: NodeJS.Signals): boolean }>();
  #cancelGather: Cancel | undefined;
  #isStopped = false;

  constructor(options: PingerOptions) {
    this.#options = options;
    this.#program = options.program;
  }

  ping(address: string, timeoutMs: Millis): Promise<PingAnswer> {
    this.#program ??= { path: pingProgram() };
    if (this.#isStopped || this.#program.path === undefined) return Promise.resolve({ reason: NO_PROGRAM });
    return new Promise((resolve) => {
      this.#queue.push({ address, timeoutMs, resolve });
      this.#cancelGather ??= this.#options.clock.after(GATHER_MS, () => {
        this.#cancelGather = undefined;
        this.#start();
      });
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelGather?.();
    for (const child of this.#running) child.kill('SIGKILL');
    for (const { resolve } of this.#queue.splice(0)) resolve({ reason: 'the agent stops' });
  }

  #start(): void {
    const path = this.#program?.path;
    while (path !== undefined && this.#queue.length > 0 && this.#running.size < MAX_CHILDREN) {
      const isFping = path.endsWith('fping');
      const first = this.#queue[0]!;
      const batch: Waiting[] = [];
      this.#queue = this.#queue.filter((one) => {
        const fits = batch.length < (isFping ? MAX_BATCH : 1) && one.timeoutMs === first.timeoutMs;
        if (fits) batch.push(one);
        return !fits;
      });
      if (isFping) this.#run(path, fpingArguments(batch, first.timeoutMs), batch, (line) => parseFping(line, first.timeoutMs));
      else this.#run(path, pingArguments(first), batch, (line) => parsePing(line, first.address));
    }
  }

  #run(path: string, args: readonly string[], batch: readonly Waiting[], parse: (line: string) => PingLine | undefined): void {
    const { clock, log } = this.#options;
    const { timeoutMs } = batch[0]!;
    const open = new Map<string, Waiting[]>();
    for (const one of batch) open.set(one.address, [...(open.get(one.address) ?? []), one]);
    const errors = new Map<string, PingAnswer>();
    let stderr = '';
    const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { LC_ALL: 'C' } });
    this.#running.add(child);
    const settle = (address: string, answer: PingAnswer): void => {
      for (const { resolve } of open.get(address) ?? []) resolve(answer);
      open.delete(address);
    };
    const take = (line: string, isError: boolean): void => {
      const said = parse(line);
      if (said === undefined) {
        if (isError && stderr.length < MAX_STDERR) stderr += `${line} `;
        return;
      }
      // A router's word comes with a "timed out" of its own, which says less, on the other stream, in any order.
      if ('rttMs' in said.answer) settle(said.address, said.answer);
      else if (isError || !errors.has(said.address)) errors.set(said.address, said.answer);
    };
    eachLine(child.stdout, (line) => take(line, false));
    eachLine(child.stderr, (line) => take(line, true));
    const cancel = clock.after(timeoutMs + GRACE_MS + batch.length * GAP_MS, () => child.kill('SIGKILL'));
    let isOver = false;
    const over = (otherwise: string): void => {
      if (isOver) return;
      isOver = true;
      cancel();
      this.#running.delete(child);
      for (const address of [...open.keys()]) settle(address, errors.get(address) ?? { reason: otherwise });
      if (!this.#isStopped) this.#start();
    };
    child.on('error', (error) => {
      log.warn({ path, error: error.message }, 'ping program cannot be started');
      this.#program = undefined; // looked for again with the next request
      over(plain(`${path} cannot be started: ${error.message}`));
    });
    child.on('close', () => over(stderr === '' || !path.endsWith('fping') ? `no answer in ${inWords(timeoutMs)}` : plain(stderr)));
  }
}

function fpingArguments(batch: readonly Waiting[], timeoutMs: Millis): string[] {
  return ['-c', '1', '-r', '0', '-t', String(timeoutMs), '-i', String(GAP_MS), '--', ...new Set(batch.map(({ address }) => address))];
}

function pingArguments({ address, timeoutMs }: Waiting): string[] {
  return ['-n', '-c', '1', '-W', String(Math.ceil(timeoutMs / 1_000)), ...(address.includes(':') ? ['-6'] : []), address];
}

/** A line of `ping -c1`, iputils or busybox; undefined for any other. */
export function parsePing(line: string, address: string): PingLine | undefined {
  const reply = /\btime[=<](\d+(?:\.\d+)?) ?ms/.exec(line);
  if (reply !== null) return { address, answer: { rttMs: Number(reply[1]) } };
  const error = /^From (\S+?):? icmp_seq=\d+ (.+)$/.exec(line);
  return error === null ? undefined : { address, answer: { reason: plain(`${error[2]!.toLowerCase()} (says ${error[1]})`) } };
}

function eachLine(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!.slice(0, MAX_STDERR);
    for (const line of lines) if (line !== '') take(line);
  });
  stream.on('end', () => {
    if (rest !== '') take(rest);
  });
}
