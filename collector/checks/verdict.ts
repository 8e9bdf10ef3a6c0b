/** From what agents say to a verdict, in words. Pure. */

/** What one agent found. */
export interface Vote {
  readonly host: string;
  readonly up: boolean;
  /** Why not; '' when up. */
  readonly reason: string;
}

/** `none`: nobody has said anything. `suspect`: most of those that run it fail, and others should be asked. */
export type Opinion =
  | { readonly kind: 'none' }
  | { readonly kind: 'up'; readonly note: string }
  | { readonly kind: 'suspect'; readonly reason: string };

export function opinionOf(votes: readonly Vote[]): Opinion {
  if (votes.length === 0) return { kind: 'none' };
  const failing = votes.filter(({ up }) => !up);
  if (failing.length * 2 <= votes.length) return { kind: 'up', note: failing.length === 0 ? '' : dissent(failing, votes.length) };
  return { kind: 'suspect', reason: failureText(failing) };
}

export interface Quorum {
  readonly isDown: boolean;
  /** Who was asked and what they found. */
  readonly text: string;
}

/** The word of all: those that run the check (`own`, most of them failing) and those that were asked. More than half decide. */
export function quorumOf(own: readonly Vote[], asked: readonly Vote[], silent: number): Quorum {
  const all = [...own, ...asked];
  const failing = all.filter(({ up }) => !up).length;
  const isDown = failing * 2 > all.length;
  if (asked.length === 0) {
    const none = silent === 0 ? 'no other agent to ask' : `${silent} other ${silent === 1 ? 'agent' : 'agents'} asked, none answered`;
    return { isDown, text: own.length > 1 ? `${failing} of ${own.length} agents fail` : none };
  }
  const reached = asked.filter(({ up }) => up).map(({ host }) => host);
  const failed = asked.filter(({ up }) => !up).map(({ host }) => host);
  if (reached.length === 0) return { isDown, text: `confirmed by ${names(failed)}` };
  return { isDown, text: `reached from ${names(reached)}${failed.length === 0 ? '' : `, not from ${names(failed)}`}` };
}

function dissent(failing: readonly Vote[], total: number): string {
  return `${failing.length} of ${total} agents fail: ${failureText(failing)} from ${names(failing.map(({ host }) => host))}`;
}

/** The most frequent reason. */
function failureText(failing: readonly Vote[]): string {
  const counts = new Map<string, number>();
  for (const { reason } of failing) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '';
}

const NAMED = 3;

/** `a`, `a and b`, `a, b and c`, `a, b, c and 4 more`. */
function names(hosts: readonly string[]): string {
  if (hosts.length > NAMED + 1) return `${hosts.slice(0, NAMED).join(', ')} and ${hosts.length - NAMED} more`;
  return hosts.length < 2 ? (hosts[0] ?? '') : `${hosts.slice(0, -1).join(', ')} and ${hosts.at(-1)}`;
}
