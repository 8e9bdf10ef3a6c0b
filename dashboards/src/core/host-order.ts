import type { HostPage, HostRow } from '@bellwether/shared/api';

export interface ListedHost {
  row: HostRow;
  /** The newest page did not hold this row (it moved out of the window while the order is frozen): its values are old. */
  stale: boolean;
}

/**
 * The hosts list as the reader sees it: rows by position, in the collector's order, or, while frozen, in the order they had when the reader
 * came. A frozen list goes on taking new values; it counts how many rows would stand elsewhere and waits to be told to re-sort.
 */
export class HostOrder {
  #positions: (ListedHost | undefined)[] = [];
  #indexById = new Map<string, number>();
  #moved = 0;
  total = 0;
  matching = 0;

  /** Rows that would stand elsewhere if the list were sorted now, as far as the newest page tells. */
  get moved(): number {
    return this.#moved;
  }

  at(index: number): ListedHost | undefined {
    return this.#positions[index];
  }

  indexOf(id: string): number {
    return this.#indexById.get(id) ?? -1;
  }

  /** Forgets everything: another filter or sort was chosen. */
  clear(): void {
    this.#positions = [];
    this.#indexById.clear();
    this.#moved = 0;
  }

  /** Takes rows `offset...` of the sorted list. */
  apply(page: HostPage, offset: number, frozen: boolean): void {
    this.total = page.total;
    this.matching = page.matching;
    if (frozen && this.#indexById.size > 0) this.#applyFrozen(page, offset);
    else this.#applySorted(page, offset);
  }

  #applySorted(page: HostPage, offset: number): void {
    this.#moved = 0;
    this.#positions.length = Math.min(this.#positions.length, page.matching);
    for (const [i, row] of page.rows.entries()) this.#positions[offset + i] = { row, stale: false };
    this.#dropDuplicates(offset, offset + page.rows.length);
  }

  /** A row that moved between pages must not be listed twice: positions outside the newest page give way. */
  #dropDuplicates(from: number, to: number): void {
    this.#indexById.clear();
    for (let i = from; i < to; i++) this.#indexById.set(this.#positions[i]!.row.id, i);
    for (const [i, listed] of this.#positions.entries()) {
      if (listed === undefined || (i >= from && i < to)) continue;
      if (this.#indexById.has(listed.row.id)) this.#positions[i] = undefined;
      else this.#indexById.set(listed.row.id, i);
    }
  }

  #applyFrozen(page: HostPage, offset: number): void {
    const fresh = new Set<string>();
    const newcomers: HostRow[] = [];
    let moved = 0;
    for (const [i, row] of page.rows.entries()) {
      fresh.add(row.id);
      const index = this.#indexById.get(row.id);
      if (index === undefined) newcomers.push(row);
      else {
        this.#positions[index] = { row, stale: false };
        if (index !== offset + i) moved++;
      }
    }
    for (let i = offset; i < Math.min(offset + page.rows.length, page.matching); i++) {
      const listed = this.#positions[i];
      if (listed === undefined) {
        const row = newcomers.shift();
        if (row === undefined) continue;
        this.#positions[i] = { row, stale: false };
        this.#indexById.set(row.id, i);
      } else if (!fresh.has(listed.row.id)) {
        this.#positions[i] = { row: listed.row, stale: true };
        moved++;
      }
    }
    this.#moved = moved;
  }
}
