/** The agent's checked configuration. Types and constants only: the running agent must not load what checks it (agent/config.ts). */
import type { Millis } from '@bellwether/shared';
import type { InputSettings } from './inputs/collect.ts';
import type { HostPaths } from './inputs/input.ts';
import type { UsageLimits } from './limits/shedding.ts';
import type { PluginSettings } from './plugins/plugin.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface AgentConfig {
  /** Address of the collector, `http://...` or `https://...`, without a trailing slash; undefined: the one in the identity. */
  readonly url?: string;
  readonly dataDir: string;
  /** Default interval of inputs; undefined: what the collector asks for. */
  readonly intervalMs?: Millis;
  /** On every series this agent makes. */
  readonly tags: Readonly<Record<string, string>>;
  readonly inputs: Readonly<Record<string, InputSettings>>;
  readonly paths: HostPaths;
  readonly spool: { readonly maxBytes: number; readonly memoryBytes: number; readonly afterMs: Millis };
  /** What the agent itself may use; none without the key. */
  readonly limits?: AgentLimits;
  readonly log: { readonly level: LogLevel };
  /** Nagios plug-ins it runs; none without the key. */
  readonly plugins?: readonly PluginSettings[];
  /** Host facts: undefined = on. */
  readonly facts?: { readonly enabled: boolean };
}

/** 0 means no limit. That of the disk is `spool.maxBytes`. */
export interface AgentLimits extends UsageLimits {
  /** To the collector, averaged over 10 s. */
  readonly uplinkBytesPerS: number;
}

/** Who this agent is to its collector; made by `enroll`. The key is a secret. */
export interface Identity {
  readonly agentId: string;
  readonly key: string;
  /** The label `instance` of this host's series. */
  readonly hostname: string;
  /** Where it was enrolled. */
  readonly url?: string;
}

/** Of a collector on this machine that was not told otherwise. */
export const DEFAULT_URL = 'http://127.0.0.1:8720';
