/** The verdict on a host whose agent is gone: what may be said, and on what evidence. Pure. */
import type { Verdict } from './spans.ts';

/** What somebody who tried to reach the host saw. */
export interface Answer {
  /** Who tried: `the collector`, or the name of a host with an agent. */
  readonly from: string;
  /** It accepted or refused a connection: something is switched on and reachable at that address. */
  readonly answered: boolean;
  /** In words: `port 22 refused`, `port 22: no answer in 2 s`. */
  readonly detail: string;
}

/**
 * DOWN needs evidence: last words that say so, or silence towards the collector and towards at least one other agent. Silence towards the
 * collector alone may as well be the way in between: UNKNOWN. Whoever answers is up. `absence` is the reason of the departure.
 */
export function hostVerdict(absence: string, answers: readonly Answer[]): { verdict: Verdict; reason: string } {
  const heard = answers.find(({ answered }) => answered);
  if (heard !== undefined) return { verdict: 'up', reason: `${absence}; the host answers (${heard.detail}${by(heard)})` };
  if (absence === 'host shutting down') return { verdict: 'down', reason: absence };
  if (answers.length === 0) return { verdict: 'unknown', reason: absence };
  const others = answers.filter(({ from }) => from !== COLLECTOR).map(({ from }) => from);
  if (others.length > 0 && others.length < answers.length) {
    return { verdict: 'down', reason: `${absence}; no answer to the collector nor to ${others.join(', ')}` };
  }
  return {
    verdict: 'unknown',
    reason: `${absence}; unreachable from ${others.length > 0 ? others.join(', ') : 'here'} (${answers[0]!.detail})`,
  };
}

export const COLLECTOR = 'the collector';

function by({ from }: Answer): string {
  return from === COLLECTOR ? '' : `, asked by ${from}`;
}
