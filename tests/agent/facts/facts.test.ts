import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SteppedClock, silentLog } from '@bellwether/shared';
import fc from 'fast-check';
import { factsReport, hostFacts } from '../../../agent/cli/facts.ts';
import { factChanges, factsText } from '../../../agent/facts/changes.ts';
import { collectFacts, parseAccounts } from '../../../agent/facts/collect.ts';
import { createFacade, type Facade } from '../../../agent/facts/facade.ts';
import { knownFields, knownNumber, knownText } from '../../../agent/facts/known.ts';
import { installedPackages, parseApkInstalled, parseDpkgStatus } from '../../../agent/facts/packages.ts';
import { MAX_FACTS_BYTES, parseFactsReport } from '../../../agent/facts/report.ts';
import { FactsWatch } from '../../../agent/facts/watch.ts';

const seed = Number(process.env.FUZZ_SEED ?? 8720);
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bellwether-facts-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('facade', () => {
  const facade = (library: Record<string, unknown>, clock = new SteppedClock(0)) =>
    createFacade({ clock, timeoutMs: 1_000, load: () => library });

  test('answers pass through; everything else is undefined', async () => {
    const ask = facade({
      mem: () => Promise.resolve({ total: 5 }),
      cpu: () => Promise.reject(new Error('no')),
      bios: () => {
        throw new Error('not here');
      },
      users: () => Promise.resolve(null),
    });
    expect(await ask('mem')).toEqual({ total: 5 });
    for (const question of ['cpu', 'bios', 'users', 'system'] as const) expect(await ask(question)).toBeUndefined();
  });

  test('a question that hangs is given up', async () => {
    const clock = new SteppedClock(0);
    const answer = facade({ mem: () => new Promise(() => {}) }, clock)('mem');
    await clock.advance(1_000);
    expect(await answer).toBeUndefined();
  });

  test('a library that cannot be loaded answers nothing', async () => {
    const load = () => {
      throw new Error('not installed');
    };
    expect(await createFacade({ clock: new SteppedClock(0), timeoutMs: 1, load })('mem')).toBeUndefined();
  });

  test('the real library answers for this machine', async () => {
    const ask = createFacade({ clock: new SteppedClock(0), timeoutMs: 1_000 });
    expect((await ask('mem'))!.total).toBeGreaterThan(0);
  });
});

test.each([
  [0, undefined],
  [-1, undefined],
  [Number.NaN, undefined],
  [null, undefined],
  ['5', undefined],
  [3, 3],
])('number %j', (value, known) => expect(knownNumber(value)).toBe(known));

test.each([
  ['', undefined],
  ['  - ', undefined],
  ['Unknown', undefined],
  ['To Be Filled By O.E.M.', undefined],
  ['00000000-0000-0000', undefined],
  ['00:00:00:00:00:00', undefined],
  [null, undefined],
  [' Dell Inc. ', 'Dell Inc.'],
])('text %j', (value, known) => expect(knownText(value)).toBe(known));

test('fields: false is an answer, empty parts go', () => {
  expect(knownFields({ a: false, b: 0, c: { d: '' }, e: [{ f: null }, { f: 2 }], g: undefined })).toEqual({ a: false, e: [{ f: 2 }] });
  expect(knownFields({ a: '', b: null })).toBeUndefined();
});

/** Answers in the library's documented shapes, as a small server gives them. */
const ANSWERS: Record<string, unknown> = {
  system: { manufacturer: 'Dell Inc.', model: 'PowerEdge R640', version: '', serial: 'ABC123', uuid: '-', sku: '', virtual: false },
  bios: { vendor: 'Dell Inc.', version: '2.10.2', releaseDate: '2021-02-24', revision: '' },
  baseboard: null,
  cpu: { manufacturer: 'Intel', brand: 'Xeon® Gold 6130', cores: 32, physicalCores: 16, processors: 1, speed: 2.1, speedMax: 3.7 },
  mem: { total: 67_200_000_000 },
  memLayout: [
    {
      size: 34_359_738_368,
      bank: 'A1',
      type: 'DDR4',
      clockSpeed: 2666,
      partNum: 'M393',
      serialNum: '1',
      formFactor: 'DIMM',
      manufacturer: 'Samsung',
    },
    { size: 0, bank: '', type: '', clockSpeed: 0, partNum: '', serialNum: '', formFactor: '' },
  ],
  osInfo: {
    platform: 'linux',
    distro: 'Debian GNU/Linux',
    release: '12',
    codename: 'bookworm',
    kernel: '6.1.0-13-amd64',
    arch: 'x64',
    hostname: 'db1',
    fqdn: 'db1',
    uefi: true,
  },
  diskLayout: [
    {
      device: '/dev/sda',
      type: 'SSD',
      name: 'PM883',
      vendor: 'Samsung',
      size: 960_197_124_096,
      firmwareRevision: 'HXT7',
      serialNum: 'S1',
      interfaceType: 'SATA',
    },
  ],
  blockDevices: [
    { name: 'sda', type: 'disk', size: 960_197_124_096 },
    { name: 'sda1', type: 'part', size: 5 },
    { name: 'zram0', type: 'disk', size: 0 },
    { name: 'sdb', type: 'disk', size: 1000, model: 'Stick', removable: true, protocol: 'usb', serial: '' },
  ],
  graphics: { controllers: [], displays: [] },
  networkInterfaces: [
    { iface: 'lo', internal: true, mac: '00:00:00:00:00:00', ip4: '127.0.0.1' },
    {
      iface: 'eno1',
      internal: false,
      mac: '02:fc:00:00:00:01',
      ip4: '192.0.2.2',
      ip4subnet: '255.255.255.0',
      ip6: '',
      type: 'wired',
      mtu: 1500,
      speed: -1,
      dhcp: false,
      virtual: false,
    },
    { iface: 'veth12', internal: false, mac: '02:fc:00:00:00:02', ip4: '' },
  ],
};
const ask: Facade = (question) => Promise.resolve((ANSWERS[question] ?? undefined) as never);

test('facts of a server, with what it does not know left out', async () => {
  writeFileSync(join(folder, 'x'), '');
  const packages = {
    manager: 'dpkg' as const,
    versions: new Map([
      ['zlib', '1.3'],
      ['apt', '0'],
    ]),
  };
  const facts = await collectFacts({ ask, packages: () => Promise.resolve(packages), rootfs: '/' });
  const { users: _, ...rest } = facts;
  expect(rest).toEqual({
    version: 1,
    hardware: {
      manufacturer: 'Dell Inc.',
      model: 'PowerEdge R640',
      serial: 'ABC123',
      virtual: false,
      bios: { vendor: 'Dell Inc.', version: '2.10.2', released: '2021-02-24' },
      cpu: { manufacturer: 'Intel', brand: 'Xeon® Gold 6130', cores: 32, physical_cores: 16, sockets: 1, max_ghz: 3.7 },
      memory: {
        bytes: 67_175_972_864,
        modules: [{ bytes: 34_359_738_368, bank: 'A1', type: 'DDR4', mhz: 2666, manufacturer: 'Samsung', part: 'M393' }],
      },
    },
    os: {
      platform: 'linux',
      distribution: 'Debian GNU/Linux',
      release: '12',
      codename: 'bookworm',
      kernel: '6.1.0-13-amd64',
      arch: 'x64',
      hostname: 'db1',
      fqdn: 'db1',
      uefi: true,
    },
    disks: {
      sda: { type: 'SSD', model: 'PM883', vendor: 'Samsung', bytes: 960_197_124_096, firmware: 'HXT7', serial: 'S1', bus: 'SATA' },
      sdb: { model: 'Stick', bytes: 1000, removable: true, bus: 'usb' },
    },
    interfaces: { eno1: { mac: '02:fc:00:00:00:01', ip4: '192.0.2.2', ip4_mask: '255.255.255.0', type: 'wired', mtu: 1500 } },
    packages: { manager: 'dpkg', count: 2, versions: { apt: '0', zlib: '1.3' } },
  });
});

test('without a single answer there is only the version', async () => {
  const facts = await collectFacts({ ask: () => Promise.resolve(undefined), packages: () => Promise.resolve(undefined), rootfs: folder });
  expect(facts).toEqual({ version: 1 });
});

test('from a container, the system is that of the host', async () => {
  writeFileSync(join(folder, 'x'), '');
  const clock = new SteppedClock(0);
  const facts = await hostFacts(folder, clock, { ask });
  expect(facts.os).toEqual({ platform: 'linux', kernel: '6.1.0-13-amd64', arch: 'x64' });
});

test('accounts that can sign in', () => {
  const passwd =
    'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\nada:x:1000:1000:Ada,,,:/home/ada:/bin/zsh\nsync:x:4:4::/bin:/bin/sync\ngarbled\n';
  expect(parseAccounts(passwd)).toEqual({
    root: { uid: 0, home: '/root', shell: '/bin/bash' },
    ada: { uid: 1000, home: '/home/ada', shell: '/bin/zsh' },
  });
  expect(parseAccounts('')).toBeUndefined();
});

test('packages of dpkg and apk', async () => {
  const dpkg = `Package: curl
Status: install ok installed
Architecture: amd64
Version: 7.88.1-10
Description: x
 Version: not this

Package: old
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36

Package: libc6
Status: hold ok installed
Architecture: i386
Version: 2.36
`;
  expect(Object.fromEntries(parseDpkgStatus(dpkg))).toEqual({ curl: '7.88.1-10', libc6: '2.36', 'libc6:i386': '2.36' });
  expect(Object.fromEntries(parseApkInstalled('C:Q1\nP:musl\nV:1.2.4-r2\nA:x86_64\n\nP:zlib\nV:1.3\n'))).toEqual({
    musl: '1.2.4-r2',
    zlib: '1.3',
  });
  expect(await installedPackages(folder, () => Promise.reject(new Error('not asked')))).toBeUndefined();
});

test('packages of rpm are asked for, and refused answers are none', async () => {
  const answer = (stdout: string, exitCode: number | undefined) =>
    ({
      outcome: exitCode === undefined ? 'not-started' : 'exited',
      exitCode,
      stdout,
      stderr: '',
      durationMs: 1,
      problem: undefined,
    }) as const;
  if (existsSync('/var/lib/dpkg/status') || existsSync('/lib/apk/db/installed')) return;
  const packages = await installedPackages('/', () => Promise.resolve(answer('bash.x86_64 0:5.1-2\nodd\n', 0)));
  expect(packages).toEqual({ manager: 'rpm', versions: new Map([['bash.x86_64', '0:5.1-2']]) });
  expect(await installedPackages('/', () => Promise.resolve(answer('', undefined)))).toBeUndefined();
});

describe('changes', () => {
  const before = { version: 1, os: { kernel: 'a', release: '12' }, packages: { count: 2, versions: { curl: '1', vim: '2' } } };

  test.each([
    ['nothing', before, []],
    ['a value', { ...before, os: { kernel: 'b', release: '12' } }, ['os: kernel a -> b']],
    [
      'packages',
      { ...before, packages: { count: 2, versions: { curl: '1.1', jq: '3' } } },
      ['packages: curl 1 -> 1.1; new: jq 3; gone: vim 2'],
    ],
    ['a section nobody could read', { version: 1, os: before.os }, []],
    ['a section that was not read before', { ...before, disks: { sda: { bytes: 1 } } }, []],
    ['another layout', { ...before, version: 2, os: { kernel: 'z' } }, []],
  ])('%s', (_, after, texts) => expect(factChanges(before, after).map(({ text }) => text)).toEqual(texts));

  test('a long list ends with how many more', () => {
    const after = { version: 1, packages: { versions: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`package-${i}`, '1'])) } };
    const [change] = factChanges({ version: 1, packages: { versions: {} } }, after);
    expect(change!.text.length).toBeLessThanOrEqual(2_000);
    expect(change!.text).toMatch(/; and \d+ more$/);
  });
});

test(`facts always fit their message (seed ${seed})`, () => {
  const word = fc.string({ unit: 'binary', maxLength: 20 });
  const facts = fc.record({
    hardware: fc.dictionary(word, word),
    packages: fc.record({ count: fc.nat(), versions: fc.dictionary(word, word, { maxKeys: 60 }) }),
  });
  fc.assert(
    fc.property(facts, fc.integer({ min: 60, max: 3_000 }), (given, maxBytes) => {
      const text = factsText({ version: 1, ...given }, maxBytes);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxBytes);
      const parsed = JSON.parse(text) as { truncated?: string[] };
      if (Buffer.byteLength(JSON.stringify({ version: 1, ...given })) > maxBytes) expect(parsed.truncated!.length).toBeGreaterThan(0);
      else expect(parsed.truncated).toBeUndefined();
    }),
    { seed },
  );
});

test('a report is compared with the facts kept last', async () => {
  const file = join(folder, 'facts.json');
  const facts = { version: 1, os: { kernel: 'b' } };
  expect(await factsReport(facts, file)).toEqual({ facts: JSON.stringify(facts), message: JSON.stringify(facts), changes: [] });
  writeFileSync(file, '{"version":1,"os":{"kernel":"a"}}');
  expect((await factsReport(facts, file)).changes).toEqual(['os: kernel a -> b']);
  writeFileSync(file, '{"version":1,');
  expect((await factsReport(facts, file)).changes).toEqual([]);
});

test.each(['', 'null', '[]', '{"facts":1}', '{"facts":"a","message":"b","changes":[1]}'])('%j is no report', (text) =>
  expect(parseFactsReport(text)).toBeUndefined(),
);

describe('watch', () => {
  async function until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise((resolve) => setImmediate(resolve));
  }

  function watch(body: string) {
    const command = join(folder, 'facts.sh');
    writeFileSync(command, `#!/bin/sh\n${body}\n`);
    chmodSync(command, 0o755);
    const clock = new SteppedClock(1_000);
    const events: string[] = [];
    const warnings: string[] = [];
    const log = { ...silentLog, warn: (_: object, message: string) => void warnings.push(message) };
    const file = join(folder, 'facts.json');
    const event = (kind: string, timeMs: number, text: string) => void events.push(`${kind} ${timeMs} ${text}`);
    const facts = new FactsWatch({ command: [command], file, clock, log, event });
    facts.start();
    return { clock, events, warnings, file, facts };
  }

  test('runs after the start and every six hours, and keeps what it got', async () => {
    const { clock, events, file, facts } = watch(`
echo "{\\"facts\\":\\"F$(cat $1 2>/dev/null)\\",\\"message\\":\\"M\\",\\"changes\\":[\\"os: a\\"]}"`);
    await clock.advance(9_999);
    expect(existsSync(file)).toBe(false);
    await clock.advance(1);
    await until(() => existsSync(file) && readFileSync(file, 'utf8') === 'F');
    expect(events).toEqual(['fact-changed 11000 os: a', 'facts 11000 M']);
    while (readFileSync(file, 'utf8') !== 'FF') await clock.advance(60_000);
    expect(events.slice(0, 4).length).toBe(4);
    expect(Number(events[3]!.split(' ')[1])).toBeGreaterThanOrEqual(11_000 + 6 * 3_600_000);
    await facts.stop();
  });

  test.each([
    ['fails', 'exit 1'],
    ['says nonsense', 'echo nonsense'],
  ])('a process that %s is told and tried again', async (_, body) => {
    const { clock, events, warnings, facts } = watch(body);
    await clock.advance(10_000);
    await until(() => warnings.length === 1);
    while (warnings.length < 2) await clock.advance(60_000);
    expect(events).toEqual([]);
    await facts.stop();
  });

  test('a stop ends it', async () => {
    const { clock, facts, warnings } = watch('exec sleep 1000');
    await clock.advance(10_000);
    await facts.stop();
    await facts.stop();
    expect(warnings).toEqual([]);
  });
});

test('the message leaves room on the wire', () => {
  expect(MAX_FACTS_BYTES).toBeLessThan(64 * 1024);
});
