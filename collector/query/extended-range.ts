/** rate and its kin over `anchored` and `smoothed` ranges: no extrapolation, the borders are sampled or interpolated instead. */
import type { Kernel, Window } from './window-functions.ts';

export const ANCHORED: ReadonlySet<string> = new Set(['changes', 'delta', 'increase', 'rate', 'resets']);
export const SMOOTHED: ReadonlySet<string> = new Set(['delta', 'increase', 'rate']);

/** The kernel of function `name`; its windows reach back (and, smoothed, ahead) by the lookback, `startMs` and `endMs` are the range's own. */
export function extendedKernel(name: string, smoothed: boolean, rangeMs: number): Kernel {
  if (name === 'changes')
    return (window) => countBetween(window, (now, before) => now !== before && !(Number.isNaN(now) && Number.isNaN(before)));
  if (name === 'resets') return (window) => countBetween(window, (now, before) => now < before);
  const isCounter = name !== 'delta';
  return (window) => {
    const difference = differenceOver(window, smoothed, isCounter);
    return name === 'rate' ? difference / (rangeMs / 1000) : difference;
  };
}

/** The sample to start from: the last one at or before the range's start, else the first inside. */
function firstIndex({ times, lo, hi, startMs }: Window): number {
  let first = lo;
  while (first + 1 < hi && times[first + 1]! <= startMs) first++;
  return first;
}

function countBetween(window: Window, counts: (now: number, before: number) => boolean): number {
  const { times, values, hi, startMs } = window;
  if (times[hi - 1]! <= startMs) {
    window.absent = true;
    return 0;
  }
  let count = 0;
  for (let i = firstIndex(window) + 1; i < hi; i++) if (counts(values[i]!, values[i - 1]!)) count++;
  return count;
}

function differenceOver(window: Window, smoothed: boolean, isCounter: boolean): number {
  const { times, values, hi, startMs, endMs } = window;
  const first = firstIndex(window);
  let last = hi - 1;
  if (smoothed) {
    last = first;
    while (last < hi - 1 && times[last]! < endMs) last++;
  }
  if (times[last]! <= startMs || times[first]! > endMs) {
    window.absent = true;
    return 0;
  }
  const left = smoothed && times[first]! < startMs ? interpolate(window, first, startMs, isCounter, 'left') : values[first]!;
  const right =
    smoothed && last > window.lo && times[last]! > endMs ? interpolate(window, last - 1, endMs, isCounter, 'right') : values[last]!;
  let difference = right - left;
  if (!isCounter) return difference;
  let before = left;
  for (let i = first + 1; i < last; i++) {
    if (values[i]! < before) difference += before;
    before = values[i]!;
  }
  return right < before ? difference + before : difference;
}

/** The value at `timeMs` on the line from sample `index` to the next; a counter that was reset between them starts again from zero. */
function interpolate({ times, values }: Window, index: number, timeMs: number, isCounter: boolean, edge: 'left' | 'right'): number {
  let from = values[index]!;
  let to = values[index + 1]!;
  if (isCounter && to < from) {
    if (edge === 'left') from = 0;
    else to += from;
  }
  return from + ((to - from) * (timeMs - times[index]!)) / (times[index + 1]! - times[index]!);
}
