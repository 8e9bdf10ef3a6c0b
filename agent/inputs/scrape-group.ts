/** How the inputs themselves fare, under node_exporter's names. A group of its own, so that a broken input can still be reported. */
import type { Millis } from '@bellwether/shared';
import { Frame } from './frame.ts';
import type { MetricInfo, Reading } from './input.ts';

export const SCRAPE_METRICS = {
  node_scrape_collector_success: {
    type: 'gauge',
    help: '1 if the last reading of this input worked, 0 if it failed or found nothing on this host.',
  },
  node_scrape_collector_duration_seconds: { type: 'gauge', help: 'Time the last reading of this input took.' },
} as const satisfies Readonly<Record<string, MetricInfo>>;

/** Durations never repeat, so at 1 s readings they would be half of what goes over the wire and tell nothing more. */
const EVERY_MS: Millis = 10_000;

export class ScrapeGroup {
  readonly #frame: Frame;
  readonly #index: ReadonlyMap<string, number>;
  /** Success, then duration in seconds, of each input; NaN before its first reading. */
  readonly #last: Float64Array;
  #changed = false;
  #sentAtMs: Millis | undefined;

  constructor(names: readonly string[], baseLabels: Readonly<Record<string, string>>) {
    this.#frame = new Frame('scrape', baseLabels);
    this.#index = new Map(names.map((name, i) => [name, i * 2]));
    this.#last = new Float64Array(names.length * 2).fill(Number.NaN);
    this.#frame.setColumns(
      names.flatMap((collector) => [
        { name: 'node_scrape_collector_success', labels: { collector }, ...SCRAPE_METRICS.node_scrape_collector_success },
        { name: 'node_scrape_collector_duration_seconds', labels: { collector }, ...SCRAPE_METRICS.node_scrape_collector_duration_seconds },
      ]),
    );
  }

  note(input: string, success: boolean, durationMs: number): void {
    const at = this.#index.get(input);
    if (at === undefined) return;
    const value = success ? 1 : 0;
    if (this.#last[at] !== value) this.#changed = true;
    this.#last[at] = value;
    this.#last[at + 1] = Math.round(durationMs * 1000) / 1e6;
  }

  /** An input that is not read any more: its series end. */
  forget(input: string): void {
    const at = this.#index.get(input);
    if (at === undefined) return;
    this.#last.fill(Number.NaN, at, at + 2);
    this.#changed = true;
  }

  /** A row every 10 s, and at once when an input began to fail or to work. */
  read(timeMs: Millis): Reading | undefined {
    if (!this.#changed && this.#sentAtMs !== undefined && Math.floor(timeMs / EVERY_MS) === Math.floor(this.#sentAtMs / EVERY_MS))
      return undefined;
    this.#changed = false;
    this.#sentAtMs = timeMs;
    this.#frame.values.set(this.#last);
    return this.#frame.finish();
  }
}
