/** The SeriesGroup of one check. */
import type { Millis } from '@bellwether/shared';
import type { CheckAssignment } from '@bellwether/shared/assignments';
import { type Column, Frame } from '../inputs/frame.ts';
import type { Reading } from '../inputs/input.ts';
import { PROBE_METRICS, type ProbeSample } from '../probes/index.ts';

/** Certificates that come and go leave columns behind; beyond these only those of the present reading stay. */
const MAX_COLUMNS = 60;

export class CheckSeries {
  readonly #frame: Frame;
  #columns: Column[] = [];
  #places = new Map<string, number>();

  /** `tags` are of the agent; the labels of the check win over them, and what the series is about over both. */
  constructor(check: CheckAssignment, agent: string, tags: Readonly<Record<string, string>>) {
    const labels = { ...tags, ...check.labels, job: 'blackbox', instance: check.target, check: check.name, agent };
    this.#frame = new Frame(`check/${check.id}`, labels);
  }

  /** Samples of one run as a row. What the run before had and this one has not ends. */
  reading(samples: readonly ProbeSample[]): Reading | undefined {
    this.#place(samples);
    this.#frame.clear();
    for (const sample of samples) this.#frame.values[this.#places.get(keyOf(sample))!] = sample.value;
    return this.#frame.finish();
  }

  /** The last row: every series ends. */
  end(): Reading | undefined {
    this.#frame.clear();
    return this.#frame.finish();
  }

  #place(samples: readonly ProbeSample[]): void {
    const fresh = samples.filter((sample) => !this.#places.has(keyOf(sample)));
    if (fresh.length === 0) return;
    if (this.#columns.length + fresh.length > MAX_COLUMNS) {
      this.#columns = [];
      this.#places = new Map();
    }
    const columns = [...this.#columns];
    for (const sample of this.#columns.length === 0 ? samples : fresh) {
      const info = PROBE_METRICS[sample.name];
      if (info === undefined) throw new TypeError(`${sample.name} is no metric of a probe`);
      this.#places.set(keyOf(sample), columns.length);
      columns.push({ name: sample.name, labels: sample.labels ?? {}, ...info });
    }
    this.#columns = columns;
    this.#frame.setColumns(columns);
  }
}

function keyOf({ name, labels }: ProbeSample): string {
  if (labels === undefined) return name;
  let key = name;
  for (const label in labels) key += `\xff${label}\xff${labels[label]}`;
  return key;
}

/** Seconds of a duration in ms. */
export function seconds(durationMs: Millis): number {
  return durationMs / 1_000;
}
