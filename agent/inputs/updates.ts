import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@bellwether/shared';
import { type ChildResult, runChild } from '../bounded-child.ts';
import { type Cell, cellsFor, showCells } from './cells.ts';
import { defineInput, gauge } from './input.ts';
import { isAbsence } from './kept-file.ts';

const METRICS = {
  node_updates_pending: gauge('Packages of this host that have a newer version, by type: security or other.'),
  node_reboot_required: gauge('1 if an installed update needs a restart of the host; absent where there is no way to tell.'),
};
const cell = cellsFor(METRICS);
/** A host that just started has better things to do. */
const FIRST_MS = 120_000;
const ASK_EVERY_MS = 3_600_000;
/** Also without a change in the files: an answer that failed, or whose files we do not know, is not kept for ever. */
const ASK_AT_LEAST_MS = 12 * 3_600_000;
const TIMEOUT_MS = 60_000;
const MAX_BYTES = 4 * 1024 * 1024;

export interface PendingUpdates {
  /** NaN where the package manager does not tell them apart. */
  readonly security: number;
  readonly other: number;
}

interface PackageManager {
  readonly program: string;
  /** What changes when packages or their lists do. */
  readonly state: readonly string[];
  readonly argv: readonly [string, ...string[]];
  readonly parse: (result: ChildResult) => PendingUpdates | undefined;
}

/** The first whose program is there. None of these goes to the network or takes a lock; the lists are as fresh as the host keeps them. */
const MANAGERS: readonly PackageManager[] = [
  {
    program: 'usr/bin/apt-get',
    state: ['var/lib/dpkg/status', 'var/lib/apt/lists', 'var/cache/apt/pkgcache.bin'],
    argv: ['apt-get', '--simulate', '-o', 'Debug::NoLocking=true', 'dist-upgrade'],
    parse: ({ exitCode, stdout }) => (exitCode === 0 ? parseApt(stdout) : undefined),
  },
  {
    program: 'usr/bin/dnf',
    state: ['var/lib/rpm', 'usr/lib/sysimage/rpm', 'var/cache/dnf'],
    argv: ['dnf', '--quiet', '--cacheonly', 'check-update'],
    // 100: there are some.
    parse: ({ exitCode, stdout }) => (exitCode === 0 || exitCode === 100 ? parseDnf(stdout) : undefined),
  },
  {
    program: 'sbin/apk',
    state: ['lib/apk/db/installed', 'var/cache/apk'],
    argv: ['apk', '--no-network', 'version', '-l', '<'],
    parse: ({ exitCode, stdout }) => (exitCode === 0 ? parseApk(stdout) : undefined),
  },
];

export default defineInput({
  name: 'updates',
  help: 'Pending updates of apt, dnf or apk, and whether the host should be restarted. The package manager is asked, by a process of low priority, when its files changed and at most once an hour.',
  metrics: METRICS,
  intervalMs: 120_000,
  slow: true,
  priority: 'extra',
  create({ paths: { rootfs, procfs }, frame, clock }) {
    // Below another root its programs cannot be run.
    const manager = rootfs === '/' ? MANAGERS.find(({ program }) => existsSync(join(rootfs, program))) : undefined;
    const watch = manager === undefined ? undefined : new UpdateWatch(manager, rootfs, clock);
    return {
      read() {
        const pending = watch?.look();
        const reboot = isRebootRequired(rootfs, procfs);
        const cells: Cell[] = [];
        if (pending !== undefined) {
          const { security, other } = pending;
          cells.push(cell('node_updates_pending', { type: 'security' }, security), cell('node_updates_pending', { type: 'other' }, other));
        }
        if (reboot !== undefined) cells.push(cell('node_reboot_required', {}, reboot ? 1 : 0));
        showCells(frame, cells);
      },
      close: () => watch?.stop(),
    };
  },
});

export class UpdateWatch {
  readonly #manager: PackageManager;
  readonly #rootfs: string;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #pending: PendingUpdates | undefined;
  #askedState: string | undefined;
  #askAfterMs: number;
  #askAnywayMs = 0;
  #isAsking = false;

  constructor(manager: PackageManager, rootfs: string, clock: Clock) {
    this.#manager = manager;
    this.#rootfs = rootfs;
    this.#clock = clock;
    this.#askAfterMs = clock.monotonic() + FIRST_MS;
  }

  /** The last answer; asks anew, in the background, when it is time. */
  look(): PendingUpdates | undefined {
    const nowMs = this.#clock.monotonic();
    if (!this.#isAsking && nowMs >= this.#askAfterMs) {
      const state = this.#state();
      if (state !== this.#askedState || nowMs >= this.#askAnywayMs) void this.#ask(state, nowMs);
    }
    return this.#pending;
  }

  stop(): void {
    this.#abort.abort();
  }

  async #ask(state: string, nowMs: number): Promise<void> {
    this.#isAsking = true;
    this.#askedState = state;
    this.#askAfterMs = nowMs + ASK_EVERY_MS;
    this.#askAnywayMs = nowMs + ASK_AT_LEAST_MS;
    const { argv, parse } = this.#manager;
    const options = {
      argv,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
      clock: this.#clock,
      isLowPriority: true,
      signal: this.#abort.signal,
    };
    const result = await runChild(options);
    // An answer nobody could read must not leave an older one standing.
    this.#pending = result.outcome === 'exited' ? parse(result) : undefined;
    this.#isAsking = false;
  }

  #state(): string {
    return this.#manager.state.map((path) => mtime(join(this.#rootfs, path))).join(' ');
  }
}

function mtime(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch (error) {
    if (!isAbsence(error)) throw error;
    return 0;
  }
}

/** `Inst name [old] (new Origin:suite, Origin2:suite2 [arch])`. A package without [old] is new, not updated. */
export function parseApt(output: string): PendingUpdates {
  const updates = output.split('\n').filter((line) => /^Inst \S+ \[/.test(line));
  const security = updates.filter((line) => /\([^)]*(-security|Debian-Security|UbuntuESM)[^)]*\)/i.test(line)).length;
  return { security, other: updates.length - security };
}

/** Lines of `name.arch version repository`; what is obsoleted follows and does not count. */
export function parseDnf(output: string): PendingUpdates {
  const listed = output.split(/^Obsoleting/m)[0]!.split('\n');
  return { security: Number.NaN, other: listed.filter((line) => /^\S+\.\S+\s+\S+\s+\S+\s*$/.test(line)).length };
}

/** Lines of `name-version < newer`, after a heading. */
export function parseApk(output: string): PendingUpdates {
  return { security: Number.NaN, other: output.split('\n').filter((line) => /^\S+-\d\S*\s+<\s+\S+/.test(line)).length };
}

/** Undefined where the host has no way to say so. */
export function isRebootRequired(rootfs: string, procfs: string): boolean | undefined {
  if (['run/reboot-required', 'var/run/reboot-required'].some((file) => existsSync(join(rootfs, file)))) return true;
  const kernel = isNewerKernelInstalled(kernelImages(join(rootfs, 'boot')), runningKernel(procfs));
  // Debian's and Ubuntu's packages leave the file above through this.
  return kernel ?? (existsSync(join(rootfs, 'usr/share/update-notifier/notify-reboot-required')) ? false : undefined);
}

function runningKernel(procfs: string): string {
  try {
    return readFileSync(join(procfs, 'sys/kernel/osrelease'), 'utf8').trim();
  } catch (error) {
    if (!isAbsence(error)) throw error;
    return '';
  }
}

function kernelImages(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap((name) => (name.startsWith('vmlinuz-') ? [name.slice('vmlinuz-'.length)] : []));
  } catch (error) {
    if (!isAbsence(error)) throw error;
    return [];
  }
}

/** Whether an image of the running kernel's flavour has a higher version; undefined when the running kernel is not among the images. */
export function isNewerKernelInstalled(images: readonly string[], running: string): boolean | undefined {
  if (!images.includes(running)) return undefined;
  return images.some((image) => flavourOf(image) === flavourOf(running) && compareVersions(image, running) > 0);
}

/** `6.1.0-13-cloud-amd64` is of flavour `-cloud-amd64`, `5.14.0-362.8.1.el9_3.x86_64` of `.el9_3.x86_64` without its digits. */
function flavourOf(version: string): string {
  return version.replace(/\d+/g, '').replace(/^[.\-+~_]+/, '');
}

/** Number by number, as version 13 is newer than 9. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => (version.match(/\d+/g) ?? []).map(Number)) as [number[], number[]];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
