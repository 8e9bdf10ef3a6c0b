import type { Labels, Millis, SeriesMeta } from '@bellwether/shared';
import { labelsKey, setPresent, setStale } from '@bellwether/shared';

/** One row of what a rule makes. `series` is the same array as long as the columns are the same. */
export interface RuleRow {
  /** Name of the SeriesGroup: one for each rule. */
  readonly key: string;
  readonly timeMs: Millis;
  readonly series: readonly SeriesMeta[];
  readonly presence: Uint8Array;
  readonly values: Float64Array;
}
export interface OutputSample {
  readonly labels: Labels;
  readonly value: number;
}

/** Absent columns are taken out when they are more than this many and more than half. */
const SLACK = 64;

/** Turns results, which come and go, into rows of slowly changing columns; a series that is gone gets one staleness marker. */
export class OutputColumns {
  readonly #key: string;
  readonly #help: string;
  #series: SeriesMeta[] = [];
  #places = new Map<string, number>();
  /** Per column: whether the last row had a value. */
  #live: boolean[] = [];

  constructor(key: string, help: string) {
    this.#key = key;
    this.#help = help;
  }

  /** undefined: nothing to write. */
  row(samples: readonly OutputSample[], timeMs: Millis): RuleRow | undefined {
    if (samples.length === 0 && !this.#live.includes(true)) return undefined;
    this.#shrink(samples);
    this.#grow(samples);
    const size = this.#series.length;
    const values = new Float64Array(size);
    const presence = new Uint8Array((size + 7) >> 3);
    const live = new Array<boolean>(size).fill(false);
    for (const { labels, value } of samples) {
      const place = this.#places.get(labelsKey(labels))!;
      values[place] = value;
      live[place] = true;
      setPresent(presence, place, true);
    }
    for (const [place, was] of this.#live.entries()) {
      if (!was || live[place]) continue;
      setStale(values, place);
      setPresent(presence, place, true);
    }
    this.#live = live;
    return { key: this.#key, timeMs, series: this.#series, presence, values };
  }

  #grow(samples: readonly OutputSample[]): void {
    const added = samples.filter(({ labels }) => !this.#places.has(labelsKey(labels)));
    if (added.length === 0) return;
    this.#series = [...this.#series, ...added.map(({ labels }) => ({ labels, type: 'gauge' as const, help: this.#help }))];
    for (const { labels } of added) this.#places.set(labelsKey(labels), this.#places.size);
  }

  #shrink(samples: readonly OutputSample[]): void {
    const absent = this.#live.filter((live) => !live).length;
    if (absent <= SLACK || absent <= this.#live.length / 2) return;
    const wanted = new Set(samples.map(({ labels }) => labelsKey(labels)));
    const kept = this.#series.flatMap((meta, place) =>
      this.#live[place] || wanted.has(labelsKey(meta.labels)) ? [{ meta, live: this.#live[place] === true }] : [],
    );
    this.#series = kept.map(({ meta }) => meta);
    this.#live = kept.map(({ live }) => live);
    this.#places = new Map(this.#series.map(({ labels }, place) => [labelsKey(labels), place]));
  }
}
