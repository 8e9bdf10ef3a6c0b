/** Whether an AlertGroup has something to tell a channel now. Pure; Alertmanager's rules of deduplication and repetition. */
import type { Millis } from '@bellwether/shared';
import { formatDuration } from '@bellwether/shared';
import type { LastNotification } from './alert.ts';

export interface GroupContent {
  /** Fingerprints. */
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  /** Firing ones that somebody has taken. */
  readonly acknowledged: ReadonlySet<string>;
}
export interface ChannelTiming {
  readonly repeatIntervalMs: Millis;
  readonly sendResolved: boolean;
}
export interface Decision {
  readonly send: boolean;
  /** A sentence for the trace. */
  readonly reason: string;
  /** What the channel was told is over without another word, so that the next firing is news. */
  readonly forget?: true;
}

const send = (reason: string): Decision => ({ send: true, reason });
const hold = (reason: string): Decision => ({ send: false, reason });

export function decide(content: GroupContent, last: LastNotification | undefined, timing: ChannelTiming, now: Millis): Decision {
  const { firing, resolved, acknowledged } = content;
  if (last === undefined || last.firing.length === 0) {
    if (firing.length > 0) return send('the group fires and nobody was told yet');
    const wasTold = last !== undefined && resolved.every((one) => last.resolved.includes(one));
    return hold(wasTold ? 'the end was told already' : 'it ended before anybody was told');
  }
  const told = new Set(last.firing);
  const fresh = firing.filter((one) => !told.has(one));
  if (fresh.length > 0) return send(`${fresh.length} of ${firing.length} firing alerts are new to the group`);
  if (firing.length === 0 && timing.sendResolved) return send('all alerts of the group are resolved');
  if (firing.length === 0)
    return { send: false, forget: true, reason: 'resolved; this channel does not want to know (send_resolved: false)' };
  const ended = resolved.filter((one) => !last.resolved.includes(one) && told.has(one));
  if (ended.length > 0 && timing.sendResolved) return send(`${ended.length} alerts of the group are resolved`);
  const dueMs = last.sentMs + timing.repeatIntervalMs;
  if (now < dueMs)
    return hold(
      `told ${formatDuration(wholeSeconds(now - last.sentMs))} ago and nothing changed; next repeat in ${formatDuration(wholeSeconds(dueMs - now))}`,
    );
  if (firing.every((one) => acknowledged.has(one))) return hold('acknowledged: not repeated');
  return send(`still firing after ${formatDuration(wholeSeconds(now - last.sentMs))}`);
}

function wholeSeconds(ms: Millis): Millis {
  return Math.round(ms / 1000) * 1000;
}
