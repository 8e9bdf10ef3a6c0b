/** Finds containers among the control groups, and reads what they use. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAbsence } from './kept-file.ts';

export interface ContainerCgroup {
  /** Of the engine, 64 hexadecimal digits, or the name LXC and systemd-nspawn give. */
  readonly id: string;
  readonly runtime: string;
  /** Below the root of every hierarchy. */
  readonly path: string;
}

/** NaN = this system does not say. Times in seconds, sizes in bytes. */
export interface ContainerUsage {
  readonly cpuSeconds: number;
  readonly throttledSeconds: number;
  readonly memoryBytes: number;
  readonly workingSetBytes: number;
  /** NaN without a limit. */
  readonly memoryLimitBytes: number;
  readonly oomKills: number;
  readonly pids: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** A process of it, to look into its network; undefined when it has none. */
  readonly pid: number | undefined;
}

const MAX_DEPTH = 8;
const MAX_FOLDERS = 20_000;
const MAX_CONTAINERS = 500;

/** Folder names that are one container, and whose. What is below belongs to it. */
const SCOPES: readonly (readonly [pattern: RegExp, runtime: string])[] = [
  [/^docker-([0-9a-f]{64})\.scope$/, 'docker'],
  [/^libpod-([0-9a-f]{64})\.scope$/, 'podman'],
  [/^cri-containerd-([0-9a-f]{64})\.scope$/, 'containerd'],
  [/^crio-([0-9a-f]{64})\.scope$/, 'cri-o'],
  [/^machine-(.+)\.scope$/, 'machine'],
  [/^lxc\.payload\.(.+)$/, 'lxc'],
];
/** A bare id, by what is above it. */
const BARE_ID = /^[0-9a-f]{64}$/;
const PARENTS: Readonly<Record<string, string>> = { docker: 'docker', libpod_parent: 'podman', lxc: 'lxc' };

export class ContainerCgroups {
  readonly #root: string;
  readonly #isUnified: boolean;

  constructor(sysfs: string) {
    this.#root = join(sysfs, 'fs/cgroup');
    this.#isUnified = text(join(this.#root, 'cgroup.controllers')) !== undefined;
  }

  /** All containers there are. Throws ENOENT where there are no control groups. */
  find(): ContainerCgroup[] {
    const found: ContainerCgroup[] = [];
    let folders = 0;
    const walk = (path: string, parent: string, depth: number): void => {
      if (depth > MAX_DEPTH) return;
      for (const name of subfolders(join(this.#hierarchy('memory'), path))) {
        if (++folders > MAX_FOLDERS || found.length >= MAX_CONTAINERS) return;
        const inner = `${path}/${name}`;
        const known = containerOf(name, parent);
        if (known === undefined) walk(inner, name, depth + 1);
        else if (known !== 'helper') found.push({ ...known, path: inner });
      }
    };
    readdirSync(this.#hierarchy('memory'));
    walk('', '', 0);
    return found;
  }

  usage({ path }: ContainerCgroup): ContainerUsage {
    return this.#isUnified ? this.#unified(path) : this.#split(path);
  }

  /** Version 1 has a tree of its own for each controller. */
  #hierarchy(controller: string): string {
    return this.#isUnified ? this.#root : join(this.#root, controller);
  }

  #unified(path: string): ContainerUsage {
    const file = (name: string) => text(join(this.#root, path, name)) ?? '';
    const cpu = fieldsOf(file('cpu.stat'));
    const memory = amount(file('memory.current'));
    return {
      cpuSeconds: field(cpu, 'usage_usec') / 1e6,
      throttledSeconds: field(cpu, 'throttled_usec') / 1e6,
      memoryBytes: memory,
      workingSetBytes: Math.max(0, memory - (fieldsOf(file('memory.stat')).get('inactive_file') ?? 0)),
      memoryLimitBytes: amount(file('memory.max')),
      oomKills: field(fieldsOf(file('memory.events')), 'oom_kill'),
      pids: amount(file('pids.current')),
      ...ioOf(file('io.stat'), /rbytes=(\d+)/g, /wbytes=(\d+)/g),
      pid: firstPid(file('cgroup.procs')),
    };
  }

  #split(path: string): ContainerUsage {
    const file = (controller: string, name: string) => text(join(this.#root, controller, path, name)) ?? '';
    const memory = amount(file('memory', 'memory.usage_in_bytes'));
    const limit = amount(file('memory', 'memory.limit_in_bytes'));
    return {
      cpuSeconds: amount(file('cpuacct', 'cpuacct.usage')) / 1e9,
      throttledSeconds: field(fieldsOf(file('cpu', 'cpu.stat')), 'throttled_time') / 1e9,
      memoryBytes: memory,
      workingSetBytes: Math.max(0, memory - (fieldsOf(file('memory', 'memory.stat')).get('total_inactive_file') ?? 0)),
      // Without a limit the kernel says its largest number of pages.
      memoryLimitBytes: limit > 2 ** 60 ? Number.NaN : limit,
      oomKills: field(fieldsOf(file('memory', 'memory.oom_control')), 'oom_kill'),
      pids: amount(file('pids', 'pids.current')),
      ...ioOf(file('blkio', 'blkio.throttle.io_service_bytes'), /Read (\d+)/g, /Write (\d+)/g),
      pid: firstPid(file('memory', 'cgroup.procs')),
    };
  }
}

/** The container a folder is; 'helper' for what engines keep beside one. */
function containerOf(name: string, parent: string): Omit<ContainerCgroup, 'path'> | 'helper' | undefined {
  if (/^(libpod-conmon-|crio-conmon-|lxc\.monitor)/.test(name)) return 'helper';
  for (const [pattern, runtime] of SCOPES) {
    const id = pattern.exec(name)?.[1];
    if (id !== undefined) return { id: id.replaceAll('\\x2d', '-'), runtime };
  }
  if (BARE_ID.test(name)) return { id: name, runtime: PARENTS[parent] ?? 'kubernetes' };
  return parent === 'lxc' ? { id: name, runtime: 'lxc' } : undefined;
}

function subfolders(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch (error) {
    if (!isAbsence(error)) throw error;
    return [];
  }
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (!isAbsence(error)) throw error;
    return undefined;
  }
}

/** One number; NaN for `max` and for nothing. */
function amount(content: string): number {
  const digits = content.trim();
  return /^\d+$/.test(digits) ? Number(digits) : Number.NaN;
}

/** Lines of `key number`. */
function fieldsOf(content: string): ReadonlyMap<string, number> {
  const fields = content.split('\n').map((line): [string, number] => {
    const [key = '', value = ''] = line.split(' ');
    return [key, amount(value)];
  });
  return new Map(fields.filter(([key, value]) => key !== '' && !Number.isNaN(value)));
}

function field(fields: ReadonlyMap<string, number>, name: string): number {
  return fields.get(name) ?? Number.NaN;
}

/** Sums over all devices; a container that never used one has an empty file and 0. */
function ioOf(content: string, read: RegExp, written: RegExp): Pick<ContainerUsage, 'readBytes' | 'writtenBytes'> {
  const sum = (pattern: RegExp) => [...content.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
  return { readBytes: sum(read), writtenBytes: sum(written) };
}

function firstPid(content: string): number | undefined {
  const pid = Number.parseInt(content, 10);
  return pid > 0 ? pid : undefined;
}
