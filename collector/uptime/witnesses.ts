/** Other agents that can tell whether a host answers: those near it that reached it while it was up. */
import { type Clock, errorMessage, type Log, type Stoppable } from '@bellwether/shared';
import type { Answer } from './host-verdict.ts';

/** After a host connected; it has come to rest by then. */
const LEARN_AFTER_MS = 10_000;
/** Agents asked about one host, and how many are tried to find them. */
const PER_HOST = 2;
const TRIED = 4;
/** Hosts that wait to be learned about; beyond it they have no witnesses until they connect again. */
const MAX_WAITING = 20_000;

export interface WitnessesOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Has an agent try the address once; undefined when it is not connected or does not say. */
  readonly probe: (agentId: string, address: string) => Promise<Pick<Answer, 'answered' | 'detail'> | undefined>;
}

export interface Witnesses extends Stoppable {
  /** The host's agent is connected from `address`: it may be a witness itself, and who can see it is found out. */
  learn(hostId: string, name: string, address: string): void;
  /** What those say now who saw it up before. Silence of anybody else would mean nothing. */
  ask(hostId: string, address: string): Promise<Answer[]>;
}

interface Known {
  readonly name: string;
  readonly address: string;
  /** Agents that reached it while it was up. */
  seenBy: readonly string[];
}

export function createWitnesses({ clock, log, probe }: WitnessesOptions): Witnesses {
  const known = new Map<string, Known>();
  /** Agents by the net they connect from. */
  const byNet = new Map<string, Set<string>>();
  const cancels = new Map<string, () => void>();
  let learning: Promise<void> = Promise.resolve();
  let stopped = false;

  function register(hostId: string, name: string, address: string): void {
    const before = known.get(hostId);
    if (before !== undefined) byNet.get(netOf(before.address) ?? '')?.delete(hostId);
    known.set(hostId, { name, address, seenBy: before?.address === address ? before.seenBy : [] });
    const net = netOf(address);
    if (net === undefined) return;
    const others = byNet.get(net) ?? new Set();
    byNet.set(net, others.add(hostId));
  }

  async function learnNow(hostId: string): Promise<void> {
    const host = known.get(hostId)!;
    const near = [...(byNet.get(netOf(host.address) ?? '') ?? [])].filter(
      (other) => other !== hostId && known.get(other)!.address !== host.address,
    );
    const seenBy: string[] = [];
    for (const agentId of near.slice(0, TRIED)) {
      if (stopped || seenBy.length === PER_HOST) break;
      if ((await probe(agentId, host.address))?.answered === true) seenBy.push(agentId);
    }
    host.seenBy = seenBy;
  }

  return {
    learn(hostId, name, address) {
      register(hostId, name, address);
      cancels.get(hostId)?.();
      cancels.delete(hostId);
      if (stopped || netOf(address) === undefined || cancels.size >= MAX_WAITING) return;
      const cancel = clock.after(LEARN_AFTER_MS, () => {
        cancels.delete(hostId);
        // One after the other: this is never urgent.
        learning = learning
          .then(() => (stopped ? undefined : learnNow(hostId)))
          .catch((error: unknown) => log.warn({ host: name, error: errorMessage(error) }, 'witnesses not found'));
      });
      cancels.set(hostId, cancel);
    },
    async ask(hostId, address) {
      const host = known.get(hostId);
      if (host === undefined || host.address !== address) return [];
      const answers = await Promise.all(
        host.seenBy.map(async (agentId): Promise<Answer | undefined> => {
          const said = await probe(agentId, address);
          return said === undefined ? undefined : { from: known.get(agentId)!.name, ...said };
        }),
      );
      return answers.filter((answer) => answer !== undefined);
    },
    async stop() {
      stopped = true;
      for (const cancel of cancels.values()) cancel();
      cancels.clear();
      await learning;
    },
  };
}

/** The IPv4 /24 or IPv6 /64 of an address as far as its text tells: hosts in one of them are most likely on one wire. */
export function netOf(address: string): string | undefined {
  if (address === '' || address.startsWith('127.') || address === '::1') return undefined;
  if (!address.includes(':')) return address.split('.').slice(0, 3).join('.');
  const groups = address.split(':').slice(0, 4);
  return groups.length === 4 && !groups.includes('') ? groups.join(':') : undefined;
}
