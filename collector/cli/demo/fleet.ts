/** Runs the planned fleet against any collector, through enrolment and the real wire. */
import { type Cancel, type Clock, errorMessage, type Log, type Millis, type Stoppable } from '@bellwether/shared';
import { FakeAgent } from './fake-agent.ts';
import { type PlannedHost, planFleet } from './fleet-plan.ts';
import { createHostModel } from './host-model.ts';

const TURN_MS = 250;
const RETRY_MS = 2_000;
/** An agent of the 'dies' kind is seen alive this long. */
const LIFE_MS = 30_000;
/** Agents of the 'gaps' kind: away for AWAY_MS out of every CYCLE_MS. */
const CYCLE_MS = 300_000;
const AWAY_MS = 90_000;
const CLONE_EVERY_MS = 60_000;
const ENROLL_AT_ONCE = 16;

export interface FleetOptions {
  readonly url: string;
  readonly joinToken: string;
  readonly hosts: number;
  readonly seed: number;
  readonly intervalMs: Millis;
  readonly historyMs: Millis;
  readonly clock: Clock;
  readonly log: Log;
}

export interface DemoFleet extends Stoppable {
  readonly connected: () => number;
}

interface Member {
  readonly host: PlannedHost;
  readonly agent: FakeAgent;
  readonly clone: FakeAgent | undefined;
  retryAtMs: Millis;
}

export async function startFleet(options: FleetOptions): Promise<DemoFleet> {
  const { hosts, seed, clock, log, intervalMs } = options;
  const startMs = clock.now() - (clock.now() % intervalMs);
  const plan = planFleet(hosts, seed);
  const members: Member[] = [];
  for (let at = 0; at < plan.length; at += ENROLL_AT_ONCE) {
    members.push(...(await Promise.all(plan.slice(at, at + ENROLL_AT_ONCE).map((host) => enrol(host, options, startMs)))));
  }
  let clonesAtMs = startMs + CLONE_EVERY_MS;

  const cancel: Cancel = clock.every(TURN_MS, () => {
    const now = clock.now();
    const withClones = now >= clonesAtMs;
    if (withClones) clonesAtMs = now + CLONE_EVERY_MS;
    for (const member of members) {
      try {
        step(member, now, startMs, withClones);
      } catch (error) {
        log.warn({ host: member.host.name, error: errorMessage(error) }, 'demo agent failed');
        member.agent.disconnect(false);
      }
    }
  });

  return {
    connected: () => members.filter(({ agent }) => agent.connected).length,
    async stop() {
      cancel();
      for (const { agent, clone } of members) {
        agent.disconnect(true);
        clone?.disconnect(false);
      }
    },
  };
}

function step(member: Member, now: Millis, startMs: Millis, withClones: boolean): void {
  const { agent, clone } = member;
  const wanted = shouldBeConnected(member.host, now - startMs);
  if (!wanted && agent.connected) agent.disconnect(false);
  if (wanted && !agent.connected && now >= member.retryAtMs) {
    member.retryAtMs = now + RETRY_MS;
    agent.connect();
  }
  agent.turn(now);
  if (withClones && clone !== undefined && agent.connected) clone.connect();
}

/** Pure: whether a host's agent is connected `ageMs` after the demo's start. */
export function shouldBeConnected({ behaviour, index }: PlannedHost, ageMs: Millis): boolean {
  if (behaviour === 'never') return false;
  if (behaviour === 'dies') return ageMs < LIFE_MS;
  if (behaviour === 'gaps') return (ageMs + index * 7_000) % CYCLE_MS < CYCLE_MS - AWAY_MS;
  return true;
}

async function enrol(host: PlannedHost, options: FleetOptions, startMs: Millis): Promise<Member> {
  const { url, joinToken, seed, clock, historyMs, intervalMs } = options;
  const response = await fetch(`${url}/api/bellwether/enroll`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: joinToken, hostname: host.name, os: 'linux', arch: 'x64', agentVersion: '0.1.0-demo' }),
  });
  if (!response.ok) throw new Error(`${host.name} could not enrol: ${response.status} ${await response.text()}`);
  const { agentId, key, hostname } = (await response.json()) as { agentId: string; key: string; hostname: string };
  const model = createHostModel({ seed, index: host.index, name: hostname, ailment: host.ailment, startMs });
  const slow = host.behaviour === 'slow';
  const agentOptions = { url, agentId, key, model, clock, startMs, historyMs, intervalMs, slow };
  return {
    host,
    agent: new FakeAgent({ ...agentOptions, bootId: `boot-${host.index}` }),
    clone: host.behaviour === 'cloned' ? new FakeAgent({ ...agentOptions, bootId: `copy-of-${host.index}` }) : undefined,
    retryAtMs: 0,
  };
}
