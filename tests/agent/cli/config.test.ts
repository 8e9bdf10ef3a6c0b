import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadAgentConfig } from '../../../agent/config.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bellwether-config-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function load(text: string, env: Record<string, string> = {}, flags: Parameters<typeof loadAgentConfig>[0]['overrides'] = []) {
  const file = join(dir, 'agent.yml');
  await writeFile(file, text);
  return loadAgentConfig({ file, env, overrides: flags, isRoot: false });
}

test('an empty file is a good one', async () => {
  const config = await load('');
  expect(config).toMatchObject({
    dataDir: './data/agent',
    tags: {},
    paths: { procfs: '/proc', sysfs: '/sys', rootfs: '/' },
    spool: { maxBytes: 64 * 1024 * 1024, memoryBytes: 4 * 1024 * 1024, afterMs: 5_000 },
    log: { level: 'info' },
  });
  expect(config.url).toBeUndefined();
  expect(config.inputs.cpu).toMatchObject({ enabled: true });
  expect(Object.isFrozen(config.spool)).toBe(true);
});

test('everything that can be said', async () => {
  const config = await load(`
url: https://collector.example/bw/
data_dir: /var/tmp/agent
interval: 1s
tags: { site: ams, rack: r7 }
inputs:
  cpu: { interval: 5s }
  netdev: { enabled: false }
paths: { procfs: /host/proc, sysfs: /host/sys, rootfs: /host }
spool: { max_bytes: 1GB, memory_bytes: 1MB, after: 10s }
log: { level: debug }
`);
  expect(config).toMatchObject({
    url: 'https://collector.example/bw',
    dataDir: '/var/tmp/agent',
    intervalMs: 1_000,
    tags: { site: 'ams', rack: 'r7' },
    inputs: { cpu: { enabled: true, intervalMs: 5_000 }, netdev: { enabled: false } },
    paths: { procfs: '/host/proc' },
    spool: { maxBytes: 1024 ** 3, afterMs: 10_000 },
    log: { level: 'debug' },
  });
});

test('flags win over the environment, the environment over the file', async () => {
  const text = 'data_dir: /file\nlog: { level: error }\n';
  const env = { BELLWETHER_AGENT_DATA_DIR: '/env', BELLWETHER_AGENT_LOG_LEVEL: 'warn', BELLWETHER_AGENT_URL: 'http://env:8720' };
  expect(await load(text, env, [{ path: ['data_dir'], text: '/flag', source: '--data-dir' }])).toMatchObject({
    dataDir: '/flag',
    log: { level: 'warn' },
    url: 'http://env:8720',
  });
});

test.each([
  ['intervall: 5s', /agent\.yml:1:1: intervall: .*did you mean "interval"/],
  ['spool:\n  max_bytes: 64 parsecs', /agent\.yml:2:14: spool\.max_bytes: must be a size/],
  ['spool: { after: 50ms }', /spool\.after: must be at least 1s/],
  ['interval: 10', /agent\.yml:1:11: interval: must be a duration/],
  ['interval: 1h', /interval: must be at most 2m/],
  ['url: collector:8720', /url: must be an address such as http/],
  ['tags: { job: x }', /tags\.job: is a label that inputs or the collector set/],
  ['tags: { "a-b": x }', /tags/],
  ['inputs: { cpuu: {} }', /inputs\.cpuu: .*did you mean "cpu"/],
  ['inputs:\n  cpu:\n    intervl: 5s', /agent\.yml:3:5: inputs\.cpu\.intervl: .*did you mean "interval"/],
  ['inputs: { netdev: { enabled: maybe } }', /inputs\.netdev\.enabled/],
  ['log: { level: loud }', /log\.level/],
  ['plugins: [{ name: a, command: "check_x -w 1" }]', /plugins\[0\]\.command/],
  ['plugins: [{ name: a, command: [] }]', /plugins\[0\]\.command/],
  ['plugins: [{ name: a, command: [x], interval: 1s }]', /plugins\[0\]\.interval: must be at least 5s/],
  ['plugins: [{ name: a, command: [x] }, { name: a, command: [y] }]', /plugins\[1\]\.name: "a" is the name of another plug-in/],
  ['plugins: [{ name: a, command: [x], labels: { plugin: b } }]', /plugins\[0\]\.labels\.plugin: is a label that the agent sets/],
  ['inputs: { process_group: { names: { web: "(" } } }', /inputs\.process_group\.names\.web: must be a regular expression/],
  ['a: [', /agent\.yml:1:\d+: not valid YAML/],
])('%s', async (text, message) => {
  await expect(load(text)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) });
});

test('plug-ins and named groups of processes', async () => {
  const text = `
plugins: [{ name: disk, command: [check_disk, -w, 20%], timeout: 3s, labels: { team: db } }]
inputs: { process_group: { names: { web: ^nginx$ } }, processes: { enabled: true } }
facts: { enabled: false }`;
  expect(await load(text)).toMatchObject({
    plugins: [{ name: 'disk', command: ['check_disk', '-w', '20%'], intervalMs: 60_000, timeoutMs: 3_000, labels: { team: 'db' } }],
    inputs: {
      process_group: { enabled: true, options: { names: { web: '^nginx$' } } },
      processes: { enabled: true },
      tcpstat: { enabled: false },
    },
    facts: { enabled: false },
  });
});

test('a bad variable is named instead of a line', async () => {
  await expect(load('', { BELLWETHER_AGENT_INTERVAL: 'soon' })).rejects.toThrow(/^BELLWETHER_AGENT_INTERVAL: interval: must be a duration/);
});

test('a file that was asked for must exist', async () => {
  await expect(loadAgentConfig({ file: join(dir, 'none.yml'), env: {}, isRoot: false })).rejects.toThrow(
    /none\.yml: configuration cannot be read/,
  );
});
