/** SMART by a stand-in for smartctl that is a real program, and its reports. */
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SteppedClock, silentLog } from '@bellwether/shared';
import { createCollector } from '../../../agent/inputs/collect.ts';
import smart from '../../../agent/inputs/smart.ts';
import { parseSmartReport, parseSmartScan, parseSmartTarget } from '../../../agent/inputs/smart-report.ts';
import { DAMAGES, randomOf, SEED } from './damage.ts';
import { rowOf, TempTree } from './support.ts';

const MINUTE = 60_000;
const NVME = {
  smartctl: { version: [7, 3], exit_status: 0 },
  device: { name: '/dev/nvme0', type: 'nvme', protocol: 'NVMe' },
  model_name: 'Samsung SSD 970 PRO 512GB',
  serial_number: 'S463NF0K',
  firmware_version: '1B2QEXP7',
  smart_status: { passed: true, nvme: { value: 0 } },
  nvme_smart_health_information_log: {
    critical_warning: 0,
    temperature: 41,
    available_spare: 98,
    available_spare_threshold: 10,
    percentage_used: 104,
    data_units_read: 2,
    data_units_written: 3,
    unsafe_shutdowns: 7,
    media_errors: 1,
    num_err_log_entries: 12,
  },
  temperature: { current: 41 },
  power_cycle_count: 60,
  power_on_time: { hours: 2 },
};
const ATA = {
  device: { name: '/dev/sda', type: 'sat', protocol: 'ATA' },
  model_family: 'Seagate IronWolf',
  model_name: 'ST8000VN004',
  smart_status: { passed: false },
  temperature: { current: -3 },
  ata_smart_attributes: {
    table: [
      { id: 5, name: 'Reallocated_Sector_Ct', when_failed: 'now', raw: { value: 64, string: '64' } },
      { id: 197, name: 'Current_Pending_Sector', when_failed: '', raw: { value: 8, string: '8' } },
      { id: 240, name: 'Head_Flying_Hours', when_failed: 'past', raw: { value: 1, string: '1' } },
    ],
  },
  ata_smart_error_log: { summary: { revision: 1, count: 2 } },
};
const ASLEEP = {
  smartctl: { messages: [{ string: 'Device is in STANDBY BY COMMAND mode, exit(2)', severity: 'information' }], exit_status: 2 },
};

let tree: TempTree;
beforeEach(() => {
  tree = new TempTree();
});
afterEach(() => tree.cleanUp());

const valuesOf = (report: unknown, device = 'sda') =>
  Object.fromEntries(
    parseSmartReport(JSON.stringify(report), device).rows.map(([{ name }, value]) => [name.replace('node_smart_device_', ''), value]),
  );

test('an NVMe disk', () => {
  expect(valuesOf(NVME)).toEqual({
    info: 1,
    healthy: 1,
    temperature_celsius: 41,
    power_on_seconds: 7200,
    power_cycles_total: 60,
    error_log_entries_total: 12,
    media_errors_total: 1,
    percentage_used: 104,
    available_spare_ratio: 0.98,
    available_spare_threshold_ratio: 0.1,
    critical_warning: 0,
    unsafe_shutdowns_total: 7,
    read_bytes_total: 1_024_000,
    written_bytes_total: 1_536_000,
  });
  expect(parseSmartReport(JSON.stringify(NVME), 'nvme0').rows[0]![0].labels).toEqual({
    device: 'nvme0',
    model: 'Samsung SSD 970 PRO 512GB',
    family: '',
    serial: 'S463NF0K',
    firmware: '1B2QEXP7',
    protocol: 'NVMe',
  });
});

test('an ATA disk that is about to fail', () => {
  expect(valuesOf(ATA)).toEqual({
    info: 1,
    healthy: 0,
    temperature_celsius: -3,
    error_log_entries_total: 2,
    reallocated_sectors: 64,
    pending_sectors: 8,
    attributes_failing: 1,
  });
});

test('a SCSI disk', () => {
  const log = { read: { total_uncorrected_errors: 2 }, write: { total_uncorrected_errors: 1 } };
  expect(valuesOf({ smart_status: { passed: true }, scsi_grown_defect_list: 5, scsi_error_counter_log: log })).toEqual({
    info: 1,
    healthy: 1,
    grown_defects: 5,
    media_errors_total: 3,
  });
});

test.each([
  ['no JSON', 'smartctl 6.5: invalid option', false],
  ['nothing', '', false],
  ['a refusal', '{"smartctl":{"messages":[{"string":"Permission denied","severity":"error"}],"exit_status":2}}', false],
  ['a sleeping disk, as a message', JSON.stringify(ASLEEP), true],
  ['a sleeping disk, as a number', '{"power_mode":{"ata_value":0}}', true],
  ['another kind of value everywhere', '[1,"x",null]', false],
])('%s has no rows', (_, text, standby) => expect(parseSmartReport(text, 'sda')).toEqual({ standby, rows: [] }));

test.each([
  ['/dev/sda', { path: '/dev/sda' }],
  ['/dev/disk/by-id/ata-X_1:2.3', { path: '/dev/disk/by-id/ata-X_1:2.3' }],
  ['/dev/bus/0@megaraid,3', { path: '/dev/bus/0', type: 'megaraid,3' }],
  ['sda', undefined],
  ['--all', undefined],
  ['/etc/passwd', undefined],
  ['/dev/sda; reboot', undefined],
  ['/dev/sda@-q', undefined],
  ['', undefined],
])('the disk %j is %j', (text, expected) => expect(parseSmartTarget(text)).toEqual(expected));

test('a scan keeps how to reach disks behind a controller', () => {
  const devices = [
    { name: '/dev/sda', type: 'scsi' },
    { name: '/dev/bus/0', type: 'megaraid,1' },
    { name: '$(reboot)', type: 'x' },
    { type: 'x' },
  ];
  expect(parseSmartScan(JSON.stringify({ devices }))).toEqual([{ path: '/dev/sda' }, { path: '/dev/bus/0', type: 'megaraid,1' }]);
  expect(parseSmartScan('{"devices":{}}')).toEqual([]);
});

test(`damaged reports never throw and never make a number that is none (seed ${SEED})`, () => {
  const random = randomOf(SEED);
  for (let round = 0; round < 600; round++) {
    const text = JSON.stringify(round % 2 === 0 ? NVME : ATA);
    const damaged = Object.values(DAMAGES)[random(6)]!(Buffer.from(text), random) ?? Buffer.alloc(0);
    for (const [, value] of parseSmartReport(damaged.toString('latin1'), 'x').rows) {
      if (!Number.isFinite(value)) throw new Error(`${value} from ${damaged.toString('latin1')}`);
    }
  }
});

/** A smartctl of our own: it notes how it is called, and answers with the file of the disk's name. */
function standIn(answers: Readonly<Record<string, unknown>>): string {
  const command = join(tree.root, 'smartctl');
  tree.write('calls', '');
  for (const [disk, answer] of Object.entries(answers)) tree.write(`answers/${disk}`, JSON.stringify(answer));
  tree.write(
    'smartctl',
    `#!/bin/sh\necho "$*" >> ${tree.root}/calls\nfor last; do :; done\nexec cat "${tree.root}/answers/\${last##*/}"\n`,
  );
  chmodSync(command, 0o755);
  return command;
}

function collectorOf(options: Readonly<Record<string, unknown>>) {
  return createCollector({
    paths: tree.paths,
    baseLabels: {},
    clock: new SteppedClock(0),
    log: silentLog,
    definitions: [smart],
    inputs: { smart: { options } },
  });
}

async function rowAt(collector: ReturnType<typeof collectorOf>, timeMs: number) {
  return rowOf((await collector.collect(timeMs)).readings.find(({ group }) => group === 'smart'));
}

test('disks are asked every 30 minutes and repeated in between; a sleeping one keeps its row', async () => {
  const command = standIn({ sda: ATA });
  const collector = collectorOf({ command, devices: ['/dev/sda', '/dev/bus/0@megaraid,3'] });
  const first = await rowAt(collector, 0);
  expect(first['node_smart_device_healthy{device=sda}']).toBe(0);
  expect(first['node_smart_device_readable{device=sda}']).toBe(1);
  expect(first['node_smart_device_checked_timestamp_seconds{device=sda}']).toBe(0);
  // The stand-in has no answer for it.
  expect(first['node_smart_device_readable{device=bus/0@megaraid,3}']).toBe(0);
  tree.write('answers/sda', JSON.stringify(ASLEEP));
  expect(await rowAt(collector, 29 * MINUTE)).toEqual(first);
  const asleep = await rowAt(collector, 30 * MINUTE);
  expect(asleep).toEqual({ ...first, 'node_smart_device_standby{device=sda}': 1 });
  collector.close();
  const calls = readFileSync(join(tree.root, 'calls'), 'utf8').trim().split('\n');
  expect(calls).toHaveLength(4);
  expect(calls[0]).toMatch(/--json=c --nocheck=standby .*\/dev\/sda$/);
  expect(calls[1]).toMatch(/--device=megaraid,3 \/dev\/bus\/0$/);
});

test('without a list the disks are those of a scan', async () => {
  const command = standIn({ '--json=c': { devices: [{ name: '/dev/nvme0', type: 'nvme' }] }, nvme0: NVME });
  const collector = collectorOf({ command });
  expect((await rowAt(collector, 0))['node_smart_device_percentage_used{device=nvme0}']).toBe(104);
  collector.close();
});

test('a host without smartctl has nothing to say', async () => {
  const collector = collectorOf({ command: join(tree.root, 'none') });
  expect(await rowAt(collector, 0)).toEqual({});
  collector.close();
});

test('a name that is no disk is a mistake of the file', () => {
  expect(() => collectorOf({ devices: ['--all'] })).toThrow(/inputs\.smart\.devices: --all is no disk/);
});

test('a stand-in that cannot be started is a failure that says so', async () => {
  const command = join(tree.root, 'smartctl');
  tree.write('smartctl', '#!/no/such/interpreter\n');
  chmodSync(command, 0o755);
  const collector = collectorOf({ command, devices: ['/dev/sda'] });
  const { readings } = await collector.collect(0);
  expect(rowOf(readings.find(({ group }) => group === 'scrape'))['node_scrape_collector_success{collector=smart}']).toBe(0);
  collector.close();
});

test('a stand-in that hangs holds up one tick until its deadline, and no other', async () => {
  const command = join(tree.root, 'smartctl');
  tree.write('smartctl', '#!/bin/sh\nexec sleep 1000\n');
  chmodSync(command, 0o755);
  const clock = new SteppedClock(0);
  const inputs = { smart: { options: { command, devices: ['/dev/sda'] } } };
  const collector = createCollector({ paths: tree.paths, baseLabels: {}, clock, log: silentLog, definitions: [smart], inputs });
  const first = collector.collect(0);
  clock.advance(200);
  expect((await first).readings.some(({ group }) => group === 'smart')).toBe(false);
  expect((await collector.collect(MINUTE)).readings.some(({ group }) => group === 'smart')).toBe(false);
  collector.close();
});
