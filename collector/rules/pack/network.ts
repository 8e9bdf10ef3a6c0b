/** Rules about interfaces, sockets and kernel tables. */
export const NETWORK = `groups:
- name: network
  rules:
  - alert: NetworkErrors
    expr: >-
      (rate(node_network_receive_errs_total[5m]) + rate(node_network_transmit_errs_total[5m]))
      / (rate(node_network_receive_packets_total[5m]) + rate(node_network_transmit_packets_total[5m])) > 0.01
      and rate(node_network_receive_packets_total[5m]) + rate(node_network_transmit_packets_total[5m]) > 10
    for: 15m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: {{ $value | humanizePercentage }} of the packets on {{ $labels.device }} are broken"
      description: "More than 1 % of the packets had errors for 15 minutes."
      runbook: "Most often a cable, a connector or a transceiver; then a speed or duplex that differs at both ends (ethtool DEVICE), then the driver (ethtool -S DEVICE)."
  - alert: NetworkDrops
    expr: >-
      increase(node_network_receive_drop_total[10m]) / increase(node_network_receive_packets_total[10m]) > 0.02
      and increase(node_network_receive_packets_total[10m]) > 10000
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: {{ $value | humanizePercentage }} of the packets on {{ $labels.device }} are dropped"
      description: "More than 2 % of the packets that arrived in 10 minutes were thrown away."
      runbook: "ethtool -S DEVICE says where. Rings too small: ethtool -G. One CPU with all interrupts: irqbalance or RSS. Packets of unknown protocols count too and are harmless."
  - alert: LinkDown
    expr: >-
      node_network_up{device!~"(veth|docker|br-|cali|lxc|vnet|tap|tun|virbr|flannel|cni|wg).*"} == 0
      and max_over_time(node_network_up[1h]) == 1
    for: 1m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: link {{ $labels.device }} went down"
      description: "The interface was up within the last hour."
      runbook: "Look at the cable and the switch port at the other end. If it is part of a bond, the host still works: mend it before the next one goes."
  - alert: LinkFlapping
    expr: increase(node_network_carrier_changes_total[2m]) > 2
    for: 2m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: link {{ $labels.device }} keeps going up and down"
      description: "{{ $value | humanize }} changes in 2 minutes."
      runbook: "A loose cable, a failing transceiver, or a switch port with errors: dmesg and the switch's log tell when it began."
  - alert: ListenQueueOverflow
    expr: rate(node_netstat_TcpExt_ListenOverflows[5m]) > 1
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: {{ $value | humanize }} connections a second are turned away"
      description: "A service does not accept its connections fast enough; clients see time-outs."
      runbook: "ss -lnt shows the listener whose Recv-Q is at its Send-Q. The service is overloaded or stuck; a longer backlog (net.core.somaxconn) only helps with bursts."
  - alert: SoftnetDrops
    expr: sum by (job, instance) (rate(node_softnet_dropped_total[5m])) > 10
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: the kernel drops {{ $value | humanize }} packets a second before looking at them"
      description: "The queue between the network card and the kernel was full."
      runbook: "Spread interrupts over the CPUs (RSS, RPS), raise net.core.netdev_max_backlog, or find what sends so much."
- name: kernel-tables
  rules:
  - alert: FileDescriptorsLow
    expr: node_filefd_allocated / node_filefd_maximum > 0.7
    for: 15m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: {{ $value | humanizePercentage }} of the file descriptors are used"
      description: "When they run out no program can open a file or a connection."
      runbook: "ls /proc/*/fd | wc -l for each process finds the one that leaks; fs.file-max is the limit."
  - alert: FileDescriptorsCritical
    expr: node_filefd_allocated / node_filefd_maximum > 0.9
    for: 5m
    labels: {severity: critical}
    annotations:
      summary: "{{ $labels.instance }}: {{ $value | humanizePercentage }} of the file descriptors are used"
      description: "Programs are about to fail to open files and connections."
      runbook: "Raise fs.file-max now (sysctl -w), then find the program that leaks and restart it."
  - alert: ConntrackFilling
    expr: node_nf_conntrack_entries / node_nf_conntrack_entries_limit > 0.75
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: the connection table is {{ $value | humanizePercentage }} full"
      description: "When it is full the firewall drops new connections without a word."
      runbook: "conntrack -S and conntrack -L show what fills it: a scan, a service without keep-alive, or honest load. Raise net.netfilter.nf_conntrack_max or shorten its time-outs."
  - alert: ConntrackFull
    expr: node_nf_conntrack_entries / node_nf_conntrack_entries_limit > 0.95
    for: 1m
    labels: {severity: critical}
    annotations:
      summary: "{{ $labels.instance }}: the connection table is {{ $value | humanizePercentage }} full"
      description: "New connections through this host are about to fail, or already do."
      runbook: "Raise net.netfilter.nf_conntrack_max now (sysctl -w), then see ConntrackFilling."
`;
