import type { GapView } from '@bellwether/shared/api';
import { formatDuration, type Millis } from '@bellwether/shared/time';
import { formatAge, formatValue, type TimeFormat, type Unit } from './format.ts';
import type { Columns } from './panel-data.ts';
import type { TimeRange } from './range.ts';

export interface ChartTextInput {
  title: string;
  host: string;
  names: readonly string[];
  columns: Columns;
  unit: Unit;
  range: TimeRange;
  gaps: readonly GapView[];
  nowMs: Millis;
  times: TimeFormat;
}

/** What a chart shows, in words: each series' newest value and its highest with the time, and the holes with their reasons. */
export function chartSummary({ title, host, names, columns, unit, range, gaps, nowMs, times }: ChartTextInput): string {
  const span =
    range.kind === 'live'
      ? `last ${formatDuration(range.spanMs)}`
      : `${times.time(range.fromMs, nowMs)} to ${times.time(range.toMs, nowMs)}`;
  const series = columns.slice(1).map((values, i) => {
    const peak = highest(values as (number | null)[]);
    if (peak === -1) return `${names[i]}: no data`;
    const last = (values as (number | null)[]).findLast((value) => value !== null) ?? null;
    return `${names[i]}: newest ${formatValue(last, unit)}, highest ${formatValue(values[peak]!, unit)} at ${times.time(columns[0][peak]!, nowMs)}`;
  });
  const holes = gaps.map(({ fromMs, toMs, reason, backfilled }) => {
    const length = formatAge((toMs ?? nowMs) - fromMs);
    return `gap of ${length} from ${times.time(fromMs, nowMs)}: ${reason}${backfilled ? ', filled in later' : ''}`;
  });
  return `${title}, ${host}, ${span}. ${[...(series.length > 0 ? series : ['No data']), ...holes].join('; ')}.`;
}

function highest(values: readonly (number | null)[]): number {
  let best = -1;
  for (const [i, value] of values.entries()) if (value !== null && (best === -1 || value > values[best]!)) best = i;
  return best;
}

/** The columns as CSV with RFC 3339 times; gaps are empty fields. */
export function chartCsv(names: readonly string[], columns: Columns): string {
  const quote = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = columns[0].map((timeMs, row) =>
    [new Date(timeMs).toISOString(), ...columns.slice(1).map((values) => values[row] ?? '')].join(','),
  );
  return `${['time', ...names.map(quote)].join(',')}\n${rows.join('\n')}\n`;
}

/** Values piled up, for stacked areas: each column plus all before it. A gap in all stays a gap; a gap in one counts as nothing. */
export function stack(columns: Columns): Columns {
  const sums: (number | null)[] = columns[0].map(() => null);
  const piled = columns.slice(1).map((values) =>
    values.map((value, row) => {
      if (value !== null) sums[row] = (sums[row] ?? 0) + value;
      return sums[row]!;
    }),
  );
  return [columns[0], ...piled];
}

/**
 * Takes away what a query shows inside a gap: a gauge is carried on for the lookback of five minutes, which would draw a line where nothing was
 * measured. Gaps that were filled in later hold real readings and stay.
 */
export function withoutGaps(columns: Columns, gaps: readonly GapView[]): Columns {
  const holes = gaps.filter(({ backfilled }) => !backfilled);
  if (holes.length === 0) return columns;
  const [times, ...values] = columns;
  const inHole = times.map((timeMs) => holes.some(({ fromMs, toMs }) => timeMs > fromMs && timeMs < (toMs ?? Number.POSITIVE_INFINITY)));
  return [times, ...values.map((column) => column.map((value, row) => (inHole[row] ? null : value)))];
}
