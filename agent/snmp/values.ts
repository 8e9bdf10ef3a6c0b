/** What a device sends, as numbers and text. */
import { TYPE, type Varbind } from './session.ts';

/** Labels of the wire are shorter; nobody reads a name that long. */
const MAX_TEXT = 1_024;

/** undefined when it is no number. Counter64 is taken modulo 2^53, as snmp_exporter does: exact, and its wrap is one that `rate` understands. */
export function numberOf(varbind: Varbind | undefined): number | undefined {
  if (varbind === undefined) return undefined;
  const { type, value } = varbind;
  switch (type) {
    case TYPE.integer:
      return typeof value === 'number' ? value : undefined;
    case TYPE.counter32:
    case TYPE.gauge32:
    case TYPE.timeTicks:
      // Some devices send them signed.
      return typeof value === 'number' ? (value < 0 ? value + 2 ** 32 : value) : undefined;
    case TYPE.counter64:
      return Buffer.isBuffer(value) ? counter64(value) : undefined;
    default:
      return undefined;
  }
}

function counter64(bytes: Buffer): number | undefined {
  if (bytes.length === 0 || bytes.length > 9) return undefined;
  let high = 0;
  let low = 0;
  for (const byte of bytes) {
    high = ((high << 8) | (low >>> 24)) & 0x1fffff;
    low = ((low << 8) | byte) >>> 0;
  }
  return high * 2 ** 32 + low;
}

/** Octets and OIDs as text, without NULs; undefined for anything else. */
export function textOf(varbind: Varbind | undefined): string | undefined {
  if (varbind === undefined) return undefined;
  const { type, value } = varbind;
  if (type === TYPE.oid && typeof value === 'string') return value;
  if (type !== TYPE.octets || !Buffer.isBuffer(value)) return undefined;
  return value.toString('utf8').replaceAll('\0', '').slice(0, MAX_TEXT);
}

/** `00:1A:2B:3C:4D:5E`, six bytes as snmp_exporter shows them; '' when there is none. */
export function physicalAddress(varbind: Varbind | undefined): string {
  const value = varbind?.value;
  if (!Buffer.isBuffer(value) || value.length === 0) return '';
  return Array.from({ length: 6 }, (_, i) => (value[i] ?? 0).toString(16).toUpperCase().padStart(2, '0')).join(':');
}
