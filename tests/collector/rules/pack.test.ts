import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@bellwether/shared/clock';
import { expect, test } from '@jest/globals';
import { rulePack, rulePackReference, runRuleTests } from '../../../collector/rules/index.ts';
import { openLab } from './lab.ts';

const PACK = rulePack();

/** One minute between values; `{}` stands for the host's labels, and more may follow inside. */
type Series = readonly (readonly [series: string, values: string])[];
interface Case {
  /** What fires, `name severity`, besides nothing else. */
  readonly fires: readonly string[];
  readonly at: string;
  readonly series: Series;
}

const FS = '{mountpoint="/data", fstype="ext4", device="/dev/sda1"}';
const GIB = 1024 ** 3;
const space = (size: number, available: string, readonly = '0x200'): Series => [
  [`node_filesystem_size_bytes${FS}`, `${size}x200`],
  [`node_filesystem_avail_bytes${FS}`, available],
  [`node_filesystem_readonly${FS}`, readonly],
];
const cpu = (mode: string, perMinute: number, others: readonly (readonly [string, number])[] = [['idle', 60 - perMinute]]): Series =>
  [[mode, perMinute] as const, ...others].map(
    ([name, pace]) => [`node_cpu_seconds_total{cpu="0", mode="${name}"}`, `0+${pace}x100`] as const,
  );
const gauge = (name: string, value: number | string, labels = '{}'): readonly [string, string] => [`${name}${labels}`, `${value}x100`];
const counter = (name: string, perMinute: number, labels = '{}'): readonly [string, string] => [`${name}${labels}`, `0+${perMinute}x100`];
const DISK = '{device="sda"}';
const disk = (busySeconds: number, weighted: number, requests: number, secondsSpent: number): Series => [
  counter('node_disk_io_time_seconds_total', busySeconds, DISK),
  counter('node_disk_io_time_weighted_seconds_total', weighted, DISK),
  counter('node_disk_reads_completed_total', requests, DISK),
  counter('node_disk_writes_completed_total', requests, DISK),
  counter('node_disk_read_time_seconds_total', secondsSpent, DISK),
  counter('node_disk_write_time_seconds_total', secondsSpent, DISK),
];
const NIC = '{device="eth0"}';
const nic = (packets: number, errors: number, drops: number): Series => [
  counter('node_network_receive_packets_total', packets, NIC),
  counter('node_network_transmit_packets_total', packets, NIC),
  counter('node_network_receive_errs_total', errors, NIC),
  counter('node_network_transmit_errs_total', errors, NIC),
  counter('node_network_receive_drop_total', drops, NIC),
];
const memory = (available: number, total: number): Series => [
  gauge('node_memory_MemAvailable_bytes', available),
  gauge('node_memory_MemTotal_bytes', total),
];
const swap = (free: number, total: number): Series => [
  gauge('node_memory_SwapFree_bytes', free),
  gauge('node_memory_SwapTotal_bytes', total),
];
const PROBE = '{job="blackbox", check="h", agent="a"}';
const CHECK = (value: number) => gauge('bellwether_up_state', value, '{job="bellwether", kind="check"}');
const PORT = '{job="snmp", ifIndex="3", ifName="Gi0/3", ifDescr="GigabitEthernet0/3"}';
const SNMP = '{job="snmp"}';
const port = (oper: string, admin = '1x100'): Series => [
  [`ifOperStatus${PORT}`, oper],
  [`ifAdminStatus${PORT}`, admin],
];
const traffic = (inPerMinute: number, outPerMinute: number, speed = 1_000): Series => [
  counter('ifHCInOctets', inPerMinute, PORT),
  counter('ifHCOutOctets', outPerMinute, PORT),
  gauge('ifHighSpeed', speed, PORT),
];

const HEALTHY: Series = [
  gauge('up', 1),
  ...cpu('user', 20, [
    ['idle', 38],
    ['iowait', 1],
    ['steal', 0],
    ['nice', 1],
  ]),
  gauge('node_load15', 0.5),
  ...memory(8 * GIB, 16 * GIB),
  ...swap(2 * GIB, 2 * GIB),
  ...space(100 * GIB, `${50 * GIB}x200`),
  gauge('node_filesystem_files', 1e6, FS),
  gauge('node_filesystem_files_free', 9e5, FS),
  gauge('node_filesystem_device_error', 0, FS),
  gauge('node_filesystem_mount_hung', 0, FS),
  ...disk(10, 12, 600, 3),
  ...nic(60_000, 0, 1),
  gauge('node_network_up', 1, NIC),
  counter('node_network_carrier_changes_total', 0, NIC),
  counter('node_netstat_TcpExt_ListenOverflows', 0),
  counter('node_softnet_dropped_total', 0, '{cpu="0"}'),
  gauge('node_filefd_allocated', 2_000),
  gauge('node_filefd_maximum', 100_000),
  gauge('node_nf_conntrack_entries', 100),
  gauge('node_nf_conntrack_entries_limit', 65_536),
  ...['cpu_waiting', 'memory_stalled', 'io_stalled'].map((name) => counter(`node_pressure_${name}_seconds_total`, 0.5)),
  counter('node_vmstat_oom_kill', 0),
  counter('node_vmstat_pgmajfault', 10),
  ['node_time_seconds{}', '1000000+60x100'],
  gauge('node_boot_time_seconds', 0),
  gauge('bellwether_agent_clock_offset_seconds', 0.002),
  counter('bellwether_agent_samples_dropped_total', 0),
  counter('bellwether_agent_spool_errors_total', 0),
  gauge('bellwether_agent_connections_total', 1),
  counter('bellwether_agent_ticks_skipped_total', 0),
];

const CASES: Record<string, Case> = {
  'a healthy host': { fires: [], at: '90m', series: HEALTHY },
  'no agent': { fires: ['AgentDown critical'], at: '0m', series: [gauge('up', 0)] },
  'an agent that is back': { fires: [], at: '5m', series: [['up{}', '1 0 0 1x10']] },
  'a host that is down': {
    fires: ['HostDown critical'],
    at: '2m',
    series: [['bellwether_up_state{job="bellwether", kind="host"}', '1 -1 0 0 0']],
  },
  'a host that is unknown': { fires: [], at: '3m', series: [gauge('bellwether_up_state', -1, '{job="bellwether", kind="host"}')] },
  'a check that is down': { fires: ['CheckDown critical'], at: '0m', series: [CHECK(0), gauge('probe_success', 0, PROBE)] },
  'a check that is up': { fires: [], at: '20m', series: [CHECK(1), gauge('probe_success', 1, PROBE)] },
  'a check that nobody runs': { fires: ['CheckNotRun warning'], at: '6m', series: [CHECK(-1)] },
  'a check that others do not see fail': {
    fires: ['CheckFailingFromAgent warning'],
    at: '6m',
    series: [CHECK(1), gauge('probe_success', 0, PROBE)],
  },
  'a check down for long': { fires: ['CheckDown critical'], at: '20m', series: [CHECK(0), gauge('probe_success', 0, PROBE)] },
  'a certificate of ten days': {
    fires: ['CertificateExpiresSoon warning'],
    at: '11m',
    series: [gauge('probe_ssl_earliest_cert_expiry', 10 * 86_400, PROBE)],
  },
  'a certificate of six days': {
    fires: ['CertificateExpires critical'],
    at: '11m',
    series: [gauge('probe_ssl_earliest_cert_expiry', 6 * 86_400, PROBE)],
  },
  'a certificate that has expired': {
    fires: ['CertificateExpires critical'],
    at: '11m',
    series: [gauge('probe_ssl_earliest_cert_expiry', -5, PROBE)],
  },
  'a certificate of thirty days': { fires: [], at: '20m', series: [gauge('probe_ssl_earliest_cert_expiry', 30 * 86_400, PROBE)] },
  'another job is down': { fires: [], at: '5m', series: [gauge('up', 0, '{job="mysqld"}')] },
  'dropped samples': { fires: ['AgentDroppingData warning'], at: '5m', series: [counter('bellwether_agent_samples_dropped_total', 5)] },
  'spool errors': { fires: ['AgentSpoolFailing warning'], at: '5m', series: [counter('bellwether_agent_spool_errors_total', 1)] },
  reconnections: { fires: ['AgentReconnecting warning'], at: '25m', series: [counter('bellwether_agent_connections_total', 1)] },
  'one reconnection': { fires: [], at: '25m', series: [['bellwether_agent_connections_total{}', '1x5 2x40']] },
  'skipped readings': { fires: ['AgentOverloaded warning'], at: '30m', series: [counter('bellwether_agent_ticks_skipped_total', 3)] },
  'clock ahead': { fires: ['HostClockOff warning'], at: '12m', series: [gauge('bellwether_agent_clock_offset_seconds', -3)] },
  'clock far off': { fires: ['HostClockFarOff critical'], at: '5m', series: [gauge('bellwether_agent_clock_offset_seconds', 90)] },
  'clock off for a moment': { fires: [], at: '30m', series: [['bellwether_agent_clock_offset_seconds{}', '0 3 3 0x100']] },
  restart: {
    fires: ['HostRestarted info'],
    at: '1m',
    series: [['node_time_seconds{}', '1000+60x100'], gauge('node_boot_time_seconds', 900)],
  },
  'restart a while ago': { fires: [], at: '20m', series: [['node_time_seconds{}', '1000+60x100'], gauge('node_boot_time_seconds', 900)] },
  'busy CPU': { fires: ['CpuBusy info'], at: '20m', series: cpu('user', 54) },
  'saturated CPU': { fires: ['CpuBusy info', 'CpuSaturated warning'], at: '30m', series: cpu('user', 59.5) },
  'niced work': { fires: [], at: '30m', series: cpu('nice', 59) },
  iowait: { fires: ['CpuIowait warning'], at: '25m', series: cpu('iowait', 30) },
  steal: { fires: ['CpuSteal warning'], at: '25m', series: cpu('steal', 10) },
  load: { fires: ['LoadHigh warning'], at: '15m', series: [gauge('node_load15', 2.5), ...cpu('user', 10)] },
  'cpu pressure': { fires: ['CpuPressure warning'], at: '25m', series: [counter('node_pressure_cpu_waiting_seconds_total', 40)] },
  'memory low': { fires: ['MemoryLow warning'], at: '10m', series: memory(1.2 * GIB, 16 * GIB) },
  'memory exhausted': { fires: ['MemoryExhausted critical', 'MemoryLow warning'], at: '10m', series: memory(0.2 * GIB, 16 * GIB) },
  'little of very much memory': { fires: ['MemoryLow warning'], at: '10m', series: memory(20 * GIB, 1_000 * GIB) },
  oom: { fires: ['OomKill warning'], at: '10m', series: [['node_vmstat_oom_kill{}', '0x5 1x60']] },
  'oom an hour ago': { fires: [], at: '50m', series: [['node_vmstat_oom_kill{}', '0x5 1x60']] },
  'swap full': { fires: ['SwapFull warning'], at: '10m', series: swap(0.1 * GIB, 2 * GIB) },
  'no swap': { fires: [], at: '10m', series: swap(0, 0) },
  thrashing: { fires: ['MajorPageFaults warning'], at: '25m', series: [counter('node_vmstat_pgmajfault', 60_000)] },
  'memory pressure': { fires: ['MemoryPressure warning'], at: '15m', series: [counter('node_pressure_memory_stalled_seconds_total', 10)] },
  'disk space low': { fires: ['DiskSpaceLow warning'], at: '20m', series: space(80 * GIB, `${8 * GIB}x200`) },
  'large volume with much left': { fires: [], at: '60m', series: space(10_000 * GIB, `${1_000 * GIB}x200`) },
  'large volume filling': { fires: ['DiskSpaceLow warning'], at: '60m', series: space(10_000 * GIB, `${1_100 * GIB}-${GIB}x200`) },
  'disk space critical': {
    fires: ['DiskSpaceCritical critical', 'DiskSpaceLow warning'],
    at: '20m',
    series: space(80 * GIB, `${2 * GIB}x200`),
  },
  'full but read-only': { fires: [], at: '60m', series: space(4 * GIB, '0x200', '1x200') },
  'inodes low': {
    fires: ['InodesLow warning'],
    at: '20m',
    series: [...space(100 * GIB, `${50 * GIB}x200`), gauge('node_filesystem_files', 1e6, FS), gauge('node_filesystem_files_free', 8e4, FS)],
  },
  'inodes critical': {
    fires: ['InodesCritical critical', 'InodesLow warning'],
    at: '20m',
    series: [...space(100 * GIB, `${50 * GIB}x200`), gauge('node_filesystem_files', 1e6, FS), gauge('node_filesystem_files_free', 1e4, FS)],
  },
  'filesystem without inodes': {
    fires: [],
    at: '30m',
    series: [...space(100 * GIB, `${50 * GIB}x200`), gauge('node_filesystem_files', 0, FS), gauge('node_filesystem_files_free', 0, FS)],
  },
  'became read-only': { fires: ['FilesystemReadOnly critical'], at: '10m', series: space(100 * GIB, `${50 * GIB}x200`, '0x5 1x100') },
  'always read-only': { fires: [], at: '30m', series: space(100 * GIB, `${50 * GIB}x200`, '1x100') },
  'device error': { fires: ['FilesystemError warning'], at: '10m', series: [gauge('node_filesystem_device_error', 1, FS)] },
  'hung mount': { fires: ['MountHung critical'], at: '3m', series: [gauge('node_filesystem_mount_hung', 1, FS)] },
  'busy disk': { fires: ['DiskBusy warning'], at: '25m', series: disk(60, 60, 6_000, 30) },
  'slow disk': { fires: ['DiskSlow warning'], at: '20m', series: disk(30, 60, 120, 30) },
  'slow but idle disk': { fires: [], at: '20m', series: disk(1, 1, 10, 5) },
  'long queue': { fires: ['DiskQueueLong warning'], at: '40m', series: disk(30, 1_200, 60_000, 30) },
  'io pressure': { fires: ['IoPressure warning'], at: '25m', series: [counter('node_pressure_io_stalled_seconds_total', 40)] },
  'broken packets': { fires: ['NetworkErrors warning'], at: '25m', series: nic(60_000, 1_200, 0) },
  'one broken packet of few': { fires: [], at: '25m', series: nic(60, 6, 0) },
  'dropped packets': { fires: ['NetworkDrops warning'], at: '20m', series: nic(60_000, 0, 3_000) },
  'dropped packets of few': { fires: [], at: '20m', series: nic(300, 0, 100) },
  'link down': { fires: ['LinkDown warning'], at: '10m', series: [[`node_network_up${NIC}`, '1x5 0x100']] },
  'port that is never used': { fires: [], at: '10m', series: [gauge('node_network_up', 0, NIC)] },
  'container link down': { fires: [], at: '10m', series: [['node_network_up{device="veth12"}', '1x5 0x100']] },
  'link flapping': { fires: ['LinkFlapping warning'], at: '10m', series: [counter('node_network_carrier_changes_total', 4, NIC)] },
  'listen queue': { fires: ['ListenQueueOverflow warning'], at: '15m', series: [counter('node_netstat_TcpExt_ListenOverflows', 120)] },
  'softnet drops': { fires: ['SoftnetDrops warning'], at: '15m', series: [counter('node_softnet_dropped_total', 1_200, '{cpu="0"}')] },
  'file descriptors': {
    fires: ['FileDescriptorsLow warning'],
    at: '20m',
    series: [gauge('node_filefd_allocated', 80), gauge('node_filefd_maximum', 100)],
  },
  'no file descriptors': {
    fires: ['FileDescriptorsCritical critical', 'FileDescriptorsLow warning'],
    at: '20m',
    series: [gauge('node_filefd_allocated', 95), gauge('node_filefd_maximum', 100)],
  },
  conntrack: {
    fires: ['ConntrackFilling warning'],
    at: '10m',
    series: [gauge('node_nf_conntrack_entries', 80), gauge('node_nf_conntrack_entries_limit', 100)],
  },
  'conntrack full': {
    fires: ['ConntrackFilling warning', 'ConntrackFull critical'],
    at: '10m',
    series: [gauge('node_nf_conntrack_entries', 99), gauge('node_nf_conntrack_entries_limit', 100)],
  },
  'silent device': { fires: ['DeviceDown critical'], at: '3m', series: [gauge('up', 0, SNMP)] },
  'device that missed one reading': { fires: [], at: '5m', series: [[`up${SNMP}`, '1 1 0 1x10']] },
  'restarted device': { fires: ['DeviceRestarted info'], at: '2m', series: [[`sysUpTime${SNMP}`, '3000+6000x60']] },
  'device up for longer than its counter': {
    fires: [],
    at: '2m',
    series: [
      [`sysUpTime${SNMP}`, '3000+6000x60'],
      [`snmpEngineTime${SNMP}`, '42949702+60x60'],
    ],
  },
  'half-read device': { fires: ['DeviceReadIncomplete warning'], at: '20m', series: [gauge('bellwether_snmp_incomplete_tables', 1, SNMP)] },
  'port that went down': { fires: ['InterfaceDown warning'], at: '10m', series: port('1x5 2x100') },
  'port that is down for hours': { fires: ['InterfaceDown warning'], at: '95m', series: port('1x5 2x100') },
  'port that was never up': { fires: [], at: '30m', series: port('2x100') },
  'port that was switched off': { fires: [], at: '30m', series: port('1x5 2x100', '1x8 2x100') },
  'port that came back': { fires: [], at: '30m', series: port('1x5 2x10 1x100') },
  'errors on a port': {
    fires: ['InterfaceErrors warning'],
    at: '15m',
    series: [counter('ifInErrors', 150, PORT), counter('ifOutErrors', 30, PORT)],
  },
  'few errors on a port': { fires: [], at: '30m', series: [counter('ifInErrors', 60, PORT), counter('ifOutErrors', 30, PORT)] },
  'busy port, inwards': { fires: ['InterfaceBusy warning'], at: '30m', series: traffic(7e9, 1e6) },
  'busy port, outwards': { fires: ['InterfaceBusy warning'], at: '30m', series: traffic(1e6, 7e9) },
  'port in use': { fires: [], at: '60m', series: traffic(5e9, 5e9) },
  'port without a speed': { fires: [], at: '60m', series: traffic(7e9, 7e9, 0) },
};

/** Adds job and instance where a series does not say its own. */
function ofHost(series: string): string {
  const [name, labels] = [series.slice(0, series.indexOf('{')), series.slice(series.indexOf('{') + 1, -1)];
  return `${name}{${[labels, labels.includes('job=') ? '' : 'job="node"', 'instance="h"'].filter((part) => part !== '').join(', ')}}`;
}

async function failuresOf(document: object): Promise<string[]> {
  const options = { file: 'pack.test.yml', clock: systemClock, openLab, loadRules: async () => PACK };
  return (await runRuleTests(JSON.stringify(document), options)).flatMap(({ failures }) => [...failures]);
}

test.each(Object.entries(CASES))('%s', async (_, { fires, at, series }) => {
  const samples = fires.map((line) => {
    const [alertname, severity] = line.split(' ');
    return { labels: `{alertname="${alertname}", severity="${severity}"}`, value: 1 };
  });
  const document = {
    rule_files: ['pack'],
    tests: [
      {
        interval: '1m',
        input_series: series.map(([name, values]) => ({ series: ofHost(name), values })),
        promql_expr_test: [{ expr: 'count by (alertname, severity) (ALERTS{alertstate="firing"})', eval_time: at, exp_samples: samples }],
      },
    ],
  };
  expect(await failuresOf(document)).toEqual([]);
});

test('AgentDown says who, at once, with all its words', async () => {
  const rule = rulePack()
    .flatMap(({ rules }) => rules)
    .find(({ name }) => name === 'AgentDown')!;
  if (rule.kind !== 'alerting') throw new TypeError('AgentDown is an alert');
  expect(rule).toMatchObject({ expr: 'up{job="node"} == 0', forMs: 0 });
  const document = {
    rule_files: ['pack'],
    tests: [
      {
        input_series: [{ series: 'up{job="node", instance="web-1"}', values: '1 0' }],
        alert_rule_test: [
          { eval_time: '0m', alertname: 'AgentDown', exp_alerts: [] },
          {
            eval_time: '1m',
            alertname: 'AgentDown',
            exp_alerts: [
              {
                exp_labels: { job: 'node', instance: 'web-1', severity: 'critical' },
                exp_annotations: {
                  summary: 'web-1: the agent is gone',
                  description: rule.annotations.get('description')!.source.replace('{{ $labels.instance }}', 'web-1'),
                  runbook: rule.annotations.get('runbook')!.source,
                },
              },
            ],
          },
        ],
      },
    ],
  };
  expect(await failuresOf(document)).toEqual([]);
});

test('every alert has a severity, a summary, a description and a runbook, and a case above', () => {
  const tested = new Set(Object.values(CASES).flatMap(({ fires }) => fires.map((line) => line.split(' ')[0])));
  const names = new Set<string>();
  for (const rule of rulePack().flatMap(({ rules }) => rules)) {
    if (rule.kind !== 'alerting') continue;
    expect(names.has(rule.name)).toBe(false);
    names.add(rule.name);
    expect(['info', 'warning', 'critical']).toContain(rule.labels.get('severity')?.source);
    expect([...rule.annotations.keys()]).toEqual(['summary', 'description', 'runbook']);
    expect({ rule: rule.name, tested: tested.has(rule.name) }).toEqual({ rule: rule.name, tested: true });
  }
});

test('docs/reference/rules-pack.md is the present pack (UPDATE_GOLDEN=1 writes it)', () => {
  const path = join(dirname(fileURLToPath(import.meta.url)), '../../../docs/reference/rules-pack.md');
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, rulePackReference());
  expect(readFileSync(path, 'utf8')).toBe(rulePackReference());
});
