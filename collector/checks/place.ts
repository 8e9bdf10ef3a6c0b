/** Which agents run which check: a pure choice that changes as little as it can. */
import type { AgentChoice } from './check.ts';

export interface Candidate {
  readonly agentId: string;
  readonly hostname: string;
  /** What it said it can do: `checks`, `icmp`. */
  readonly capabilities: readonly string[];
  /** Connected, or gone for a moment only. */
  readonly isAvailable: boolean;
}

/** Whether a check of `probe` may be given to `candidate` by its choice of agents. */
export function mayRun({ hosts }: AgentChoice, probe: string, { hostname, capabilities }: Candidate): boolean {
  if (!capabilities.includes('checks') || (probe === 'icmp' && !capabilities.includes('icmp'))) return false;
  return hosts.some((pattern) => pattern === '*' || matches(pattern, hostname));
}

/** Pieces between the `*` of a pattern, each found behind the one before: linear, unlike a regular expression. */
function matches(pattern: string, hostname: string): boolean {
  const pieces = pattern.split('*');
  if (pieces.length === 1) return pattern === hostname;
  const first = pieces.shift()!;
  const last = pieces.pop()!;
  if (hostname.length < first.length + last.length || !hostname.startsWith(first) || !hostname.endsWith(last)) return false;
  const end = hostname.length - last.length;
  let at = first.length;
  for (const piece of pieces) {
    const found = hostname.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}

/**
 * Ids of the agents that run a check from now on. Those of `before` stay while they may and are available; others are chosen by a hash of
 * check and agent, which spreads checks evenly and gives every start of the collector the same answer.
 */
export function place(
  check: { readonly id: string; readonly probe: string; readonly agents: AgentChoice },
  candidates: ReadonlyMap<string, Candidate>,
  before: readonly string[],
): string[] {
  const { agents, probe } = check;
  const fits = (candidate: Candidate | undefined): candidate is Candidate =>
    candidate?.isAvailable === true && mayRun(agents, probe, candidate);
  if (agents.count === 'all') return [...candidates.values()].filter(fits).map(({ agentId }) => agentId);
  const stay = before.filter((agentId) => fits(candidates.get(agentId))).slice(0, agents.count);
  if (stay.length === agents.count) return stay;
  const others = [...candidates.values()].filter((candidate) => fits(candidate) && !stay.includes(candidate.agentId));
  return [...stay, ...byRank(check.id, others).slice(0, agents.count - stay.length)];
}

/** Ids in an order that is random but always the same for one check. */
export function byRank(checkId: string, candidates: readonly Candidate[]): string[] {
  return candidates
    .map(({ agentId }) => ({ agentId, rank: rank(`${checkId}/${agentId}`) }))
    .sort((a, b) => a.rank - b.rank || (a.agentId < b.agentId ? -1 : 1))
    .map(({ agentId }) => agentId);
}

/** FNV-1a with a last stir: without it ids that differ in their last letter alone keep their order. */
function rank(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
