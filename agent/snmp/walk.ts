/** Walks a table by GETBULK, column after column, and trusts nothing: every step must go forward, and everything is bounded. */
import { SnmpFailure, type SnmpSession, TYPE, type Varbind } from './session.ts';

export interface TableRequest {
  /** OID of the table's entry, without columns. */
  readonly entry: string;
  /** The wanted columns, ascending. */
  readonly columns: readonly number[];
}

/** What was read, also when it ended early. */
export interface TableRead {
  /** By index (the arcs after the column); a row's cells stand in the order of the request's columns. */
  readonly rows: ReadonlyMap<string, readonly (Varbind | undefined)[]>;
  /** Why the rest is missing, in words; '' when the table was read to its end. */
  readonly problem: string;
  readonly requests: number;
  readonly varbinds: number;
}

/** How much is asked for at once; what a device cannot bear is remembered for its next table. */
export interface BulkSize {
  repetitions: number;
}

/** One answer of an Ethernet packet or a little more holds about this many objects. */
export const DEFAULT_REPETITIONS = 50;
export const MAX_ROWS = 4_096;

/** `turn` is awaited before each request. Rejects with SnmpFailure only when nothing was read and the session is of no further use. */
export async function walkTable(
  session: SnmpSession,
  request: TableRequest,
  size: BulkSize,
  turn: () => Promise<void>,
  maxRows = MAX_ROWS,
): Promise<TableRead> {
  const walk = new Walk(request, maxRows);
  /** What was asked for before silence made it less; undefined when no smaller question is open. */
  let former: number | undefined;
  let hasAskedLess = false;
  while (walk.cursor !== undefined) {
    await turn();
    try {
      walk.requests++;
      walk.take(await session.getBulk(walk.cursor, size.repetitions));
      former = undefined;
    } catch (error) {
      if (!(error instanceof SnmpFailure)) throw error;
      if (error.kind === 'too-big' && size.repetitions > 1) {
        size.repetitions >>= 1;
      } else if (error.kind === 'silent' && size.repetitions > 1 && !hasAskedLess) {
        // Some devices, and networks, drop what has to be sent in fragments. If a smaller question is answered, that is what it was.
        hasAskedLess = true;
        former = size.repetitions;
        size.repetitions = Math.max(1, size.repetitions >> 2);
      } else {
        size.repetitions = former ?? size.repetitions;
        if (walk.varbinds === 0 && error.kind !== 'too-big' && error.kind !== 'error') throw error;
        walk.end(error.message);
      }
    }
  }
  return walk;
}

class Walk implements TableRead {
  readonly rows = new Map<string, (Varbind | undefined)[]>();
  problem = '';
  requests = 0;
  varbinds = 0;
  /** What the next request asks to go on from; undefined when there is no next one. */
  cursor: string | undefined;
  readonly #prefix: string;
  readonly #columns: readonly number[];
  readonly #maxRows: number;
  /** Position in `#columns` of the column being read. */
  #position = 0;
  #rowsInColumn = 0;

  constructor({ entry, columns }: TableRequest, maxRows: number) {
    this.#prefix = `${entry}.`;
    this.#columns = columns;
    this.#maxRows = maxRows;
    this.cursor = `${entry}.${columns[0]}`;
  }

  end(problem = ''): void {
    this.problem = problem;
    this.cursor = undefined;
  }

  take(varbinds: readonly Varbind[]): void {
    if (varbinds.length === 0) return this.end(`the device answers with nothing after ${this.cursor}`);
    for (const varbind of varbinds) {
      this.varbinds++;
      const { oid, type } = varbind;
      if (type === TYPE.endOfMibView || type === TYPE.noSuchObject || type === TYPE.noSuchInstance) return this.end();
      if (compareOids(oid, this.cursor!) <= 0) return this.end(`the device goes round in circles at ${oid}`);
      this.cursor = oid;
      if (!oid.startsWith(this.#prefix)) return this.end();
      const dot = oid.indexOf('.', this.#prefix.length);
      if (dot < 0) continue;
      if (!this.#seek(Number(oid.slice(this.#prefix.length, dot)))) return;
      const column = Number(oid.slice(this.#prefix.length, dot));
      if (column !== this.#columns[this.#position]) continue;
      if (++this.#rowsInColumn > this.#maxRows) return this.end(`more than ${this.#maxRows} rows`);
      this.#keep(oid.slice(dot + 1), varbind);
    }
    this.#skip();
  }

  /** Moves to `column` or the wanted one after it; false when there is none. */
  #seek(column: number): boolean {
    while (this.#columns[this.#position]! < column) {
      this.#position++;
      this.#rowsInColumn = 0;
      if (this.#position === this.#columns.length) {
        this.end();
        return false;
      }
    }
    return true;
  }

  #keep(index: string, varbind: Varbind): void {
    let row = this.rows.get(index);
    if (row === undefined) {
      row = new Array(this.#columns.length).fill(undefined);
      this.rows.set(index, row);
    }
    row[this.#position] = varbind;
  }

  /** Leaves out the unwanted columns between here and the next wanted one. */
  #skip(): void {
    const next = `${this.#prefix}${this.#columns[this.#position]}`;
    if (this.cursor !== undefined && compareOids(this.cursor, next) < 0) this.cursor = next;
  }
}

/** Order of OIDs as a device lists them: arc by arc, a shorter one before what continues it. */
export function compareOids(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  let i = 0;
  while (i < shared && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  if (i === a.length || i === b.length) {
    // One is the other's beginning; the longer one goes on with further arcs or further digits: later either way.
    return a.length - b.length;
  }
  const arcA = arcAround(a, i);
  const arcB = arcAround(b, i);
  return arcA === arcB ? a.length - b.length : arcA - arcB;
}

/** The arc that holds or ends at character `i`. */
function arcAround(oid: string, i: number): number {
  const start = oid.lastIndexOf('.', i - 1) + 1;
  const end = oid.indexOf('.', i);
  return Number(oid.slice(start, end < 0 ? oid.length : end));
}
