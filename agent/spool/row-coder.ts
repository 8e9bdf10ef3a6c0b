import { WireEncoder, WireError } from '@bellwether/shared/wire';
import { type GroupColumns, type QueuedRow, sameColumns } from './row.ts';

interface Lane {
  readonly group: number;
  generation: number;
  columns: GroupColumns;
}

/**
 * Puts rows into wire frames and registers their columns as they appear. One per connection or spool block. Group numbers and generations are
 * its own: rows of an earlier run of the agent count theirs from the start too.
 */
export class RowCoder {
  readonly encoder = new WireEncoder();
  readonly #lanes = new Map<string, Lane>();

  /**
   * Adds a row of the past. Where its columns are not those of the live rows it goes under a name of its own (`cpu@backfill`), so that old and
   * new columns do not replace each other on the connection.
   */
  addPast(row: QueuedRow): boolean {
    const live = this.#lanes.get(row.columns.name);
    return this.#add(row, live === undefined || sameColumns(live.columns, row.columns) ? row.columns.name : `${row.columns.name}@backfill`);
  }

  /** Adds a row to the present frame. False: its columns exceed a limit of the protocol, and the row cannot be coded at all. */
  add(row: QueuedRow): boolean {
    return this.#add(row, row.columns.name);
  }

  #add(row: QueuedRow, name: string): boolean {
    try {
      const lane = this.#lane(name, row.columns);
      this.encoder.samples(row.seq, lane.group, lane.generation, row);
      return true;
    } catch (error) {
      if (error instanceof WireError) return false;
      throw error;
    }
  }

  #lane(name: string, columns: GroupColumns): Lane {
    const known = this.#lanes.get(name);
    if (known !== undefined && sameColumns(known.columns, columns)) {
      known.columns = columns;
      return known;
    }
    const lane = { group: known?.group ?? this.#lanes.size, generation: (known?.generation ?? 0) + 1, columns };
    this.encoder.schema(lane.group, lane.generation, name, columns.series);
    this.#lanes.set(name, lane);
    return lane;
  }
}
