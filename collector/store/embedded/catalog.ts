import { AppError, labelValue, METRIC_NAME, type Millis, type SeriesMeta } from '@bellwether/shared';
import type { MetricMetadata } from '../store.ts';
import { type ByteSource, FormatError } from './bytes.ts';
import { DurableLog, logFileName, logFileNumbers } from './durable-log.ts';
import { beginRecord, endRecord, readRecords } from './records.ts';
import { GrowingU32, SeriesIndex } from './series-index.ts';
import type { StoreFs } from './store-fs.ts';

const MAGIC = new TextEncoder().encode('BWSER001');
const SYMBOL = 1; // id, text
const SERIES = 2; // id, pair symbols
const GROUP = 3; // id, key, series
const METADATA = 4; // name symbol, type, help
const TOMBSTONE = 5; // series, from, to, blocks below
const TYPES = ['untyped', 'counter', 'gauge', 'histogram', 'summary'] as const;

/** One generation of a SeriesGroup: which series its columns are. */
export interface GroupSchema {
  readonly id: number;
  readonly key: string;
  readonly series: Uint32Array;
}

/** Samples of a series in (fromMs, toMs] in blocks numbered below `beforeSequence` are gone. */
export interface Tombstone {
  readonly fromMs: Millis;
  readonly toMs: Millis;
  readonly beforeSequence: number;
}

/** Everything that is not samples: label sets, groups, help texts, deletions. Kept whole in memory; every addition goes to the series log. */
export class Catalog {
  readonly index = new SeriesIndex();
  readonly groups: GroupSchema[] = [];
  readonly metadata = new Map<string, MetricMetadata>();
  readonly tombstones = new Map<number, Tombstone[]>();
  readonly log: DurableLog;
  readonly #bySchema = new Map<string, GroupSchema>();
  /** Group and column of each series: the first two numbers inline, further ones in the map. */
  readonly #firstGroup = new GrowingU32();
  readonly #firstColumn = new GrowingU32();
  readonly #moreGroups = new Map<number, number[]>();
  #loggedSymbols = 0;

  private constructor(log: DurableLog) {
    this.log = log;
  }

  static async open(fs: StoreFs, folder: string): Promise<Catalog> {
    const numbers = await logFileNumbers(fs, folder, 'log');
    const header = (): Uint8Array => MAGIC;
    const catalog = new Catalog(new DurableLog({ fs, folder, extension: 'log', firstNumber: (numbers.at(-1) ?? 0) + 1, header }));
    for (const number of numbers) {
      const name = logFileName(number, 'log');
      const bytes = await fs.readFile(`${folder}/${name}`);
      if (bytes.length < MAGIC.length) continue;
      if (MAGIC.some((byte, i) => bytes[i] !== byte))
        throw new AppError('DATA_DIR_UNUSABLE', `${folder}/${name} is not a series log of this version`);
      readRecords(bytes, MAGIC.length, (body) => catalog.#apply(body));
    }
    catalog.#loggedSymbols = catalog.index.symbolCount;
    return catalog;
  }

  /** A record of a file that was begun again after a failed write may come twice. */
  #apply(body: ByteSource): void {
    const type = body.u8();
    if (type === SYMBOL) {
      if (body.varint() === this.index.symbolCount) this.index.intern(body.text());
    } else if (type === SERIES) {
      const id = body.varint();
      const pairs = Array.from({ length: body.varint() }, () => body.varint());
      if (id === this.index.size) this.#addSeries(pairs);
    } else if (type === GROUP) this.#applyGroup(body);
    else if (type === METADATA) {
      const name = this.index.symbol(body.varint());
      const metric = TYPES[body.u8()] ?? 'untyped';
      this.metadata.set(name, { type: metric, help: body.text() });
    } else if (type === TOMBSTONE) this.#bury(body.varint(), { fromMs: body.f64(), toMs: body.f64(), beforeSequence: body.u64() });
    // Types of later versions are passed over.
  }

  #applyGroup(body: ByteSource): void {
    const id = body.varint();
    const key = body.text();
    let previous = 0;
    const series = Uint32Array.from({ length: body.varint() }, () => {
      previous += body.zigzag();
      return previous;
    });
    if (series.some((number) => number >= this.index.size)) throw new FormatError('a group names a series that is not in the log');
    if (id === this.groups.length) this.#addGroup(key, series);
  }

  #addSeries(pairs: ArrayLike<number>): number {
    this.#firstGroup.push(0xffffffff);
    this.#firstColumn.push(0);
    return this.index.add(pairs);
  }

  #addGroup(key: string, series: Uint32Array): GroupSchema {
    const group: GroupSchema = { id: this.groups.length, key, series };
    this.groups.push(group);
    this.#bySchema.set(schemaKey(key, series), group);
    for (const [column, id] of series.entries()) {
      if (this.#firstGroup.items[id] === 0xffffffff) {
        this.#firstGroup.items[id] = group.id;
        this.#firstColumn.items[id] = column;
        continue;
      }
      const more = this.#moreGroups.get(id);
      if (more === undefined) this.#moreGroups.set(id, [group.id, column]);
      else more.push(group.id, column);
    }
    return group;
  }

  /** Calls `visit` with each group that has the series, and its column there, in the order the groups were made. */
  groupsOf(series: number, visit: (group: number, column: number) => void): void {
    const first = this.#firstGroup.items[series]!;
    if (first === 0xffffffff) return;
    visit(first, this.#firstColumn.items[series]!);
    const more = this.#moreGroups.get(series);
    if (more !== undefined) for (let i = 0; i < more.length; i += 2) visit(more[i]!, more[i + 1]!);
  }

  /** The group with that key and those columns; made, with what it lacks, when there is none. Throws TOO_LARGE beyond `maxSeries`. */
  openGroup(key: string, columns: readonly SeriesMeta[], maxSeries: number): GroupSchema {
    const known = columns.map(({ labels }) => this.index.find(labels));
    const fresh = known.filter((series) => series < 0).length;
    if (this.index.size + fresh > maxSeries)
      throw new AppError(
        'TOO_LARGE',
        `group ${key} would bring the store beyond its limit of ${maxSeries} series; raise the limit or drop labels`,
      );
    const series = Uint32Array.from(columns, ({ labels }, i) => (known[i]! >= 0 ? known[i]! : this.#createSeries(labels)));
    for (const meta of columns) this.#noteMetadata(meta);
    return this.#bySchema.get(schemaKey(key, series)) ?? this.#createGroup(key, series);
  }

  #createSeries(labels: readonly string[]): number {
    // The same new label set twice in one list.
    const known = this.index.find(labels);
    if (known >= 0) return known;
    const pairs = labels.map((text) => this.#symbol(text));
    const id = this.#addSeries(pairs);
    this.#record(SERIES, id, (sink) => {
      sink.varint(pairs.length);
      for (const pair of pairs) sink.varint(pair);
    });
    return id;
  }

  #createGroup(key: string, series: Uint32Array): GroupSchema {
    const group = this.#addGroup(key, series);
    this.#record(GROUP, group.id, (sink) => {
      sink.text(key);
      sink.varint(series.length);
      let previous = 0;
      for (const id of series) {
        sink.zigzag(id - previous);
        previous = id;
      }
    });
    return group;
  }

  #noteMetadata({ labels, type, help }: SeriesMeta): void {
    const name = labelValue(labels, METRIC_NAME);
    const known = this.metadata.get(name);
    if (known !== undefined && known.type === type && known.help === help) return;
    this.metadata.set(name, { type, help });
    this.#record(METADATA, this.#symbol(name), (sink) => {
      sink.u8(TYPES.indexOf(type));
      sink.text(help);
    });
  }

  addTombstone(series: number, tombstone: Tombstone): void {
    this.#bury(series, tombstone);
    this.#record(TOMBSTONE, series, (sink) => {
      sink.f64(tombstone.fromMs);
      sink.f64(tombstone.toMs);
      sink.u64(tombstone.beforeSequence);
    });
  }

  #bury(series: number, tombstone: Tombstone): void {
    const list = this.tombstones.get(series);
    if (list === undefined) this.tombstones.set(series, [tombstone]);
    else list.push(tombstone);
  }

  #symbol(text: string): number {
    const id = this.index.intern(text);
    if (id === this.#loggedSymbols) {
      this.#loggedSymbols++;
      this.#record(SYMBOL, id, (sink) => sink.text(text));
    }
    return id;
  }

  #record(type: number, id: number, write: (sink: DurableLog['sink']) => void): void {
    const { sink } = this.log;
    const start = beginRecord(sink);
    sink.u8(type);
    sink.varint(id);
    write(sink);
    endRecord(sink, start);
  }
}

function schemaKey(key: string, series: Uint32Array): string {
  return `${key}\n${series.join(',')}`;
}
