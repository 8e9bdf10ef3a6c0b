/** The checks: which there are, who runs them, what was found, and whether others agree before one counts as down. */
import { randomUUID } from 'node:crypto';
import { AppError, type Cancel, type Clock, errorMessage, type Log, type Millis, type Stoppable } from '@bellwether/shared';
import type { CheckState, CheckView } from '@bellwether/shared/api';
import type { CheckAssignment, WatchResult } from '@bellwether/shared/assignments';
import type { State } from '../state/index.ts';
import { type Check, createCheck, idOfName } from './check.ts';
import { type CheckConfig, checkSchema, MAX_CHECKS } from './config.ts';
import { type KeptChecks, keptChecks, nameTaken, type WrittenCheck } from './kept-checks.ts';
import { byRank, type Candidate, mayRun, place } from './place.ts';
import { opinionOf, quorumOf, type Vote } from './verdict.ts';
import { withFormerSecrets } from './written.ts';

export interface ProbeAsk {
  readonly probe: string;
  readonly target: string;
  readonly timeoutMs: Millis;
  /** JSON. */
  readonly options: string;
}

export interface ProbeAnswer {
  readonly success: boolean;
  /** 0: the agent did not run it. */
  readonly durationMs: number;
  readonly text: string;
}

export interface ChecksOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
  /** Checks of bellwether.yml. */
  readonly config: readonly CheckConfig[];
  /** Hosts known from before; those that were connected get a moment to come back before others take their checks. */
  readonly known: readonly { readonly agentId: string; readonly hostname: string; readonly wasConnected: boolean }[];
  /** Runs a probe on an agent once; undefined: no answer. */
  readonly runProbe: (agentId: string, ask: ProbeAsk) => Promise<ProbeAnswer | undefined>;
  /** These agents have other checks now. */
  readonly assigned: (agentIds: readonly string[]) => void;
}

/** What others may know of the checks. */
export interface CheckStates {
  list(): CheckState[];
  /** Calls back when a check has another verdict or reason; with `removed` when it is no longer there. The returned function ends that. */
  onChange(listener: (state: CheckState, removed: boolean) => void): Cancel;
}

export interface Checks extends CheckStates, Stoppable {
  views(): CheckView[];
  /** AppError CONFLICT when the name is taken. */
  create(written: WrittenCheck, user: string): Promise<CheckView>;
  /** Secrets given as *** stay. AppError NOT_FOUND; CONFLICT when it comes from the file or the name is taken. */
  update(id: string, written: WrittenCheck, user: string): Promise<CheckView>;
  /** AppError NOT_FOUND; CONFLICT when it comes from the file. */
  remove(id: string): Promise<void>;
  /** Takes the checks of another configuration. AppError CONFIG_INVALID when a name is taken by one made here; then nothing changes. */
  reload(config: readonly CheckConfig[]): void;
  /** What the agent is to run, secrets in clear. */
  assignmentsFor(agentId: string): CheckAssignment[];
  agentConnected(agentId: string, hostname: string, capabilities: readonly string[]): void;
  agentGone(agentId: string): void;
  /** True when it is of a check that this agent runs. */
  result(agentId: string, result: WatchResult): boolean;
  readonly counters: { readonly confirmations: number; readonly vetoes: number; readonly unplaced: number };
}

/** An agent that is gone this long loses its checks to others. */
const GONE_MS: Millis = 30_000;
const SWEEP_MS: Millis = 1_000;
/** Agents asked before a check goes down. */
const MAX_ASKED = 4;
/** A failure that others did not confirm is looked into again after this, at the soonest. */
const RECONFIRM_MS: Millis = 15_000;
/** Beyond two intervals, for the first result of an agent that has just got a check. */
const STANDS_MS: Millis = 10_000;
/** Of what agents say; longer words are cut. */
const MAX_REASON = 1_000;
/** Answers at a time; further confirmations wait for the next sweep. */
const MAX_CONFIRMING = 50;

interface Agent {
  hostname: string;
  capabilities: readonly string[];
  isConnected: boolean;
  goneSinceMs: Millis;
}

interface Watched {
  readonly check: Check;
  /** Who runs it, in an order that stays. */
  agents: ReadonlySet<string>;
  readonly results: Map<string, WatchResult>;
  state: CheckState;
  isConfirming: boolean;
  /** 0: nothing to confirm. */
  confirmAfterMs: Millis;
  /** Others run it since lately: until then its verdict stands without a result. */
  standsUntilMs: Millis;
}

export async function startChecks(options: ChecksOptions): Promise<Checks> {
  const kept = keptChecks(options.state);
  const checks = new CheckService(options, kept);
  const made: Check[] = [];
  for (const { id, written } of await kept.all()) {
    const parsed = checkSchema.safeParse(written);
    if (parsed.success) made.push(createCheck(id, 'api', parsed.data));
    else options.log.error({ id, name: written.name }, 'a kept check does not fit this version and is left out');
  }
  checks.begin(made);
  return checks;
}

class CheckService implements Checks {
  readonly counters = { confirmations: 0, vetoes: 0, unplaced: 0 };
  readonly #options: ChecksOptions;
  readonly #kept: KeptChecks;
  readonly #agents = new Map<string, Agent>();
  readonly #watched = new Map<string, Watched>();
  readonly #listeners = new Set<(state: CheckState, removed: boolean) => void>();
  readonly #cancelSweep: Cancel;
  #isDirty = true;
  #confirming = 0;
  /** Changes of kept checks, one after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: ChecksOptions, kept: KeptChecks) {
    this.#options = options;
    this.#kept = kept;
    const now = options.clock.now();
    for (const { agentId, hostname, wasConnected } of options.known) {
      // What it can do is known when it comes; until then it is taken to be able, so that its checks wait for it.
      const capabilities = wasConnected ? ['checks', 'icmp'] : [];
      this.#agents.set(agentId, { hostname, capabilities, isConnected: false, goneSinceMs: wasConnected ? now : now - GONE_MS - 1 });
    }
    this.#cancelSweep = options.clock.every(SWEEP_MS, () => this.#sweep());
  }

  begin(made: readonly Check[]): void {
    for (const check of made) this.#add(check);
    this.reload(this.#options.config);
  }

  async stop(): Promise<void> {
    this.#cancelSweep();
    await this.#changing.catch(() => {}); // whoever asked for the change was told
  }

  list(): CheckState[] {
    return [...this.#watched.values()].map((one) => this.#stateOf(one)).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  views(): CheckView[] {
    return this.list().map((state) => this.#view(state.id));
  }

  onChange(listener: (state: CheckState, removed: boolean) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  create(written: WrittenCheck, user: string): Promise<CheckView> {
    return this.#change(async () => {
      if (this.#watched.size >= MAX_CHECKS) throw new AppError('CONFLICT', `There are ${MAX_CHECKS} checks already; delete some first.`);
      const id = randomUUID();
      const complete = withFormerSecrets(written, {});
      const check = this.#parse(id, complete);
      this.#mustBeFree(check.assignment.name, id);
      await this.#kept.insert(id, check.assignment.name, complete, user, this.#options.clock.now());
      this.#add(check);
      this.#sweep();
      return this.#view(id);
    });
  }

  update(id: string, written: WrittenCheck, user: string): Promise<CheckView> {
    return this.#change(async () => {
      const before = this.#own(id);
      const former = (await this.#kept.all()).find((one) => one.id === id)?.written ?? {};
      const complete = withFormerSecrets(written, former);
      const check = this.#parse(id, complete);
      this.#mustBeFree(check.assignment.name, id);
      await this.#kept.update(id, check.assignment.name, complete, user, this.#options.clock.now());
      this.#replace(before, check);
      this.#sweep();
      return this.#view(id);
    });
  }

  remove(id: string): Promise<void> {
    return this.#change(async () => {
      const one = this.#own(id);
      await this.#kept.remove(id);
      this.#drop(one);
      this.#sweep();
    });
  }

  reload(config: readonly CheckConfig[]): void {
    const wanted = config.map((one) => createCheck(idOfName(one.name), 'file', one));
    for (const { assignment } of wanted) {
      const other = this.#named(assignment.name);
      if (other?.check.source === 'api')
        throw new AppError(
          'CONFIG_INVALID',
          `checks: "${assignment.name}" is in the configuration file and was made through the API as well; rename or delete one of them.`,
        );
    }
    const ids = new Set(wanted.map(({ assignment }) => assignment.id));
    for (const one of [...this.#watched.values()]) if (one.check.source === 'file' && !ids.has(one.check.assignment.id)) this.#drop(one);
    for (const check of wanted) {
      const before = this.#watched.get(check.assignment.id);
      if (before === undefined) this.#add(check);
      else if (JSON.stringify(before.check) !== JSON.stringify(check)) this.#replace(before, check);
    }
    this.#isDirty = true;
  }

  assignmentsFor(agentId: string): CheckAssignment[] {
    return [...this.#watched.values()].filter(({ agents }) => agents.has(agentId)).map(({ check }) => check.assignment);
  }

  agentConnected(agentId: string, hostname: string, capabilities: readonly string[]): void {
    this.#agents.set(agentId, { hostname, capabilities, isConnected: true, goneSinceMs: 0 });
    this.#isDirty = true;
  }

  agentGone(agentId: string): void {
    const agent = this.#agents.get(agentId);
    if (agent === undefined) return;
    agent.isConnected = false;
    agent.goneSinceMs = this.#options.clock.now();
  }

  result(agentId: string, result: WatchResult): boolean {
    const one = result.kind === 'check' ? this.#watched.get(result.id) : undefined;
    if (one === undefined) return false;
    // An agent tells all it knows as it connects, which may be before it is placed again.
    one.results.set(agentId, { ...result, reason: result.reason.slice(0, MAX_REASON) });
    if (!one.agents.has(agentId)) return false;
    this.#judge(one);
    return true;
  }

  // ------------------------------------------------ which there are

  #parse(id: string, written: WrittenCheck): Check {
    return createCheck(id, 'api', checkSchema.parse(written));
  }

  #add(check: Check): Watched {
    const { id, name, target, probe } = check.assignment;
    const now = this.#options.clock.now();
    const state: CheckState = {
      id,
      name,
      target,
      probe,
      verdict: 'unknown',
      reason: 'no result yet',
      quorum: '',
      sinceMs: now,
      agents: [],
    };
    const one: Watched = { check, agents: new Set(), results: new Map(), state, isConfirming: false, confirmAfterMs: 0, standsUntilMs: 0 };
    this.#watched.set(id, one);
    this.#isDirty = true;
    this.#tell(one, false);
    return one;
  }

  /** The check is another now, but what is known of its target stays until there are results. */
  #replace(before: Watched, check: Check): void {
    const { name, target, probe } = check.assignment;
    const isSameTarget = before.check.assignment.target === target && before.check.assignment.probe === probe;
    const state: CheckState = isSameTarget
      ? { ...before.state, name }
      : {
          ...before.state,
          name,
          target,
          probe,
          verdict: 'unknown',
          reason: 'no result yet',
          quorum: '',
          sinceMs: this.#options.clock.now(),
        };
    // An agent that gets the very same assignment goes on with it and has nothing new to say.
    const isSame = JSON.stringify(before.check.assignment) === JSON.stringify(check.assignment);
    const results = isSame ? before.results : new Map<string, WatchResult>();
    const standsUntilMs = this.#options.clock.now() + 2 * check.assignment.intervalMs + STANDS_MS;
    this.#watched.set(check.assignment.id, { ...before, check, results, state, isConfirming: false, confirmAfterMs: 0, standsUntilMs });
    this.#isDirty = true;
    this.#tell(this.#watched.get(check.assignment.id)!, false);
    if (!isSame) this.#options.assigned([...before.agents]);
  }

  #drop(one: Watched): void {
    this.#watched.delete(one.check.assignment.id);
    this.#tell(one, true);
    this.#options.assigned([...one.agents]);
  }

  #named(name: string): Watched | undefined {
    return [...this.#watched.values()].find(({ check }) => check.assignment.name === name);
  }

  #mustBeFree(name: string, id: string): void {
    const other = this.#named(name);
    if (other !== undefined && other.check.assignment.id !== id) throw nameTaken(name);
  }

  #own(id: string): Watched {
    const one = this.#watched.get(id);
    if (one === undefined) throw new AppError('NOT_FOUND', `There is no check with the id "${id}".`);
    if (one.check.source === 'file')
      throw new AppError(
        'CONFLICT',
        `The check "${one.check.assignment.name}" comes from the configuration file; change it there and reload.`,
      );
    return one;
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(work, work);
    this.#changing = done.catch(() => {}); // told to whoever asked
    return done;
  }

  // ------------------------------------------------ who runs them

  #sweep(): void {
    const now = this.#options.clock.now();
    const isLeaving = [...this.#agents.values()].some(
      ({ isConnected, goneSinceMs }) => !isConnected && now - goneSinceMs > GONE_MS && now - goneSinceMs <= GONE_MS + 2 * SWEEP_MS,
    );
    if (this.#isDirty || isLeaving) this.#place(now);
    for (const one of this.#watched.values()) {
      const isDue = (atMs: Millis): boolean => atMs > 0 && now >= atMs;
      if (!isDue(one.confirmAfterMs) && !isDue(one.standsUntilMs)) continue;
      if (isDue(one.standsUntilMs)) one.standsUntilMs = 0;
      this.#judge(one);
    }
  }

  #place(now: Millis): void {
    this.#isDirty = false;
    const candidates = this.#candidates(now);
    const touched = new Set<string>();
    this.counters.unplaced = 0;
    for (const one of this.#watched.values()) {
      const { id, probe, intervalMs } = one.check.assignment;
      const agents = new Set(place({ id, probe, agents: one.check.agents }, candidates, [...one.agents]));
      if (agents.size === 0) this.counters.unplaced++;
      const left = [...one.agents].filter((agentId) => !agents.has(agentId));
      const changed = [...left, ...[...agents].filter((agentId) => !one.agents.has(agentId))];
      if (changed.length > 0) {
        for (const agentId of left) one.results.delete(agentId);
        one.agents = agents;
        one.standsUntilMs = now + 2 * intervalMs + STANDS_MS;
        for (const agentId of changed) touched.add(agentId);
      }
      if (changed.length > 0 || agents.size === 0) this.#judge(one);
    }
    if (touched.size > 0) this.#options.assigned([...touched]);
  }

  #candidates(now: Millis): Map<string, Candidate> {
    const candidates = new Map<string, Candidate>();
    for (const [agentId, { hostname, capabilities, isConnected, goneSinceMs }] of this.#agents) {
      candidates.set(agentId, { agentId, hostname, capabilities, isAvailable: isConnected || now - goneSinceMs <= GONE_MS });
    }
    return candidates;
  }

  // ------------------------------------------------ what they found

  #votes(one: Watched): Vote[] {
    return [...one.agents].flatMap((agentId) => {
      const result = one.results.get(agentId);
      return result === undefined ? [] : { host: this.#hostOf(agentId), up: result.up, reason: result.reason };
    });
  }

  #hostOf(agentId: string): string {
    return this.#agents.get(agentId)?.hostname ?? agentId;
  }

  #judge(one: Watched): void {
    const opinion = opinionOf(this.#votes(one));
    if (opinion.kind === 'none') {
      if (one.agents.size > 0 && one.standsUntilMs > 0 && one.state.verdict !== 'unknown') return;
      return this.#settle(one, 'unknown', this.#whyUnknown(one), '');
    }
    if (opinion.kind === 'up') return this.#settle(one, 'up', '', opinion.note);
    if (one.state.verdict === 'down') return this.#settle(one, 'down', opinion.reason, one.state.quorum);
    const { clock } = this.#options;
    if (one.isConfirming || clock.now() < one.confirmAfterMs) return;
    if (this.#confirming >= MAX_CONFIRMING) {
      one.confirmAfterMs = clock.now() + SWEEP_MS;
      return;
    }
    one.isConfirming = true;
    this.#confirming++;
    void this.#confirm(one)
      .catch((error: unknown) => this.#options.log.error({ check: one.state.name, error: errorMessage(error) }, 'confirmation failed'))
      .finally(() => {
        one.isConfirming = false;
        this.#confirming--;
      });
  }

  #whyUnknown({ agents, check }: Watched): string {
    if (agents.size > 0) {
      const waiting = [...agents].slice(0, 3).map((agentId) => this.#hostOf(agentId));
      return `no result yet from ${waiting.join(', ')}${agents.size > 3 ? ' and others' : ''}`;
    }
    const able = check.assignment.probe === 'icmp' ? ' and has fping or ping' : '';
    return `no agent that may run it is connected${able}`;
  }

  /** Other agents try once; more than half of all decide. */
  async #confirm(one: Watched): Promise<void> {
    const { clock, runProbe } = this.#options;
    const { probe, target, timeoutMs, options, id, intervalMs } = one.check.assignment;
    this.counters.confirmations++;
    const others = [...this.#candidates(clock.now()).values()].filter(
      (candidate) =>
        this.#agents.get(candidate.agentId)?.isConnected === true &&
        !one.agents.has(candidate.agentId) &&
        mayRun(one.check.agents, probe, candidate),
    );
    const asked = byRank(id, others).slice(0, MAX_ASKED);
    const ask: ProbeAsk = { probe, target, timeoutMs, options: JSON.stringify(options) };
    const answers = await Promise.all(asked.map((agentId) => runProbe(agentId, ask).catch(() => undefined)));
    const votes = asked.flatMap((agentId, i): Vote[] => {
      const answer = answers[i];
      if (answer === undefined || (!answer.success && answer.durationMs === 0)) return [];
      return [{ host: this.#hostOf(agentId), up: answer.success, reason: answer.text }];
    });
    if (this.#watched.get(id) !== one) return;
    // Meanwhile those that run it may have found it well again.
    const own = this.#votes(one);
    const opinion = opinionOf(own);
    if (opinion.kind !== 'suspect') return;
    const quorum = quorumOf(own, votes, asked.length - votes.length);
    if (quorum.isDown) {
      one.confirmAfterMs = 0;
      return this.#settle(one, 'down', opinion.reason, quorum.text);
    }
    this.counters.vetoes++;
    one.confirmAfterMs = clock.now() + Math.max(RECONFIRM_MS, intervalMs);
    this.#settle(one, 'up', '', `${opinion.reason} from ${own.filter(({ up }) => !up)[0]?.host ?? 'an agent'}, but ${quorum.text}`);
  }

  #settle(one: Watched, verdict: CheckState['verdict'], reason: string, quorum: string): void {
    if (verdict !== 'up' || quorum === '') one.confirmAfterMs = verdict === 'up' ? 0 : one.confirmAfterMs;
    const before = one.state;
    if (before.verdict === verdict && before.reason === reason && before.quorum === quorum) return;
    const sinceMs = before.verdict === verdict ? before.sinceMs : this.#options.clock.now();
    one.state = { ...before, verdict, reason, quorum, sinceMs };
    this.#tell(one, false);
  }

  #tell(one: Watched, removed: boolean): void {
    const state = this.#stateOf(one);
    for (const listener of this.#listeners) listener(state, removed);
  }

  #stateOf(one: Watched): CheckState {
    const agents = [...one.agents].map((agentId) => {
      const result = one.results.get(agentId);
      const found =
        result === undefined ? { up: null, reason: '', timeMs: null } : { up: result.up, reason: result.reason, timeMs: result.timeMs };
      return { id: agentId, host: this.#hostOf(agentId), ...found };
    });
    return { ...one.state, agents };
  }

  #view(id: string): CheckView {
    const one = this.#watched.get(id)!;
    return { ...this.#stateOf(one), source: one.check.source, written: { ...one.check.written } };
  }
}
