/** Runs the plug-ins of the agent's file, each on its interval, few at a time. */
import type { Cancel, Clock, Log, Millis, Stoppable } from '@bellwether/shared';
import { type ChildResult, runChild } from '../bounded-child.ts';
import { parsePluginOutput } from './perfdata.ts';
import { PLUGIN_STATES, type PluginRun, type PluginSettings, UNKNOWN } from './plugin.ts';

export interface PluginRunnerOptions {
  readonly plugins: readonly PluginSettings[];
  readonly clock: Clock;
  readonly log: Log;
  /** Says that a state changed, at `timeMs` of the wall clock. */
  readonly event: (kind: string, timeMs: Millis, text: string) => void;
}

const MAX_RUNNING = 4;
const MAX_OUTPUT_BYTES = 64 * 1024;
const MAX_TEXT = 1_000;
/** First runs are this far apart, so that a start does not run them all at once. */
const STAGGER_MS: Millis = 500;

interface Scheduled {
  readonly settings: PluginSettings;
  /** When the next run is due, on the monotonic clock. */
  dueMs: number;
  /** Waiting for a free place, or running. */
  isBusy: boolean;
  last: PluginRun | undefined;
  /** When that ended, on the monotonic clock. */
  lastMonoMs: number;
}

export class PluginRunner implements Stoppable {
  readonly #options: PluginRunnerOptions;
  readonly #plugins: readonly Scheduled[];
  readonly #queue: Scheduled[] = [];
  readonly #cancels = new Map<Scheduled, Cancel>();
  readonly #running = new Set<Promise<void>>();
  readonly #abort = new AbortController();

  constructor(options: PluginRunnerOptions) {
    this.#options = options;
    const nowMs = options.clock.monotonic();
    this.#plugins = options.plugins.map((settings, i) => ({
      settings,
      dueMs: nowMs + ((i * STAGGER_MS) % settings.intervalMs),
      isBusy: false,
      last: undefined,
      lastMonoMs: 0,
    }));
  }

  start(): void {
    for (const one of this.#plugins) this.#arm(one);
  }

  /** Ends the plug-ins that run. */
  async stop(): Promise<void> {
    this.#abort.abort();
    for (const cancel of this.#cancels.values()) cancel();
    this.#queue.length = 0;
    await Promise.all(this.#running);
  }

  /** Each plug-in with its last run, unless that is so old that the next one should long have ended. */
  runs(): readonly { readonly settings: PluginSettings; readonly run: PluginRun | undefined }[] {
    const nowMs = this.#options.clock.monotonic();
    return this.#plugins.map(({ settings, last, lastMonoMs }) => {
      const isCurrent = nowMs - lastMonoMs <= 2 * settings.intervalMs + settings.timeoutMs;
      return { settings, run: isCurrent ? last : undefined };
    });
  }

  #arm(one: Scheduled): void {
    const { clock } = this.#options;
    const delayMs = Math.max(0, one.dueMs - clock.monotonic());
    this.#cancels.set(
      one,
      clock.after(delayMs, () => {
        one.isBusy = true;
        this.#queue.push(one);
        this.#next();
      }),
    );
  }

  #next(): void {
    while (this.#running.size < MAX_RUNNING && !this.#abort.signal.aborted) {
      const one = this.#queue.shift();
      if (one === undefined) return;
      const running: Promise<void> = this.#run(one).finally(() => {
        this.#running.delete(running);
        this.#next();
      });
      this.#running.add(running);
    }
  }

  async #run(one: Scheduled): Promise<void> {
    const { clock } = this.#options;
    const { command, timeoutMs, intervalMs } = one.settings;
    const result = await runChild({
      argv: command,
      timeoutMs,
      maxBytes: MAX_OUTPUT_BYTES,
      clock,
      signal: this.#abort.signal,
    });
    if (this.#abort.signal.aborted) return;
    this.#note(one, runOf(result, one.settings, clock.now()));
    one.isBusy = false;
    // Runs that were missed are not made up for.
    const lateMs = clock.monotonic() - one.dueMs;
    one.dueMs += Math.max(1, Math.ceil(lateMs / intervalMs)) * intervalMs;
    this.#arm(one);
  }

  #note(one: Scheduled, run: PluginRun): void {
    const { log, event } = this.#options;
    const before = one.last?.state ?? 0;
    one.last = run;
    one.lastMonoMs = this.#options.clock.monotonic();
    if (run.state === before) return;
    const [from, to] = [PLUGIN_STATES[before]!, PLUGIN_STATES[run.state]!];
    const plugin = one.settings.name;
    log.info({ plugin, from, to, text: run.text }, 'plug-in changed its state');
    event('plugin-state', run.endedMs, `${plugin}: ${from} -> ${to}: ${run.text}`.slice(0, MAX_TEXT));
  }
}

/** What a finished child means. Whatever is not one of the four exit codes is UNKNOWN, with the reason as its text. */
export function runOf(result: ChildResult, { timeoutMs }: PluginSettings, endedMs: Millis): PluginRun {
  const { outcome, exitCode, durationMs } = result;
  const { text, values } = parsePluginOutput(result.stdout);
  const ended = (state: number, says: string) => ({ state, text: says.slice(0, MAX_TEXT), values, durationMs, endedMs });
  if (outcome === 'not-started') return ended(UNKNOWN, `cannot be started: ${result.problem}`);
  if (outcome === 'timeout') return ended(UNKNOWN, `no end within ${timeoutMs / 1000} s; it was killed`);
  if (outcome === 'flood') return ended(UNKNOWN, `more than ${MAX_OUTPUT_BYTES} bytes of output; it was killed`);
  if (outcome === 'killed') return ended(UNKNOWN, 'ended by a signal');
  const firstWords = text !== '' ? text : (result.stderr.split('\n')[0] ?? '');
  if (exitCode === undefined || exitCode > UNKNOWN) return ended(UNKNOWN, `exit code ${exitCode}: ${firstWords}`);
  return ended(exitCode, firstWords);
}
