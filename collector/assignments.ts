/** Tells agents what to watch: checks and devices in one list, sent after the welcome and when it changes. */
import type { Log } from '@bellwether/shared';
import type { Assignments } from '@bellwether/shared/assignments';
import { WIRE_LIMITS } from '@bellwether/shared/wire';

export interface AssignerOptions {
  readonly log: Log;
  readonly assignmentsOf: (agentId: string) => Assignments;
  readonly send: (agentId: string, version: number, json: string) => void;
}

export interface Assigner {
  /** The agent has just been welcomed: it is told everything, also that there is nothing. */
  welcomed(agentId: string, capabilities: readonly string[]): void;
  gone(agentId: string): void;
  /** These agents have other assignments now, if they are connected. */
  changed(agentIds: readonly string[]): void;
}

export function createAssigner({ log, assignmentsOf, send }: AssignerOptions): Assigner {
  /** What each connected agent was told last. */
  const told = new Map<string, string>();
  let version = 0;

  function tell(agentId: string): void {
    const json = fitting(agentId, assignmentsOf(agentId));
    if (told.get(agentId) === json) return;
    told.set(agentId, json);
    send(agentId, ++version, json);
  }

  /** One message holds some thousand checks; what is beyond is left out, and said. */
  function fitting(agentId: string, { checks, devices }: Assignments): string {
    for (let share = 1; ; share /= 2) {
      const some = {
        checks: checks.slice(0, Math.floor(checks.length * share)),
        devices: devices.slice(0, Math.floor(devices.length * share)),
      };
      const json = JSON.stringify(some satisfies Assignments);
      if (Buffer.byteLength(json) <= WIRE_LIMITS.assignmentsBytes) {
        if (share < 1)
          log.error(
            { agent: agentId, checks: checks.length, sent: some.checks.length },
            'agent has more to watch than one message holds; the rest is left out',
          );
        return json;
      }
    }
  }

  return {
    welcomed(agentId, capabilities) {
      told.delete(agentId);
      if (!capabilities.includes('checks')) return; // an agent of an older version
      told.set(agentId, '');
      tell(agentId);
    },
    gone: (agentId) => void told.delete(agentId),
    changed(agentIds) {
      for (const agentId of agentIds) if (told.has(agentId)) tell(agentId);
    },
  };
}
