import { type Cell, cellsFor, showCells } from './cells.ts';
import { counter, defineInput, gauge } from './input.ts';
import { ProcessFiles, type ProcessStat } from './process-files.ts';
import { slowReading } from './slow-reading.ts';

const METRICS = {
  node_process_group_count: gauge('Processes that belong to the group now.'),
  node_process_group_threads: gauge('Their threads.'),
  node_process_group_cpu_seconds_total: counter('CPU time they used, those that ended since included.'),
  node_process_group_resident_bytes: gauge('Memory they hold, shared memory counted in each of them.'),
  node_process_group_fds: gauge('Files and sockets they hold open; absent where the agent may not look.'),
  node_process_group_read_bytes_total: counter('Bytes they made storage read; absent where the agent may not look.'),
  node_process_group_written_bytes_total: counter('Bytes they made storage write; absent where the agent may not look.'),
};
const cell = cellsFor(METRICS);
const TICKS_PER_SECOND = 100;
const MAX_GROUPS = 100;
/** A process may still become another program (exec) or set its title; after this it is asked what it is only now and then. */
const SETTLED_TICKS = 60 * TICKS_PER_SECOND;
const ASK_AGAIN_MS = 300_000;
const LISTS = ['names', 'executables', 'command-lines'] as const;

export default defineInput({
  name: 'process_group',
  help: `What named groups of processes use (at most ${MAX_GROUPS}), from a walk over /proc. Reads nothing until a group is given; a process belongs to every group one of whose patterns it matches.`,
  metrics: METRICS,
  priority: 'extra',
  options: {
    names: { kind: 'patterns', default: '', help: 'Groups by the name of the process (/proc/PID/comm, 15 characters).' },
    executables: { kind: 'patterns', default: '', help: 'Groups by the path of the program; of other users’ processes only root sees it.' },
    'command-lines': { kind: 'patterns', default: '', help: 'Groups by the command line, arguments separated by blanks.' },
  },
  intervalMs: 30_000,
  slow: true,
  create({ paths, options, frame }) {
    const [names, executables, commandLines] = LISTS.map((list) => options.patterns(list)) as [Patterns, Patterns, Patterns];
    const groups = [...new Set([names, executables, commandLines].flatMap((patterns) => [...patterns.keys()]))].slice(0, MAX_GROUPS);
    const files = new ProcessFiles(paths.procfs);
    const matcher = new GroupMatcher({ names, executables, commandLines }, groups, files);
    const totals = new GroupTotals(groups);
    return slowReading({
      show: (cells: readonly Cell[]) => showCells(frame, cells),
      async run(timeMs) {
        if (groups.length === 0) return [];
        const tally = totals.begin();
        matcher.begin(timeMs);
        await files.walk((pid) => {
          const stat = files.stat(pid);
          if (stat === undefined) return;
          const members = matcher.groupsOf(pid, stat);
          if (members.length > 0) tally.add(pid, stat, members, usageOf(files, pid, stat));
        });
        matcher.end();
        return tally.end();
      },
    });
  },
});

type Patterns = ReadonlyMap<string, RegExp>;

interface GroupPatterns {
  readonly names: Patterns;
  readonly executables: Patterns;
  readonly commandLines: Patterns;
}

/** Which groups a process belongs to (as indices), remembered for as long as it lives. */
class GroupMatcher {
  readonly #patterns: GroupPatterns;
  readonly #groups: readonly string[];
  readonly #files: ProcessFiles;
  #known = new Map<number, { readonly identity: string; readonly askAgainMs: number; readonly groups: readonly number[] }>();
  #next = new Map<number, { readonly identity: string; readonly askAgainMs: number; readonly groups: readonly number[] }>();
  #timeMs = 0;

  constructor(patterns: GroupPatterns, groups: readonly string[], files: ProcessFiles) {
    this.#patterns = patterns;
    this.#groups = groups;
    this.#files = files;
  }

  begin(timeMs: number): void {
    this.#timeMs = timeMs;
    this.#next = new Map();
  }

  groupsOf(pid: number, stat: ProcessStat): readonly number[] {
    const identity = `${stat.startTicks} ${stat.comm}`;
    const known = this.#known.get(pid);
    const isFresh = known?.identity === identity && this.#timeMs < known.askAgainMs;
    const entry = isFresh
      ? known
      : { identity, askAgainMs: this.#askAgainMs(known?.identity === identity), groups: this.#match(pid, stat) };
    this.#next.set(pid, entry);
    return entry.groups;
  }

  end(): void {
    this.#known = this.#next;
  }

  #askAgainMs(isKnown: boolean): number {
    return isKnown ? this.#timeMs + ASK_AGAIN_MS : this.#timeMs + (SETTLED_TICKS / TICKS_PER_SECOND) * 1000;
  }

  #match(pid: number, stat: ProcessStat): readonly number[] {
    const { names, executables, commandLines } = this.#patterns;
    const executable = executables.size === 0 ? undefined : this.#files.link(pid, 'exe');
    const commandLine = commandLines.size === 0 ? undefined : this.#files.read(pid, 'cmdline')?.replaceAll('\0', ' ').trim();
    const isIn = (group: string) =>
      names.get(group)?.test(stat.comm) === true ||
      (executable !== undefined && executables.get(group)?.test(executable) === true) ||
      (commandLine !== undefined && commandLines.get(group)?.test(commandLine) === true);
    return this.#groups.flatMap((group, i) => (isIn(group) ? [i] : []));
  }
}

/** Counters of one process; undefined = the agent may not look. */
interface Usage {
  readonly cpuTicks: number;
  readonly residentBytes: number;
  readonly fds: number | undefined;
  readonly readBytes: number | undefined;
  readonly writtenBytes: number | undefined;
}

function usageOf(files: ProcessFiles, pid: number, stat: ProcessStat): Usage {
  const status = files.read(pid, 'status', 'latin1') ?? '';
  const io = files.read(pid, 'io', 'latin1');
  const number = (text: string | undefined, pattern: RegExp) => {
    const found = pattern.exec(text ?? '')?.[1];
    return found === undefined ? undefined : Number(found);
  };
  return {
    cpuTicks: stat.userTicks + stat.systemTicks,
    // A kernel thread has none.
    residentBytes: (number(status, /^VmRSS:\s+(\d+) kB/m) ?? 0) * 1024,
    fds: files.entries(pid, 'fd')?.length,
    readBytes: number(io, /^read_bytes: (\d+)/m),
    writtenBytes: number(io, /^write_bytes: (\d+)/m),
  };
}

interface Sums {
  cpuTicks: number;
  readBytes: number;
  writtenBytes: number;
}

/** Counters that only rise, although processes end and take theirs with them: each process' growth since the last walk is added up. */
class GroupTotals {
  readonly #groups: readonly string[];
  readonly #sums: readonly Sums[];
  #seen = new Map<string, Usage>();

  constructor(groups: readonly string[]) {
    this.#groups = groups;
    this.#sums = groups.map(() => ({ cpuTicks: 0, readBytes: 0, writtenBytes: 0 }));
  }

  begin() {
    const seen = new Map<string, Usage>();
    const now = this.#groups.map(() => ({ count: 0, threads: 0, residentBytes: 0, fds: 0, io: 0 }));
    return {
      add: (pid: number, stat: ProcessStat, members: readonly number[], usage: Usage): void => {
        for (const i of members) {
          const key = `${i} ${pid} ${stat.startTicks}`;
          const before = this.#seen.get(key);
          seen.set(key, usage);
          const sums = this.#sums[i]!;
          sums.cpuTicks += Math.max(0, usage.cpuTicks - (before?.cpuTicks ?? 0));
          sums.readBytes += Math.max(0, (usage.readBytes ?? 0) - (before?.readBytes ?? 0));
          sums.writtenBytes += Math.max(0, (usage.writtenBytes ?? 0) - (before?.writtenBytes ?? 0));
          const group = now[i]!;
          group.count++;
          group.threads += stat.threads;
          group.residentBytes += usage.residentBytes;
          group.fds += usage.fds ?? Number.NaN;
          group.io += usage.readBytes === undefined || usage.writtenBytes === undefined ? Number.NaN : 0;
        }
      },
      end: (): Cell[] => {
        this.#seen = seen;
        return this.#groups.flatMap((group, i) => {
          const labels = { group };
          const { count, threads, residentBytes, fds, io } = now[i]!;
          const { cpuTicks, readBytes, writtenBytes } = this.#sums[i]!;
          return [
            cell('node_process_group_count', labels, count),
            cell('node_process_group_threads', labels, threads),
            cell('node_process_group_cpu_seconds_total', labels, cpuTicks / TICKS_PER_SECOND),
            cell('node_process_group_resident_bytes', labels, residentBytes),
            cell('node_process_group_fds', labels, fds),
            // NaN in `io` makes them absent: a part of the sum would look like the whole.
            cell('node_process_group_read_bytes_total', labels, readBytes + io),
            cell('node_process_group_written_bytes_total', labels, writtenBytes + io),
          ];
        });
      },
    };
  }
}
