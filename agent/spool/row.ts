import type { GroupRow, SeriesMeta } from '@bellwether/shared';

/** The columns of a SeriesGroup at one time. Rows with the same columns share one object, so comparing objects is the fast path. */
export interface GroupColumns {
  readonly name: string;
  readonly series: readonly SeriesMeta[];
}

/** One reading that has its place in the agent's sequence. The arrays belong to the row. */
export interface QueuedRow extends GroupRow {
  readonly seq: number;
  readonly columns: GroupColumns;
}

/** Sequence numbers `fromSeq..toSeq` that hold `samples` samples nobody will see. */
export interface DroppedRange {
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly samples: number;
}

export function sampleCount(row: GroupRow): number {
  if (row.presence === null) return row.values.length;
  let count = 0;
  for (let byte of row.presence) for (; byte !== 0; byte &= byte - 1) count++;
  return count;
}

/** Bytes a row holds in memory, objects included (measured on Node 20: about 200 besides the data). */
export function rowBytes(row: GroupRow): number {
  return row.values.byteLength + (row.presence?.byteLength ?? 0) + 200;
}

/** Whether two column lists are the same series in the same order with the same metadata. */
export function sameColumns(a: GroupColumns, b: GroupColumns): boolean {
  if (a === b || a.series === b.series) return true;
  if (a.series.length !== b.series.length) return false;
  return a.series.every((left, i) => {
    const right = b.series[i]!;
    return (
      left.type === right.type &&
      left.help === right.help &&
      left.labels.length === right.labels.length &&
      left.labels.every((text, k) => text === right.labels[k])
    );
  });
}
