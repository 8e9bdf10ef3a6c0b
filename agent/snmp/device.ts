/** One device: what is asked of it, what became of it, and the groups that carry its series. */
import type { Clock, Log, Millis } from '@bellwether/shared';
import type { DeviceAssignment, WatchResult } from '@bellwether/shared/assignments';
import type { Reading } from '../inputs/input.ts';
import { INTERFACE_COLUMNS, InterfaceMemory, ifRequest, partsOf, X_REQUEST } from './interfaces.ts';
import { type ColumnInfo, FURTHER, FURTHER_SCALARS, SYSTEM } from './mib.ts';
import { type OpenSession, SnmpFailure, type SnmpSession, TYPE, type Varbind } from './session.ts';
import { TableGroup } from './table-group.ts';
import { uptimeStep } from './uptime.ts';
import { numberOf, textOf } from './values.ts';
import { type BulkSize, DEFAULT_REPETITIONS, type TableRead, type TableRequest, walkTable } from './walk.ts';

/** What devices need of the agent. */
export interface DeviceHost {
  readonly clock: Clock;
  readonly log: Log;
  readonly open: OpenSession;
  /** Resolves when one more packet may be sent. */
  turn(): Promise<void>;
  /** The time that readings are stamped with, ms since the epoch. */
  now(): Millis;
  /** Takes a group's reading as of `timeMs`; its arrays are reused. */
  push(reading: Reading, timeMs: Millis): void;
  report(result: WatchResult): void;
  /** Kinds: `device-restarted`, `device-changed`, `device-renumbered`. */
  event(kind: string, timeMs: Millis, text: string): void;
}

/** Tables and objects a device did not have are looked for again this often. */
const LOOK_AGAIN_MS: Millis = 10 * 60_000;
/** What made a device be asked for less may have been a bad hour of the network. */
const FULL_SIZE_AGAIN_MS: Millis = 60 * 60_000;
/** A reading is given up after this share of the interval, so that the next one starts in time. */
const DEADLINE_RATIO = 0.9;
/** A reason names this many troubles. */
const MAX_PROBLEMS = 3;

const number = (name: string, help: string): ColumnInfo => ({ column: 0, name, type: 'gauge', help, as: 'number' });
const SELF: readonly ColumnInfo[] = [
  number('up', '1 when the device answered SNMP, 0 when it did not.'),
  number('snmp_scrape_duration_seconds', 'Time that reading the device took.'),
  number('snmp_scrape_walk_duration_seconds', 'Time that the device took to answer.'),
  number('snmp_scrape_pdus_returned', 'Objects the device sent.'),
  number('bellwether_snmp_incomplete_tables', 'Tables that could not be read to their end; the reason is on the page of the device.'),
];
const SCALARS = [...SYSTEM, ...FURTHER_SCALARS];
const SCALAR_COLUMNS: readonly ColumnInfo[] = [
  ...SELF,
  ...SCALARS.map(
    ({ name, as, help }): ColumnInfo => ({ column: 0, name, type: name.startsWith('ssCpuRaw') ? 'counter' : 'gauge', help, as }),
  ),
];
const SYSTEM_OIDS = SYSTEM.map(({ oid }) => oid);
const FURTHER_OIDS = FURTHER_SCALARS.map(({ oid }) => oid);

/** What one poll gathers. */
interface Poll {
  readonly scalars: Map<string, Varbind>;
  readonly problems: string[];
  incomplete: number;
  varbinds: number;
  /** No more questions: the device went silent in the middle. */
  isOver: boolean;
}

export class Device {
  readonly assignment: DeviceAssignment;
  #result: WatchResult | undefined;
  readonly #host: DeviceHost;
  readonly #scalars: TableGroup;
  readonly #further: readonly TableGroup[];
  readonly #parts: TableGroup[] = [];
  readonly #memory = new InterfaceMemory();
  readonly #size: BulkSize = { repetitions: DEFAULT_REPETITIONS };
  /** When each part that was absent is looked for again, by its name. */
  readonly #lookAgain = new Map<string, number>();
  #fullSizeAtMs: number;
  #session: SnmpSession | undefined;
  #needsNarrow = true;
  #polling = false;
  #stopped = false;
  #uptime: { ticks: number; engineSeconds: number | undefined; atMs: number } | undefined;
  #description = '';

  constructor(assignment: DeviceAssignment, host: DeviceHost) {
    this.assignment = assignment;
    this.#host = host;
    this.#fullSizeAtMs = host.clock.monotonic() + FULL_SIZE_AGAIN_MS;
    this.#scalars = this.#group('', SCALAR_COLUMNS);
    this.#further = FURTHER.map(({ name, columns }) => this.#group(`/${name}`, columns));
  }

  /** What was last reported; undefined before the first poll. */
  get result(): WatchResult | undefined {
    return this.#result;
  }

  /** Reads everything once. Never rejects; does nothing while the poll before is still going on. */
  async poll(): Promise<void> {
    if (this.#polling || this.#stopped) return;
    this.#polling = true;
    const { clock, now } = this.#host;
    const timeMs = Math.round(now());
    const beganMs = clock.monotonic();
    if (beganMs >= this.#fullSizeAtMs) {
      this.#fullSizeAtMs = beganMs + FULL_SIZE_AGAIN_MS;
      this.#size.repetitions = DEFAULT_REPETITIONS;
    }
    const poll: Poll = { scalars: new Map(), problems: [], incomplete: 0, varbinds: 0, isOver: false };
    let isLate = false;
    const cancel = clock.after(this.assignment.intervalMs * DEADLINE_RATIO, () => {
      isLate = true;
      this.#drop();
    });
    let failure = '';
    try {
      await this.#read(poll, timeMs, beganMs);
    } catch (error) {
      if (!(error instanceof SnmpFailure))
        this.#host.log.error({ device: this.assignment.name, error: String(error) }, 'device poll failed');
      failure = isLate
        ? this.#lateText()
        : error instanceof SnmpFailure
          ? error.message
          : 'this agent could not read the device; its log says why';
      this.#drop();
    }
    cancel();
    this.#polling = false;
    if (this.#stopped) return;
    if (isLate && failure === '') poll.problems.splice(0, Number.POSITIVE_INFINITY, this.#lateText());
    const seconds = Math.round(clock.monotonic() - beganMs) / 1000;
    const isUp = failure === '';
    if (!isUp) this.#pushTables(poll, timeMs, undefined);
    this.#pushScalars(poll, timeMs, isUp, seconds);
    this.#report(timeMs, isUp, isUp ? problemText(poll.problems) : failure);
  }

  /** Ends the conversation. Nothing is said of the series: the device may be read again soon. */
  stop(): void {
    this.#stopped = true;
    this.#drop();
  }

  /** Stops, and ends every series of the device with a staleness marker: it is no longer this agent's. */
  forget(): void {
    if (this.#stopped) return;
    this.stop();
    const timeMs = Math.round(this.#host.now());
    for (const group of [this.#scalars, ...this.#further, ...this.#parts]) this.#push(group.read([]), timeMs);
  }

  async #read(poll: Poll, timeMs: Millis, beganMs: number): Promise<void> {
    const session = await this.#begin(poll);
    this.#watchSystem(poll, timeMs, beganMs);
    const xTable = await this.#table(session, poll, 'ifXTable', X_REQUEST);
    const request = ifRequest(this.#needsNarrow || xTable.rows.size === 0);
    const ifTable = await this.#table(session, poll, 'ifTable', request);
    this.#pushTables(poll, timeMs, { ifTable, request, xTable });
    for (const [i, { name, index, entry, columns }] of FURTHER.entries()) {
      if (poll.isOver) break;
      if (!(await this.#isThere(session, name, entry))) continue;
      const { rows } = await this.#table(session, poll, name, { entry, columns: columns.map(({ column }) => column) });
      const named = [...rows].map(([at, cells]) => ({ key: at, labels: { [index]: at, ...labelsOf(columns, cells) }, cells }));
      this.#push(this.#further[i]!.read(named), timeMs);
    }
    if (!poll.isOver && !this.#isLookedForLater('scalars')) await this.#readFurtherScalars(session, poll);
  }

  /** The session in which the device told of itself. */
  async #begin(poll: Poll): Promise<SnmpSession> {
    const isOld = this.#session !== undefined;
    try {
      const session = await this.#open();
      await this.#readSystem(session, poll);
      return session;
    } catch (error) {
      // A device that restarted may count its SNMPv3 time anew, which a session from before takes for a replayed message.
      if (!isOld || !(error instanceof SnmpFailure) || error.kind !== 'denied') throw error;
      this.#drop();
      const session = await this.#open();
      await this.#readSystem(session, poll);
      return session;
    }
  }

  async #open(): Promise<SnmpSession> {
    await this.#host.turn();
    this.#session ??= await this.#host.open(this.assignment);
    if (!this.#stopped) return this.#session;
    this.#drop();
    throw new SnmpFailure('network', 'stopped');
  }

  async #readSystem(session: SnmpSession, poll: Poll): Promise<void> {
    let answer: readonly Varbind[];
    try {
      answer = await session.get(SYSTEM_OIDS);
    } catch (error) {
      // Old agents answer a request for one thing they do not have with an error alone.
      if (!(error instanceof SnmpFailure) || error.kind !== 'error') throw error;
      await this.#host.turn();
      answer = await session.get(SYSTEM_OIDS.slice(0, 1));
    }
    poll.varbinds += answer.length;
    for (const varbind of answer) if (isThere(varbind)) poll.scalars.set(varbind.oid, varbind);
    if (poll.scalars.size === 0) poll.problems.push('the device answers, but shows this user or community nothing');
  }

  async #readFurtherScalars(session: SnmpSession, poll: Poll): Promise<void> {
    await this.#host.turn();
    const answer = await session.get(FURTHER_OIDS).catch((error: unknown) => {
      if (error instanceof SnmpFailure) return [];
      throw error;
    });
    const there = answer.filter(isThere);
    poll.varbinds += answer.length;
    for (const varbind of there) poll.scalars.set(varbind.oid, varbind);
    if (there.length === 0) this.#lookAgain.set('scalars', this.#host.clock.monotonic() + LOOK_AGAIN_MS);
  }

  /** A table as far as it could be read; never rejects for what the device does. */
  async #table(session: SnmpSession, poll: Poll, name: string, request: TableRequest): Promise<TableRead> {
    if (poll.isOver) return NOTHING;
    let read: TableRead = NOTHING;
    try {
      read = await walkTable(session, request, this.#size, () => this.#host.turn());
      poll.varbinds += read.varbinds;
    } catch (error) {
      if (!(error instanceof SnmpFailure)) throw error;
      read = { ...NOTHING, problem: error.message };
      poll.isOver = true;
    }
    if (read.problem !== '') {
      poll.incomplete++;
      poll.problems.push(`${name}: ${read.problem}`);
      // A session after a failure may hold an answer that is still on its way.
      this.#drop();
      poll.isOver = true;
    }
    return read;
  }

  async #isThere(session: SnmpSession, name: string, entry: string): Promise<boolean> {
    if (this.#lookAgain.get(name) === undefined || !this.#isLookedForLater(name)) {
      await this.#host.turn();
      const [first] = await session.getBulk(entry, 1).catch((error: unknown): readonly Varbind[] => {
        if (error instanceof SnmpFailure) return [];
        throw error;
      });
      if (first?.oid.startsWith(`${entry}.`) === true && isThere(first)) return true;
      this.#lookAgain.set(name, this.#host.clock.monotonic() + LOOK_AGAIN_MS);
    }
    return false;
  }

  #isLookedForLater(name: string): boolean {
    return (this.#lookAgain.get(name) ?? Number.NEGATIVE_INFINITY) > this.#host.clock.monotonic();
  }

  /** Restarts, and devices that are not what they were. */
  #watchSystem({ scalars }: Poll, timeMs: Millis, atMs: number): void {
    const { name } = this.assignment;
    const ticks = numberOf(scalars.get(SYSTEM[0]!.oid));
    if (ticks !== undefined) {
      const next = { ticks, engineSeconds: numberOf(scalars.get(ENGINE_TIME)), atMs };
      if (this.#uptime !== undefined && uptimeStep(this.#uptime, next) === 'restarted') {
        this.#host.event('device-restarted', timeMs, `${name} restarted: it has been up for ${Math.round(ticks / 100)} s.`);
      }
      this.#uptime = next;
    }
    const description = [DESCRIPTION, SYS_NAME].map((oid) => textOf(scalars.get(oid)) ?? '').join(' / ');
    if (this.#description !== '' && description !== ' / ' && description !== this.#description) {
      this.#host.event('device-changed', timeMs, `${name} was "${this.#description}" and is now "${description}".`);
    }
    if (description !== ' / ') this.#description = description;
  }

  /** `read` undefined: the device did not answer, so all interfaces are absent. */
  #pushTables(poll: Poll, timeMs: Millis, read: { ifTable: TableRead; request: TableRequest; xTable: TableRead } | undefined): void {
    if (read === undefined) {
      for (const group of [...this.#parts, ...this.#further]) this.#push(group.read([]), timeMs);
      return;
    }
    const { rows, narrow, moved } = this.#memory.join(read.ifTable, read.request.columns, read.xTable);
    if (poll.incomplete === 0) this.#needsNarrow = narrow;
    if (moved > 0) {
      this.#host.event('device-renumbered', timeMs, `${this.assignment.name} numbered ${moved} interfaces anew; their series go on.`);
    }
    for (const [i, part] of partsOf(rows, this.#parts.length).entries()) {
      this.#parts[i] ??= this.#group(i === 0 ? '/if' : `/if/${i}`, INTERFACE_COLUMNS);
      this.#push(this.#parts[i].read(part), timeMs);
    }
  }

  #pushScalars(poll: Poll, timeMs: Millis, isUp: boolean, seconds: number): void {
    const self = isUp ? [1, seconds, seconds, poll.varbinds, poll.incomplete] : [0, seconds, seconds];
    const cells: (Varbind | undefined)[] = SELF.map((_, i) =>
      self[i] === undefined ? undefined : { oid: '', type: TYPE.integer, value: self[i] },
    );
    for (const { oid } of SCALARS) cells.push(isUp ? poll.scalars.get(oid) : undefined);
    this.#push(this.#scalars.read([{ key: '', labels: {}, cells }]), timeMs);
  }

  #group(suffix: string, columns: readonly ColumnInfo[]): TableGroup {
    const { id, name, labels } = this.assignment;
    return new TableGroup(`device/${id}${suffix}`, { ...labels, job: 'snmp', instance: name }, columns);
  }

  #push(reading: Reading | undefined, timeMs: Millis): void {
    if (reading !== undefined) this.#host.push(reading, timeMs);
  }

  #report(timeMs: Millis, up: boolean, reason: string): void {
    const { id, name } = this.assignment;
    const before = this.#result;
    this.#result = { id, kind: 'device', timeMs, up, reason };
    if (before?.up === up && before.reason === reason) return;
    if (!up) this.#host.log.warn({ device: name, reason }, 'device does not answer');
    else if (before?.up === false) this.#host.log.info({ device: name }, 'device answers again');
    this.#host.report(this.#result);
  }

  #drop(): void {
    this.#session?.close();
    this.#session = undefined;
  }

  #lateText(): string {
    return `reading it took too long for its interval of ${this.assignment.intervalMs / 1000} s`;
  }
}

const NOTHING: TableRead = { rows: new Map(), problem: '', requests: 0, varbinds: 0 };
const oidOf = (name: string): string => SYSTEM.find((scalar) => scalar.name === name)!.oid;
const ENGINE_TIME = oidOf('snmpEngineTime');
const DESCRIPTION = oidOf('sysDescr');
const SYS_NAME = oidOf('sysName');

function isThere({ type }: Varbind): boolean {
  return type !== TYPE.noSuchObject && type !== TYPE.noSuchInstance && type !== TYPE.endOfMibView;
}

function labelsOf(columns: readonly ColumnInfo[], cells: readonly (Varbind | undefined)[]): Record<string, string> {
  return Object.fromEntries(columns.flatMap(({ as, name }, i) => (as === 'label' ? [[name, textOf(cells[i]) ?? '']] : [])));
}

function problemText(problems: readonly string[]): string {
  const more = problems.length - MAX_PROBLEMS;
  return problems.slice(0, MAX_PROBLEMS).join('; ') + (more > 0 ? `; and ${more} more` : '');
}
