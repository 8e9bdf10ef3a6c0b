/** What the collector wants watched from here: takes assignments apart and hands them to what runs them, and runs single probes when asked. */
import { type Clock, errorMessage, type Log, type Millis, type Stoppable } from '@bellwether/shared';
import type { Assignments, DeviceAssignment, WatchResult } from '@bellwether/shared/assignments';
import type { AssignmentsMessage, ProbeResult, RunProbe } from '@bellwether/shared/wire';
import { counter, gauge, type Reading, type SelfMetric } from '../inputs/input.ts';
import { ChildPinger, createProbes, type Probe, type ProbeTools, Resolver } from '../probes/index.ts';
import { Checks } from './checks.ts';

/** A part that watches one kind of thing. */
export interface Watcher<T> extends Stoppable {
  /** Replaces what it watches; what did not change goes on undisturbed. */
  assign(items: readonly T[]): void;
  /** What everything was last found as. */
  results(): readonly WatchResult[];
}

export interface WatcherHost {
  readonly clock: Clock;
  readonly log: Log;
  /** Collector time, ms with a fraction. */
  now(): number;
  /** Takes a row on its way; its arrays may be reused afterwards. */
  push(reading: Reading, timeMs: Millis): void;
  /** Something came up, went down, or has another reason. */
  report(result: WatchResult): void;
}

export interface WatchOptions extends WatcherHost {
  readonly hostname: () => string;
  readonly tags: Readonly<Record<string, string>>;
  /** Loaded and started with the first device. */
  readonly openDevices?: (host: WatcherHost) => Promise<Watcher<DeviceAssignment>>;
  /** For tests: other probes, another network. */
  readonly probes?: Readonly<Record<string, Probe>>;
  readonly tools?: Partial<ProbeTools>;
}

/** Single probes under way at a time. */
const MAX_ASKED = 32;

export class Watch implements Stoppable {
  readonly #options: WatchOptions;
  readonly #probes: Readonly<Record<string, Probe>>;
  readonly #tools: ProbeTools;
  readonly #checks: Checks;
  #devices: Promise<Watcher<DeviceAssignment>> | undefined;
  #deviceResults: () => readonly WatchResult[] = () => [];
  #wantedDevices: readonly DeviceAssignment[] = [];
  #asked = 0;
  #isStopped = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    const { clock, log, hostname, tags } = options;
    this.#probes = options.probes ?? createProbes();
    this.#tools = { clock, resolver: new Resolver(), pinger: new ChildPinger({ clock, log }), ...options.tools };
    this.#checks = new Checks({
      clock,
      log,
      hostname,
      tags,
      probes: this.#probes,
      tools: this.#tools,
      now: () => options.now(),
      push: (reading, timeMs) => options.push(reading, timeMs),
      report: (result) => options.report(result),
    });
  }

  /** Takes the collector's list; one that cannot be read leaves things as they are. */
  assign({ version, json }: AssignmentsMessage): void {
    const { log } = this.#options;
    let wanted: Partial<Assignments>;
    try {
      wanted = JSON.parse(json) as Partial<Assignments>;
    } catch (error) {
      log.error({ version, error: errorMessage(error) }, 'assignments cannot be read; the former ones stay');
      return;
    }
    const { checks = [], devices = [] } = wanted;
    log.info({ version, checks: checks.length, devices: devices.length }, 'assignments changed');
    this.#checks.assign(checks);
    this.#assignDevices(devices);
  }

  /** For a collector that has just been connected to. */
  results(): WatchResult[] {
    return [...this.#checks.results(), ...this.#deviceResults()];
  }

  /** Runs a probe once, now. Never rejects. */
  async runProbe({ id, probe: name, target, timeoutMs, options }: RunProbe): Promise<ProbeResult> {
    const refuse = (text: string): ProbeResult => ({ type: 'probeResult', id, success: false, durationMs: 0, text });
    const probe = this.#probes[name];
    if (probe === undefined) return refuse(`this agent knows no probe "${name}"; update it`);
    if (this.#asked >= MAX_ASKED) return refuse('this agent runs too many probes already');
    this.#asked++;
    try {
      const parsed = options === '' ? {} : (JSON.parse(options) as Readonly<Record<string, unknown>>);
      const { success, durationMs, reason } = await probe({ target, timeoutMs, options: parsed }, this.#tools);
      return { type: 'probeResult', id, success, durationMs, text: reason };
    } catch (error) {
      return refuse(errorMessage(error));
    } finally {
      this.#asked--;
    }
  }

  /** The host has another name. */
  relabel(): void {
    this.#checks.relabel();
  }

  selfMetrics(): SelfMetric[] {
    const { runs, failures, skipped } = this.#checks.counters;
    if (runs === 0 && skipped === 0 && this.#checks.size === 0) return [];
    return [
      { name: 'bellwether_agent_checks', ...gauge('Checks this agent runs.'), value: this.#checks.size },
      { name: 'bellwether_agent_check_runs_total', ...counter('Runs of checks.'), value: runs },
      { name: 'bellwether_agent_check_failures_total', ...counter('Runs of checks that failed in all their tries.'), value: failures },
      {
        name: 'bellwether_agent_check_runs_skipped_total',
        ...counter('Runs of checks left out because the one before, or too many others, were under way.'),
        value: skipped,
      },
    ];
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#checks.stop();
    this.#tools.pinger.stop();
    await (await this.#devices)?.stop();
  }

  #assignDevices(devices: readonly DeviceAssignment[]): void {
    const { openDevices, log } = this.#options;
    this.#wantedDevices = devices;
    if (openDevices === undefined || (devices.length === 0 && this.#devices === undefined)) return;
    this.#devices ??= openDevices(this.#options).then((watcher) => {
      this.#deviceResults = () => watcher.results();
      return watcher;
    });
    this.#devices.then(
      (watcher) => {
        if (!this.#isStopped) watcher.assign(this.#wantedDevices);
      },
      (error: unknown) => {
        this.#devices = undefined;
        log.error({ error: errorMessage(error) }, 'devices cannot be watched');
      },
    );
  }
}
