/** Rules about hosts, on the collector's verdict rather than on a connection. */
export const HOSTS = `groups:
- name: hosts
  rules:
  - alert: HostDown
    expr: bellwether_up_state{kind="host"} == 0
    for: 0s
    labels: {severity: critical}
    annotations:
      summary: "{{ $labels.instance }}: the host is down"
      description: "There is evidence that {{ $labels.instance }} is down: its agent said that it shuts down, or the agent is gone and neither the collector nor another agent gets an answer from the host. Without such evidence only AgentDown fires and the host counts as unknown."
      runbook: "See the host's reason under Uptime. If nobody shut it down on purpose, look at its console, power supply and hypervisor. Once it is back, its uptime history shows when it went and when it booted."
`;
