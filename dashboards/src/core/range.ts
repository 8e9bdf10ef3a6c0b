import { formatDuration, type Millis, parseDuration } from '@bellwether/shared/time';

/** The time a page shows. A live range ends now and moves; a fixed one is absolute. */
export type TimeRange = { kind: 'live'; spanMs: Millis } | { kind: 'fixed'; fromMs: Millis; toMs: Millis };

export const PRESETS: readonly { text: string; spanMs: Millis }[] = ['15m', '1h', '6h', '24h'].map((text) => ({
  text,
  spanMs: parseDuration(text)!,
}));
export const DEFAULT_RANGE: TimeRange = { kind: 'live', spanMs: 15 * 60_000 };

const MIN_SPAN_MS = 10_000;
const MAX_SPAN_MS = 400 * 86_400_000;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400] as const;
/** Points a chart is asked for: about one for each pixel or two of the widest chart. */
const TARGET_POINTS = 480;

/** Reads `from=now-1h&to=now` or `from=<ms>&to=<ms>`; anything else is the default range. */
export function rangeFromParams(params: URLSearchParams): TimeRange {
  const from = params.get('from');
  const to = params.get('to');
  if (from === null) return DEFAULT_RANGE;
  if (from.startsWith('now-') && (to === null || to === 'now')) {
    const spanMs = parseDuration(from.slice(4));
    return spanMs !== undefined && spanMs >= MIN_SPAN_MS && spanMs <= MAX_SPAN_MS ? { kind: 'live', spanMs } : DEFAULT_RANGE;
  }
  const [fromMs, toMs] = [Number(from), Number(to)];
  return to !== null && Number.isFinite(fromMs) && toMs - fromMs >= 1 ? fixedRange(fromMs, toMs) : DEFAULT_RANGE;
}

export function rangeToParams(range: TimeRange): Record<string, string> {
  if (range.kind === 'live') return { from: `now-${formatDuration(range.spanMs)}`, to: 'now' };
  return { from: String(range.fromMs), to: String(range.toMs) };
}

/** An absolute range of at least ten seconds, so that a slip of the mouse does not zoom into nothing. */
export function fixedRange(fromMs: Millis, toMs: Millis): TimeRange {
  const spanMs = Math.min(MAX_SPAN_MS, Math.max(MIN_SPAN_MS, toMs - fromMs));
  const middle = (fromMs + toMs) / 2;
  return { kind: 'fixed', fromMs: Math.round(middle - spanMs / 2), toMs: Math.round(middle + spanMs / 2) };
}

export function bounds(range: TimeRange, nowMs: Millis): { fromMs: Millis; toMs: Millis } {
  return range.kind === 'live' ? { fromMs: nowMs - range.spanMs, toMs: nowMs } : { fromMs: range.fromMs, toMs: range.toMs };
}

/** Moves a range by half its span; `direction` is -1 (earlier) or 1 (later). */
export function shifted(range: TimeRange, direction: -1 | 1, nowMs: Millis): TimeRange {
  const { fromMs, toMs } = bounds(range, nowMs);
  const moveMs = (direction * (toMs - fromMs)) / 2;
  if (toMs + moveMs >= nowMs) return { kind: 'live', spanMs: toMs - fromMs };
  return fixedRange(fromMs + moveMs, toMs + moveMs);
}

/** The step a range is asked for, ms: the smallest round one that gives no more points than a chart can show. */
export function stepFor(spanMs: Millis): Millis {
  const wanted = spanMs / TARGET_POINTS / 1000;
  return 1000 * (STEPS_S.find((step) => step >= wanted) ?? STEPS_S.at(-1)!);
}

/** Whether a line drawn up to `drawnMs` would look different if it were drawn up to `newestMs`: it moved by a pixel or more. */
export function movedPixel(drawnMs: Millis, newestMs: Millis, spanMs: Millis, widthPx: number): boolean {
  if (Number.isNaN(newestMs)) return false;
  return Number.isNaN(drawnMs) || Math.abs(newestMs - drawnMs) * widthPx >= spanMs;
}
