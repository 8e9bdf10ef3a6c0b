/** Nagios plug-ins as the agent's file allows them. Types and constants only. */
import type { Millis } from '@bellwether/shared';
import type { PerfValue } from './perfdata.ts';

export interface PluginSettings {
  readonly name: string;
  /** Program and arguments; no shell reads them. */
  readonly command: readonly [string, ...string[]];
  readonly intervalMs: Millis;
  readonly timeoutMs: Millis;
  readonly labels: Readonly<Record<string, string>>;
}

/** Labels of the series of plug-ins, beside those that the agent sets. */
export const PLUGIN_LABELS = ['plugin', 'label', 'unit', 'limit'] as const;
export const PLUGIN_STATES = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const;
export const UNKNOWN = 3;

/** The last run of a plug-in that ended. */
export interface PluginRun {
  /** Index of PLUGIN_STATES. */
  readonly state: number;
  /** One line for people. */
  readonly text: string;
  readonly values: readonly PerfValue[];
  readonly durationMs: Millis;
  readonly endedMs: Millis;
}
