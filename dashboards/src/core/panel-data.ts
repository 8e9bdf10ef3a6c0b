import type { ChartData } from '@bellwether/shared/api';
import { labelsFrom, labelsKey } from '@bellwether/shared/labels';
import type { Millis } from '@bellwether/shared/time';

export interface PanelSeries {
  key: string;
  labels: Record<string, string>;
}

export interface LivePoint {
  labels: Record<string, string>;
  value: number;
}

/** One time column and one value column per series; null is a gap. The shape uPlot draws. */
export type Columns = [times: number[], ...values: (number | null)[][]];

/**
 * The samples of one chart: history once, then live points at the end, in typed columns of fixed capacity (the oldest fall off). Points closer
 * than `stepMs` share a slot, so a day's chart does not grow by a point a second that no pixel could show. NaN stands for "no value".
 */
export class PanelData {
  readonly stepMs: Millis;
  readonly #capacity: number;
  readonly #times: Float64Array;
  readonly #columns: Float64Array[] = [];
  readonly #series: PanelSeries[] = [];
  readonly #indexByKey = new Map<string, number>();
  #length = 0;

  /** `spanMs` is the time the chart shows. */
  constructor(stepMs: Millis, spanMs: Millis) {
    this.stepMs = stepMs;
    this.#capacity = Math.ceil(spanMs / stepMs) + 64;
    this.#times = new Float64Array(this.#capacity);
  }

  get series(): readonly PanelSeries[] {
    return this.#series;
  }

  get length(): number {
    return this.#length;
  }

  /** Time of the newest sample; NaN when there is none. */
  get newestMs(): Millis {
    return this.#length === 0 ? Number.NaN : this.#times[this.#length - 1]!;
  }

  /** Replaces everything by `chart`; live points newer than its end are kept. */
  load(chart: ChartData): void {
    const endMs = chart.times.at(-1) ?? Number.NEGATIVE_INFINITY;
    const tail: { timeMs: Millis; points: LivePoint[] }[] = [];
    for (let row = 0; row < this.#length; row++)
      if (this.#times[row]! > endMs) tail.push({ timeMs: this.#times[row]!, points: this.#row(row) });
    this.#length = 0;
    this.#series.length = 0;
    this.#columns.length = 0;
    this.#indexByKey.clear();
    const from = Math.max(0, chart.times.length - this.#capacity);
    for (let i = from; i < chart.times.length; i++) this.#times[this.#length++] = chart.times[i]!;
    for (const { labels, values } of chart.series) {
      const column = this.#columns[this.#seriesIndex(labels)]!;
      for (let i = from; i < chart.times.length; i++) column[i - from] = values[i] ?? Number.NaN;
    }
    for (const { timeMs, points } of tail) this.append(timeMs, points);
  }

  /** Adds the values of one moment. A moment not newer than the newest is ignored (two requests can overtake each other). */
  append(timeMs: Millis, points: readonly LivePoint[]): void {
    if (this.#length > 0 && timeMs <= this.newestMs) return;
    const indexes = points.map(({ labels }) => this.#seriesIndex(labels));
    const silenceMs = this.#length > 0 ? timeMs - this.newestMs : 0;
    // A line across time nobody measured would be invented: an empty row breaks it.
    if (silenceMs > Math.max(2.5 * this.stepMs, 5_000)) this.#emptyRow(this.newestMs + this.stepMs);
    const sharesSlot = this.#length > 1 && timeMs - this.#times[this.#length - 2]! <= this.stepMs;
    const row = sharesSlot ? this.#length - 1 : this.#emptyRow(timeMs);
    this.#times[row] = timeMs;
    for (const column of this.#columns) column[row] = Number.NaN;
    for (const [i, { value }] of points.entries()) this.#columns[indexes[i]!]![row] = value;
  }

  /** The newest value of each series in the newest row; null where it has none. */
  newest(): (number | null)[] {
    return this.#columns.map((column) => (this.#length === 0 ? null : orNull(column[this.#length - 1]!)));
  }

  /** Rows within `[fromMs, toMs]` and one beyond either end, so that lines run off the edges. */
  columns(fromMs: Millis, toMs: Millis): Columns {
    let first = 0;
    while (first < this.#length - 1 && this.#times[first + 1]! < fromMs) first++;
    let end = this.#length;
    while (end > first + 1 && this.#times[end - 2]! > toMs) end--;
    const times = Array.from(this.#times.subarray(first, end));
    return [times, ...this.#columns.map((column) => Array.from(column.subarray(first, end), orNull))];
  }

  #row(row: number): LivePoint[] {
    return this.#series.flatMap(({ labels }, i) =>
      Number.isNaN(this.#columns[i]![row]!) ? [] : [{ labels, value: this.#columns[i]![row]! }],
    );
  }

  #seriesIndex(labels: Record<string, string>): number {
    const key = labelsKey(labelsFrom(labels));
    const known = this.#indexByKey.get(key);
    if (known !== undefined) return known;
    this.#series.push({ key, labels });
    this.#columns.push(new Float64Array(this.#capacity).fill(Number.NaN));
    this.#indexByKey.set(key, this.#series.length - 1);
    return this.#series.length - 1;
  }

  /** Appends a row without values and returns its index. */
  #emptyRow(timeMs: Millis): number {
    if (this.#length === this.#capacity) {
      this.#times.copyWithin(0, 1);
      for (const column of this.#columns) column.copyWithin(0, 1);
      this.#length--;
    }
    const row = this.#length++;
    this.#times[row] = timeMs;
    for (const column of this.#columns) column[row] = Number.NaN;
    return row;
  }
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
