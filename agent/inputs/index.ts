// Written by `npm run gen` from the files of this folder.
import agentSelf from './agent-self.ts';
import arp from './arp.ts';
import bonding from './bonding.ts';
import conntrack from './conntrack.ts';
import cpu from './cpu.ts';
import diskstats from './diskstats.ts';
import entropy from './entropy.ts';
import filefd from './filefd.ts';
import filesystem from './filesystem.ts';
import type { InputDefinition } from './input.ts';
import loadavg from './loadavg.ts';
import meminfo from './meminfo.ts';
import netclass from './netclass.ts';
import netdev from './netdev.ts';
import netstat from './netstat.ts';
import os from './os.ts';
import pressure from './pressure.ts';
import schedstat from './schedstat.ts';
import selinux from './selinux.ts';
import sockstat from './sockstat.ts';
import softnet from './softnet.ts';
import stat from './stat.ts';
import thermalZone from './thermal-zone.ts';
import time from './time.ts';
import udpQueues from './udp-queues.ts';
import uname from './uname.ts';
import vmstat from './vmstat.ts';

export const INPUTS: readonly InputDefinition[] = [
  agentSelf,
  arp,
  bonding,
  conntrack,
  cpu,
  diskstats,
  entropy,
  filefd,
  filesystem,
  loadavg,
  meminfo,
  netclass,
  netdev,
  netstat,
  os,
  pressure,
  schedstat,
  selinux,
  sockstat,
  softnet,
  stat,
  thermalZone,
  time,
  udpQueues,
  uname,
  vmstat,
];
