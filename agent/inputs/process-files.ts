/** /proc/PID: one buffer and few strings for a walk over all processes, in slices, so that nothing else waits for it. */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@bellwether/shared';
import { isAbsence } from './kept-file.ts';
import { pause } from './slow-reading.ts';

/** Processes between two pauses: about 2 ms of work. */
const SLICE = 100;
const BUFFER_BYTES = 4096;
/** Beyond this many processes the rest is not looked at; the walk says so by `isComplete`. */
const MAX_PROCESSES = 65_536;

/** What /proc/PID/stat says; times in clock ticks (1/100 s). */
export interface ProcessStat {
  readonly comm: string;
  readonly state: string;
  readonly userTicks: number;
  readonly systemTicks: number;
  readonly threads: number;
  /** After boot. */
  readonly startTicks: number;
}

export class ProcessFiles {
  readonly #procfs: string;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);

  constructor(procfs: string) {
    this.#procfs = procfs;
  }

  /** Every process in turn, oldest number first. Those that go meanwhile are the visitor's to skip: its reads then say undefined. */
  async walk(visit: (pid: number) => void): Promise<{ readonly isComplete: boolean }> {
    const pids = this.pids();
    for (let i = 0; i < pids.length && i < MAX_PROCESSES; i++) {
      if (i > 0 && i % SLICE === 0) await pause();
      visit(pids[i]!);
    }
    return { isComplete: pids.length <= MAX_PROCESSES };
  }

  pids(): number[] {
    const pids: number[] = [];
    for (const name of readdirSync(this.#procfs)) {
      const pid = Number(name);
      if (Number.isInteger(pid) && pid > 0) pids.push(pid);
    }
    return pids.sort((a, b) => a - b);
  }

  stat(pid: number): ProcessStat | undefined {
    const text = this.read(pid, 'stat', 'latin1');
    return text === undefined ? undefined : parseProcessStat(text);
  }

  /** The start of a small file; undefined for a process that went, and where we may not look. */
  read(pid: number, file: string, encoding: 'latin1' | 'utf8' = 'utf8'): string | undefined {
    let fd = -1;
    try {
      fd = openSync(`${this.#procfs}/${pid}/${file}`, 'r');
      return this.#buffer.toString(encoding, 0, readSync(fd, this.#buffer, 0, BUFFER_BYTES, null));
    } catch (error) {
      return absentOrThrow(error);
    } finally {
      if (fd >= 0) closeSync(fd);
    }
  }

  /** A file of the whole system, `stat`. */
  readHost(file: string): string | undefined {
    try {
      return readFileSync(`${this.#procfs}/${file}`, 'latin1');
    } catch (error) {
      return absentOrThrow(error);
    }
  }

  link(pid: number, file: string): string | undefined {
    try {
      return readlinkSync(`${this.#procfs}/${pid}/${file}`);
    } catch (error) {
      return absentOrThrow(error);
    }
  }

  entries(pid: number, folder: string): string[] | undefined {
    try {
      return readdirSync(join(this.#procfs, String(pid), folder));
    } catch (error) {
      return absentOrThrow(error);
    }
  }
}

function absentOrThrow(error: unknown): undefined {
  // ESRCH: the process ended between open and read.
  if (isAbsence(error) || errorCode(error) === 'ESRCH') return undefined;
  throw error;
}

/** One line of /proc/PID/stat; the name may hold blanks and brackets. Undefined when it is not such a line. */
export function parseProcessStat(line: string): ProcessStat | undefined {
  const open = line.indexOf('(');
  const close = line.lastIndexOf(')');
  if (open < 0 || close < open) return undefined;
  // Field 3 (state) is the first after the name.
  const fields = line.slice(close + 2).split(' ', 20);
  const [userTicks, systemTicks, threads, startTicks] = [11, 12, 17, 19].map((i) => Number(fields[i])) as [number, number, number, number];
  if (fields.length < 20 || !/^[A-Za-z]$/.test(fields[0]!) || !Number.isFinite(userTicks + systemTicks + threads + startTicks))
    return undefined;
  return { comm: line.slice(open + 1, close), state: fields[0]!, userTicks, systemTicks, threads, startTicks };
}
