/** What is read of a device: OIDs, and the metrics they become under snmp_exporter's names. */
import type { MetricType } from '@bellwether/shared';

export interface ColumnInfo {
  /** The arc below the table's entry. */
  readonly column: number;
  /** Name of the metric. */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** `text`, `address` and `ifType` are series of value 1 with the reading in a label; `label` is no series but on every series of the row. */
  readonly as: 'number' | 'label' | 'text' | 'address' | 'ifType';
}

export interface TableInfo {
  readonly name: string;
  readonly entry: string;
  readonly columns: readonly ColumnInfo[];
}

/** A single object, asked for by GET. */
export interface ScalarInfo {
  readonly oid: string;
  readonly name: string;
  readonly as: 'number' | 'text';
  readonly help: string;
}

const counter = (column: number, name: string, help: string): ColumnInfo => ({ column, name, type: 'counter', help, as: 'number' });
const gauge = (column: number, name: string, help: string): ColumnInfo => ({ column, name, type: 'gauge', help, as: 'number' });
const label = (column: number, name: string): ColumnInfo => ({ column, name, type: 'gauge', help: '', as: 'label' });

export const SYSTEM: readonly ScalarInfo[] = [
  { oid: '1.3.6.1.2.1.1.3.0', name: 'sysUpTime', as: 'number', help: 'Hundredths of a second since the SNMP agent of the device started.' },
  { oid: '1.3.6.1.2.1.1.1.0', name: 'sysDescr', as: 'text', help: 'Make, model and software of the device.' },
  { oid: '1.3.6.1.2.1.1.2.0', name: 'sysObjectID', as: 'text', help: "The maker's number of this kind of device." },
  { oid: '1.3.6.1.2.1.1.4.0', name: 'sysContact', as: 'text', help: 'Who looks after the device.' },
  { oid: '1.3.6.1.2.1.1.5.0', name: 'sysName', as: 'text', help: 'What the device calls itself.' },
  { oid: '1.3.6.1.2.1.1.6.0', name: 'sysLocation', as: 'text', help: 'Where the device stands.' },
  {
    oid: '1.3.6.1.6.3.10.2.1.3.0',
    name: 'snmpEngineTime',
    as: 'number',
    help: 'Seconds since the SNMP agent of the device started; unlike sysUpTime it does not begin again after 497 days.',
  },
];

export const IF_TABLE: TableInfo = {
  name: 'ifTable',
  entry: '1.3.6.1.2.1.2.2.1',
  columns: [
    label(2, 'ifDescr'),
    { column: 3, name: 'ifType_info', type: 'gauge', help: 'Kind of the interface (IANAifType).', as: 'ifType' },
    gauge(4, 'ifMtu', 'Largest packet, bytes.'),
    gauge(5, 'ifSpeed', 'Bits a second; 4294967295 stands for "see ifHighSpeed".'),
    { column: 6, name: 'ifPhysAddress', type: 'gauge', help: 'Hardware address.', as: 'address' },
    gauge(7, 'ifAdminStatus', 'What the interface is set to: 1 up, 2 down, 3 testing.'),
    gauge(
      8,
      'ifOperStatus',
      'What the interface is: 1 up, 2 down, 3 testing, 4 unknown, 5 dormant, 6 not present, 7 down because of a lower layer.',
    ),
    gauge(9, 'ifLastChange', 'sysUpTime when it entered its present state.'),
    counter(10, 'ifInOctets', 'Bytes received, 32 bits; only where there is no ifHCInOctets.'),
    counter(11, 'ifInUcastPkts', 'Unicast packets received, 32 bits; only where there is no ifHCInUcastPkts.'),
    counter(13, 'ifInDiscards', 'Packets received and dropped for want of room.'),
    counter(14, 'ifInErrors', 'Packets received with errors.'),
    counter(15, 'ifInUnknownProtos', 'Packets received of a protocol that nothing takes.'),
    counter(16, 'ifOutOctets', 'Bytes sent, 32 bits; only where there is no ifHCOutOctets.'),
    counter(17, 'ifOutUcastPkts', 'Unicast packets sent, 32 bits; only where there is no ifHCOutUcastPkts.'),
    counter(19, 'ifOutDiscards', 'Packets dropped instead of sent for want of room.'),
    counter(20, 'ifOutErrors', 'Packets not sent because of errors.'),
  ],
};

export const IF_X_TABLE: TableInfo = {
  name: 'ifXTable',
  entry: '1.3.6.1.2.1.31.1.1.1',
  columns: [
    label(1, 'ifName'),
    counter(6, 'ifHCInOctets', 'Bytes received.'),
    counter(7, 'ifHCInUcastPkts', 'Unicast packets received.'),
    counter(8, 'ifHCInMulticastPkts', 'Multicast packets received.'),
    counter(9, 'ifHCInBroadcastPkts', 'Broadcast packets received.'),
    counter(10, 'ifHCOutOctets', 'Bytes sent.'),
    counter(11, 'ifHCOutUcastPkts', 'Unicast packets sent.'),
    counter(12, 'ifHCOutMulticastPkts', 'Multicast packets sent.'),
    counter(13, 'ifHCOutBroadcastPkts', 'Broadcast packets sent.'),
    gauge(15, 'ifHighSpeed', 'Millions of bits a second.'),
    label(18, 'ifAlias'),
  ],
};

/** Columns of ifTable that a row with 64-bit counters does without: they wrap in seconds on a fast link. */
export const COUNTERS_32: readonly number[] = [10, 11, 16, 17];

/** Tables that not every device has, each labelled by its own index and texts. */
export const FURTHER: readonly (TableInfo & { readonly index: string })[] = [
  {
    name: 'hrStorageTable',
    index: 'hrStorageIndex',
    entry: '1.3.6.1.2.1.25.2.3.1',
    columns: [
      label(3, 'hrStorageDescr'),
      gauge(4, 'hrStorageAllocationUnits', 'Bytes of one unit of hrStorageSize and hrStorageUsed.'),
      gauge(5, 'hrStorageSize', 'Units there are.'),
      gauge(6, 'hrStorageUsed', 'Units in use.'),
    ],
  },
  {
    name: 'hrProcessorTable',
    index: 'hrDeviceIndex',
    entry: '1.3.6.1.2.1.25.3.3.1',
    columns: [gauge(2, 'hrProcessorLoad', 'Percent of the last minute that the processor was busy.')],
  },
  {
    name: 'laTable',
    index: 'laIndex',
    entry: '1.3.6.1.4.1.2021.10.1',
    columns: [label(2, 'laNames'), gauge(5, 'laLoadInt', 'Load average times 100.')],
  },
];

/** Scalars that not every device has. */
export const FURTHER_SCALARS: readonly ScalarInfo[] = [
  { oid: '1.3.6.1.2.1.25.1.1.0', name: 'hrSystemUptime', as: 'number', help: 'Hundredths of a second since the device itself started.' },
  { oid: '1.3.6.1.4.1.2021.4.3.0', name: 'memTotalSwap', as: 'number', help: 'Swap space, kB.' },
  { oid: '1.3.6.1.4.1.2021.4.4.0', name: 'memAvailSwap', as: 'number', help: 'Swap space that is free, kB.' },
  { oid: '1.3.6.1.4.1.2021.4.5.0', name: 'memTotalReal', as: 'number', help: 'Memory, kB.' },
  { oid: '1.3.6.1.4.1.2021.4.6.0', name: 'memAvailReal', as: 'number', help: 'Memory that is free, kB.' },
  { oid: '1.3.6.1.4.1.2021.4.14.0', name: 'memBuffer', as: 'number', help: 'Memory in buffers, kB.' },
  { oid: '1.3.6.1.4.1.2021.4.15.0', name: 'memCached', as: 'number', help: 'Memory in caches, kB.' },
  { oid: '1.3.6.1.4.1.2021.11.50.0', name: 'ssCpuRawUser', as: 'number', help: 'Ticks of the processors for programs.' },
  { oid: '1.3.6.1.4.1.2021.11.52.0', name: 'ssCpuRawSystem', as: 'number', help: 'Ticks of the processors for the kernel.' },
  { oid: '1.3.6.1.4.1.2021.11.53.0', name: 'ssCpuRawIdle', as: 'number', help: 'Ticks of the processors without work.' },
  { oid: '1.3.6.1.4.1.2021.11.54.0', name: 'ssCpuRawWait', as: 'number', help: 'Ticks of the processors waiting for disks.' },
];

/** The kinds of interfaces one meets; others are shown by their number. */
const IF_TYPES: Readonly<Record<number, string>> = {
  1: 'other',
  6: 'ethernetCsmacd',
  20: 'basicISDN',
  22: 'propPointToPointSerial',
  23: 'ppp',
  24: 'softwareLoopback',
  32: 'frameRelay',
  37: 'atm',
  39: 'sonet',
  49: 'aal5',
  53: 'propVirtual',
  54: 'propMultiplexor',
  56: 'fibreChannel',
  62: 'fastEther',
  69: 'fastEtherFX',
  71: 'ieee80211',
  77: 'lapd',
  94: 'adsl',
  96: 'sdsl',
  97: 'vdsl',
  108: 'pppMultilinkBundle',
  117: 'gigabitEthernet',
  127: 'docsCableMaclayer',
  128: 'docsCableDownstream',
  129: 'docsCableUpstream',
  131: 'tunnel',
  135: 'l2vlan',
  136: 'l3ipvlan',
  140: 'dtm',
  142: 'ipForward',
  150: 'mplsTunnel',
  161: 'ieee8023adLag',
  166: 'mpls',
  169: 'shdsl',
  188: 'radioMAC',
  199: 'infiniband',
  209: 'bridge',
  230: 'adsl2',
  238: 'adsl2plus',
  244: 'wwanPP2',
  250: 'gpon',
  251: 'vdsl2',
};

export function ifTypeName(type: number): string {
  return IF_TYPES[type] ?? String(type);
}
