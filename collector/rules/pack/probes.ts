/** Rules about what is tried from outside. */
export const PROBES = `groups:
- name: probes
  rules:
  - alert: CheckDown
    expr: bellwether_up_state{kind="check"} == 0
    labels: {severity: critical}
    annotations:
      summary: "{{ $labels.instance }}: the check is down"
      description: "All tries of a run failed, and most of the agents that were asked could not reach the target either. The check's page has the reason and who was asked."
      runbook: "Read the reason: refused means that nothing listens, no answer that the way or the host is gone, HTTP 5xx that the service runs and fails. Compare the agents: if one alone fails, look at its network."
  - alert: CheckNotRun
    expr: bellwether_up_state{kind="check"} == -1
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: nobody runs the check"
      description: "There has been no result for 5 minutes: no agent that may run the check is connected. Whether its target works is not known."
      runbook: "See which agents the check names and whether they are connected; ping checks need fping or ping on the agent. Give the check more agents to choose from."
  - alert: CheckFailingFromAgent
    expr: probe_success{job="blackbox"} == 0 unless on (check) label_replace(bellwether_up_state{kind="check"} == 0, "check", "$1", "instance", "(.*)")
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: fails from {{ $labels.agent }} only"
      description: "The probe of {{ $labels.instance }} has failed for 5 minutes where it runs, while others reach the target."
      runbook: "The way between this agent and the target is what differs: routes, name servers, firewalls, a proxy, trusted authorities."
  - alert: CertificateExpiresSoon
    expr: (min by (check, instance, job) (probe_ssl_earliest_cert_expiry) - time() < 14 * 86400) >= 7 * 86400
    for: 10m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: the TLS certificate expires in {{ $value | humanizeDuration }}"
      description: "A certificate of the chain that {{ $labels.instance }} sends expires within 14 days."
      runbook: "Renew it, install it and reload the server; automatic renewal (certbot, acme.sh) should have done so at 30 days: read its log."
  - alert: CertificateExpires
    expr: min by (check, instance, job) (probe_ssl_earliest_cert_expiry) - time() < 7 * 86400
    for: 10m
    labels: {severity: critical}
    annotations:
      summary: "{{ $labels.instance }}: the TLS certificate expires in {{ $value | humanizeDuration }}"
      description: "A certificate of the chain that {{ $labels.instance }} sends expires within 7 days, or has expired: clients will refuse it."
      runbook: "Renew it now, install it and reload the server. See that the server sends the new one: openssl s_client -connect host:443 shows its dates."
`;
