/** Rules about agents and hosts as a whole. */
export const AGENTS = `groups:
- name: agents
  rules:
  - alert: AgentDown
    expr: up{job="node"} == 0
    for: 0s
    labels: {severity: critical}
    annotations:
      summary: "{{ $labels.instance }}: the agent is gone"
      description: "The collector has had no word from the agent on {{ $labels.instance }} for three heartbeats, or its connection closed and did not come back. The host itself may be up, down or unreachable from here: Uptime shows its verdict and on what evidence."
      runbook: "Look at the host's reason under Uptime: it says whether the host still answers. Without an answer, try its console. If the host is up, look at the agent: systemctl status bellwether-agent, its log, and whether it can reach the collector. What the agent could not send is kept in its spool and comes later."
  - alert: AgentDroppingData
    expr: increase(bellwether_agent_samples_dropped_total[10m]) > 0
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: the agent threw readings away"
      description: "{{ $value | humanize }} samples were dropped in 10 minutes because the spool was full. They are lost."
      runbook: "The agent could not deliver for longer than its spool lasts. Find out why the collector was not reached (network, collector down, credentials), or give spool.max_bytes more room."
  - alert: AgentSpoolFailing
    expr: increase(bellwether_agent_spool_errors_total[10m]) > 0
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: the agent cannot write its spool"
      description: "Writing readings to disk failed {{ $value | humanize }} times in 10 minutes. A lost connection now would lose data."
      runbook: "Look at the disk that holds the agent's data directory: full, read-only, or wrong permissions. The agent's log names the file and the error."
  - alert: AgentReconnecting
    expr: increase(bellwether_agent_connections_total[15m]) > 5
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: the connection to the collector keeps breaking"
      description: "The agent connected {{ $value | humanize }} times in 15 minutes."
      runbook: "Look for a flaky network, a proxy that closes idle WebSockets, or two agents that share one identity (the collector's events say cloned agent)."
  - alert: AgentOverloaded
    expr: increase(bellwether_agent_ticks_skipped_total[10m]) > 10
    for: 10m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: the agent skips readings"
      description: "{{ $value | humanize }} readings were skipped in 10 minutes because the ones before were not done."
      runbook: "The host has no CPU time left for the agent, or an input is slow (a hanging mount, a very long /proc). The agent's log names the input; give it a longer interval or switch it off."
  - alert: HostClockOff
    expr: abs(bellwether_agent_clock_offset_seconds) > 1
    for: 10m
    keep_firing_for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: the clock is off by {{ $value | humanizeDuration }}"
      description: "The host's clock has differed from the collector's by more than a second for 10 minutes. Its log times and certificates' dates cannot be trusted."
      runbook: "Check time synchronisation on the host (timedatectl, chronyc tracking) and that the collector's own clock is right: if every host is off, it is the collector."
  - alert: HostClockFarOff
    expr: abs(bellwether_agent_clock_offset_seconds) > 60
    for: 2m
    labels: {severity: critical}
    annotations:
      summary: "{{ $labels.instance }}: the clock is off by {{ $value | humanizeDuration }}"
      description: "The host's clock differs from the collector's by more than a minute: logins with one-time codes, Kerberos and TLS may fail."
      runbook: "Start the time service (systemctl status chronyd or systemd-timesyncd), step the clock once, and see whether a virtual machine was suspended."
  - alert: HostRestarted
    expr: node_time_seconds - node_boot_time_seconds < 600
    labels: {severity: info}
    annotations:
      summary: "{{ $labels.instance }}: restarted {{ $value | humanizeDuration }} ago"
      description: "The host booted within the last 10 minutes."
      runbook: "If nobody planned it, look at the last messages of the boot before (journalctl -b -1 -e) and at the power supply or hypervisor."
`;
