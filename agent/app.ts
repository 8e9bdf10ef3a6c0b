/** The only file that knows every part of the running agent. */
import { randomUUID } from 'node:crypto';
import * as nodeFs from 'node:fs/promises';
import { arch, release, type } from 'node:os';
import { join } from 'node:path';
import { type Cancel, type Clock, type Log, type Millis, StopStack } from '@bellwether/shared';
import type { AgentSettings, GoodbyeReason, LiveMode, Welcome } from '@bellwether/shared/wire';
import { type ClockJump, ClockSync } from './clock-sync.ts';
import { inputsHere } from './elsewhere/index.ts';
import { FactsWatch } from './facts/watch.ts';
import { writeIdentity } from './identity.ts';
import { createCollector, DEFAULT_INTERVAL_MS, type InputCollector } from './inputs/collect.ts';
import { KeptSettings } from './kept-settings.ts';
import { GoodbyeNote, readBootId } from './last-goodbye.ts';
import { type LevelChange, Limiter, type ReadUsage } from './limits/limiter.ts';
import { readUsage } from './limits/usage.ts';
import { pluginsInput } from './plugins/input.ts';
import { PluginRunner } from './plugins/runner.ts';
import { pingProgram } from './probes/index.ts';
import { selfMetrics, sheddingMetrics } from './self-metrics.ts';
import { type AgentConfig, DEFAULT_URL, type Identity } from './settings.ts';
import { Backlog } from './spool/backlog.ts';
import type { QueuedRow } from './spool/row.ts';
import type { SpoolFs } from './spool/spool.ts';
import { Ticker } from './ticker.ts';
import { type OpenSocket, openSocket } from './uplink/socket.ts';
import { Uplink } from './uplink/uplink.ts';
import { Watch } from './watch/watch.ts';

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly identity: Identity;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  /** For tests: another disk, another network. */
  readonly fs?: SpoolFs;
  readonly open?: OpenSocket;
  readonly random?: () => number;
  /** What this process uses; for tests: another. */
  readonly usage?: ReadUsage;
  /** Prints the facts of this host (facts/report.ts); without it they are not reported. */
  readonly factsCommand?: readonly [string, ...string[]];
}

export interface RunningAgent {
  /** Says goodbye, keeps what was not acknowledged, and ends. Safe twice. */
  stop(reason: GoodbyeReason): Promise<void>;
}

const HEARTBEAT_MS = 1_000;
/** Each check makes a row of its own; one frame, one commit and one acknowledgement do for those of a moment. */
const GATHER_MS = 250;
/** A disk that hangs must not keep the agent from ending. */
const STOP_WITHIN_MS = 5_000;
const MAX_EVENT_TEXT = 1_000;

export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const agent = new Agent(options);
  await agent.start();
  return agent;
}

class Agent implements RunningAgent {
  readonly #options: AgentOptions;
  readonly #stops: StopStack;
  readonly #sync: ClockSync;
  readonly #goodbye: GoodbyeNote;
  readonly #kept: KeptSettings;
  #hostname: string;
  #settings: AgentSettings;
  #inputs!: InputCollector;
  #backlog!: Backlog;
  #uplink!: Uplink;
  #ticker!: Ticker;
  #plugins: PluginRunner | undefined;
  #limiter: Limiter | undefined;
  #watch!: Watch;
  #cancelLive: Cancel = () => {};
  /** Rows of checks and devices, in the backlog already, that share the next frame. */
  readonly #gathered: QueuedRow[] = [];
  #cancelGather: Cancel | undefined;
  #droppedReported = 0;
  #isRenamed = false;
  #stopping: Promise<void> | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
    const { config, clock, log, identity } = options;
    this.#stops = new StopStack(log);
    this.#sync = new ClockSync(clock.now(), clock.monotonic());
    this.#goodbye = new GoodbyeNote(config.dataDir, log);
    this.#kept = new KeptSettings(config.dataDir, log);
    this.#hostname = identity.hostname;
    this.#settings = { intervalMs: config.intervalMs ?? DEFAULT_INTERVAL_MS, heartbeatMs: HEARTBEAT_MS };
  }

  async start(): Promise<void> {
    const { config, clock, log, identity, version, fs = nodeFs, open = openSocket, random = Math.random } = this.#options;
    const startedMs = Math.round(clock.now());
    const bootId = (await readBootId(config.paths.procfs)) ?? randomUUID();
    let lastGoodbye = await this.#goodbye.read();
    this.#settings = { ...this.#settings, ...(await this.#kept.read()) };
    if (config.intervalMs !== undefined) this.#settings = { ...this.#settings, intervalMs: config.intervalMs };
    try {
      this.#backlog = this.#stops.own(
        'backlog',
        await Backlog.open({
          dir: join(config.dataDir, 'spool'),
          fs,
          clock,
          log,
          maxSpoolBytes: config.spool.maxBytes,
          maxMemoryBytes: config.spool.memoryBytes,
          spoolAfterMs: config.spool.afterMs,
        }),
      );
      this.#watch = this.#stops.own('watch', this.#createWatch());
      this.#startPlugins();
      this.#limiter = this.#createLimiter();
      this.#inputs = this.#createInputs();
      this.#stops.defer('inputs', () => this.#inputs.close());
      this.#uplink = new Uplink({
        target: { url: config.url ?? identity.url ?? DEFAULT_URL, credentials: `${identity.agentId}.${identity.key}` },
        open,
        backlog: this.#backlog,
        clock,
        log,
        random,
        settings: this.#settings,
        maxBytesPerS: config.limits?.uplinkBytesPerS ?? 0,
        offsetMs: () => this.#offsetMs(),
        hello: () => ({
          agentId: identity.agentId,
          bootId,
          agentVersion: version,
          hostname: this.#hostname,
          os: `${type()} ${release()} ${arch()}`,
          capabilities: ['live', 'checks', ...(pingProgram() === undefined ? [] : ['icmp'])],
          lastGoodbye,
          startedMs,
        }),
        events: {
          welcomed: (welcome) => {
            if (lastGoodbye !== null) void this.#goodbye.remove();
            lastGoodbye = null;
            this.#adoptHostname(welcome);
            this.#uplink.watchResults(this.#watch.results());
          },
          exchanged: (exchange) => this.#reportJump(this.#sync.observe(exchange)),
          settings: (settings) => this.#applySettings(settings),
          liveMode: (request) => this.#setLive(request),
          assignments: (message) => this.#watch.assign(message),
          runProbe: (request) => this.#watch.runProbe(request),
        },
      });
      this.#ticker = new Ticker({
        clock,
        log,
        now: () => this.#sync.timeAt(clock.monotonic()),
        schedule: () => this.#inputs.schedule,
        tick: (timeMs, due) => this.#tick(timeMs, due),
      });
      this.#uplink.start();
      this.#ticker.start();
      this.#plugins?.start();
      this.#startFacts();
    } catch (cause) {
      await this.#stops.run();
      throw cause;
    }
  }

  stop(reason: GoodbyeReason): Promise<void> {
    this.#stopping ??= this.#stop(reason);
    return this.#stopping;
  }

  async #stop(reason: GoodbyeReason): Promise<void> {
    const { clock, log } = this.#options;
    const timeMs = Math.round(this.#sync.timeAt(clock.monotonic()));
    this.#cancelLive();
    await this.#ticker.stop();
    this.#offer([]);
    const wasHeard = await this.#uplink.stop(reason);
    if (!wasHeard) await this.#goodbye.write({ reason, timeMs });
    let cancel: Cancel = () => {};
    const timeout = new Promise<void>((resolve) => {
      cancel = clock.after(STOP_WITHIN_MS, () => {
        log.error({}, 'disk does not answer; ending without it');
        resolve();
      });
    });
    await Promise.race([this.#stops.run(), timeout]);
    cancel();
    log.info({ reason, wasHeard }, 'stopped');
  }

  /** One reading of what is due: into the backlog, and on its way. */
  async #tick(timeMs: number, due: readonly string[]): Promise<void> {
    const { clock } = this.#options;
    this.#reportJump(this.#sync.observeWall(clock.now(), clock.monotonic()));
    this.#sync.markStamped();
    if (this.#isRenamed) {
      this.#isRenamed = false;
      this.#inputs.close();
      this.#inputs = this.#createInputs();
    }
    this.#keepWithinLimits();
    const { readings } = await this.#inputs.collect(timeMs, due);
    const rows = readings.map(({ group, series, presence, values }) =>
      this.#backlog.push({ name: group, series }, { timeMs, presence, values }),
    );
    this.#offer(rows);
    this.#reportDropped();
  }

  #startPlugins(): void {
    const { config, clock, log } = this.#options;
    const plugins = config.plugins ?? [];
    if (plugins.length === 0) return;
    this.#plugins = new PluginRunner({
      plugins,
      clock,
      log,
      event: (kind, timeMs, text) => this.#localEvent(kind, timeMs, text),
    });
    this.#stops.own('plugins', this.#plugins);
  }

  #startFacts(): void {
    const { config, clock, log, factsCommand } = this.#options;
    if (factsCommand === undefined || config.facts?.enabled === false) return;
    const facts = new FactsWatch({
      command: factsCommand,
      file: join(config.dataDir, 'facts.json'),
      clock,
      log,
      event: (kind, timeMs, text) => this.#localEvent(kind, timeMs, text),
    });
    this.#stops.own('facts', facts).start();
  }

  /** An event whose time is this machine's. */
  #localEvent(kind: string, timeMs: Millis, text: string): void {
    this.#uplink.event(kind, Math.round(timeMs + this.#offsetMs()), text);
  }

  /** `rows` behind those that were gathered, which came before them. */
  #offer(rows: readonly QueuedRow[]): void {
    this.#cancelGather?.();
    this.#cancelGather = undefined;
    this.#uplink.offer([...this.#gathered.splice(0), ...rows]);
  }

  #createInputs(): InputCollector {
    const { config, clock, log } = this.#options;
    const plugins = this.#plugins;
    const inputs = createCollector({
      definitions: [...inputsHere(config.paths), ...(plugins === undefined ? [] : [pluginsInput(() => plugins.runs())])],
      paths: config.paths,
      baseLabels: { ...config.tags, job: 'node', instance: this.#hostname },
      inputs: config.inputs,
      intervalMs: this.#settings.intervalMs,
      clock,
      log,
      selfMetrics: () => [
        ...selfMetrics(this.#backlog.stats(), this.#uplink.stats(), this.#ticker.stats(), this.#offsetMs()),
        ...sheddingMetrics(this.#limiter?.level ?? 0, inputs.shed),
        ...this.#watch.selfMetrics(),
      ],
    });
    inputs.setShedding(this.#limiter?.level ?? 0);
    return inputs;
  }

  #createLimiter(): Limiter | undefined {
    const { clock, config, usage } = this.#options;
    const { limits } = config;
    if (limits === undefined || (limits.cpu === 0 && limits.memoryBytes === 0)) return undefined;
    // What plug-ins cost is their owner's choice, and shedding does not make it less.
    const withChildren = (config.plugins ?? []).length === 0;
    return new Limiter(limits, usage ?? ((timeMs) => readUsage(timeMs, withChildren)), clock.monotonic());
  }

  #keepWithinLimits(): void {
    const change = this.#limiter?.observe(this.#options.clock.monotonic());
    if (change === undefined) return;
    this.#inputs.setShedding(change.level);
    this.#reportShedding(change);
  }

  #reportShedding({ level, exceeded }: LevelChange): void {
    const { clock, log } = this.#options;
    const { off, slowed } = this.#inputs.shed;
    if (exceeded.length > 0) log.warn({ shedding: level, exceeded, off, slowed }, 'agent exceeds its limits and reads less');
    else log.info({ shedding: level, off, slowed }, 'agent is well within its limits and reads more again');
    const parts = [
      exceeded.length > 0 ? `limits exceeded: ${exceeded.join('; ')}` : 'well within the limits',
      `level ${level}`,
      ...(level > 0 ? ['no live mode'] : []),
      ...(slowed.length > 0 ? [`less often: ${slowed.join(' ')}`] : []),
      ...(off.length > 0 ? [`off: ${off.join(' ')}`] : []),
    ];
    this.#localEvent('shedding', clock.now(), parts.join('; ').slice(0, MAX_EVENT_TEXT));
  }

  #createWatch(): Watch {
    const { config, clock, log } = this.#options;
    return new Watch({
      clock,
      log,
      hostname: () => this.#hostname,
      tags: config.tags,
      now: () => this.#sync.timeAt(clock.monotonic()),
      push: ({ group, series, presence, values }, timeMs) => {
        this.#sync.markStamped();
        this.#gathered.push(this.#backlog.push({ name: group, series }, { timeMs, presence, values }));
        this.#cancelGather ??= clock.after(GATHER_MS, () => this.#offer([]));
      },
      report: (result) => this.#uplink.watchResults([result]),
      openDevices: async (host) => {
        const { startDevicePoller } = await import('./snmp/poller.ts');
        return startDevicePoller({ ...host, event: (kind, timeMs, text) => this.#uplink.event(kind, timeMs, text) });
      },
    });
  }

  #offsetMs(): number {
    const { clock } = this.#options;
    return this.#sync.offsetFrom(clock.now(), clock.monotonic());
  }

  /** The collector names hosts: a second claimant of a name learns its new one here. */
  #adoptHostname({ hostname }: Welcome): void {
    if (hostname === '' || hostname === this.#hostname) return;
    const { config, identity, log } = this.#options;
    log.warn({ hostname, was: this.#hostname }, 'collector knows this host by another name; its series carry it from now on');
    this.#hostname = hostname;
    this.#isRenamed = true;
    this.#watch.relabel();
    writeIdentity(config.dataDir, { ...identity, hostname }).catch(() =>
      log.warn({ hostname }, 'host name cannot be kept in identity.json'),
    );
  }

  #applySettings(settings: AgentSettings): void {
    void this.#kept.write(settings);
    const intervalMs = this.#options.config.intervalMs ?? settings.intervalMs;
    const changed = intervalMs !== this.#settings.intervalMs;
    this.#settings = { ...settings, intervalMs };
    if (!changed) return;
    this.#inputs.setInterval(intervalMs);
    this.#ticker.reschedule();
  }

  #setLive({ intervalMs, durationMs }: LiveMode): void {
    this.#cancelLive();
    const isOn = durationMs > 0 && intervalMs > 0;
    this.#inputs.setLive(isOn ? intervalMs : undefined);
    this.#ticker.reschedule();
    if (!isOn) return;
    this.#cancelLive = this.#options.clock.after(durationMs, () => {
      this.#inputs.setLive(undefined);
      this.#ticker.reschedule();
    });
  }

  #reportJump(jump: ClockJump | undefined): void {
    if (jump === undefined) return;
    const { clock, log } = this.#options;
    const nowMs = Math.round(this.#sync.timeAt(clock.monotonic()));
    log.warn({ byMs: jump.byMs }, 'clock jumped');
    this.#uplink.event('clock-jump', nowMs, `time of the readings moved by ${jump.byMs} ms`);
    this.#ticker.reschedule();
  }

  /** The collector learns of it from the numbers that are declared skipped. */
  #reportDropped(): void {
    const { droppedSamples } = this.#backlog.stats();
    if (droppedSamples === this.#droppedReported) return;
    const samples = droppedSamples - this.#droppedReported;
    this.#droppedReported = droppedSamples;
    this.#options.log.warn({ samples, droppedSamples }, 'unsent samples were dropped');
  }
}
