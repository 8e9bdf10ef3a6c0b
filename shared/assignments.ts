/** What the collector gives an agent to watch from where it stands: checks (probes with a schedule) and devices (SNMP). Types only. */
import type { Millis } from './time.ts';

/** A probe with its target and schedule, as one agent runs it. */
export interface CheckAssignment {
  readonly id: string;
  /** The label `check` of its series. */
  readonly name: string;
  readonly probe: 'http' | 'tcp' | 'icmp';
  /** URL, host:port or host; the label `instance`. */
  readonly target: string;
  readonly intervalMs: Millis;
  readonly timeoutMs: Millis;
  /** Tries within one interval before a failure counts. */
  readonly attempts: number;
  /** Options of the probe, checked by the collector. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Further labels on its series. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A device polled by SNMP. Credentials are secrets: never logged, never shown. */
export interface DeviceAssignment {
  readonly id: string;
  /** The label `instance` of its series. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly intervalMs: Millis;
  readonly timeoutMs: Millis;
  readonly retries: number;
  readonly credentials:
    | { readonly version: '2c'; readonly community: string }
    | {
        readonly version: '3';
        readonly user: string;
        readonly level: 'noAuthNoPriv' | 'authNoPriv' | 'authPriv';
        readonly auth?: { readonly protocol: 'md5' | 'sha' | 'sha224' | 'sha256' | 'sha384' | 'sha512'; readonly key: string };
        readonly priv?: { readonly protocol: 'aes' | 'aes256b' | 'aes256r'; readonly key: string };
        readonly context?: string;
      };
  readonly labels: Readonly<Record<string, string>>;
}

export interface Assignments {
  readonly checks: readonly CheckAssignment[];
  readonly devices: readonly DeviceAssignment[];
}

/** What an agent says of something it watches: sent when it changes, and for everything after each connection. */
export interface WatchResult {
  /** Id of the check or device. */
  readonly id: string;
  readonly kind: 'check' | 'device';
  readonly timeMs: Millis;
  readonly up: boolean;
  /** In words, for a person: `HTTP 503`, `connection refused`, `no answer in 5 s`; '' when up. */
  readonly reason: string;
}
