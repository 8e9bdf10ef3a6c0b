import type { MetricInfo } from '../inputs/input.ts';

const gauge = (help: string): MetricInfo => ({ type: 'gauge', help });

/** Every metric of a probe, with the names and meaning blackbox_exporter gave them. */
export const PROBE_METRICS: Readonly<Record<string, MetricInfo>> = {
  probe_success: gauge('Whether the probe succeeded.'),
  probe_duration_seconds: gauge('How long the probe took, in seconds.'),
  probe_attempts: gauge('Tries of the last run; above 1 when the first one failed.'),
  probe_dns_lookup_time_seconds: gauge('Time the name lookup took, in seconds.'),
  probe_ip_protocol: gauge('IP version of the address that was probed: 4 or 6.'),
  probe_ip_addr_hash: gauge('Hash of the address that was probed; tells that it changed.'),
  probe_failed_due_to_regex: gauge('Whether a regular expression made the probe fail.'),
  probe_http_status_code: gauge('Status code of the answer; 0 without one.'),
  probe_http_version: gauge('HTTP version of the answer.'),
  probe_http_content_length: gauge('Content-Length of the answer; -1 when it has none.'),
  probe_http_uncompressed_body_length: gauge('Bytes of the body.'),
  probe_http_redirects: gauge('Redirects that were followed.'),
  probe_http_ssl: gauge('Whether the last answer came over TLS.'),
  probe_http_duration_seconds: gauge('Time of each phase in seconds, summed over redirects.'),
  probe_http_last_modified_timestamp_seconds: gauge('Last-Modified of the answer, seconds since the epoch.'),
  probe_ssl_earliest_cert_expiry: gauge('When the first certificate of the chain expires, seconds since the epoch.'),
  probe_ssl_last_chain_expiry_timestamp_seconds: gauge('When the verified chain expires, seconds since the epoch.'),
  probe_ssl_last_chain_info: gauge('The certificate of the server.'),
  probe_tls_version_info: gauge('TLS version that was agreed on.'),
  probe_tls_cipher_info: gauge('TLS cipher that was agreed on.'),
  probe_icmp_duration_seconds: gauge('Time of each phase in seconds.'),
};
