import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { runOnce } from '../../../agent/cli/once.ts';
import { closeTo, parseExposition, TempTree, unpackTtar } from './support.ts';

const corpora = process.env.BELLWETHER_CORPORA;

/** The options node_exporter had when the expected output was made. */
const OPTIONS = {
  arp: { options: { 'device-exclude': 'nope' } },
  netclass: { options: { 'ignored-devices': '(dmz|int)', 'ignore-invalid-speed': true } },
  stat: { options: { softirq: true } },
  // Its mounts are asked with statfs, which answers for the machine at hand.
  filesystem: { enabled: false },
  cpu_info: {
    enabled: true,
    options: { 'flags-include': '^(aes|avx.?|constant_tsc)$', 'bugs-include': '^(cpu_meltdown|spectre_.*|mds)$' },
  },
  cpu_vulnerabilities: { enabled: true },
  hwmon: { options: { 'chip-include': '(applesmc|asus_nb_wmi|coretemp|hwmon4|ieee80211|nct6779)' } },
  bcache: { options: { 'priority-stats': true } },
  drbd: { enabled: true },
  buddyinfo: { enabled: true },
  cgroups: { enabled: true },
  interrupts: { enabled: true },
  ksmd: { enabled: true },
  lnstat: { enabled: true },
  meminfo_numa: { enabled: true },
  processes: { enabled: true },
  pcidevice: { enabled: true },
  slabinfo: { enabled: true },
  softirqs: { enabled: true },
  sysctl: {
    enabled: true,
    options: {
      include: ['fs.file-nr', 'fs.file-nr:total,current,max', 'kernel.threads-max'],
      'include-info': ['kernel.seccomp.actions_avail'],
    },
  },
  zoneinfo: { enabled: true },
  xfrm: { enabled: true },
  // Off in that run.
  selinux: { enabled: false },
};

/** Metrics we have that cannot be compared here, with the reason. */
const NOT_COMPARED: readonly (readonly [RegExp, string])[] = [
  [/^node_scrape_collector_/, 'durations differ and the lists of inputs do'],
  [/^node_disk_(info|filesystem_info|device_mapper_info|ata_.*)$/, 'udev data is not in the corpus; own fixtures in diskstats.test.ts'],
  [/^node_os_/, 'os-release is not in the corpus; own fixtures in os.test.ts'],
  [/^node_network_(receive|transmit)_(?!queue_length)/, '/proc/net/dev is not in the corpus; compared live in tests/conformance'],
  [/^node_(time_seconds|time_zone_offset_seconds)$/, 'depends on the moment'],
  [/^node_rapl_/, 'a label is the path of the fixtures; own fixtures in hardware.test.ts'],
  [/^node_(listening|pci_aer)_/, 'ours alone'],
  [/^node_softnet_backlog_len$/, 'this kernel has no such field; node_exporter says 0, we say nothing'],
];

/** Series for which the files have no number: node_exporter says 0, we say nothing. */
const NOT_THERE = [
  /^node_btrfs_(last_|max_)?commits?_.*7f07c59f/,
  /^node_nfs_requests_total\{method=(Allocate|BindConn|Clone|DeAll|DestroyCl|FreeState|GetDeviceL|LayoutStats|SecinfoNo|Seek|TestSt).*,proto=4\}$/,
];

/** Metrics of node_exporter we do not have, with the reason. */
const NOT_BUILT: readonly (readonly [RegExp, string])[] = [
  [/^node_(bcachefs|mountstats)_/, 'rare, and a lot of series'],
  [/^node_(qdisc|wifi|network_route|tcp_connection|netdev)_?/, 'network features that few hosts use'],
  [/^node_swaps?_?/, 'off by default in node_exporter'],
  [
    /^node_(textfile_mtime|wifi|exporter|logind|ntp|supervisord|systemd|perf|runit|timex)_/,
    'its files are not in the corpus, or impossible in Node (timex)',
  ],
  [/^node_arp_states|^node_disk_device_mapper_backing|^node_selinux/, 'netlink, or newer than our choice'],
  [/^(go|process|promhttp|testmetric1|testmetric2)_/, 'about node_exporter itself'],
];

(corpora ? test : test.skip)('the inputs print what node_exporter prints for its own fixtures', async () => {
  const folder = join(corpora!, 'node_exporter');
  const tree = new TempTree();
  try {
    unpackTtar(gunzipSync(readFileSync(join(folder, 'fixtures/sys.ttar.gz'))).toString('utf8'), tree.root);
    const paths = { procfs: join(folder, 'fixtures/proc'), sysfs: join(tree.root, 'sys'), rootfs: tree.root };
    const ours = parseExposition(await runOnce({ paths, inputs: OPTIONS }));
    const theirs = parseExposition(readFileSync(join(folder, 'e2e-output.txt'), 'utf8'));
    const names = new Set([...ours.samples.values()].map(({ name }) => name).filter((name) => !matches(name, NOT_COMPARED)));
    expect(names.size).toBeGreaterThan(900);

    const differences: string[] = [];
    for (const [key, { name, value }] of theirs.samples) {
      if (!names.has(name)) continue;
      const own = ours.samples.get(key);
      if (own === undefined && NOT_THERE.some((pattern) => pattern.test(key))) continue;
      if (own === undefined) differences.push(`missing ${key}`);
      else if (!closeTo(own.value, value)) differences.push(`${key}: ours ${own.value}, theirs ${value}`);
    }
    for (const [key, { name }] of ours.samples) if (names.has(name) && !theirs.samples.has(key)) differences.push(`only ours ${key}`);
    for (const name of names) {
      if (ours.types.get(name) !== theirs.types.get(name))
        differences.push(`type of ${name}: ${ours.types.get(name)}, ${theirs.types.get(name)}`);
    }
    expect(differences).toEqual([]);

    const missing = [...theirs.types.keys()].filter(
      (name) => !names.has(name) && !matches(name, NOT_COMPARED) && !matches(name, NOT_BUILT),
    );
    expect(missing).toEqual([]);
  } finally {
    tree.cleanUp();
  }
});

function matches(name: string, list: readonly (readonly [RegExp, string])[]): boolean {
  return list.some(([pattern]) => pattern.test(name));
}
