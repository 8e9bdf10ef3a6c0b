import { type StatsFs, statfs } from 'node:fs';
import { join } from 'node:path';
import { type Clock, errorCode, type Millis } from '@bellwether/shared';
import type { Column, Frame } from './frame.ts';
import { defineInput, gauge, type HostPaths, type Input, type InputOptions } from './input.ts';
import { KeptFile, ReadBuffer } from './kept-file.ts';
import { type Mount, parseMounts } from './mounts.ts';

const METRICS = {
  node_filesystem_size_bytes: gauge('Size of the filesystem.'),
  node_filesystem_free_bytes: gauge('Free space, that kept for root included.'),
  node_filesystem_avail_bytes: gauge('Space that users other than root can fill.'),
  node_filesystem_files: gauge('Files (inodes) the filesystem can hold.'),
  node_filesystem_files_free: gauge('Files (inodes) it can still take.'),
  node_filesystem_readonly: gauge('1 if it is mounted read-only.'),
  node_filesystem_device_error: gauge('1 if the filesystem could not be asked, or did not answer in time.'),
  node_filesystem_mount_hung: gauge('1 if the filesystem did not answer within mount-timeout; it is not asked again until it does.'),
};
const NAMES = Object.keys(METRICS) as (keyof typeof METRICS)[];
const WIDTH = NAMES.length;
const READONLY = NAMES.indexOf('node_filesystem_readonly');
const ERROR = NAMES.indexOf('node_filesystem_device_error');
const HUNG = NAMES.indexOf('node_filesystem_mount_hung');
/** Asks a mounted filesystem; its answer may never come. */
export type Statfs = (path: string, done: (error: NodeJS.ErrnoException | null, stats: StatsFs) => void) => void;

export default defineInput({
  name: 'filesystem',
  help: 'Space and files of each mounted filesystem, from mountinfo and statfs; every 5 s at most unless its own interval says otherwise.',
  metrics: METRICS,
  // Asking wakes another thread for each filesystem, and disks do not fill within a second.
  floorMs: 5_000,
  priority: 'essential',
  options: {
    'mount-points-exclude': {
      kind: 'pattern',
      default: '^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)',
      help: 'Mount points to leave out.',
    },
    'fs-types-exclude': {
      kind: 'pattern',
      default:
        '^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$',
      help: 'Kinds of filesystem to leave out.',
    },
    'mount-timeout': { kind: 'duration', default: 5_000, help: 'How long a filesystem may take before it counts as hung.' },
  },
  create: ({ paths, options, clock, frame }) => new Filesystems(frame, paths, options, clock, (path, done) => statfs(path, done)),
});

/** Filesystems whose server may be gone. */
const REMOTE = /^(nfs\d?|cifs|smb3|ceph|fuse(\..*)?|9p|glusterfs|lustre|beegfs|gpfs|afs|ocfs2|davfs2?|virtiofs)$/;

/**
 * A hung question holds one of the four threads that also write the spool and look up names. So only a few may be under way at once, and a dead file
 * server cannot keep the local disks from being asked.
 */
interface Lane {
  free: number;
  readonly queue: MountState[];
}

interface MountState {
  readonly mount: Mount;
  readonly path: string;
  readonly lane: Lane;
  /** When an answer was first wanted that has not come, on the monotonic clock. */
  wantedMs: number | undefined;
  /** The question is with the kernel, not in the lane's queue. */
  asked: boolean;
  answer: StatsFs | undefined;
  failed: boolean;
}

export class Filesystems implements Input {
  readonly #frame: Frame;
  readonly #paths: HostPaths;
  readonly #excludeMount: RegExp | undefined;
  readonly #excludeType: RegExp | undefined;
  readonly #timeoutMs: Millis;
  readonly #clock: Clock;
  readonly #statfs: Statfs;
  readonly #buffer = new ReadBuffer();
  readonly #files: readonly KeptFile[];
  readonly #local: Lane = { free: 1, queue: [] };
  readonly #remote: Lane = { free: 2, queue: [] };
  #mountinfo = new Uint8Array(0);
  #mounts: MountState[] = [];
  /** Ends the reading under way. */
  #finish: (() => void) | undefined;

  constructor(frame: Frame, paths: HostPaths, options: InputOptions, clock: Clock, ask: Statfs) {
    this.#frame = frame;
    this.#paths = paths;
    this.#excludeMount = options.pattern('mount-points-exclude');
    this.#excludeType = options.pattern('fs-types-exclude');
    this.#timeoutMs = options.durationMs('mount-timeout');
    this.#clock = clock;
    this.#statfs = ask;
    // The mounts of PID 1 are the host's; in a container without that right our own must do.
    this.#files = ['1/mountinfo', 'self/mountinfo'].map((file) => new KeptFile(join(paths.procfs, file), this.#buffer));
  }

  read(timeMs: Millis): Promise<void> {
    this.#findMounts(timeMs);
    for (const state of this.#mounts) {
      if (state.wantedMs !== undefined) continue;
      state.wantedMs = this.#clock.monotonic();
      state.lane.queue.push(state);
    }
    this.#askNext(this.#local);
    this.#askNext(this.#remote);
    return new Promise((resolve) => {
      this.#finish = () => {
        this.#finish = undefined;
        this.#fill();
        resolve();
      };
      if (!this.#isExpected()) this.#finish();
    });
  }

  /** A mount that is slower shows its last answer; the fresh one comes with a later reading. */
  settle(): void {
    this.#finish?.();
  }

  close(): void {
    for (const file of this.#files) file.close();
  }

  #findMounts(timeMs: Millis): void {
    const length = this.#readMountinfo(timeMs);
    const bytes = this.#buffer.view(length);
    if (this.#mountinfo.length > 0 && Buffer.compare(bytes, this.#mountinfo) === 0) return;
    const mounts = parseMounts(Buffer.from(bytes).toString('utf8'), this.#paths.rootfs).filter(
      ({ mountpoint, fstype }) => this.#excludeMount?.test(mountpoint) !== true && this.#excludeType?.test(fstype) !== true,
    );
    const known = new Map(this.#mounts.map((state) => [mountKey(state.mount), state]));
    this.#mounts = mounts.map((mount) => {
      const before = known.get(mountKey(mount));
      // The same object goes on, so that an answer still under way finds it.
      if (before !== undefined) return Object.assign(before, { mount });
      const lane = REMOTE.test(mount.fstype) ? this.#remote : this.#local;
      const path = join(this.#paths.rootfs, mount.mountpoint);
      return { mount, path, lane, wantedMs: undefined, asked: false, answer: undefined, failed: false };
    });
    this.#frame.setColumns(mounts.flatMap(columnsOf));
    this.#mountinfo = Uint8Array.from(bytes);
  }

  #readMountinfo(timeMs: Millis): number {
    const [host, own] = this.#files as [KeptFile, KeptFile];
    const length = host.readIfPresent(timeMs);
    return length > 0 ? length : own.read();
  }

  #askNext(lane: Lane): void {
    while (lane.free > 0) {
      const state = lane.queue.shift();
      if (state === undefined) return;
      this.#ask(state);
    }
  }

  #ask(state: MountState): void {
    const answer = (error: unknown, stats?: StatsFs) => {
      state.wantedMs = undefined;
      state.asked = false;
      state.failed = stats === undefined && errorCode(error) !== 'EAGAIN';
      state.answer = stats;
      state.lane.free++;
      this.#askNext(state.lane);
      if (!this.#isExpected()) this.#finish?.();
    };
    state.asked = true;
    state.lane.free--;
    try {
      this.#statfs(state.path, (error, stats) => answer(error, error === null ? stats : undefined));
    } catch (error) {
      // A path that no system call takes, from a garbled mountinfo.
      answer(error);
    }
  }

  #isExpected(): boolean {
    return this.#mounts.some((state) => state.wantedMs !== undefined && !this.#isOverdue(state));
  }

  #isOverdue({ wantedMs }: MountState): boolean {
    return wantedMs !== undefined && this.#clock.monotonic() - wantedMs >= this.#timeoutMs;
  }

  #fill(): void {
    const { values } = this.#frame;
    for (const [i, state] of this.#mounts.entries()) {
      const at = i * WIDTH;
      const overdue = this.#isOverdue(state);
      const stats = overdue || state.failed ? undefined : state.answer;
      if (stats !== undefined) {
        values[at] = stats.blocks * stats.bsize;
        values[at + 1] = stats.bfree * stats.bsize;
        values[at + 2] = stats.bavail * stats.bsize;
        values[at + 3] = stats.files;
        values[at + 4] = stats.ffree;
        values[at + READONLY] = state.mount.readonly ? 1 : 0;
      }
      // A mount that was never heard of yet is neither well nor broken.
      if (stats === undefined && !overdue && !state.failed) continue;
      values[at + ERROR] = stats === undefined ? 1 : 0;
      // Others in the queue behind it could not be asked, which is an error of theirs but not their hanging.
      values[at + HUNG] = overdue && state.asked ? 1 : 0;
    }
  }
}

function columnsOf({ device, mountpoint, fstype }: Mount): Column[] {
  return NAMES.map((name) => ({ name, labels: { device, mountpoint, fstype }, ...METRICS[name] }));
}

function mountKey({ device, mountpoint, fstype }: Mount): string {
  return `${device}\n${mountpoint}\n${fstype}`;
}
