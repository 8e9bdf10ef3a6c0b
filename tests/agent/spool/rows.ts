import { labelsFrom } from '@bellwether/shared';
import type { GroupColumns, QueuedRow } from '../../../agent/spool/row.ts';

/** `count` gauges named `<name>_0`... */
export function columns(name: string, count = 3): GroupColumns {
  const series = Array.from({ length: count }, (_, i) => ({
    labels: labelsFrom({ __name__: `${name}_${i}`, job: 'node' }),
    type: 'gauge' as const,
    help: `Number ${i}.`,
  }));
  return { name, series };
}

/** A row whose values say which row it is. */
export function row(seq: number, cols: GroupColumns): QueuedRow {
  return {
    seq,
    columns: cols,
    timeMs: 1_700_000_000_000 + seq * 1_000,
    presence: null,
    values: Float64Array.from(cols.series, (_, i) => seq * 10 + i),
  };
}

export function rows(fromSeq: number, toSeq: number, cols: GroupColumns): QueuedRow[] {
  return Array.from({ length: toSeq - fromSeq + 1 }, (_, i) => row(fromSeq + i, cols));
}
