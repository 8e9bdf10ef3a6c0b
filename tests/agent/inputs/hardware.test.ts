/** The inputs of hardware and of filesystems with statistics of their own: each on a small host, on none, and on damaged ones. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isStaleAt, SteppedClock, silentLog } from '@bellwether/shared';
import { createCollector, type InputCollector } from '../../../agent/inputs/collect.ts';
import { parseCpuList } from '../../../agent/inputs/cpu-throttle.ts';
import { INPUTS } from '../../../agent/inputs/index.ts';
import sysctl from '../../../agent/inputs/sysctl.ts';
import { DAMAGES, randomOf, SEED } from './damage.ts';
import { HOSTS, type Host } from './hardware-hosts.ts';
import { closeTo, rowOf, TempTree } from './support.ts';

const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 25);
const MINUTES_2 = 120_000;
const HOURS_2 = 7_200_000;
const SEEN = [...new Set(HOSTS.map(({ input }) => input))];

let tree: TempTree;
beforeEach(() => {
  tree = new TempTree();
});
afterEach(() => tree.cleanUp());

function collectorOf(host: Pick<Host, 'input' | 'options'>): InputCollector {
  return createCollector({
    paths: tree.paths,
    baseLabels: {},
    clock: new SteppedClock(0),
    log: silentLog,
    definitions: INPUTS.filter(({ name }) => name === host.input),
    inputs: { [host.input]: { enabled: true, options: host.options } },
  });
}

function build({ files }: Host): void {
  for (const [path, text] of Object.entries(files)) {
    if (!text.startsWith('-> ')) tree.write(path, text);
    else {
      mkdirSync(dirname(join(tree.root, path)), { recursive: true });
      symlinkSync(text.slice('-> '.length), join(tree.root, path));
    }
  }
}

async function rowAt(collector: InputCollector, input: string, timeMs: number) {
  const { readings } = await collector.collect(timeMs);
  const reading = readings.find(({ group }) => group === input);
  const scrape = rowOf(readings.find(({ group }) => group === 'scrape'));
  const row = Object.entries(rowOf(reading)).map(([series, value]) => [series.replaceAll(tree.root, 'ROOT'), value] as const);
  return { row: Object.fromEntries(row), reading, success: scrape[`node_scrape_collector_success{collector=${input}}`] };
}

test.each(HOSTS.map((host): [string, Host] => [`${host.input}: ${host.what ?? 'a host that has it'}`, host]))('%s', async (_, host) => {
  build(host);
  const collector = collectorOf(host);
  for (const timeMs of [0, 10_000, MINUTES_2]) {
    const { row, success } = await rowAt(collector, host.input, timeMs);
    expect(Object.keys(row).sort()).toEqual(Object.keys(host.row).sort());
    for (const [series, value] of Object.entries(host.row)) {
      if (!closeTo(row[series] as number, value)) throw new Error(`${series} is ${row[series]}, not ${value}`);
    }
    expect(success).toBe(1);
  }
  collector.close();
});

test.each(SEEN)('%s: a host without it has nothing to say, and is left alone for a minute', async (input) => {
  const collector = collectorOf({ input });
  const { row, success } = await rowAt(collector, input, 0);
  expect([row, success]).toEqual([{}, 0]);
  build(HOSTS.find((host) => host.input === input)!);
  expect((await rowAt(collector, input, 59_000)).row).toEqual({});
  collector.close();
});

test.each(HOSTS.filter(({ options }) => options === undefined).map((host): [string, Host] => [host.input, host]))(
  '%s says every series in its reference',
  (_, host) => {
    const { metrics } = INPUTS.find(({ name }) => name === host.input)!;
    const patterns = Object.keys(metrics).map((name) => new RegExp(`^${name.replaceAll('*', '.*')}$`));
    const strangers = Object.keys(host.row).filter((series) => !patterns.some((pattern) => pattern.test(series.split('{')[0]!)));
    expect(strangers).toEqual([]);
  },
);

test.each(HOSTS.map((host): [string, Host] => [`${host.input} ${host.what ?? ''}`, host]))(
  `%s: damaged files never make a number that is none, and the host recovers (seed ${SEED})`,
  async (_, host) => {
    const random = randomOf(SEED);
    build(host);
    const collector = collectorOf(host);
    const before = (await rowAt(collector, host.input, 0)).row;
    const files = Object.entries(host.files).filter(([, text]) => !text.startsWith('-> '));
    const damages = Object.values(DAMAGES);
    let timeMs = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const [path, text] = files[random(files.length)]!;
      const damaged = damages[random(damages.length)]!(Buffer.from(text), random);
      if (damaged === undefined) tree.remove(path);
      else tree.write(path, damaged);
      timeMs += MINUTES_2;
      const { reading } = await rowAt(collector, host.input, timeMs);
      for (const [i, value] of (reading?.values ?? []).entries()) {
        const sent = reading!.presence === null || (reading!.presence[i >> 3]! & (1 << (i & 7))) !== 0;
        if (sent && !Number.isFinite(value) && !isStaleAt(reading!.values, i)) throw new Error(`${value} after damage to ${path}`);
      }
      tree.write(path, text);
    }
    // Later than whatever is kept; once for the markers of what is gone, once for what is there.
    await rowAt(collector, host.input, timeMs + HOURS_2);
    expect((await rowAt(collector, host.input, timeMs + HOURS_2 + MINUTES_2)).row).toEqual(before);
    collector.close();
  },
);

test.each([
  ['1,3-5,9', [1, 3, 4, 5, 9]],
  ['', []],
  ['0-0', [0]],
  ['5-3', []],
  ['0-99999999999', []],
  ['x,2', [2]],
])('the list %j is %j', (text, expected) => expect(parseCpuList(text)).toEqual(expected));

test('settings of the kernel are those that are listed', async () => {
  tree.write('proc/sys/fs/file-nr', '1024\t0\t1631329\n');
  tree.write('proc/sys/net/ipv4/conf/eth0.5/rp_filter', '2\n');
  tree.write('proc/sys/kernel/word', 'on off\n');
  const options = {
    include: ['fs.file-nr', 'fs.file-nr:total,,max', 'net/ipv4/conf/eth0.5/rp_filter', 'kernel.word', 'no.such'],
    'include-info': ['kernel.word'],
  };
  const collector = collectorOf({ input: sysctl.name, options });
  expect((await rowAt(collector, sysctl.name, 0)).row).toEqual({
    'node_sysctl_fs_file_nr{index=0}': 1024,
    'node_sysctl_fs_file_nr{index=1}': 0,
    'node_sysctl_fs_file_nr{index=2}': 1_631_329,
    node_sysctl_fs_file_nr_total: 1024,
    node_sysctl_fs_file_nr_max: 1_631_329,
    node_sysctl_net_ipv4_conf_eth0_5_rp_filter: 2,
    'node_sysctl_info{index=0,name=kernel.word,value=on}': 1,
    'node_sysctl_info{index=1,name=kernel.word,value=off}': 1,
  });
  collector.close();
});

test.each(['..', 'fs', '../shadow', 'fs.file-nr:a b', 'net/../shadow', 'net/..', '/etc/passwd', 'fs..nr', ''])(
  '%j is no name of a setting',
  (name) => {
    expect(() => collectorOf({ input: sysctl.name, options: { include: [name || '/'] } })).toThrow(/inputs\.sysctl: .* is no setting/);
  },
);

test('a pool with very many datasets is read in part, and says so', async () => {
  for (let i = 0; i < 503; i++) tree.write(`proc/spl/kstat/zfs/tank/objset-${i}`, `dataset_name 7 tank/${i}\nreads 4 ${i}\n`);
  const collector = collectorOf({ input: 'zfs' });
  const { row } = await rowAt(collector, 'zfs', 0);
  expect(Object.keys(row)).toHaveLength(501);
  expect(row['node_zfs_zpool_datasets_left_out{zpool=tank}']).toBe(3);
  collector.close();
});
