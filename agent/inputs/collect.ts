/** Runs the inputs: which are due, each under a deadline, one bad one never hurting the others. */
import { type Clock, errorMessage, type Log, type Millis } from '@bellwether/shared';
import { pacedMs, type SheddingLevel } from '../limits/shedding.ts';
import { Frame } from './frame.ts';
import { INPUTS } from './index.ts';
import {
  type Collection,
  counter,
  gauge,
  type HostPaths,
  type Input,
  type InputDefinition,
  type Reading,
  type SelfMetric,
} from './input.ts';
import { isAbsence, KeptFile, ReadBuffer } from './kept-file.ts';
import { NumberTable, type TableFormat } from './number-table.ts';
import { resolveOptions } from './options.ts';
import type { ScheduledInput } from './schedule.ts';
import { ScrapeGroup } from './scrape-group.ts';

export const DEFAULT_INTERVAL_MS: Millis = 10_000;
/** The 5-minute lookback of a query must always see every series, also when one reading is lost. */
export const MAX_INTERVAL_MS: Millis = 120_000;
const DEADLINE_MS: Millis = 200;
/** A host without the thing an input reads (no conntrack, no PSI) is asked again this often. */
const NOTHING_THERE_RETRY_MS: Millis = 60_000;

/** `inputs.<name>` of the agent's file. */
export interface InputSettings {
  readonly enabled?: boolean;
  readonly intervalMs?: Millis;
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface CollectorOptions {
  /** Default: /proc, /sys, /. */
  readonly paths?: Partial<HostPaths>;
  /** Labels of every series: `job="node"`, `instance=<host name>` and the agent's tags. The agent's own metrics replace `job`. */
  readonly baseLabels: Readonly<Record<string, string>>;
  readonly inputs?: Readonly<Record<string, InputSettings>>;
  /** Interval of inputs without one of their own; default 10 s. */
  readonly intervalMs?: Millis;
  /** Longest wait for one input's reading; default 200 ms. */
  readonly deadlineMs?: Millis;
  readonly clock: Clock;
  readonly log: Log;
  /** What spool and uplink report through `agent_self`. */
  readonly selfMetrics?: () => readonly SelfMetric[];
  /** Default: every input there is. */
  readonly definitions?: readonly InputDefinition[];
}

export interface InputCollector {
  /** The enabled inputs with their present intervals (changed by `setInterval`, `setLive` and `setShedding`); for `dueInputs` and `nextTick` of schedule.ts. */
  readonly schedule: readonly ScheduledInput[];
  /** The default interval, as the collector's settings may push it. */
  setInterval(intervalMs: Millis): void;
  /** Live mode: inputs that are not slow are due every `intervalMs`; undefined ends it. */
  setLive(intervalMs: Millis | undefined): void;
  /** What is left out or slowed down to stay within the agent's limits. Series of inputs that are left out end with the next reading. */
  setShedding(level: SheddingLevel): void;
  /** The enabled inputs that `setShedding` holds back now. */
  readonly shed: ShedInputs;
  /** One reading of every input in `due` (default: all), stamped `timeMs`. Never rejects. The readings' arrays are reused by the next call. */
  collect(timeMs: Millis, due?: readonly string[]): Promise<Collection>;
  /** Closes all kept files. */
  close(): void;
}

/** Names, in the order of the inputs. */
export interface ShedInputs {
  readonly off: readonly string[];
  readonly slowed: readonly string[];
}

interface Running {
  readonly definition: InputDefinition;
  readonly input: Input;
  readonly frame: Frame;
  readonly ownIntervalMs: Millis | undefined;
  /** A reading that missed its deadline and has not answered yet; until it does the input is not asked again. */
  late: boolean;
  retryAtMs: Millis;
  failing: boolean;
  /** Left out, to stay within the agent's limits. */
  isShed: boolean;
  /** It was left out since the last reading. */
  isEnding: boolean;
}

interface Waiting {
  readonly one: Running;
  readonly pending: Promise<void>;
  readonly startedMs: number;
  answered: boolean;
}

export function createCollector(options: CollectorOptions): InputCollector {
  return new Inputs(options);
}

class Inputs implements InputCollector {
  schedule: readonly ScheduledInput[] = [];
  shed: ShedInputs = { off: [], slowed: [] };
  readonly #running: Running[] = [];
  readonly #scrape: ScrapeGroup;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #deadlineMs: Millis;
  readonly #files: KeptFile[] = [];
  readonly #tables = new Map<string, NumberTable>();
  readonly #buffer = new ReadBuffer();
  #intervalMs: Millis;
  #liveMs: Millis | undefined;
  #level: SheddingLevel = 0;
  #collections = 0;
  #collectMs = 0;
  #failures = 0;

  constructor(options: CollectorOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
    this.#intervalMs = options.intervalMs ?? DEFAULT_INTERVAL_MS;
    const paths = { procfs: '/proc', sysfs: '/sys', rootfs: '/', ...options.paths };
    for (const definition of options.definitions ?? INPUTS) {
      const settings = options.inputs?.[definition.name] ?? {};
      if (!(settings.enabled ?? definition.offByDefault !== true)) continue;
      const frame = new Frame(
        definition.name,
        definition.name === 'agent_self' ? { ...options.baseLabels, ...SELF_JOB } : options.baseLabels,
      );
      const input = definition.create({
        paths,
        options: resolveOptions(definition, settings.options ?? {}),
        clock: options.clock,
        frame,
        proc: (path, format) => this.#table(`${paths.procfs}/${path}`, format),
        selfMetrics: () => [...this.#ownMetrics(), ...(options.selfMetrics?.() ?? [])],
      });
      const ownIntervalMs = settings.intervalMs ?? definition.intervalMs;
      this.#running.push({
        definition,
        input,
        frame,
        ownIntervalMs,
        late: false,
        retryAtMs: Number.NEGATIVE_INFINITY,
        failing: false,
        isShed: false,
        isEnding: false,
      });
    }
    this.#scrape = new ScrapeGroup(
      this.#running.map(({ definition }) => definition.name).filter((name) => name !== 'agent_self'),
      options.baseLabels,
    );
    this.#reschedule();
  }

  setInterval(intervalMs: Millis): void {
    this.#intervalMs = intervalMs;
    this.#reschedule();
  }

  setLive(intervalMs: Millis | undefined): void {
    this.#liveMs = intervalMs;
    this.#reschedule();
  }

  setShedding(level: SheddingLevel): void {
    this.#level = level;
    this.#reschedule();
  }

  async collect(timeMs: Millis, due?: readonly string[]): Promise<Collection> {
    const beganMs = this.#clock.monotonic();
    const readings: Reading[] = [];
    const wanted = due === undefined ? undefined : new Set(due);
    const waiting: Waiting[] = [];
    let startedMs = beganMs;
    for (const one of this.#running) {
      if (one.isEnding) this.#end(one, readings);
      if (one.isShed) continue;
      if (wanted !== undefined && !wanted.has(one.definition.name)) continue;
      if (one.late || timeMs < one.retryAtMs) continue;
      const pending = this.#readOne(one, timeMs, startedMs, readings);
      if (pending !== undefined) waiting.push({ one, pending, startedMs, answered: false });
      startedMs = this.#clock.monotonic();
    }
    if (waiting.length > 0) await this.#await(waiting, timeMs, readings);
    const scrape = this.#scrape.read(timeMs);
    if (scrape !== undefined) readings.push(scrape);
    this.#collections++;
    this.#collectMs += this.#clock.monotonic() - beganMs;
    return { timeMs, readings };
  }

  close(): void {
    for (const { input } of this.#running) input.close?.();
    for (const file of this.#files) file.close();
  }

  #ownMetrics(): SelfMetric[] {
    const series = this.#running.reduce((sum, { frame }) => sum + frame.values.length, 0);
    return [
      { name: 'bellwether_agent_collections_total', ...counter('Ticks at which inputs were read.'), value: this.#collections },
      {
        name: 'bellwether_agent_collect_seconds_total',
        ...counter('Time from the start to the end of those ticks.'),
        value: Math.round(this.#collectMs) / 1000,
      },
      {
        name: 'bellwether_agent_input_failures_total',
        ...counter('Readings of an input that failed or found nothing.'),
        value: this.#failures,
      },
      { name: 'bellwether_agent_series', ...gauge('Series the inputs make.'), value: series },
    ];
  }

  #reschedule(): void {
    const schedule: ScheduledInput[] = [];
    const off: string[] = [];
    const slowed: string[] = [];
    for (const one of this.#running) {
      const { name, priority = 'normal' } = one.definition;
      const usualMs = this.#usualMs(one);
      const intervalMs = pacedMs(this.#level, priority, usualMs, MAX_INTERVAL_MS);
      const isShed = intervalMs === undefined;
      if (isShed !== one.isShed) one.isEnding = isShed;
      one.isShed = isShed;
      if (isShed) off.push(name);
      else schedule.push({ name, intervalMs });
      if (!isShed && intervalMs > usualMs) slowed.push(name);
    }
    this.schedule = schedule;
    this.shed = { off, slowed };
  }

  #usualMs({ definition, ownIntervalMs }: Running): Millis {
    const { floorMs = 0, slow } = definition;
    const usualMs = Math.min(ownIntervalMs ?? Math.max(this.#intervalMs, floorMs), MAX_INTERVAL_MS);
    if (this.#liveMs === undefined || slow === true || this.#level > 0) return usualMs;
    return Math.min(usualMs, Math.max(this.#liveMs, floorMs));
  }

  /** An input that is left out: its series end. */
  #end(one: Running, readings: Reading[]): void {
    one.isEnding = false;
    one.frame.clear();
    const lastWords = one.frame.finish();
    if (lastWords !== undefined) readings.push(lastWords);
    this.#scrape.forget(one.definition.name);
  }

  #table(path: string, format: TableFormat | undefined): NumberTable {
    const key = `${path}\n${JSON.stringify(format)}`;
    let table = this.#tables.get(key);
    if (table === undefined) {
      const file = new KeptFile(path, this.#buffer);
      this.#files.push(file);
      table = new NumberTable(file, this.#buffer, format);
      this.#tables.set(key, table);
    }
    return table;
  }

  /** Reads one input into `readings`; a promise only when it has to be waited for. */
  #readOne(one: Running, timeMs: Millis, startedMs: number, readings: Reading[]): Promise<void> | undefined {
    one.frame.clear();
    try {
      const answer = one.input.read(timeMs);
      if (answer !== undefined) return answer;
    } catch (error) {
      this.#fail(one, timeMs, startedMs, error, readings);
      return undefined;
    }
    this.#succeed(one, startedMs, readings);
    return undefined;
  }

  /** Until all have answered, or the deadline. One timer for all of them: making one costs more than most readings. */
  #await(waiting: readonly Waiting[], timeMs: Millis, readings: Reading[]): Promise<void> {
    return new Promise((resolve) => {
      let open = waiting.length;
      const report = (wait: Waiting, tell: () => void) => {
        wait.answered = true;
        tell();
        if (--open > 0) return;
        cancel();
        resolve();
      };
      const fail = (wait: Waiting, error: unknown) => report(wait, () => this.#fail(wait.one, timeMs, wait.startedMs, error, readings));
      const cancel = this.#clock.after(this.#deadlineMs, () => {
        for (const wait of waiting) {
          if (wait.answered) continue;
          if (wait.one.input.settle !== undefined) wait.one.input.settle();
          else {
            wait.one.late = true;
            fail(wait, new Error(`no answer within ${this.#deadlineMs} ms`));
          }
        }
      });
      for (const wait of waiting) {
        const { one, pending, startedMs } = wait;
        const onceInTime = (tell: () => void) => {
          if (wait.answered) one.late = false;
          else tell();
        };
        pending.then(
          () => onceInTime(() => report(wait, () => this.#succeed(one, startedMs, readings))),
          (error: unknown) => onceInTime(() => fail(wait, error)),
        );
      }
    });
  }

  #succeed(one: Running, startedMs: number, readings: Reading[]): void {
    const reading = one.frame.finish();
    if (reading !== undefined) readings.push(reading);
    this.#scrape.note(one.definition.name, true, this.#clock.monotonic() - startedMs);
    if (one.failing) this.#log.info({ input: one.definition.name }, 'input works again');
    one.failing = false;
  }

  #fail(one: Running, timeMs: Millis, startedMs: number, error: unknown, readings: Reading[]): void {
    this.#failures++;
    one.frame.clear();
    const lastWords = one.frame.finish();
    if (lastWords !== undefined) readings.push(lastWords);
    this.#scrape.note(one.definition.name, false, this.#clock.monotonic() - startedMs);
    const nothingThere = isAbsence(error);
    if (nothingThere) one.retryAtMs = timeMs + NOTHING_THERE_RETRY_MS;
    if (one.failing) return;
    one.failing = true;
    const fields = { input: one.definition.name, error: errorMessage(error) };
    if (nothingThere && lastWords === undefined) this.#log.debug(fields, 'input has nothing to read here');
    else this.#log.warn(fields, 'input failed');
  }
}

const SELF_JOB = { job: 'bellwether-agent' };
