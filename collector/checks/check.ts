/** One check as the collector keeps it, and as an agent gets it. */
import { createHash } from 'node:crypto';
import { formatDuration } from '@bellwether/shared';
import type { CheckAssignment } from '@bellwether/shared/assignments';
import { Secret } from '@bellwether/shared/schema';
import type { CheckConfig } from './config.ts';

/** Which agents may run a check, and how many of them do. */
export interface AgentChoice {
  /** Host names; `*` stands for any part of one. */
  readonly hosts: readonly string[];
  readonly count: number | 'all';
}

export type CheckSource = 'file' | 'api';

export interface Check {
  readonly source: CheckSource;
  readonly agents: AgentChoice;
  /** Holds secrets in clear. */
  readonly assignment: CheckAssignment;
  /** As the configuration file would have it, secrets as ***. */
  readonly written: Readonly<Record<string, unknown>>;
}

/** Ids of checks in a file come from their names, so that a restart knows them again. */
export function idOfName(name: string): string {
  return `file-${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
}

/** Throws AppError CONFIG_INVALID when a secret cannot be read. */
export function createCheck(id: string, source: CheckSource, config: CheckConfig): Check {
  const { name, probe, target, interval, timeout, attempts, labels, agents } = config;
  const options = revealed(config[probe] ?? {}) as Record<string, unknown>;
  return {
    source,
    agents,
    assignment: { id, name, probe, target, intervalMs: interval, timeoutMs: timeout, attempts, options, labels },
    written: writtenOf(config),
  };
}

function writtenOf(config: CheckConfig): Record<string, unknown> {
  const text = { ...config, interval: formatDuration(config.interval), timeout: formatDuration(config.timeout) };
  return JSON.parse(JSON.stringify(text)) as Record<string, unknown>; // a Secret becomes *** here
}

function revealed(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  if (Array.isArray(value)) return value.map(revealed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revealed(inner)]));
}
