/** The columns and values of one input between its reading and the wire. */
import { labelsFrom, labelsKey, METRIC_NAME, type MetricType, type SeriesMeta, setPresent, setStale } from '@bellwether/shared';
import type { Reading } from './input.ts';

/** One column as an input names it; the frame adds the agent's labels. An empty label value is the same as no label. */
export interface Column {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly type: MetricType;
  readonly help: string;
}

/** Absent columns are NaN while a reading runs: no file of the kernel holds a NaN, so it costs no second array. */
export class Frame {
  values = new Float64Array(0);
  readonly #group: string;
  readonly #baseLabels: Readonly<Record<string, string>>;
  #generation = 0;
  #series: readonly SeriesMeta[] = [];
  /** What `#series` was made of. */
  #columns: readonly Column[] = [];
  #presence = new Uint8Array(0);
  /** 1 = the column's last row held a value, so its absence must be marked. */
  #live = new Uint8Array(0);

  constructor(group: string, baseLabels: Readonly<Record<string, string>>) {
    this.#group = group;
    this.#baseLabels = baseLabels;
  }

  /** Names of the labels that every column gets; a column with one of its own replaces it. */
  get baseLabelNames(): readonly string[] {
    return Object.keys(this.#baseLabels);
  }

  get generation(): number {
    return this.#generation;
  }

  /**
   * Replaces all columns; the same ones again change nothing. No columns at all keep the old ones, so that each gets its staleness marker (a row
   * without columns could not carry it; those that a new row merely lacks get it from the store). A series that occurs twice is a mistake of the
   * input and makes it fail.
   */
  setColumns(columns: readonly Column[]): void {
    if (columns.length === 0 || sameColumns(columns, this.#columns)) return;
    const series = columns.map(({ name, labels, type, help }) => ({
      labels: labelsFrom({ ...this.#baseLabels, ...labels, [METRIC_NAME]: name }),
      type,
      help,
    }));
    const keys = series.map((one) => labelsKey(one.labels));
    const live = new Map(this.#series.map((one, i) => [labelsKey(one.labels), this.#live[i]!]));
    if (new Set(keys).size !== keys.length) throw new TypeError(`input ${this.#group} made the same series twice`);
    this.#columns = columns;
    if (keys.length === live.size && [...live.keys()].every((key, i) => key === keys[i])) return;
    this.#series = series;
    this.#generation++;
    this.values = new Float64Array(series.length).fill(Number.NaN);
    this.#presence = new Uint8Array((series.length + 7) >> 3);
    this.#live = Uint8Array.from(keys, (key) => live.get(key) ?? 0);
  }

  /** Makes every column absent; a reading starts here. */
  clear(): void {
    this.values.fill(Number.NaN);
  }

  /** Closes a reading. Columns that were there last time and are not now get their staleness marker; undefined when there is nothing to send. */
  finish(): Reading | undefined {
    const { values } = this;
    const live = this.#live;
    let sent = 0;
    for (let i = 0; i < values.length; i++) {
      // Infinities come from garbled files only.
      const present = Number.isFinite(values[i]!);
      if (!present && live[i] === 1) setStale(values, i);
      const send = present || live[i] === 1;
      setPresent(this.#presence, i, send);
      if (send) sent++;
      live[i] = present ? 1 : 0;
    }
    if (sent === 0) return undefined;
    const presence = sent === values.length ? null : this.#presence;
    return { group: this.#group, generation: this.#generation, series: this.#series, presence, values };
  }
}

/** Makes no strings: some inputs name their columns anew at every reading. */
function sameColumns(a: readonly Column[], b: readonly Column[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const left = a[i]!;
    const right = b[i]!;
    if (left.name !== right.name || !sameLabels(left.labels, right.labels) || !sameLabels(right.labels, left.labels)) return false;
  }
  return true;
}

/** Whether `b` has all of `a`. */
function sameLabels(a: Column['labels'], b: Column['labels']): boolean {
  if (a === b) return true;
  for (const name in a) if (a[name] !== b?.[name]) return false;
  return true;
}
