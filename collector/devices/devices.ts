/** The devices that are watched: from bellwether.yml and from the API, which agent reads each, and what it last said. */
import { createHash, randomBytes } from 'node:crypto';
import { AppError, type Clock, errorMessage, type Log, type Millis } from '@bellwether/shared';
import type { DeviceView, Verdict } from '@bellwether/shared/api';
import type { DeviceAssignment, WatchResult } from '@bellwether/shared/assignments';
import type { State } from '../state/index.ts';
import {
  assignmentOf,
  type DeviceBody,
  type DeviceDefinition,
  type DevicesConfig,
  deviceBody,
  HIDDEN,
  hasHiddenKey,
  withFormerKeys,
  writtenOf,
} from './config.ts';

/** An agent that could read devices. */
export interface DeviceAgent {
  readonly id: string;
  /** Host name. */
  readonly name: string;
  readonly connected: boolean;
}

export interface DevicesOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
  readonly config: DevicesConfig;
  /** Name of the machine the collector runs on: its agent reads what names no other. */
  readonly localHost: string;
  readonly agents: () => readonly DeviceAgent[];
  /** The assignments of these agents are others now. */
  readonly assigned: (agentIds: readonly string[]) => void;
  /** A device came, has another state, reason or name, or was removed. */
  readonly changed: (device: DeviceView, removed: boolean) => void;
}

export interface Devices {
  /** By name. */
  list(): DeviceView[];
  /** AppError NOT_FOUND. */
  get(id: string): DeviceView;
  /** AppError CONFLICT when the name is taken. */
  create(body: DeviceBody): Promise<DeviceView>;
  /** Keys given as `***` stay. AppError NOT_FOUND; CONFLICT when it comes from the file or the name is taken. */
  update(id: string, body: DeviceBody): Promise<DeviceView>;
  /** AppError NOT_FOUND; CONFLICT when it comes from the file. */
  remove(id: string): Promise<DeviceView>;
  /** What the agent is to read, keys in clear. A device whose key cannot be read is left out and says so in its state. */
  assignmentsFor(agentId: string): DeviceAssignment[];
  /** What an agent says; true when it was of a device that this agent reads. */
  result(agentId: string, result: WatchResult): boolean;
  /** Agents came or went. */
  agentsChanged(): void;
  /** AppError CONFIG_INVALID when a name of the configuration is taken by a device of the API. */
  requireFree(config: DevicesConfig): void;
  /** Takes the devices of another configuration. AppError CONFIG_INVALID as `requireFree`; then nothing changes. */
  reload(config: DevicesConfig): void;
}

/** An assignment is some 400 bytes, and all of an agent's fit into one message of 1 MiB. */
const MAX_DEVICES = 2_000;

interface Entry {
  readonly id: string;
  readonly source: 'file' | 'api';
  readonly definition: DeviceDefinition;
  /** Of the agent that reads it now; a result of another one does not count. */
  agentId: string | undefined;
  /** Why it has no assignment although it has an agent. */
  problem: string;
  result: WatchResult | undefined;
  state: Verdict;
  reason: string;
  sinceMs: Millis;
  /** The name `changed` was last called with; undefined before. */
  toldName: string | undefined;
}

export async function createDevices(options: DevicesOptions): Promise<Devices> {
  const rows = await options.state.db.selectFrom('devices').select(['id', 'definition']).execute();
  const devices = new Registry(options);
  for (const { id, definition } of rows) {
    const parsed = deviceBody.safeParse(JSON.parse(definition));
    if (parsed.success) devices.load(id, parsed.data);
    else options.log.error({ device: id }, 'a kept device does not fit this version and is left out');
  }
  devices.reload(options.config);
  return devices;
}

class Registry implements Devices {
  readonly #options: DevicesOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: DevicesOptions) {
    this.#options = options;
  }

  load(id: string, body: DeviceBody): void {
    this.#assign(this.#put(id, 'api', body));
  }

  list(): DeviceView[] {
    return [...this.#entries.values()].map((entry) => this.#view(entry)).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(id: string): DeviceView {
    return this.#view(this.#entry(id));
  }

  async create(body: DeviceBody): Promise<DeviceView> {
    this.#mustBeFree(body.name, undefined);
    if (hasHiddenKey(body))
      throw new AppError('BAD_REQUEST', `A new device needs its keys; ${HIDDEN} stands for one that is known already.`);
    if (this.#entries.size >= MAX_DEVICES) throw new AppError('TOO_LARGE', `There are ${MAX_DEVICES} devices already, which is the most.`);
    const id = randomBytes(6).toString('hex');
    const { state, clock } = this.#options;
    const entry = this.#put(id, 'api', body);
    try {
      await state.db
        .insertInto('devices')
        .values({ id, name: body.name, definition: JSON.stringify(writtenOf(body, String)), changedMs: clock.now() })
        .execute();
    } catch (error) {
      this.#entries.delete(id);
      throw error;
    }
    this.#assign(entry);
    return this.#view(entry);
  }

  async update(id: string, body: DeviceBody): Promise<DeviceView> {
    const before = this.#changeable(id);
    this.#mustBeFree(body.name, id);
    const { state, clock } = this.#options;
    const next = withFormerKeys(body, before.definition as DeviceBody);
    if (hasHiddenKey(next)) throw new AppError('BAD_REQUEST', `There is no former key that ${HIDDEN} could stand for; give the key.`);
    await state.db
      .updateTable('devices')
      .set({ name: next.name, definition: JSON.stringify(writtenOf(next, String)), changedMs: clock.now() })
      .where('id', '=', id)
      .execute();
    const agents = [before.agentId];
    const entry = this.#put(id, 'api', next);
    this.#assign(entry, agents);
    return this.#view(entry);
  }

  async remove(id: string): Promise<DeviceView> {
    const entry = this.#changeable(id);
    await this.#options.state.db.deleteFrom('devices').where('id', '=', id).execute();
    this.#drop(entry);
    this.#announce([entry.agentId]);
    return this.#view(entry);
  }

  assignmentsFor(agentId: string): DeviceAssignment[] {
    const assignments: DeviceAssignment[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.agentId !== agentId) continue;
      try {
        assignments.push(assignmentOf(entry.id, entry.definition));
        entry.problem = '';
      } catch (error) {
        entry.problem = errorMessage(error);
        this.#options.log.warn({ device: entry.definition.name, error: entry.problem }, 'device cannot be read');
      }
      this.#settle(entry);
    }
    return assignments;
  }

  result(agentId: string, result: WatchResult): boolean {
    const entry = this.#entries.get(result.id);
    if (entry === undefined || entry.agentId !== agentId) return false;
    entry.result = result;
    this.#settle(entry);
    return true;
  }

  agentsChanged(): void {
    for (const entry of this.#entries.values()) this.#assign(entry);
  }

  requireFree(config: DevicesConfig): void {
    const others = [...this.#entries.values()].filter(({ source }) => source === 'api').map(({ definition }) => definition.name);
    const taken = config.find(({ name }) => others.includes(name));
    if (taken === undefined) return;
    throw new AppError(
      'CONFIG_INVALID',
      `devices: there is another device named ${taken.name}, made through the API; remove one of them or rename it.`,
    );
  }

  reload(config: DevicesConfig): void {
    this.requireFree(config);
    const wanted = new Map(config.map((device) => [fileId(device.name), device]));
    const touched: (string | undefined)[] = [];
    for (const [id, entry] of [...this.#entries]) {
      if (entry.source === 'api' || wanted.has(id)) continue;
      touched.push(entry.agentId);
      this.#drop(entry);
    }
    for (const [id, device] of wanted) {
      touched.push(this.#entries.get(id)?.agentId);
      const entry = this.#put(id, 'file', device);
      entry.agentId = this.#agentOf(entry)?.id;
      touched.push(entry.agentId);
      this.#settle(entry);
    }
    this.#announce(touched);
  }

  /** Keeps what is known of a device whose definition changes. */
  #put(id: string, source: Entry['source'], definition: DeviceDefinition): Entry {
    const before = this.#entries.get(id);
    const entry: Entry = {
      id,
      source,
      definition,
      agentId: before?.agentId,
      problem: '',
      result: before?.result,
      state: before?.state ?? 'unknown',
      reason: before?.reason ?? 'not read yet',
      sinceMs: before?.sinceMs ?? this.#options.clock.now(),
      toldName: before?.toldName,
    };
    this.#entries.set(id, entry);
    return entry;
  }

  #assign(entry: Entry, touched: readonly (string | undefined)[] = []): void {
    const before = entry.agentId;
    entry.agentId = this.#agentOf(entry)?.id;
    if (before !== entry.agentId) {
      entry.result = undefined;
      this.#announce([before, entry.agentId, ...touched]);
    } else if (touched.length > 0) this.#announce([entry.agentId, ...touched]);
    this.#settle(entry);
  }

  #announce(agents: readonly (string | undefined)[]): void {
    const ids = [...new Set(agents.filter((id) => id !== undefined))];
    if (ids.length > 0) this.#options.assigned(ids);
  }

  /** The agent it names; else the one on this machine, else the only one there is. */
  #agentOf({ definition: { agent } }: Entry): DeviceAgent | undefined {
    const agents = this.#options.agents();
    if (agent !== undefined) return agents.find(({ name }) => name === agent);
    return agents.find(({ name }) => name === this.#options.localHost) ?? (agents.length === 1 ? agents[0] : undefined);
  }

  #settle(entry: Entry): void {
    const { state, reason } = this.#verdict(entry);
    const { name } = entry.definition;
    if (state === entry.state && reason === entry.reason && name === entry.toldName) return;
    if (state !== entry.state) entry.sinceMs = this.#options.clock.now();
    entry.state = state;
    entry.reason = reason;
    entry.toldName = name;
    this.#options.changed(this.#view(entry), false);
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry.id);
    this.#options.changed(this.#view(entry), true);
  }

  /** Silence of the agent is not silence of the device. */
  #verdict(entry: Entry): { state: Verdict; reason: string } {
    const unknown = (reason: string): { state: Verdict; reason: string } => ({ state: 'unknown', reason });
    const { agent: wanted } = entry.definition;
    if (entry.agentId === undefined) {
      if (wanted !== undefined) return unknown(`there is no agent named ${wanted}`);
      return unknown(this.#options.agents().length === 0 ? 'there is no agent to read it' : 'say which agent is to read it');
    }
    if (entry.problem !== '') return unknown(entry.problem);
    const agent = this.#options.agents().find(({ id }) => id === entry.agentId);
    if (agent?.connected !== true) return unknown(`the agent ${agent?.name ?? wanted ?? ''} that reads it is not connected`);
    if (entry.result === undefined) return unknown('not read yet');
    return { state: entry.result.up ? 'up' : 'down', reason: entry.result.reason };
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new AppError('NOT_FOUND', `There is no device with the id "${id}".`);
    return entry;
  }

  #changeable(id: string): Entry {
    const entry = this.#entry(id);
    if (entry.source === 'file')
      throw new AppError('CONFLICT', `The device ${entry.definition.name} comes from the configuration file; change it there.`);
    return entry;
  }

  #mustBeFree(name: string, id: string | undefined): void {
    const other = [...this.#entries.values()].find((entry) => entry.definition.name === name && entry.id !== id);
    if (other !== undefined) throw new AppError('CONFLICT', `There is a device named ${name} already; choose another name.`);
  }

  #view(entry: Entry): DeviceView {
    const { id, source, definition, state, reason, sinceMs, agentId, result } = entry;
    const { name, address, interval } = definition;
    return {
      id,
      source,
      name,
      address,
      readBy: this.#options.agents().find((one) => one.id === agentId)?.name ?? null,
      intervalMs: interval,
      written: writtenOf(definition, () => HIDDEN),
      state,
      reason,
      sinceMs,
      reportedMs: result?.timeMs ?? null,
    };
  }
}

/** The same device keeps its id while it keeps its name. */
function fileId(name: string): string {
  return `file-${createHash('sha256').update(name).digest('hex').slice(0, 12)}`;
}
