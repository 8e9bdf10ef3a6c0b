/** What the golden trees do not show: single parsers, and how inputs follow a host that changes. */
import { readdirSync } from 'node:fs';
import { SteppedClock, silentLog } from '@bellwether/shared';
import arp, { countByDevice } from '../../../agent/inputs/arp.ts';
import bonding from '../../../agent/inputs/bonding.ts';
import { createCollector } from '../../../agent/inputs/collect.ts';
import cpu from '../../../agent/inputs/cpu.ts';
import diskstats from '../../../agent/inputs/diskstats.ts';
import type { InputDefinition } from '../../../agent/inputs/input.ts';
import { parseMounts } from '../../../agent/inputs/mounts.ts';
import netclass from '../../../agent/inputs/netclass.ts';
import netdev from '../../../agent/inputs/netdev.ts';
import os, { parseOsRelease } from '../../../agent/inputs/os.ts';
import schedstat from '../../../agent/inputs/schedstat.ts';
import selinux from '../../../agent/inputs/selinux.ts';
import softnet from '../../../agent/inputs/softnet.ts';
import { parseNumber } from '../../../agent/inputs/sys-numbers.ts';
import thermalZone from '../../../agent/inputs/thermal-zone.ts';
import { zoneName } from '../../../agent/inputs/time.ts';
import { sumQueues } from '../../../agent/inputs/udp-queues.ts';
import { rowOf, TempTree } from './support.ts';

let tree: TempTree;
beforeEach(() => {
  tree = new TempTree();
});
afterEach(() => tree.cleanUp());

/** Reads one input of the temporary tree, tick by tick; each call returns the row, or undefined when the input failed or had nothing to say. */
function reader(definition: InputDefinition, options: Record<string, unknown> = {}) {
  const collector = createCollector({
    paths: tree.paths,
    baseLabels: {},
    clock: new SteppedClock(0),
    log: silentLog,
    definitions: [definition],
    inputs: { [definition.name]: { options } },
  });
  return async (timeMs: number) => {
    const reading = (await collector.collect(timeMs)).readings.find(({ group }) => group === definition.name);
    return reading === undefined ? undefined : rowOf(reading);
  };
}

const bytes = (text: string) => new TextEncoder().encode(text);

test.each([
  ['1500\n', 1500],
  ['-1\n', -1],
  ['0x1003\n', 0x1003],
  ['0\n', 0],
  ['7', 7],
  ['', Number.NaN],
  ['\n', Number.NaN],
  ['up\n', Number.NaN],
  ['12x\n', Number.NaN],
  ['0x\n', Number.NaN],
  ['-\n', Number.NaN],
])('the number of %j is %p', (text, value) => expect(parseNumber(bytes(text), text.length)).toBe(value));

test('parseNumber stops at the length it is given', () => expect(parseNumber(bytes('12345'), 2)).toBe(12));

test.each([
  ['UTC0', 0, 'UTC'],
  ['CET-1CEST,M3.5.0,M10.5.0/3', 3600, 'CET'],
  ['CET-1CEST,M3.5.0,M10.5.0/3', 7200, 'CEST'],
  ['EST5EDT,M3.2.0,M11.1.0', -18_000, 'EST'],
  ['EST5EDT,M3.2.0,M11.1.0', -14_400, 'EDT'],
  ['<+0530>-5:30', 19_800, '+0530'],
  ['<-03>3', -10_800, '-03'],
  ['NST3:30NDT,M3.2.0,M11.1.0', -12_600, 'NST'],
  ['TZif\0\0garbage', 0, 'UTC'],
  ['', 0, 'UTC'],
])('rule %s at %i s is %s', (rule, offset, name) => expect(zoneName(rule, offset)).toBe(name));

test('neighbours are counted by device', () => {
  const header = 'IP address       HW type     Flags       HW address            Mask     Device\n';
  const line = (device: string) => `192.168.1.1    0x1         0x2         cc:aa:dd:ee:aa:bb     *        ${device}\n`;
  expect([...countByDevice(header + line('eth0') + line('eth1') + line('eth0'))]).toEqual([
    ['eth0', 2],
    ['eth1', 1],
  ]);
  expect([...countByDevice(header)]).toEqual([]);
  expect(() => countByDevice('')).toThrow('header');
});

test('when the last device goes, its series ends', async () => {
  const header = 'IP address       HW type     Flags       HW address            Mask     Device\n';
  const line = (device: string) => `192.168.1.1    0x1         0x2         cc:aa:dd:ee:aa:bb     *        ${device}\n`;
  tree.write('proc/net/arp', header + line('eth0'));
  const read = reader(arp);
  expect(await read(0)).toEqual({ 'node_arp_entries{device=eth0}': 1 });
  tree.write('proc/net/arp', header);
  expect(await read(1)).toEqual({ 'node_arp_entries{device=eth0}': 'stale' });
  expect(await read(2)).toBeUndefined();
  tree.write('proc/net/arp', header + line('eth1'));
  expect(await read(3)).toEqual({ 'node_arp_entries{device=eth1}': 1 });
});

test.each<[string, [number, number]]>([
  ['  sl  local_address rem_address   st tx_queue rx_queue tr\n   0: 00000000:0016 00000000:0000 0A 00000015:00000003 00:0\n', [0x15, 3]],
  ['header\n 1: a:1 b:2 07 0000000A:00000001 x\n 2: a:1 b:2 07 00000001:0000000F y', [11, 16]],
  ['header\n', [0, 0]],
  ['', [0, 0]],
  ['header\n 1: a:1', [0, 0]],
])('udp queues of %j', (text, [tx, rx]) => {
  const into = new Float64Array(2);
  sumQueues(bytes(text), text.length, into, 0);
  expect([...into]).toEqual([tx, rx]);
});

test.each([
  [
    '29 1 259:2 / / rw,relatime shared:1 - ext4 /dev/dm-2 errors=remount-ro',
    '/',
    { device: '/dev/dm-2', mountpoint: '/', fstype: 'ext4', readonly: false },
  ],
  ['30 29 8:1 / /a\\040b rw - vfat /dev/sda1 ro,x', '/', { device: '/dev/sda1', mountpoint: '/a b', fstype: 'vfat', readonly: true }],
  [
    '30 29 8:1 / /x ro,nosuid master:1 shared:2 - xfs /dev/sdb rw',
    '/',
    { device: '/dev/sdb', mountpoint: '/x', fstype: 'xfs', readonly: true },
  ],
  ['30 29 8:1 / /host/data rw - xfs /dev/sdb rw', '/host', { device: '/dev/sdb', mountpoint: '/data', fstype: 'xfs', readonly: false }],
  ['30 29 8:1 / /host rw - xfs /dev/sdb rw', '/host', { device: '/dev/sdb', mountpoint: '/', fstype: 'xfs', readonly: false }],
  ['30 29 8:1 / /hostile rw - xfs /dev/sdb rw', '/host', { device: '/dev/sdb', mountpoint: '/hostile', fstype: 'xfs', readonly: false }],
])('mount %s', (line, rootfs, mount) => expect(parseMounts(`${line}\n`, rootfs)).toEqual([mount]));

test('a mount on top of an equal one counts once, and odd lines not at all', () => {
  const line = '30 29 8:1 / /x rw - xfs /dev/sdb rw\n';
  expect(parseMounts(`${line}${line}garbled\n30 29 8:1 / /x rw xfs\n`, '/')).toHaveLength(1);
});

test('os-release in every quoting', () => {
  const text = 'NAME="A \\"B\\""\nID=debian\nVERSION=\'12 (x)\'\n# NO=1\nbad\n';
  expect(Object.fromEntries(parseOsRelease(text))).toEqual({ NAME: 'A "B"', ID: 'debian', VERSION: '12 (x)' });
});

test.each([
  ['ID=ubuntu\nID_LIKE=debian\nVERSION_ID="20.04"\n', 20.04],
  ['ID=ubuntu\nID_LIKE=debian\nVERSION_ID="8.7.1"\n', 8.7],
])('os version of %j', async (release, version) => {
  tree.write('usr/lib/os-release', release);
  expect(await reader(os)(0)).toMatchObject({ 'node_os_version{id=ubuntu,id_like=debian}': version });
});

test('a distribution that has no version has no version', async () => {
  tree.write('etc/os-release', 'ID=arch\nSUPPORT_END=2027-01-02\n');
  expect(await reader(os)(0)).toEqual({ 'node_os_info{id=arch}': 1, node_os_support_end_timestamp_seconds: 1_798_848_000 });
});

test.each([
  [undefined, undefined, { node_selinux_enabled: 0 }],
  ['1', 'SELINUX=permissive\n', { node_selinux_enabled: 1, node_selinux_config_mode: 0, node_selinux_current_mode: 1 }],
  ['0', '# SELINUX=enforcing\n', { node_selinux_enabled: 1, node_selinux_config_mode: -1, node_selinux_current_mode: 0 }],
])('selinux enforce %p config %p', async (enforce, config, expected) => {
  if (enforce !== undefined) tree.write('sys/fs/selinux/enforce', enforce);
  if (config !== undefined) tree.write('etc/selinux/config', config);
  expect(await reader(selinux)(0)).toEqual(expected);
});

test('cpu: counters do not step back, a replugged CPU starts anew, a CPU taken out goes', async () => {
  const stat = (...lines: string[]) => tree.write('proc/stat', `cpu 0 0 0 0\n${lines.join('\n')}\nctxt 1\n`);
  const read = reader(cpu, { guest: false });
  const idle = async (timeMs: number, n: number) => (await read(timeMs))?.[`node_cpu_seconds_total{cpu=${n},mode=idle}`];
  stat('cpu0 1 1 1 1000 5 0 0 0 0 0', 'cpu1 1 1 1 2000 5 0 0 0 0 0');
  expect(await idle(1, 0)).toBe(10);
  stat('cpu0 1 1 1 990 4 0 0 0 0 0', 'cpu1 1 1 1 2000 5 0 0 0 0 0');
  expect(await read(2)).toMatchObject({ 'node_cpu_seconds_total{cpu=0,mode=idle}': 10, 'node_cpu_seconds_total{cpu=0,mode=iowait}': 0.05 });
  stat('cpu0 1 1 1 100 0 0 0 0 0 0', 'cpu1 1 1 1 2000 5 0 0 0 0 0');
  expect(await read(3)).toMatchObject({ 'node_cpu_seconds_total{cpu=0,mode=idle}': 1, 'node_cpu_seconds_total{cpu=0,mode=iowait}': 0 });
  stat('cpu1 1 1 1 2100 5 0 0 0 0 0');
  expect(Object.keys((await read(4))!)).toHaveLength(8);
  expect(await idle(5, 1)).toBe(21);
});

test('cpu: fields a kernel lacks are absent', async () => {
  tree.write('proc/stat', 'cpu0 1 2 3 4\n');
  expect(await reader(cpu)(0)).toEqual(
    Object.fromEntries(['user', 'nice', 'system', 'idle'].map((mode, i) => [`node_cpu_seconds_total{cpu=0,mode=${mode}}`, (i + 1) / 100])),
  );
});

test('softnet: lines belong to the CPU they name', async () => {
  const zeros = (count: number) => Array.from({ length: count }, () => '00000000').join(' ');
  tree.write('proc/net/softnet_stat', `0000000a ${zeros(11)} 00000000\n0000000b ${zeros(11)} 00000010\n`);
  expect(await reader(softnet)(0)).toMatchObject({
    'node_softnet_processed_total{cpu=0}': 10,
    'node_softnet_processed_total{cpu=16}': 11,
    'node_softnet_backlog_len{cpu=16}': 0,
  });
});

test('diskstats: what udev knows, and devices that come and go', async () => {
  tree.write('proc/diskstats', '   7 0 loop0 1 1 1 1 1 1 1 1 1 1 1\n   8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n');
  tree.write('sys/block/sda/queue/rotational', '1\n');
  tree.write(
    'run/udev/data/b8:0',
    'S:disk/by-id/x\nE:ID_MODEL=KSDB\nE:ID_SERIAL=long\nE:ID_SERIAL_SHORT=SN=1\nE:ID_FS_TYPE=ext4\nE:ID_FS_UUID=u\nE:DM_NAME=vg-lv\nE:DM_VG_NAME=vg\nE:ID_ATA=1\nE:ID_ATA_ROTATION_RATE_RPM=7200\nE:ID_ATA_WRITE_CACHE=x\n',
  );
  const read = reader(diskstats);
  const row = await read(0);
  expect(row).toMatchObject({
    'node_disk_info{device=sda,major=8,minor=0,model=KSDB,rotational=1,serial=SN=1}': 1,
    'node_disk_filesystem_info{device=sda,type=ext4,uuid=u}': 1,
    'node_disk_device_mapper_info{device=sda,name=vg-lv,vg_name=vg}': 1,
    'node_disk_ata_rotation_rate_rpm{device=sda}': 7200,
    'node_disk_read_bytes_total{device=sda}': 1536,
    'node_disk_io_time_weighted_seconds_total{device=sda}': 0.011,
  });
  expect(Object.keys(row!).filter((key) => /loop0|discard|flush|write_cache/.test(key))).toEqual([]);
  tree.write('proc/diskstats', '   8 16 sdb 1 2 3 4 5 6 7 8 9 10 11\n');
  expect(Object.keys((await read(1))!).every((key) => key.includes('device=sdb'))).toBe(true);
});

test('netdev: a device named by a number, and filters', async () => {
  const head = 'Inter-|   Receive                                                |  Transmit\n face |bytes    packets\n';
  const numbers = (first: number) => Array.from({ length: 16 }, (_, i) => first + i).join(' ');
  tree.write('proc/net/dev', `${head}    lo: ${numbers(1)}\n     7:${numbers(100)}\n`);
  tree.write('sys/class/net/7/statistics/rx_nohandler', '3\n');
  const row = await reader(netdev, { 'device-exclude': '^lo$' })(0);
  expect(row).toMatchObject({
    'node_network_receive_bytes_total{device=7}': 100,
    'node_network_transmit_compressed_total{device=7}': 115,
    'node_network_receive_nohandler_total{device=7}': 3,
  });
  expect(Object.keys(row!)).toHaveLength(17);
});

describe('netclass', () => {
  const set = (device: string, files: Record<string, string>) => {
    for (const [file, text] of Object.entries(files)) tree.write(`sys/class/net/${device}/${file}`, `${text}\n`);
  };
  const eth0 = { operstate: 'up', carrier: '1', carrier_changes: '2', mtu: '1500', flags: '0x1003', speed: '1000', address: '02:00' };

  test('properties, the speed in bytes, and no link without its files', async () => {
    set('eth0', eth0);
    tree.write('sys/class/net/bonding_masters', 'bond0\n');
    expect(await reader(netclass)(0)).toEqual({
      'node_network_up{device=eth0}': 1,
      'node_network_info{address=02:00,adminstate=up,device=eth0,operstate=up}': 1,
      'node_network_carrier{device=eth0}': 1,
      'node_network_carrier_changes_total{device=eth0}': 2,
      'node_network_mtu_bytes{device=eth0}': 1500,
      'node_network_flags{device=eth0}': 4099,
      'node_network_speed_bytes{device=eth0}': 125_000_000,
    });
  });

  test('an unknown speed is negative, or left out when told so', async () => {
    set('eth0', { ...eth0, speed: '-1' });
    expect(await reader(netclass)(0)).toHaveProperty('node_network_speed_bytes{device=eth0}', -125_000);
    expect(await reader(netclass, { 'ignore-invalid-speed': true })(0)).not.toHaveProperty('node_network_speed_bytes{device=eth0}');
  });

  test('a link that goes down shows at once, everything else within 10 s', async () => {
    set('eth0', eth0);
    const read = reader(netclass);
    await read(0);
    set('eth0', { mtu: '9000' });
    expect(await read(1_000)).toHaveProperty('node_network_mtu_bytes{device=eth0}', 1500);
    expect(await read(10_000)).toHaveProperty('node_network_mtu_bytes{device=eth0}', 9000);
    set('eth0', { operstate: 'down', carrier: '0', carrier_changes: '3' });
    expect(await read(11_000)).toMatchObject({ 'node_network_up{device=eth0}': 0, 'node_network_carrier{device=eth0}': 0 });
  });

  test('more devices than descriptors are worth holding', async () => {
    const devices = Array.from({ length: 400 }, (_, i) => `veth${i}`);
    for (const device of devices) set(device, { operstate: 'up', carrier_changes: '2' });
    const read = reader(netclass);
    const before = readdirSync('/proc/self/fd').length;
    expect(await read(0)).toHaveProperty('node_network_carrier_changes_total{device=veth399}', 2);
    expect(readdirSync('/proc/self/fd').length).toBeLessThan(before + 50);
    set('veth399', { carrier_changes: '3' });
    expect(await read(1_000)).toHaveProperty('node_network_carrier_changes_total{device=veth399}', 3);
  });

  test('devices come and go', async () => {
    set('eth0', eth0);
    set('eth1', eth0);
    const read = reader(netclass);
    expect(await read(0)).toHaveProperty('node_network_up{device=eth1}', 1);
    tree.remove('sys/class/net/eth1');
    expect(await read(10_000)).not.toHaveProperty('node_network_up{device=eth1}');
    set('eth2', eth0);
    expect(await read(20_000)).toHaveProperty('node_network_up{device=eth2}', 1);
  });
});

test('schedstat: the last three numbers of each CPU, in seconds', async () => {
  tree.write('proc/schedstat', 'version 15\ntimestamp 1\ncpu0 1 0 3 4 5 6 2045936778 343796328 47\ndomain0 3 1 2 3\n');
  expect(await reader(schedstat)(0)).toEqual({
    'node_schedstat_running_seconds_total{cpu=0}': 2.045936778,
    'node_schedstat_waiting_seconds_total{cpu=0}': 0.343796328,
    'node_schedstat_timeslices_total{cpu=0}': 47,
  });
});

test('thermal zones and cooling devices; one that gives no number now is absent', async () => {
  tree.write('sys/class/thermal/thermal_zone0/type', 'cpu-thermal\n');
  tree.write('sys/class/thermal/thermal_zone0/temp', '-1500\n');
  tree.write('sys/class/thermal/cooling_device1/type', 'Fan\n');
  tree.write('sys/class/thermal/cooling_device1/cur_state', '2\n');
  const read = reader(thermalZone);
  const fan = { 'node_cooling_device_cur_state{name=1,type=Fan}': 2 };
  expect(await read(0)).toEqual({ 'node_thermal_zone_temp{type=cpu-thermal,zone=0}': -1.5, ...fan });
  tree.write('sys/class/thermal/thermal_zone0/temp', '\n');
  expect(await read(10_000)).toEqual({ 'node_thermal_zone_temp{type=cpu-thermal,zone=0}': 'stale', ...fan });
});

test('bonding: links that belong and links that are up', async () => {
  tree.write('sys/class/net/bonding_masters', 'bond0 bond1\n');
  tree.write('sys/class/net/bond0/bonding/slaves', 'eth0 eth1 eth2\n');
  tree.write('sys/class/net/bond0/lower_eth0/bonding_slave/mii_status', 'up\n');
  tree.write('sys/class/net/bond0/slave_eth1/bonding_slave/mii_status', 'up\n');
  tree.write('sys/class/net/bond0/lower_eth2/bonding_slave/mii_status', 'down\n');
  tree.write('sys/class/net/bond1/bonding/slaves', '\n');
  expect(await reader(bonding)(0)).toEqual({
    'node_bonding_slaves{master=bond0}': 3,
    'node_bonding_active{master=bond0}': 2,
    'node_bonding_slaves{master=bond1}': 0,
    'node_bonding_active{master=bond1}': 0,
  });
});
