/** Who is in the demo's fleet and what each host does. Pure: the same seed gives the same fleet. */
import type { Ailment } from './host-model.ts';
import { noise } from './signal.ts';

export type Behaviour =
  | 'steady'
  /** Enrolled, never heard of. */
  | 'never'
  /** Vanishes without a goodbye after a while and stays away. */
  | 'dies'
  /** Goes away now and then and back-fills what was missed. */
  | 'gaps'
  /** A second machine presents its identity again and again. */
  | 'cloned'
  /** Sends late, with a clock that is wrong. */
  | 'slow';

export interface PlannedHost {
  readonly index: number;
  readonly name: string;
  readonly behaviour: Behaviour;
  readonly ailment: Ailment;
}

const SITES = ['fra1', 'nyc2', 'sgp1'];
const ROLES = ['web', 'web', 'web', 'api', 'db', 'cache', 'queue', 'edge'];

/** Special parts in the order they are cast; a small fleet gets the first of them only. */
const CAST: readonly { readonly behaviour?: Behaviour; readonly ailment?: Ailment; readonly count: number }[] = [
  { ailment: 'disk-full', count: 1 },
  { behaviour: 'dies', count: 1 },
  { ailment: 'recovers', count: 1 },
  { ailment: 'busy', count: 1 },
  { behaviour: 'cloned', count: 1 },
  { behaviour: 'slow', count: 1 },
  { behaviour: 'gaps', count: 2 },
  { behaviour: 'never', count: 3 },
  { ailment: 'memory-tight', count: 5 },
];

export function planFleet(hosts: number, seed: number): PlannedHost[] {
  const counts = new Map<string, number>();
  const names = Array.from({ length: hosts }, (_, index) => {
    const prefix = `${ROLES[Math.floor(noise(seed, 1, index) * ROLES.length)]}-${SITES[Math.floor(noise(seed, 2, index) * SITES.length)]}`;
    const number = (counts.get(prefix) ?? 0) + 1;
    counts.set(prefix, number);
    return `${prefix}-${String(number).padStart(3, '0')}`;
  });
  // A seeded shuffle decides who gets a special part.
  const order = names.map((_, index) => index).sort((a, b) => noise(seed, 3, a) - noise(seed, 3, b));
  const parts = new Map<number, { behaviour: Behaviour; ailment: Ailment }>();
  for (const { behaviour = 'steady', ailment = 'none', count } of CAST) {
    for (let i = 0; i < count && parts.size < hosts; i++) parts.set(order[parts.size]!, { behaviour, ailment });
  }
  return names.map((name, index) => ({ index, name, behaviour: 'steady', ailment: 'none', ...parts.get(index) }));
}
