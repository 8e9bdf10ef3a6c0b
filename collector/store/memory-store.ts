import {
  AppError,
  type Clock,
  type GroupRow,
  isPresent,
  isStaleAt,
  type Labels,
  labelsKey,
  labelValue,
  METRIC_NAME,
  type Millis,
  type SeriesMeta,
  setStale,
} from '@bellwether/shared';
import { type AdmissionLimits, DEFAULT_ADMISSION, refusal } from './admission.ts';
import { Producers } from './producers.ts';
import { copySample } from './sample-bits.ts';
import type {
  AppendOutcome,
  GroupRef,
  Matcher,
  MetricMetadata,
  Progress,
  RowOrigin,
  SelectRequest,
  SeriesColumns,
  Store,
  StoreStats,
} from './store.ts';

export interface MemoryStoreOptions extends Partial<AdmissionLimits> {
  readonly clock: Clock;
  readonly maxSeries?: number;
}

/** The plainest store that keeps the contract, for tests and as the model other drivers are compared with. Forgets everything on `stop`. */
export function openMemoryStore(options: MemoryStoreOptions): Store {
  return new MemoryStore(options);
}

const STALE = new Float64Array(1);
setStale(STALE, 0);

/** Samples of one series, ascending by time; `ranks[i]` is the group that wrote sample i, the one opened last wins a shared timestamp. */
class MemorySeries {
  times = new Float64Array(16);
  values = new Float64Array(16);
  ranks = new Float64Array(16);
  length = 0;
  readonly labels: Labels;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  put(timeMs: Millis, from: Float64Array, fromIndex: number, rank: number): void {
    const at = this.firstAfter(timeMs);
    if (at > 0 && this.times[at - 1] === timeMs) {
      if (rank < this.ranks[at - 1]!) return;
      copySample(from, fromIndex, this.values, at - 1);
      this.ranks[at - 1] = rank;
      return;
    }
    if (this.length === this.times.length) {
      this.times = grown(this.times);
      this.values = grown(this.values);
      this.ranks = grown(this.ranks);
    }
    for (const column of [this.times, this.values, this.ranks]) column.copyWithin(at + 1, at, this.length);
    this.times[at] = timeMs;
    copySample(from, fromIndex, this.values, at);
    this.ranks[at] = rank;
    this.length++;
  }

  remove(start: number, end: number): void {
    for (const column of [this.times, this.values, this.ranks]) column.copyWithin(start, end, this.length);
    this.length -= end - start;
  }

  /** Index of the first sample later than `timeMs`. */
  firstAfter(timeMs: Millis): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle]! <= timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function grown(column: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const next = new Float64Array(column.length * 2);
  next.set(column);
  return next;
}

interface MemoryGroup {
  readonly ref: GroupRef;
  readonly columns: readonly MemorySeries[];
  newestMs: Millis;
}

interface KeyState {
  current: MemoryGroup;
  /** Series whose newest sample through this key is not a staleness marker, and the group that wrote it. */
  readonly live: Map<MemorySeries, MemoryGroup>;
  /** Time of the newest sample of each series through this key. */
  readonly newestMs: Map<MemorySeries, Millis>;
  /** Live series that the current generation lacks; marked with its next row. */
  readonly dropped: Set<MemorySeries>;
}

class MemoryStore implements Store {
  readonly #clock: Clock;
  readonly #limits: AdmissionLimits;
  readonly #maxSeries: number;
  readonly #series = new Map<string, MemorySeries>();
  readonly #metadata = new Map<string, MetricMetadata>();
  readonly #groups: MemoryGroup[] = [];
  readonly #keyOf: string[] = [];
  readonly #bySchema = new Map<string, MemoryGroup>();
  readonly #keys = new Map<string, KeyState>();
  readonly #producers = new Producers();
  readonly #counts = { samplesAppended: 0, rowsAppended: 0, rowsDuplicate: 0, rowsTooOld: 0, rowsTooNew: 0, commits: 0 };

  constructor({ clock, maxSeries = Number.POSITIVE_INFINITY, ...limits }: MemoryStoreOptions) {
    this.#clock = clock;
    this.#maxSeries = maxSeries;
    this.#limits = { ...DEFAULT_ADMISSION, ...limits };
  }

  openGroup(key: string, series: readonly SeriesMeta[]): GroupRef {
    const schema = `${key}\n${series.map((meta) => labelsKey(meta.labels)).join('\n')}`;
    const group = this.#bySchema.get(schema) ?? this.#addGroup(key, schema, series);
    for (const { labels, type, help } of series) this.#metadata.set(labelValue(labels, METRIC_NAME), { type, help });
    const state = this.#keys.get(key);
    if (state === undefined) this.#keys.set(key, { current: group, live: new Map(), newestMs: new Map(), dropped: new Set() });
    else if (state.current !== group) {
      state.current = group;
      state.dropped.clear();
      const kept = new Set(group.columns);
      for (const dropped of state.live.keys()) if (!kept.has(dropped)) state.dropped.add(dropped);
    }
    return group.ref;
  }

  #addGroup(key: string, schema: string, series: readonly SeriesMeta[]): MemoryGroup {
    const fresh = new Set(series.map((meta) => labelsKey(meta.labels)).filter((id) => !this.#series.has(id)));
    if (this.#series.size + fresh.size > this.#maxSeries)
      throw new AppError('TOO_LARGE', `group ${key} would bring the store beyond its limit of ${this.#maxSeries} series`);
    const columns = series.map(({ labels }) => {
      const id = labelsKey(labels);
      let known = this.#series.get(id);
      if (known === undefined) {
        known = new MemorySeries(labels);
        this.#series.set(id, known);
      }
      return known;
    });
    const group: MemoryGroup = { ref: this.#groups.length, columns, newestMs: Number.NEGATIVE_INFINITY };
    this.#groups.push(group);
    this.#keyOf.push(key);
    this.#bySchema.set(schema, group);
    return group;
  }

  append(ref: GroupRef, row: GroupRow, origin?: RowOrigin): AppendOutcome {
    const group = this.#groups[ref];
    if (group === undefined) throw new TypeError(`no group ${ref}`);
    const producer = origin && (this.#producers.get(origin.producer, origin.epoch) ?? this.#producers.add(origin.producer, origin.epoch));
    if (producer?.seen.has(origin!.seq)) {
      this.#counts.rowsDuplicate++;
      return 'duplicate';
    }
    const refused = refusal(row.timeMs, group.newestMs, this.#clock.now(), this.#limits);
    if (refused === 'too-new') {
      this.#counts.rowsTooNew++;
      return refused;
    }
    // A row refused for its age never becomes welcome, so its number counts as settled.
    if (producer !== undefined && !producer.seen.add(origin!.seq)) return 'duplicate';
    if (refused === 'too-old') {
      this.#counts.rowsTooOld++;
      return refused;
    }
    this.#store(ref, group, row);
    return 'stored';
  }

  #store(ref: GroupRef, group: MemoryGroup, row: GroupRow): void {
    const state = this.#keys.get(this.#keyOf[ref]!)!;
    for (let i = 0; i < group.columns.length; i++) {
      if (!isPresent(row.presence, i)) continue;
      const series = group.columns[i]!;
      series.put(row.timeMs, row.values, i, ref);
      this.#counts.samplesAppended++;
      if (row.timeMs < (state.newestMs.get(series) ?? Number.NEGATIVE_INFINITY)) continue;
      state.newestMs.set(series, row.timeMs);
      if (isStaleAt(row.values, i)) state.live.delete(series);
      else state.live.set(series, group);
    }
    this.#counts.rowsAppended++;
    group.newestMs = Math.max(group.newestMs, row.timeMs);
    if (state.current === group) this.#markAll(state, [...state.dropped], row.timeMs);
  }

  #markAll(state: KeyState, marked: readonly MemorySeries[], timeMs: Millis): void {
    const groups = new Set<MemoryGroup>();
    for (const series of marked) groups.add(state.live.get(series)!);
    // One row a group, after everything that group holds: its newest sample must be the marker.
    const times = new Map([...groups].map((group) => [group, Math.max(timeMs, group.newestMs + 1)]));
    for (const series of marked) {
      const group = state.live.get(series)!;
      series.put(times.get(group)!, STALE, 0, group.ref);
      group.newestMs = times.get(group)!;
      state.newestMs.set(series, group.newestMs);
      state.live.delete(series);
      state.dropped.delete(series);
    }
  }

  skip(producer: string, epoch: string, fromSeq: number, toSeq: number): void {
    (this.#producers.get(producer, epoch) ?? this.#producers.add(producer, epoch)).seen.skip(fromSeq, toSeq);
  }

  markStale(keyPrefix: string, timeMs: Millis): void {
    for (const [key, state] of this.#keys) if (key.startsWith(keyPrefix)) this.#markAll(state, [...state.live.keys()], timeMs);
  }

  async commit(): Promise<void> {
    this.#counts.commits++;
    for (const producer of this.#producers) producer.durableSeq = producer.seen.contiguous;
  }

  progress(producer: string, epoch: string): Progress | undefined {
    return this.#producers.progress(producer, epoch);
  }

  async select({ matchers, fromMs, toMs, maxSeries, maxSamples, signal }: SelectRequest): Promise<SeriesColumns[]> {
    signal?.throwIfAborted();
    const found: SeriesColumns[] = [];
    let samples = 0;
    const oldest = this.#clock.now() - this.#limits.retentionMs;
    for (const series of this.#matching(matchers)) {
      const start = series.firstAfter(Math.max(fromMs, oldest - 1));
      const end = series.firstAfter(toMs);
      if (end <= start) continue;
      samples += end - start;
      if (found.length >= (maxSeries ?? Number.POSITIVE_INFINITY))
        throw new AppError('QUERY_TOO_LARGE', `the query selects more than ${maxSeries} series`);
      if (samples > (maxSamples ?? Number.POSITIVE_INFINITY))
        throw new AppError('QUERY_TOO_LARGE', `the query would load more than ${maxSamples} samples`);
      found.push({ labels: series.labels, times: series.times.slice(start, end), values: series.values.slice(start, end) });
    }
    return found;
  }

  *#matching(matchers: readonly Matcher[]): Iterable<MemorySeries> {
    for (const series of this.#series.values()) {
      if (matchers.every((matcher) => matcher.matches(labelValue(series.labels, matcher.name)))) yield series;
    }
  }

  async series(matchers: readonly Matcher[], fromMs: Millis, toMs: Millis): Promise<Labels[]> {
    const found: Labels[] = [];
    for (const series of this.#matching(matchers)) if (series.firstAfter(toMs) > series.firstAfter(fromMs)) found.push(series.labels);
    return found;
  }

  async labelNames(matchers: readonly Matcher[], fromMs: Millis, toMs: Millis): Promise<string[]> {
    const names = new Set<string>();
    for (const labels of await this.series(matchers, fromMs, toMs)) for (let i = 0; i < labels.length; i += 2) names.add(labels[i]!);
    return [...names].sort();
  }

  async labelValues(name: string, matchers: readonly Matcher[], fromMs: Millis, toMs: Millis): Promise<string[]> {
    const values = new Set((await this.series(matchers, fromMs, toMs)).map((labels) => labelValue(labels, name)));
    values.delete('');
    return [...values].sort();
  }

  metadata(): ReadonlyMap<string, MetricMetadata> {
    return this.#metadata;
  }

  async deleteSeries(matchers: readonly Matcher[], fromMs: Millis, toMs: Millis): Promise<number> {
    let touched = 0;
    for (const series of this.#matching(matchers)) {
      const start = series.firstAfter(fromMs);
      const end = series.firstAfter(toMs);
      if (end > start) touched++;
      series.remove(start, end);
    }
    return touched;
  }

  stats(): StoreStats {
    let oldestMs: Millis | null = null;
    for (const series of this.#series.values()) if (series.length > 0) oldestMs = Math.min(oldestMs ?? Infinity, series.times[0]!);
    const { size } = this.#series;
    return { ...this.#counts, series: size, openGroups: this.#keys.size, walBytes: 0, blockBytes: 0, samplesDropped: 0, oldestMs };
  }

  async stop(): Promise<void> {}
}
