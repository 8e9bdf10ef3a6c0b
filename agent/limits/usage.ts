/** What this process uses. */
import { readFileSync } from 'node:fs';
import type { Millis } from '@bellwether/shared';
import type { Usage } from './shedding.ts';

const MICROSECONDS = 1e6;
/** USER_HZ, a constant of the kernel's interface. */
const TICKS_PER_SECOND = 100;
/** Fields 16 and 17 of /proc/PID/stat, counted from the one behind the name: CPU time of children that ended. */
const CHILD_USER = 13;
const CHILD_SYSTEM = 14;

/** `withChildren` adds the programs it started, once they ended; only Linux tells. */
export function readUsage(timeMs: Millis, withChildren: boolean): Usage {
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (user + system) / MICROSECONDS + (withChildren ? childSeconds(ownStat()) : 0);
  return { timeMs, cpuSeconds, rssBytes: process.memoryUsage.rss() };
}

/** CPU time of ended children from the text of /proc/PID/stat, s; 0 when it does not say. */
export function childSeconds(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[CHILD_USER]) + Number(fields[CHILD_SYSTEM]);
  return Number.isFinite(ticks) ? ticks / TICKS_PER_SECOND : 0;
}

function ownStat(): string {
  try {
    return readFileSync('/proc/self/stat', 'latin1');
  } catch {
    return '';
  }
}
