// Written by `npm run gen` from the files of this folder.
import agentSelf from './agent-self.ts';
import arp from './arp.ts';
import bonding from './bonding.ts';
import conntrack from './conntrack.ts';
import cpu from './cpu.ts';
import cpuInfo from './cpu-info.ts';
import cpuThrottle from './cpu-throttle.ts';
import cpuVulnerabilities from './cpu-vulnerabilities.ts';
import cpufreq from './cpufreq.ts';
import diskstats from './diskstats.ts';
import dmi from './dmi.ts';
import edac from './edac.ts';
import entropy from './entropy.ts';
import filefd from './filefd.ts';
import filesystem from './filesystem.ts';
import hwmon from './hwmon.ts';
import type { InputDefinition } from './input.ts';
import kernelHung from './kernel-hung.ts';
import loadavg from './loadavg.ts';
import mdadm from './mdadm.ts';
import meminfo from './meminfo.ts';
import netclass from './netclass.ts';
import netdev from './netdev.ts';
import netstat from './netstat.ts';
import nvme from './nvme.ts';
import os from './os.ts';
import powersupplyclass from './powersupplyclass.ts';
import pressure from './pressure.ts';
import rapl from './rapl.ts';
import schedstat from './schedstat.ts';
import selinux from './selinux.ts';
import sockstat from './sockstat.ts';
import softnet from './softnet.ts';
import stat from './stat.ts';
import tapestats from './tapestats.ts';
import textfile from './textfile.ts';
import thermalZone from './thermal-zone.ts';
import time from './time.ts';
import udpQueues from './udp-queues.ts';
import uname from './uname.ts';
import vmstat from './vmstat.ts';
import watchdog from './watchdog.ts';

export const INPUTS: readonly InputDefinition[] = [
  agentSelf,
  arp,
  bonding,
  conntrack,
  cpu,
  cpuInfo,
  cpuThrottle,
  cpuVulnerabilities,
  cpufreq,
  diskstats,
  dmi,
  edac,
  entropy,
  filefd,
  filesystem,
  hwmon,
  kernelHung,
  loadavg,
  mdadm,
  meminfo,
  netclass,
  netdev,
  netstat,
  nvme,
  os,
  powersupplyclass,
  pressure,
  rapl,
  schedstat,
  selinux,
  sockstat,
  softnet,
  stat,
  tapestats,
  textfile,
  thermalZone,
  time,
  udpQueues,
  uname,
  vmstat,
  watchdog,
];
