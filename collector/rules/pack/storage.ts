/** Rules about filesystems and disks. Space alerts join percentage, absolute space and time to full, so that a huge volume is left alone. */
export const STORAGE = `groups:
- name: filesystems
  rules:
  - alert: DiskSpaceLow
    expr: >-
      (
        node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.15
        and (node_filesystem_avail_bytes < 10737418240 or predict_linear(node_filesystem_avail_bytes[6h], 86400) < 0)
      ) and node_filesystem_readonly == 0 and node_filesystem_size_bytes > 0
    for: 15m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: {{ $labels.mountpoint }} has {{ $value | humanizePercentage }} of its space left"
      description: "Less than 15 % is free, and either less than 10 GiB or, at the pace of the last 6 hours, nothing in a day."
      runbook: "du -xh --max-depth=2 MOUNTPOINT | sort -h | tail shows what is large. Deleted files that are still open show in lsof +L1."
  - alert: DiskSpaceCritical
    expr: >-
      (
        node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.05
        and (node_filesystem_avail_bytes < 5368709120 or predict_linear(node_filesystem_avail_bytes[1h], 14400) < 0)
      ) and node_filesystem_readonly == 0 and node_filesystem_size_bytes > 0
    for: 5m
    labels: {severity: critical}
    annotations:
      summary: "{{ $labels.instance }}: {{ $labels.mountpoint }} has {{ $value | humanizePercentage }} of its space left"
      description: "Less than 5 % is free, and either less than 5 GiB or, at the pace of the last hour, nothing in 4 hours."
      runbook: "Make room now: rotate or truncate logs, clean package caches, drop old images. Then find what grew and why."
  - alert: InodesLow
    expr: node_filesystem_files_free / node_filesystem_files < 0.1 and node_filesystem_files > 0 and node_filesystem_readonly == 0
    for: 15m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: {{ $labels.mountpoint }} has {{ $value | humanizePercentage }} of its inodes left"
      description: "When inodes run out no file can be made although there is space."
      runbook: "Look for a directory with very many small files (sessions, mail queues, caches): find MOUNTPOINT -xdev -type d -size +1M."
  - alert: InodesCritical
    expr: node_filesystem_files_free / node_filesystem_files < 0.03 and node_filesystem_files > 0 and node_filesystem_readonly == 0
    for: 5m
    labels: {severity: critical}
    annotations:
      summary: "{{ $labels.instance }}: {{ $labels.mountpoint }} has {{ $value | humanizePercentage }} of its inodes left"
      description: "No file can be made there soon."
      runbook: "Delete files that are not needed now; see InodesLow for how to find them."
  - alert: FilesystemReadOnly
    expr: node_filesystem_readonly == 1 and min_over_time(node_filesystem_readonly[6h]) == 0
    labels: {severity: critical}
    annotations:
      summary: "{{ $labels.instance }}: {{ $labels.mountpoint }} became read-only"
      description: "It could be written within the last 6 hours. The kernel does this when it finds an error on the disk."
      runbook: "dmesg shows the error. Save what can be saved, check the disk (smartctl -a) and run fsck on the unmounted filesystem."
  - alert: FilesystemError
    expr: node_filesystem_device_error == 1
    for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: {{ $labels.mountpoint }} cannot be looked at"
      description: "Asking {{ $labels.device }} for its free space has failed for 5 minutes: an error, a missing permission, or a mount that hangs."
      runbook: "Try df MOUNTPOINT on the host. For network filesystems check the server; for a mount nobody needs, unmount it or exclude it in the agent's filesystem input."
  - alert: MountHung
    expr: node_filesystem_mount_hung == 1
    for: 1m
    labels: {severity: critical}
    annotations:
      summary: "{{ $labels.instance }}: {{ $labels.mountpoint }} does not answer"
      description: "A question to this mount has not come back; programs that touch it hang."
      runbook: "Check the file server and the network to it. umount -f -l MOUNTPOINT lets go of it; processes in state D may need a restart of the host."
- name: disks
  rules:
  - alert: DiskBusy
    expr: rate(node_disk_io_time_seconds_total[10m]) > 0.98
    for: 10m
    keep_firing_for: 5m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: disk {{ $labels.device }} is busy {{ $value | humanizePercentage }} of the time"
      description: "There was hardly a moment without a request for 10 minutes. One disk that turns is at its limit; SSDs and arrays may still take more: see DiskSlow."
      runbook: "iotop -oa names the programs. Backups, scrubs and rebuilds are usual; move them to quiet hours."
  - alert: DiskSlow
    expr: >-
      (rate(node_disk_read_time_seconds_total[5m]) + rate(node_disk_write_time_seconds_total[5m]))
      / (rate(node_disk_reads_completed_total[5m]) + rate(node_disk_writes_completed_total[5m])) > 0.1
      and rate(node_disk_reads_completed_total[5m]) + rate(node_disk_writes_completed_total[5m]) > 1
    for: 10m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: disk {{ $labels.device }} takes {{ $value | humanizeDuration }} for a request"
      description: "Reads and writes have taken more than 100 ms on average for 10 minutes."
      runbook: "A disk that became slow without more work may be failing (smartctl -a, dmesg), an array may be rebuilding (cat /proc/mdstat), a cloud volume may have used up its burst."
  - alert: DiskQueueLong
    expr: rate(node_disk_io_time_weighted_seconds_total[5m]) > 10
    for: 30m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: {{ $value | humanize }} requests wait for disk {{ $labels.device }}"
      description: "More than 10 requests have been waiting or under way on average for 30 minutes."
      runbook: "See DiskBusy and DiskSlow; spread the work over more disks or over time."
  - alert: IoPressure
    expr: rate(node_pressure_io_stalled_seconds_total[10m]) > 0.5
    for: 10m
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }}: everything stood still for disks {{ $value | humanizePercentage }} of the time"
      description: "For more than half of the time all programs that could have run were waiting for storage."
      runbook: "iostat -x 5 names the disk, iotop the program."
`;
