import type { DevicePort } from '@bellwether/shared/api';
import { NO_VALUE } from './format.ts';
import type { Tone } from './words.ts';

/** A port that is switched off on purpose is no trouble; one that should work and does not is. */
export function portState({ adminUp, operUp }: Pick<DevicePort, 'adminUp' | 'operUp'>): { tone: Tone; word: string } {
  if (adminUp === false) return { tone: 'unknown', word: 'switched off' };
  if (operUp === null) return { tone: 'unknown', word: 'no data' };
  return operUp ? { tone: 'ok', word: 'up' } : { tone: 'critical', word: 'down' };
}

const PREFIXES = ['', 'k', 'M', 'G', 'T'] as const;

/** `940 Mbit/s`, `10 Gbit/s`; – for null. */
export function bitsText(bits: number | null): string {
  if (bits === null || !Number.isFinite(bits)) return NO_VALUE;
  let size = bits;
  let power = 0;
  while (power < PREFIXES.length - 1 && Math.round(size) >= 1_000) {
    size /= 1_000;
    power++;
  }
  const text = size >= 99.95 || Number.isInteger(size) || power === 0 ? size.toFixed(0) : size.toFixed(1);
  return `${text}\u202f${PREFIXES[power]}bit/s`;
}
