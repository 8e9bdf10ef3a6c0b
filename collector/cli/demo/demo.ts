/** `bellwether demo`: a collector with a fleet that exists only on the wire, and one alert in each state. */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, errorMessage, type Log, type Millis, type Stoppable } from '@bellwether/shared';
import { startFleet } from './fleet.ts';

export interface DemoOptions {
  readonly hosts: number;
  readonly seed: number;
  readonly intervalMs: Millis;
  readonly historyMs: Millis;
}

/** The demo's rules: the same conditions as the shipped pack with delays short enough to watch. */
export const DEMO_RULES = `groups:
  - name: demo
    interval: 5s
    rules:
      - alert: AgentDown
        expr: up{job="node"} == 0
        labels: { severity: critical }
        annotations:
          summary: agent on {{ $labels.instance }} is gone
          runbook: Look whether the host answers; if it does, look at the agent's log there.
      - alert: DiskFull
        expr: 100 * node_filesystem_avail_bytes / node_filesystem_size_bytes < 3
        for: 10s
        labels: { severity: critical }
        annotations:
          summary: 'disk {{ $labels.mountpoint }} has {{ $value | printf "%.1f" }} % left'
          runbook: Find what grew with du and remove or move it; then ask why nothing rotated it.
      - alert: MemoryTight
        expr: 100 * node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 6
        for: 15s
        labels: { severity: warning }
        annotations:
          summary: 'only {{ $value | printf "%.1f" }} % of memory available'
          runbook: Look at the largest processes; a leak grows in a straight line.
      - alert: Busy
        expr: 1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m])) > 0.5
        for: 1d
        labels: { severity: warning }
        annotations:
          summary: CPU {{ $value | humanizePercentage }} busy
          runbook: A host that is busy for a whole day needs less work or more cores.
`;

/** Writes the demo's rule file and gives the part of bellwether.yml that uses it. */
export function demoConfig(dir: string, { intervalMs }: DemoOptions): string {
  mkdirSync(dir, { recursive: true });
  const rules = join(dir, 'demo-rules.yml');
  writeFileSync(rules, DEMO_RULES);
  return `agents:\n  interval: ${intervalMs}ms\nrules:\n  pack: false\n  files: [${JSON.stringify(rules)}]\n`;
}

/** Runs the fleet in a process of its own, so that what the collector shows of itself is the collector alone. */
export function spawnFleet(
  program: string,
  url: string,
  joinToken: string,
  { hosts, seed, intervalMs, historyMs }: DemoOptions,
): Stoppable {
  const args = ['demo', '--fleet-only', '--url', url, '--hosts', String(hosts), '--seed', String(seed), '--interval', `${intervalMs}ms`];
  const child = spawn(process.execPath, [program, ...args, '--history', `${historyMs}ms`], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, BELLWETHER_JOIN_TOKEN: joinToken },
  });
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  return {
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** `demo --fleet-only`: the fleet against any collector, until stopped. */
export async function runFleet(url: string, joinToken: string, options: DemoOptions, clock: Clock, log: Log): Promise<Stoppable> {
  const fleet = await startFleet({ ...options, url, joinToken, clock, log });
  log.info({ hosts: options.hosts }, 'demo fleet enrolled');
  return fleet;
}

interface DemoAlert {
  readonly fingerprint: string;
  readonly name: string;
  readonly state: string;
  readonly acknowledgedBy: string | null;
}

/** Acknowledges one firing warning as a person would, as soon as there is one; resolves when done. */
export async function acknowledgeOne(url: string, adminToken: string, clock: Clock, log: Log): Promise<void> {
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  for (let attempt = 0; attempt < 60; attempt++) {
    try {
      const alerts = (await (await fetch(`${url}/api/bellwether/alerts`, { headers })).json()) as DemoAlert[];
      const open = alerts.find(
        ({ name, state, acknowledgedBy }) => name === 'MemoryTight' && state === 'firing' && acknowledgedBy === null,
      );
      if (open !== undefined) {
        const body = JSON.stringify({ note: 'Looking at it: the cache was resized this morning.' });
        await fetch(`${url}/api/bellwether/alerts/${open.fingerprint}/acknowledge`, { method: 'POST', headers, body });
        return;
      }
    } catch (error) {
      log.debug({ error: errorMessage(error) }, 'demo acknowledgement not possible yet');
    }
    await new Promise<void>((resolve) => clock.after(5_000, resolve));
  }
}
