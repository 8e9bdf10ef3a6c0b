import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { PreferredIpProtocol } from '@bellwether/shared/assignments';
import { fnv1a } from './fnv.ts';
import { ProbeFailure } from './reason.ts';

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** All addresses of a name in the system's order; rejects like dns.lookup. */
export type Lookup = (host: string) => Promise<Address[]>;

export interface AddressChoice {
  readonly preferred_ip_protocol?: PreferredIpProtocol;
  readonly ip_protocol_fallback?: boolean;
}

/**
 * Names to addresses. Nothing is kept: a probe shall see what clients see. But a name is asked for once at a time, however many checks use it:
 * the system's lookup holds a thread until it gives up, which a dead DNS server makes long.
 */
export class Resolver {
  readonly #lookup: Lookup;
  readonly #running = new Map<string, Promise<Address[]>>();

  constructor(lookup: Lookup = lookupAll) {
    this.#lookup = lookup;
  }

  /** The address to probe. Rejects with ProbeFailure when there is none of the wanted protocol, else like dns.lookup. */
  async resolve(host: string, choice: AddressChoice = {}): Promise<Address> {
    const family = isIP(host);
    if (family !== 0) return { address: host, family: family === 6 ? 6 : 4 };
    const found = await this.#shared(host);
    const { preferred_ip_protocol: preferred = 'system', ip_protocol_fallback: fallback = true } = choice;
    const wanted = preferred === 'ip4' ? 4 : preferred === 'ip6' ? 6 : undefined;
    const best = wanted === undefined ? found[0] : found.find((one) => one.family === wanted);
    const address = best ?? (fallback ? found[0] : undefined);
    if (address === undefined) throw new ProbeFailure(`name has no IPv${wanted ?? 4} address`);
    return address;
  }

  #shared(host: string): Promise<Address[]> {
    const running = this.#running.get(host);
    if (running !== undefined) return running;
    const started = this.#lookup(host).finally(() => this.#running.delete(host));
    this.#running.set(host, started);
    return started;
  }
}

async function lookupAll(host: string): Promise<Address[]> {
  const found = await systemLookup(host, { all: true, verbatim: true });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
}

/** FNV-1a over the address' bytes, as blackbox_exporter hashes it. */
export function addressHash({ address, family }: Address): number {
  return fnv1a(family === 4 ? bytesOf4(address) : bytesOf6(address));
}

function bytesOf4(address: string): number[] {
  return address.split('.').map(Number);
}

/** An IPv4 address inside an IPv6 one counts as IPv4. */
function bytesOf6(address: string): number[] {
  let text = address.split('%')[0]!;
  const tail = /(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  if (tail !== undefined) {
    const [a, b, c, d] = bytesOf4(tail) as [number, number, number, number];
    text = `${text.slice(0, -tail.length)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  }
  const [head = '', rest] = text.split('::') as [string, string?];
  const words = (part: string): number[] => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  const front = words(head);
  const back = rest === undefined ? [] : words(rest);
  const all = [...front, ...new Array<number>(Math.max(0, 8 - front.length - back.length)).fill(0), ...back];
  const bytes = all.flatMap((word) => [word >> 8, word & 0xff]);
  const isMapped = all.slice(0, 5).every((word) => word === 0) && all[5] === 0xffff;
  return isMapped ? bytes.slice(12) : bytes;
}
