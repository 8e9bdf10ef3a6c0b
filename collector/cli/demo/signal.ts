/** Deterministic signals of the demo's hosts: everything is a pure function of (seed, time), so any moment can be computed without its past. */
import type { Millis } from '@bellwether/shared';

/** A number in [0, 1) that depends on all arguments and looks random. */
export function noise(seed: number, key: number, bucket: number): number {
  let hash = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(key + 0x7f4a7c15, 0xc2b2ae35) ^ Math.imul(bucket | 0, 0x27d4eb2f);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
}

/** Periods of a day's load: the day itself, a batch job's quarter of an hour, and bursts. Amplitudes add up to less than 1. */
const WAVES: readonly { readonly periodS: number; readonly amplitude: number }[] = [
  { periodS: 86_400, amplitude: 0.45 },
  { periodS: 940, amplitude: 0.25 },
  { periodS: 97, amplitude: 0.2 },
];

/** A level around `mean` (0.1 to 1.9 times it) with the phases of `seed`. */
export function level(seed: number, key: number, mean: number, timeMs: Millis): number {
  const t = timeMs / 1_000;
  let factor = 1;
  for (const [i, { periodS, amplitude }] of WAVES.entries())
    factor += amplitude * Math.sin((2 * Math.PI * t) / periodS + phase(seed, key, i));
  return mean * factor;
}

/** The integral of `level` since `sinceMs`, in units of `mean` times seconds: a counter that never falls and whose rate is that level. */
export function counter(seed: number, key: number, mean: number, sinceMs: Millis, timeMs: Millis): number {
  const from = sinceMs / 1_000;
  const to = timeMs / 1_000;
  let total = to - from;
  for (const [i, { periodS, amplitude }] of WAVES.entries()) {
    const w = (2 * Math.PI) / periodS;
    const shift = phase(seed, key, i);
    total += (amplitude / w) * (Math.cos(w * from + shift) - Math.cos(w * to + shift));
  }
  return mean * total;
}

function phase(seed: number, key: number, wave: number): number {
  return 2 * Math.PI * noise(seed, key, wave);
}
