// Written by `npm run gen` from the files of this folder.
import agentSelf from './agent-self.ts';
import arp from './arp.ts';
import bcache from './bcache.ts';
import bonding from './bonding.ts';
import btrfs from './btrfs.ts';
import buddyinfo from './buddyinfo.ts';
import cgroups from './cgroups.ts';
import conntrack from './conntrack.ts';
import containers from './containers.ts';
import cpu from './cpu.ts';
import cpuInfo from './cpu-info.ts';
import cpuThrottle from './cpu-throttle.ts';
import cpuVulnerabilities from './cpu-vulnerabilities.ts';
import cpufreq from './cpufreq.ts';
import diskstats from './diskstats.ts';
import dmi from './dmi.ts';
import dmmultipath from './dmmultipath.ts';
import drbd from './drbd.ts';
import edac from './edac.ts';
import entropy from './entropy.ts';
import fibrechannel from './fibrechannel.ts';
import filefd from './filefd.ts';
import filesystem from './filesystem.ts';
import gpu from './gpu.ts';
import hwmon from './hwmon.ts';
import infiniband from './infiniband.ts';
import type { InputDefinition } from './input.ts';
import interrupts from './interrupts.ts';
import ipvs from './ipvs.ts';
import kernelHung from './kernel-hung.ts';
import ksmd from './ksmd.ts';
import listening from './listening.ts';
import lnstat from './lnstat.ts';
import loadavg from './loadavg.ts';
import mdadm from './mdadm.ts';
import meminfo from './meminfo.ts';
import meminfoNuma from './meminfo-numa.ts';
import netclass from './netclass.ts';
import netdev from './netdev.ts';
import netstat from './netstat.ts';
import nfs from './nfs.ts';
import nfsd from './nfsd.ts';
import nvme from './nvme.ts';
import os from './os.ts';
import pciAer from './pci-aer.ts';
import pcidevice from './pcidevice.ts';
import powersupplyclass from './powersupplyclass.ts';
import pressure from './pressure.ts';
import processGroup from './process-group.ts';
import processes from './processes.ts';
import rapl from './rapl.ts';
import schedstat from './schedstat.ts';
import selinux from './selinux.ts';
import slabinfo from './slabinfo.ts';
import smart from './smart.ts';
import sockstat from './sockstat.ts';
import softirqs from './softirqs.ts';
import softnet from './softnet.ts';
import stat from './stat.ts';
import sysctl from './sysctl.ts';
import systemd from './systemd.ts';
import tapestats from './tapestats.ts';
import tcpstat from './tcpstat.ts';
import textfile from './textfile.ts';
import thermalZone from './thermal-zone.ts';
import time from './time.ts';
import udpQueues from './udp-queues.ts';
import uname from './uname.ts';
import updates from './updates.ts';
import users from './users.ts';
import vmstat from './vmstat.ts';
import watchdog from './watchdog.ts';
import xfrm from './xfrm.ts';
import xfs from './xfs.ts';
import zfs from './zfs.ts';
import zoneinfo from './zoneinfo.ts';

export const INPUTS: readonly InputDefinition[] = [
  agentSelf,
  arp,
  bcache,
  bonding,
  btrfs,
  buddyinfo,
  cgroups,
  conntrack,
  containers,
  cpu,
  cpuInfo,
  cpuThrottle,
  cpuVulnerabilities,
  cpufreq,
  diskstats,
  dmi,
  dmmultipath,
  drbd,
  edac,
  entropy,
  fibrechannel,
  filefd,
  filesystem,
  gpu,
  hwmon,
  infiniband,
  interrupts,
  ipvs,
  kernelHung,
  ksmd,
  listening,
  lnstat,
  loadavg,
  mdadm,
  meminfo,
  meminfoNuma,
  netclass,
  netdev,
  netstat,
  nfs,
  nfsd,
  nvme,
  os,
  pciAer,
  pcidevice,
  powersupplyclass,
  pressure,
  processGroup,
  processes,
  rapl,
  schedstat,
  selinux,
  slabinfo,
  smart,
  sockstat,
  softirqs,
  softnet,
  stat,
  sysctl,
  systemd,
  tapestats,
  tcpstat,
  textfile,
  thermalZone,
  time,
  udpQueues,
  uname,
  updates,
  users,
  vmstat,
  watchdog,
  xfrm,
  xfs,
  zfs,
  zoneinfo,
];
