import { accessSync, constants } from 'node:fs';
import { AppError, type Clock, errorMessage, type Millis } from '@bellwether/shared';
import { runChild } from '../bounded-child.ts';
import { defineInput, type Input, type InputContext } from './input.ts';
import { isAbsence } from './kept-file.ts';
import { parseSmartReport, parseSmartScan, parseSmartTarget, SMART_METRICS, type SmartTarget, smartRow } from './smart-report.ts';
import { type Row, rowsInput } from './sysfs.ts';

const COMMANDS = ['/usr/sbin/smartctl', '/usr/local/sbin/smartctl', '/sbin/smartctl', '/usr/bin/smartctl', '/usr/local/bin/smartctl'];
const DEADLINE_MS: Millis = 30_000;
const MAX_BYTES = 512 * 1024;
const MAX_DISKS = 128;
const MIN_EVERY_MS: Millis = 300_000;
/** Identity, health, attributes and error counters; a sleeping disk is left asleep. */
const ARGUMENTS = ['--json=c', '--nocheck=standby', '--info', '--health', '--attributes', '--log=error'];
const SCAN = ['--scan', '--json=c'];

/** What is known of a disk. */
interface Disk {
  readonly rows: readonly Row[];
  readonly readable: boolean;
  readonly standby: boolean;
  readonly checkedMs: Millis | undefined;
}

export default defineInput({
  name: 'smart',
  help: 'Health of disks as they tell it, by smartctl where it is installed (the agent must be root); asked every 30 minutes, repeated in between.',
  metrics: SMART_METRICS,
  priority: 'extra',
  options: {
    devices: {
      kind: 'words',
      default: '',
      help: 'Disks to ask, as `/dev/sda`, or `/dev/bus/0@megaraid,3` behind a controller; empty = those that smartctl finds.',
    },
    every: { kind: 'duration', default: 1_800_000, help: 'Time between questions to a disk; at least 5m.' },
    command: { kind: 'text', default: '', help: 'Where smartctl is; empty = the usual places.' },
  },
  intervalMs: 60_000,
  slow: true,
  create: (context) => new Smart(context),
});

class Smart implements Input {
  readonly #clock: Clock;
  readonly #commands: readonly string[];
  readonly #named: readonly SmartTarget[];
  readonly #everyMs: Millis;
  readonly #rows: Input;
  readonly #disks = new Map<string, Disk>();
  readonly #stop = new AbortController();
  #askedMs: Millis | undefined;
  #failure: string | undefined;
  #asking: Promise<void> | undefined;
  /** Ends the tick's wait for answers under way. */
  #settle: (() => void) | undefined;

  constructor({ clock, frame, options }: InputContext) {
    this.#clock = clock;
    this.#commands = options.text('command') === '' ? COMMANDS : [options.text('command')];
    this.#named = options.words('devices').map(targetOf);
    this.#everyMs = Math.max(MIN_EVERY_MS, options.durationMs('every'));
    this.#rows = rowsInput(frame, () => [...this.#disks].flatMap(([device, disk]) => diskRows(device, disk)));
  }

  read(timeMs: Millis): void | Promise<void> {
    const isDue = this.#askedMs === undefined || timeMs - this.#askedMs >= this.#everyMs;
    // Only the tick that asks waits for answers: a disk that hangs would hold up every one.
    if (!isDue || this.#asking !== undefined) return this.#show(timeMs);
    this.#start(timeMs);
    return new Promise((resolve, reject) => {
      this.#settle = () => {
        this.#settle = undefined;
        try {
          this.#show(timeMs);
          resolve();
        } catch (error) {
          reject(error);
        }
      };
    });
  }

  settle(): void {
    this.#settle?.();
  }

  close(): void {
    this.#stop.abort();
  }

  #show(timeMs: Millis): void {
    if (this.#failure !== undefined) throw new Error(this.#failure);
    this.#rows.read(timeMs);
  }

  #start(timeMs: Millis): void {
    const command = firstCommand(this.#commands);
    this.#askedMs = timeMs;
    this.#asking = this.#askAll(command, timeMs)
      .then(() => {
        this.#failure = undefined;
      })
      .catch((error: unknown) => {
        this.#failure = `${command} cannot be run (${errorMessage(error)}).`;
      })
      .finally(() => {
        this.#asking = undefined;
        this.#settle?.();
      });
  }

  /** One disk after the other: together they would stall the bus. */
  async #askAll(command: string, timeMs: Millis): Promise<void> {
    const targets = this.#named.length > 0 ? this.#named : parseSmartScan(await this.#run(command, SCAN));
    const asked = targets.slice(0, MAX_DISKS).map((target) => ({ target, device: deviceOf(target) }));
    for (const known of [...this.#disks.keys()]) if (!asked.some(({ device }) => device === known)) this.#disks.delete(known);
    for (const { target, device } of asked) {
      if (this.#stop.signal.aborted) return;
      const stdout = await this.#run(command, [...ARGUMENTS, ...typeArguments(target), target.path]);
      this.#disks.set(device, nextDisk(this.#disks.get(device), parseSmartReport(stdout, device), timeMs));
    }
  }

  /** What it printed: its exit status is about the disk as much as about itself. */
  async #run(command: string, args: readonly string[]): Promise<string> {
    const { outcome, stdout, problem } = await runChild({
      argv: [command, ...args],
      timeoutMs: DEADLINE_MS,
      maxBytes: MAX_BYTES,
      clock: this.#clock,
      isLowPriority: true,
      signal: this.#stop.signal,
    });
    if (outcome === 'not-started') throw new Error(problem);
    return stdout;
  }
}

/** A sleeping disk keeps what it said last; one that does not answer keeps nothing. */
function nextDisk(known: Disk | undefined, { standby, rows }: ReturnType<typeof parseSmartReport>, timeMs: Millis): Disk {
  if (standby) return { rows: known?.rows ?? [], readable: true, standby, checkedMs: known?.checkedMs };
  const readable = rows.length > 0;
  return { rows, readable, standby, checkedMs: readable ? timeMs : known?.checkedMs };
}

function diskRows(device: string, { rows, readable, standby, checkedMs }: Disk): Row[] {
  return [
    ...rows,
    smartRow('node_smart_device_readable', device, readable ? 1 : 0),
    smartRow('node_smart_device_standby', device, standby ? 1 : 0),
    ...(checkedMs === undefined ? [] : [smartRow('node_smart_device_checked_timestamp_seconds', device, checkedMs / 1000)]),
  ];
}

function targetOf(text: string): SmartTarget {
  const target = parseSmartTarget(text);
  if (target === undefined)
    throw new AppError('CONFIG_INVALID', `inputs.smart.devices: ${text} is no disk; write /dev/sda, or /dev/bus/0@megaraid,3.`);
  return target;
}

function typeArguments({ type }: SmartTarget): string[] {
  return type === undefined ? [] : [`--device=${type}`];
}

function deviceOf({ path, type }: SmartTarget): string {
  const name = path.slice('/dev/'.length);
  return type === undefined ? name : `${name}@${type}`;
}

/** Throws the absence of the first when none is there. */
function firstCommand(commands: readonly string[]): string {
  let missing: unknown;
  for (const command of commands) {
    try {
      accessSync(command, constants.X_OK);
      return command;
    } catch (error) {
      if (!isAbsence(error)) throw error;
      missing ??= error;
    }
  }
  throw missing;
}
