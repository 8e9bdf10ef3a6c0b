import { AppError, errorMessage, type Log, type Millis } from '@bellwether/shared';
import type { SelectRequest, SeriesColumns } from '../store.ts';
import { BlockReader, BlockScratch } from './block.ts';
import { ByteSink } from './bytes.ts';
import type { Catalog } from './catalog.ts';
import { ColumnCodec } from './column-codec.ts';
import type { GroupHead } from './group-head.ts';
import type { BlockRef, Partition } from './partitions.ts';
import { SampleBudget, SeriesBuilder } from './series-builder.ts';
import type { Tile } from './tile.ts';

/** Blocks read at once. */
const READ_AHEAD = 32;
/** Rows in tiles were written after every block. */
const IN_TILE = Number.MAX_SAFE_INTEGER;

export interface ReaderDeps {
  readonly catalog: Catalog;
  readonly head: (group: number) => GroupHead | undefined;
  readonly partitions: () => Iterable<Partition>;
  readonly log: Log;
}

interface Wanted {
  readonly column: number;
  readonly builder: SeriesBuilder;
}

interface Job {
  readonly ref: BlockRef;
  readonly group: number;
  readonly wanted: readonly Wanted[];
}

/** Reads series from tiles and blocks. */
export class Reader {
  readonly #deps: ReaderDeps;
  readonly #codec = new ColumnCodec();
  readonly #scratch = new BlockScratch(new ByteSink(64));
  /** Blocks that could not be read back as they were written. */
  damagedBlocks = 0;

  constructor(deps: ReaderDeps) {
    this.#deps = deps;
  }

  async select(request: SelectRequest): Promise<SeriesColumns[]> {
    request.signal?.throwIfAborted();
    const matched = this.#deps.catalog.index.match(request.matchers);
    const budget = new SampleBudget(request.maxSamples);
    const found: SeriesColumns[] = [];
    const rest = request.newestOnly ? this.#newestInTiles(matched, request, budget, found) : matched;
    for (const builder of await this.load(rest, request, budget)) {
      const columns = builder.finish(this.#deps.catalog.index.labels(builder.series));
      if (columns !== undefined) found.push(columns);
    }
    if (found.length > (request.maxSeries ?? Number.POSITIVE_INFINITY))
      throw new AppError('QUERY_TOO_LARGE', `the query selects more than ${request.maxSeries} series; narrow its matchers`);
    return found;
  }

  /** Builders with all samples in (fromMs, toMs], one per series that has any. What tiles hold is copied before the first await. */
  async load(
    series: ArrayLike<number>,
    range: Pick<SelectRequest, 'fromMs' | 'toMs' | 'signal'>,
    budget: SampleBudget,
  ): Promise<SeriesBuilder[]> {
    const builders: SeriesBuilder[] = [];
    const byGroup = new Map<number, Wanted[]>();
    for (let i = 0; i < series.length; i++) {
      const builder = new SeriesBuilder(series[i]!, this.#deps.catalog.tombstones.get(series[i]!));
      builders.push(builder);
      this.#deps.catalog.groupsOf(series[i]!, (group, column) => {
        const wanted = byGroup.get(group);
        if (wanted === undefined) byGroup.set(group, [{ column, builder }]);
        else wanted.push({ column, builder });
      });
    }
    const jobs: Job[] = [];
    for (const [group, wanted] of byGroup) {
      const head = this.#deps.head(group);
      if (head === undefined) continue;
      const refs: BlockRef[] = [];
      for (const partition of this.#deps.partitions()) partition.find(group, range.fromMs, range.toMs, refs);
      for (const ref of refs) jobs.push({ ref, group, wanted });
      if (head.late !== undefined) readTile(head.late, group, wanted, range, budget);
      if (head.main !== undefined && !head.isMainFlushed) readTile(head.main, group, wanted, range, budget);
    }
    await this.#run(jobs, range, budget);
    return builders;
  }

  async #run(jobs: readonly Job[], range: Pick<SelectRequest, 'fromMs' | 'toMs' | 'signal'>, budget: SampleBudget): Promise<void> {
    for (let start = 0; start < jobs.length; start += READ_AHEAD) {
      const some = jobs.slice(start, start + READ_AHEAD);
      const blocks = await Promise.all(some.map(({ ref }) => ref.partition.read(ref.index)));
      range.signal?.throwIfAborted();
      for (const [i, bytes] of blocks.entries()) {
        if (bytes !== undefined) this.#decode(bytes, some[i]!, range, budget);
      }
    }
  }

  #decode(bytes: Uint8Array, { ref, group, wanted }: Job, { fromMs, toMs }: { fromMs: Millis; toMs: Millis }, budget: SampleBudget): void {
    let reader: BlockReader;
    try {
      reader = new BlockReader(bytes, this.#codec, this.#scratch);
    } catch (error) {
      this.damagedBlocks++;
      this.#deps.log.error({ folder: ref.partition.folder, sequence: ref.sequence, error: errorMessage(error) }, 'damaged block left out');
      return;
    }
    const { rows } = reader.head;
    const { times } = this.#scratch;
    let low = 0;
    while (low < rows && times[low]! <= fromMs) low++;
    let high = rows;
    while (high > low && times[high - 1]! > toMs) high--;
    if (low === high) return;
    const shared = times.slice(low, high);
    for (const { column, builder } of wanted) {
      const count = reader.column(column);
      if (count === 0) continue;
      const { values, bitmap } = this.#scratch;
      if (count === rows) {
        budget.take(high - low);
        builder.add(shared, values.slice(low, high), group, ref.sequence);
        continue;
      }
      const someTimes = new Float64Array(count);
      let first = 0;
      let dense = 0;
      let kept = 0;
      for (let row = 0; row < high; row++) {
        if ((bitmap[row >> 3]! & (1 << (row & 7))) === 0) continue;
        if (row < low) first++;
        else someTimes[kept++] = times[row]!;
        dense++;
      }
      budget.take(kept);
      builder.add(someTimes.slice(0, kept), values.slice(first, dense), group, ref.sequence);
    }
  }

  /** Serves from tiles the series whose newest sample in the range is surely there, into `found`; returns the others. */
  #newestInTiles(matched: Uint32Array, { fromMs, toMs }: SelectRequest, budget: SampleBudget, found: SeriesColumns[]): number[] {
    const rest: number[] = [];
    const inBlocks = new Map<number, Millis>();
    for (const series of matched) {
      let best: { tile: Tile; row: number; column: number; timeMs: Millis } | undefined;
      let blocksTo = Number.NEGATIVE_INFINITY;
      this.#deps.catalog.groupsOf(series, (group, column) => {
        const head = this.#deps.head(group);
        if (head === undefined || head.newestMs <= fromMs) return;
        let last = inBlocks.get(group);
        if (last === undefined) {
          last = this.#lastInBlocks(group, fromMs, toMs);
          inBlocks.set(group, last);
        }
        blocksTo = Math.max(blocksTo, last);
        for (const tile of [head.main, head.late]) {
          const row = tile?.newestRow(column, fromMs, toMs) ?? -1;
          if (row < 0 || tile!.times[row]! < (best?.timeMs ?? fromMs)) continue;
          best = { tile: tile!, row, column, timeMs: tile!.times[row]! };
        }
      });
      if (blocksTo > (best?.timeMs ?? Number.NEGATIVE_INFINITY) || (best !== undefined && this.#deps.catalog.tombstones.has(series)))
        rest.push(series);
      else if (best !== undefined) {
        budget.take(1);
        const at = best.row * best.tile.columns + best.column;
        const values = new Float64Array(1);
        values.set(best.tile.values.subarray(at, at + 1));
        found.push({ labels: this.#deps.catalog.index.labels(series), times: Float64Array.of(best.timeMs), values });
      }
    }
    return rest;
  }

  #lastInBlocks(group: number, fromMs: Millis, toMs: Millis): Millis {
    const refs: BlockRef[] = [];
    for (const partition of this.#deps.partitions()) partition.find(group, fromMs, toMs, refs);
    return refs.reduce((last, ref) => Math.max(last, Math.min(ref.lastMs, toMs)), Number.NEGATIVE_INFINITY);
  }

  /** Numbers of the matching series whose group has rows in (fromMs, toMs]. */
  candidates(matchers: SelectRequest['matchers'], fromMs: Millis, toMs: Millis): Uint32Array {
    const hasRows = new Map<number, boolean>();
    return this.#deps.catalog.index.match(matchers).filter((series) => {
      let isThere = false;
      this.#deps.catalog.groupsOf(series, (group) => {
        let has = hasRows.get(group);
        if (has === undefined) {
          has = this.#hasRows(group, fromMs, toMs);
          hasRows.set(group, has);
        }
        isThere ||= has;
      });
      return isThere;
    });
  }

  #hasRows(group: number, fromMs: Millis, toMs: Millis): boolean {
    const head = this.#deps.head(group);
    if (head === undefined) return false;
    for (const tile of [head.main, head.late]) if (tile !== undefined && tile.firstAfter(toMs) > tile.firstAfter(fromMs)) return true;
    for (const partition of this.#deps.partitions()) if (partition.hasAny(group, fromMs, toMs)) return true;
    return false;
  }
}

function readTile(
  tile: Tile,
  group: number,
  wanted: readonly Wanted[],
  { fromMs, toMs }: { fromMs: Millis; toMs: Millis },
  budget: SampleBudget,
): void {
  const low = tile.firstAfter(fromMs);
  const high = tile.firstAfter(toMs);
  if (low >= high) return;
  for (const { column, builder } of wanted) {
    const times = new Float64Array(high - low);
    const values = new Float64Array(high - low);
    let count = 0;
    for (let row = low; row < high; row++) {
      if (!tile.isPresent(row, column)) continue;
      times[count] = tile.times[row]!;
      const at = row * tile.columns + column;
      values.set(tile.values.subarray(at, at + 1), count++);
    }
    budget.take(count);
    builder.add(times.subarray(0, count), values.subarray(0, count), group, IN_TILE);
  }
}
