/** Rules about devices read by SNMP. They are read once a minute, so nothing is decided on one reading. */
export const DEVICES = `groups:
- name: devices
  rules:
  - alert: DeviceDown
    expr: up{job="snmp"} == 0
    for: 2m
    labels: {severity: critical}
    annotations:
      summary: "{{ $labels.instance }}: the device does not answer SNMP"
      description: "Several readings in a row, each tried more than once, got no answer. The reason is on the page of the device."
      runbook: "Ping it from the machine of the agent that reads it. If it answers, SNMP itself is at fault: the community or user, an access list on the device, a firewall on UDP port 161. If others behind the same uplink are gone too, look at the uplink."
  - alert: DeviceRestarted
    expr: (snmpEngineTime{job="snmp"} or sysUpTime{job="snmp"} / 100) < 600
    labels: {severity: info}
    annotations:
      summary: "{{ $labels.instance }}: restarted {{ $value | humanizeDuration }} ago"
      description: "The SNMP agent of the device started within the last 10 minutes, most often because the device did."
      runbook: "If nobody planned it, look at the log of the device for the reason (power, crash, watchdog) and whether its configuration was saved."
  - alert: DeviceReadIncomplete
    expr: bellwether_snmp_incomplete_tables > 0
    for: 15m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: parts of the device cannot be read"
      description: "{{ $value }} tables could not be read to their end for 15 minutes. The reason is on the page of the device."
      runbook: "Give slow devices a longer timeout, large ones a longer interval. A device that goes round in circles or answers garbage needs another firmware."
  - alert: InterfaceDown
    expr: >-
      ifOperStatus{job="snmp"} == 2
      and ifAdminStatus{job="snmp"} == 1
      and on (job, instance, ifIndex, ifName, ifDescr) (
        min_over_time(ifOperStatus{job="snmp"}[15m]) == 1
        or ALERTS{alertname="InterfaceDown", job="snmp"}
      )
    for: 2m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: {{ or $labels.ifName $labels.ifDescr }}{{ if $labels.ifAlias }} ({{ $labels.ifAlias }}){{ end }} went down"
      description: "The interface was up, nobody switched it off, and now it is down."
      runbook: "Look at the cable and at what is connected. A port that is no longer used is best switched off on the device; the alert then ends."
  - alert: InterfaceErrors
    expr: rate(ifInErrors{job="snmp"}[5m]) + rate(ifOutErrors{job="snmp"}[5m]) > 2
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: {{ $value | humanize }} errors a second on {{ or $labels.ifName $labels.ifDescr }}"
      description: "More than 2 packets a second were broken for 5 minutes."
      runbook: "Most often a cable, a transceiver or dirty optics; then a speed or duplex that differs at both ends. The other end's counters tell which direction is bad."
  - alert: InterfaceBusy
    expr: >-
      (rate(ifHCInOctets{job="snmp"}[5m]) > rate(ifHCOutOctets{job="snmp"}[5m]) or rate(ifHCOutOctets{job="snmp"}[5m]))
      * 8 / (ifHighSpeed{job="snmp"} * 1e6 > 0) > 0.9
    for: 15m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: {{ or $labels.ifName $labels.ifDescr }} is {{ $value | humanizePercentage }} busy"
      description: "One direction of the link carried more than 90 % of its speed for 15 minutes; packets wait and are dropped."
      runbook: "See in its chart whether it is one flow (a backup, a copy) or growth. Move the first to the night, widen the link for the second."
`;
