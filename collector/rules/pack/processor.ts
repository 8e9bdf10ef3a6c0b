/** Rules about CPU, load, memory and pressure. */
export const PROCESSOR = `groups:
- name: cpu
  rules:
  - alert: CpuBusy
    expr: >-
      sum by (job, instance) (rate(node_cpu_seconds_total{mode!~"idle|iowait|nice|steal"}[10m]))
      / count by (job, instance) (node_cpu_seconds_total{mode="idle"}) > 0.85
    for: 5m
    keep_firing_for: 5m
    labels: {severity: info}
    annotations:
      summary: "{{ $labels.instance }}: CPU {{ $value | humanizePercentage }} busy"
      description: "The CPUs have spent more than 85 % of their time on programs that are not niced, on average over 10 minutes."
      runbook: "Find the programs with top or pidstat 5. Work that comes in batches is fine; a service that waits for CPU is not: see CpuPressure."
  - alert: CpuSaturated
    expr: >-
      sum by (job, instance) (rate(node_cpu_seconds_total{mode!~"idle|iowait|nice|steal"}[10m]))
      / count by (job, instance) (node_cpu_seconds_total{mode="idle"}) > 0.95
    for: 15m
    keep_firing_for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: CPU {{ $value | humanizePercentage }} busy for 15 minutes"
      description: "There is no CPU time left; everything on the host is slower than it should be."
      runbook: "Find the programs with top. A loop in one program shows as one thread at 100 %; honest load needs more cores or less work on this host."
  - alert: CpuIowait
    expr: avg by (job, instance) (rate(node_cpu_seconds_total{mode="iowait"}[10m])) > 0.4
    for: 10m
    keep_firing_for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: CPUs wait for disks {{ $value | humanizePercentage }} of the time"
      description: "Programs that could run are held up by slow storage."
      runbook: "iostat -x 5 names the disk, iotop the program. See also DiskBusy, DiskSlow and IoPressure for the same host."
  - alert: CpuSteal
    expr: avg by (job, instance) (rate(node_cpu_seconds_total{mode="steal"}[20m])) > 0.1
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: the hypervisor takes {{ $value | humanizePercentage }} of the CPU time"
      description: "This virtual machine wants to run and is not let: its physical host is overcommitted, or its CPU credits are used up."
      runbook: "Move the virtual machine or its neighbours, raise its CPU share, or choose an instance type without credits."
  - alert: LoadHigh
    expr: node_load15 / on (job, instance) count by (job, instance) (node_cpu_seconds_total{mode="idle"}) > 2
    for: 10m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: load {{ $value | humanize }} per core"
      description: "More than two processes per core have been running or waiting for a disk for 15 minutes."
      runbook: "If the CPUs are idle, processes hang in the kernel: ps -eo state,pid,wchan:20,cmd | grep ^D shows them, often on a dead network mount."
  - alert: CpuPressure
    expr: rate(node_pressure_cpu_waiting_seconds_total[10m]) > 0.5
    for: 10m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: programs wait for a CPU {{ $value | humanizePercentage }} of the time"
      description: "In more than half of the time some program was ready to run and found no free CPU."
      runbook: "See CpuSaturated for the programs. In containers look for CPU quotas: throttling shows as pressure while the host looks idle."
- name: memory
  rules:
  - alert: MemoryLow
    expr: node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 0.1
    for: 5m
    keep_firing_for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: {{ $value | humanizePercentage }} of the memory is available"
      description: "Less than a tenth of the memory is left, caches that can be dropped included."
      runbook: "ps -eo rss,pid,cmd --sort -rss | head shows who holds it. Memory that only ever grows is a leak: restart the program and report it."
  - alert: MemoryExhausted
    expr: node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 0.03 and node_memory_MemAvailable_bytes < 1073741824
    for: 2m
    labels: {severity: critical}
    annotations:
      summary: "{{ $labels.instance }}: {{ $value | humanizePercentage }} of the memory is available"
      description: "The kernel is about to kill processes."
      runbook: "Stop or restart the largest program now, before the kernel chooses one. Then find out what grew."
  - alert: OomKill
    expr: increase(node_vmstat_oom_kill[30m]) > 0
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: the kernel killed a process for lack of memory"
      description: "It happened within the last 30 minutes; something that was running no longer is, or was restarted."
      runbook: "journalctl -k | grep -i 'killed process' names the victim. If it was killed in a container, the container's own limit was too small."
  - alert: SwapFull
    expr: node_memory_SwapFree_bytes / node_memory_SwapTotal_bytes < 0.2 and node_memory_SwapTotal_bytes > 0
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: {{ $value | humanizePercentage }} of the swap is free"
      description: "When swap is full the next shortage of memory kills a process."
      runbook: "smem -s swap or /proc/*/status (VmSwap) show who was swapped out. Find what needs the memory; more swap only moves the day."
  - alert: MajorPageFaults
    expr: rate(node_vmstat_pgmajfault[5m]) > 500
    for: 15m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: {{ $value | humanize }} page faults a second go to disk"
      description: "Programs wait for their own memory to be read back from disk: the host is thrashing."
      runbook: "Reduce the memory in use (see MemoryLow) or give the host more. One program that maps large files may do this on purpose."
  - alert: MemoryPressure
    expr: rate(node_pressure_memory_stalled_seconds_total[5m]) > 0.1
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: everything stood still for memory {{ $value | humanizePercentage }} of the time"
      description: "All programs at once were waiting for memory to be freed or read back."
      runbook: "See MemoryLow. In containers a limit that is too small does this to one service alone."
`;
