import type { Labels } from '@bellwether/shared';

const ASCII = /^[\x00-\x7f]*$/;

/** The identity of an alert as Prometheus and Alertmanager compute it: FNV-1a 64 over its labels, 16 hex digits. */
export function fingerprintOf(labels: Labels): string {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  const add = (byte: number): void => {
    // times 2^40 + 0x1b3, in two halves of 32 bits
    const mixed = (low ^ byte) >>> 0;
    const product = mixed * 0x1b3;
    high = (Math.imul(high, 0x1b3) + Math.floor(product / 2 ** 32) + (mixed << 8)) >>> 0;
    low = product >>> 0;
  };
  for (const text of labels) {
    if (ASCII.test(text)) for (let i = 0; i < text.length; i++) add(text.charCodeAt(i));
    else for (const byte of Buffer.from(text, 'utf8')) add(byte);
    add(0xff);
  }
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}
