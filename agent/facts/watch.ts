/** Has the facts of this host read now and then, by a process of its own, and reports them and what changed. */
import { readFile, writeFile } from 'node:fs/promises';
import { type Cancel, type Clock, errorMessage, type Log, type Millis, type Stoppable } from '@bellwether/shared';
import { runChild } from '../bounded-child.ts';
import { parseFactsReport } from './report.ts';

export interface FactsWatchOptions {
  /** Prints a FactsReport. The path of the facts kept last is added as its last argument. */
  readonly command: readonly [string, ...string[]];
  /** Where the facts are kept between runs. */
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly event: (kind: string, timeMs: Millis, text: string) => void;
}

/** The first time: when the start of the agent, and perhaps of the whole host, is over. */
const FIRST_MS: Millis = 10_000;
const EVERY_MS: Millis = 6 * 3_600_000;
const TIMEOUT_MS: Millis = 120_000;
const MAX_BYTES = 8 * 1024 * 1024;

export class FactsWatch implements Stoppable {
  readonly #options: FactsWatchOptions;
  readonly #abort = new AbortController();
  #cancel: Cancel = () => {};
  #running: Promise<void> = Promise.resolve();

  constructor(options: FactsWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#arm(FIRST_MS);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#cancel();
    await this.#running;
  }

  #arm(delayMs: Millis): void {
    this.#cancel = this.#options.clock.after(delayMs, () => {
      this.#running = this.#run().then(() => {
        if (!this.#abort.signal.aborted) this.#arm(EVERY_MS);
      });
    });
  }

  async #run(): Promise<void> {
    const { command, file, clock, log, event } = this.#options;
    const result = await runChild({
      argv: [...command, file],
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
      clock,
      isLowPriority: true,
      signal: this.#abort.signal,
    });
    if (this.#abort.signal.aborted) return;
    const report = result.outcome === 'exited' && result.exitCode === 0 ? parseFactsReport(result.stdout) : undefined;
    if (report === undefined) {
      const { outcome, exitCode, problem } = result;
      log.warn({ outcome, exitCode, problem, stderr: result.stderr.slice(0, 500) }, 'facts of this host could not be read');
      return;
    }
    const timeMs = Math.round(clock.now());
    for (const change of report.changes) event('fact-changed', timeMs, change);
    event('facts', timeMs, report.message);
    await this.#keep(file, report.facts);
  }

  async #keep(file: string, facts: string): Promise<void> {
    try {
      if ((await readFile(file, 'utf8').catch(() => '')) !== facts) await writeFile(file, facts, { mode: 0o600 });
    } catch (error) {
      this.#options.log.warn({ file, error: errorMessage(error) }, 'facts cannot be kept; changes since now will not be seen');
    }
  }
}
