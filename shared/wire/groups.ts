import { type ColumnRange, Columns } from './columns.ts';

/** What one side of a connection knows of a registered group. */
export interface WireGroup extends ColumnRange {
  readonly group: number;
  readonly generation: number;
  /** Columns of the last row; null = all. */
  presence: Uint8Array | null;
  /** The group whose row came after this one's the last time. */
  next: number;
}

/** Everything that the messages of one connection are coded against; both sides hold the same. */
export class References {
  readonly groups = new Map<number, WireGroup>();
  readonly columns = new Columns();
  seriesCount = 0;
  seq = 0;
  timeMs = 0;
  /** Last change of timeMs. */
  tickMs = 0;
  lastGroup = -1;

  /** Registers or replaces `group`; without series it is forgotten. */
  register(group: number, generation: number, count: number): void {
    const former = this.groups.get(group);
    this.seriesCount += count - (former?.count ?? 0);
    if (count === 0) this.groups.delete(group);
    else this.groups.set(group, { group, generation, count, offset: -1, view: null, presence: null, next: group });
  }

  /** The group a row is taken to belong to unless it says otherwise. */
  get expectedGroup(): number {
    return this.groups.get(this.lastGroup)?.next ?? 0;
  }

  /** Notes that a row of `group` was coded. */
  follow(group: WireGroup, seq: number, timeMs: number): void {
    const former = this.groups.get(this.lastGroup);
    if (former !== undefined) former.next = group.group;
    this.lastGroup = group.group;
    this.seq = seq;
    if (timeMs !== this.timeMs) {
      this.tickMs = timeMs - this.timeMs;
      this.timeMs = timeMs;
    }
  }

  /** Makes sure the group's columns exist. */
  place(group: WireGroup): void {
    if (group.offset < 0) this.columns.place(group, this.groups.values());
  }
}
