/** Milliseconds since the Unix epoch, UTC; an integer except where a caller says otherwise. */
export type Millis = number;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};
const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;
const DURATION_UNITS = ['y', 'w', 'd', 'h', 'm', 's', 'ms'] as const;

/** A Prometheus duration (`5m`, `1h30m`, `1500ms`; units y w d h m s ms, each once, descending) in ms; undefined if it is not one. */
export function parseDuration(text: string): Millis | undefined {
  if (text === '0') return 0;
  const match = DURATION.exec(text);
  if (text === '' || match === null) return undefined;
  let total = 0;
  for (const [i, unit] of DURATION_UNITS.entries()) total += Number(match[i + 1] ?? 0) * UNIT_MS[unit]!;
  return Number.isSafeInteger(total) ? total : undefined;
}

/** The shortest Prometheus spelling of a duration: `5m`, `1h30m`, `-5s`, `0s`. */
export function formatDuration(ms: Millis): string {
  if (ms === 0) return '0s';
  let rest = Math.abs(Math.round(ms));
  let text = ms < 0 ? '-' : '';
  for (const unit of DURATION_UNITS) {
    const size = UNIT_MS[unit]!;
    // Weeks and years only when they say the whole duration, as Prometheus prints them.
    if ((unit === 'y' || unit === 'w') && rest % size !== 0) continue;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}
