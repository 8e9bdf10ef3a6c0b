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

/** `tls_config` of a probe, as blackbox_exporter spells it. Files are the agent's. */
export interface ProbeTlsOptions {
  readonly insecure_skip_verify?: boolean;
  /** Name for SNI and for the certificate, when it is not the target's. */
  readonly server_name?: string;
  /** PEM texts of authorities to trust instead of the usual ones. */
  readonly ca?: string;
  readonly ca_file?: string;
  readonly cert_file?: string;
  readonly key_file?: string;
  readonly min_version?: 'TLS10' | 'TLS11' | 'TLS12' | 'TLS13';
}

/** `system`: the first address the system's resolver gives. */
export type PreferredIpProtocol = 'ip4' | 'ip6' | 'system';

interface AddressOptions {
  /** Default: system. */
  readonly preferred_ip_protocol?: PreferredIpProtocol;
  /** Take the other protocol where there is no address of the preferred one; default true. */
  readonly ip_protocol_fallback?: boolean;
}

export interface HttpProbeOptions extends AddressOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Default: 200 to 299. */
  readonly valid_status_codes?: readonly number[];
  /** `HTTP/1.1`; default: any. */
  readonly valid_http_versions?: readonly string[];
  /** Default true; at most 10. */
  readonly follow_redirects?: boolean;
  readonly fail_if_ssl?: boolean;
  readonly fail_if_not_ssl?: boolean;
  readonly fail_if_body_matches_regexp?: readonly string[];
  readonly fail_if_body_not_matches_regexp?: readonly string[];
  /** Longer bodies fail, bytes. */
  readonly body_size_limit?: number;
  readonly basic_auth?: { readonly username: string; readonly password: string };
  readonly bearer_token?: string;
  readonly tls_config?: ProbeTlsOptions;
}

/** One step of a conversation: waits for a line that matches `expect`, then sends `send` (`${1}` is the first group of the match) or starts TLS. */
export interface QueryResponse {
  readonly expect?: string;
  readonly send?: string;
  readonly starttls?: boolean;
}

export interface TcpProbeOptions extends AddressOptions {
  readonly tls?: boolean;
  readonly tls_config?: ProbeTlsOptions;
  readonly query_response?: readonly QueryResponse[];
}

export type IcmpProbeOptions = AddressOptions;

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
