import type { Labels } from '@bellwether/shared';

const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;
const MASK = 0xffffffffffffffffn;

/** The identity of an alert as Prometheus and Alertmanager compute it: FNV-1a 64 over its labels, 16 hex digits. */
export function fingerprintOf(labels: Labels): string {
  let hash = OFFSET;
  for (const text of labels) {
    for (const byte of Buffer.from(text, 'utf8')) hash = ((hash ^ BigInt(byte)) * PRIME) & MASK;
    hash = ((hash ^ 0xffn) * PRIME) & MASK;
  }
  return hash.toString(16).padStart(16, '0');
}
