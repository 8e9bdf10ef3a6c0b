/** The shape of a probe: one file that checks one kind of target from outside. */
import type { Clock, Millis } from '@bellwether/shared';
import type { Pinger } from './ping.ts';
import type { Resolver } from './resolver.ts';

export interface ProbeSample {
  /** A key of PROBE_METRICS. */
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ProbeRequest {
  readonly target: string;
  readonly timeoutMs: Millis;
  /** Checked by the collector; each probe knows its own (shared/assignments.ts). */
  readonly options: Readonly<Record<string, unknown>>;
}

/** What all probes of an agent share. */
export interface ProbeTools {
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly pinger: Pinger;
}

export interface ProbeOutcome {
  readonly success: boolean;
  /** In words for a person, stable from run to run while nothing changes; '' when it succeeded. */
  readonly reason: string;
  readonly durationMs: number;
  readonly samples: readonly ProbeSample[];
}

/** One try, over within `timeoutMs`; never rejects. */
export type Probe = (request: ProbeRequest, tools: ProbeTools) => Promise<ProbeOutcome>;
