/** Alerts as they travel through the pipeline. Times are ms since the epoch. */
import type { Labels, Millis } from '@bellwether/shared';

/** One alert as a rule reports it; reported again whenever something about it changed. */
export interface AlertReport {
  /** Who reports it: two rules may make alerts with equal labels. */
  readonly source: string;
  /** Of the labels: the alert's identity (fingerprintOf). */
  readonly fingerprint: string;
  /** With `alertname`, without `__name__`. */
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string>>;
  /** `dropped`: was pending and never fired; it disappears. */
  readonly state: 'pending' | 'firing' | 'resolved' | 'dropped';
  readonly activeMs: Millis;
  readonly firedMs: Millis | null;
  readonly resolvedMs: Millis | null;
  readonly value: number | null;
  readonly expression: string;
  /** Where the condition can be looked at. */
  readonly generatorUrl: string;
  /** What the rule wants to see in the trace: one sentence each. */
  readonly notes: readonly string[];
}

export type LiveAlert = AlertReport & { readonly state: 'pending' | 'firing' | 'resolved' };

/** What a channel was told last about an AlertGroup. */
export interface LastNotification {
  readonly sentMs: Millis;
  /** Fingerprints. */
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  /** What the channel needs to continue the conversation (a Message-ID). */
  readonly thread: string | null;
}

export interface NotifiedAlert {
  readonly fingerprint: string;
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsMs: Millis;
  /** null while it fires. */
  readonly endsMs: Millis | null;
  readonly generatorUrl: string;
}

/** One message to one channel about one AlertGroup. JSON-safe: it is kept in the state until it is delivered. */
export interface Notification {
  readonly groupKey: string;
  readonly receiver: string;
  /** Firing while any alert in it fires. */
  readonly status: 'firing' | 'resolved';
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly commonLabels: Readonly<Record<string, string>>;
  readonly commonAnnotations: Readonly<Record<string, string>>;
  readonly externalUrl: string;
  readonly alerts: readonly NotifiedAlert[];
  /** Why it is sent, in words. */
  readonly reason: string;
  readonly timeMs: Millis;
  readonly thread: string | null;
}
