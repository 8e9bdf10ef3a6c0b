/** The poller on real agents (Debian's snmpd and snmpsim), and beside snmp_exporter on the same ones: the same names, labels and values. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { labelsFrom } from '@bellwether/shared';
import type { DeviceAssignment } from '@bellwether/shared/assignments';
import { stringify } from 'yaml';
import { COUNTERS_32, type ColumnInfo, FURTHER, IF_TABLE, IF_X_TABLE, ifTypeName } from '../../agent/snmp/mib.ts';
import { parseExposition } from '../agent/inputs/support.ts';
import { assignmentOf, deviceLab, type Point } from '../agent/snmp/support.ts';
import { freePort, startProgram } from '../support/process.ts';

const SNMPD = ['/usr/sbin/snmpd'].find(existsSync);
const SNMPSIM = ['/usr/bin/snmpsimd', '/usr/bin/snmpsim-command-responder'].find(existsSync);
const EXPORTER = ['/usr/bin/prometheus-snmp-exporter', '/usr/bin/snmp_exporter'].find(existsSync);
const corpora = process.env.BELLWETHER_CORPORA;

const folder = mkdtempSync(join(tmpdir(), 'bellwether-snmp-'));
const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

const KEYS = { auth: 'the-auth-key', priv: 'the-priv-key' };
const USERS = [
  ['md5', 'aes', 'MD5', 'AES'],
  ['sha', 'aes', 'SHA', 'AES'],
  ['sha256', 'aes', 'SHA-256', 'AES'],
  ['sha512', 'aes256b', 'SHA-512', 'AES-256'],
] as const;

async function startSnmpd(port?: number, more: readonly string[] = [], kept = ''): Promise<number> {
  port ??= await freeUdpPort();
  const home = mkdtempSync(join(folder, 'snmpd-'));
  mkdirSync(join(home, 'persistent'));
  writeFileSync(join(home, 'persistent/snmpd.conf'), kept);
  const users = USERS.map(
    ([auth, priv, itsAuth, itsPriv]) =>
      `createUser ${auth}${priv} ${itsAuth} ${KEYS.auth} ${itsPriv} ${KEYS.priv}\nrouser ${auth}${priv} priv`,
  );
  writeFileSync(
    join(home, 'snmpd.conf'),
    [
      'rocommunity public 127.0.0.1',
      'sysName testhost',
      'sysLocation cellar',
      ...users,
      'createUser plain SHA-224 the-auth-key',
      'rouser plain auth',
      'createUser open',
      'rouser open noauth',
      ...more,
      '',
    ].join('\n'),
  );
  const args = [
    '-f',
    '-C',
    '-c',
    `${join(home, 'snmpd.conf')},${join(home, 'persistent/snmpd.conf')}`,
    '-Loe',
    '-r',
    '-I',
    '-smux',
    '-x',
    `unix:${join(home, 'agentx')}`,
    `udp:127.0.0.1:${port}`,
  ];
  const program = startProgram(SNMPD!, args, { env: { SNMP_PERSISTENT_DIR: join(home, 'persistent'), MIBS: '' } });
  stops.push(() => program.stop('SIGKILL'));
  await program.waitFor(/NET-SNMP version/);
  return port;
}

/** snmpsim with one recording, served to the community `recording`. */
async function startSnmpsim(): Promise<number> {
  const port = await freeUdpPort();
  const home = mkdtempSync(join(folder, 'sim-'));
  const data = join(home, 'data');
  mkdirSync(data);
  writeFileSync(join(data, 'recording.snmprec'), gunzipSync(readFileSync(join(corpora!, 'snmp/recorded/linux-full-walk.snmprec.gz'))));
  const args = [`--data-dir=${data}`, `--cache-dir=${home}`, `--agent-udpv4-endpoint=127.0.0.1:${port}`, '--logging-method=stderr'];
  const program = startProgram(SNMPSIM!, process.getuid?.() === 0 ? [...args, '--process-user=root', '--process-group=root'] : args);
  stops.push(() => program.stop('SIGKILL'));
  await program.waitFor(/Listening at UDP\/IPv4 endpoint/, 50_000);
  return port;
}

// ---------------------------------------------------------------- snmp_exporter

/** Its configuration for our tables, as its generator writes them. */
function exporterConfig(community: string): string {
  const indexes = (index: string): object[] => [{ labelname: index, type: 'gauge' }];
  const type = ({ as, type }: ColumnInfo): string => (as === 'address' ? 'PhysAddress48' : as === 'ifType' ? 'EnumAsInfo' : type);
  const lookup = (index: string, { name, column }: ColumnInfo, entry: string): object => ({
    labels: [index],
    labelname: name,
    oid: `${entry}.${column}`,
    type: 'DisplayString',
  });
  const tables = [{ index: 'ifIndex', parts: [IF_TABLE, IF_X_TABLE] }, ...FURTHER.map((table) => ({ index: table.index, parts: [table] }))];
  const metrics = tables.flatMap(({ index, parts }) => {
    const lookups = parts.flatMap(({ entry, columns }) =>
      columns.filter(({ as }) => as === 'label').map((column) => lookup(index, column, entry)),
    );
    return parts.flatMap(({ entry, columns }) =>
      columns
        .filter(({ as }) => as !== 'label')
        .map((column) => ({
          name: column.name.replace(/_info$/, ''),
          oid: `${entry}.${column.column}`,
          type: type(column),
          help: 'x',
          indexes: indexes(index),
          lookups,
          ...(column.as === 'ifType' ? { enum_values: new Map(Array.from({ length: 300 }, (_, i) => [i + 1, ifTypeName(i + 1)])) } : {}),
        })),
    );
  });
  const system = { name: 'sysUpTime', oid: '1.3.6.1.2.1.1.3', type: 'gauge', help: 'x' };
  const walk = tables.flatMap(({ parts }) => parts.map(({ entry }) => entry));
  return stringify({ all: { walk, get: ['1.3.6.1.2.1.1.3.0'], metrics: [system, ...metrics], version: 2, auth: { community } } });
}

async function startExporter(community: string): Promise<(port: number) => Promise<ReturnType<typeof parseExposition>>> {
  const listen = await freePort();
  const file = join(mkdtempSync(join(folder, 'exporter-')), 'snmp.yml');
  writeFileSync(file, exporterConfig(community));
  const program = startProgram(EXPORTER!, [`--config.file=${file}`, `--web.listen-address=127.0.0.1:${listen}`]);
  stops.push(() => program.stop('SIGKILL'));
  const get = async (path: string): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${listen}${path}`);
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return text;
  };
  await program.waitFor(/Listening on/);
  return async (port) => parseExposition(await get(`/snmp?target=127.0.0.1:${port}&module=all`));
}

// ---------------------------------------------------------------- ours

async function pollOnce(changes: Partial<DeviceAssignment> & { port: number }): Promise<Map<string, number>> {
  const lab = deviceLab(assignmentOf({ timeoutMs: 5_000, ...changes }));
  try {
    const points = [...(await lab.poll()).values()].flat();
    expect(lab.results).toMatchObject([{ up: true, reason: '' }]);
    return keyed(points);
  } finally {
    lab.device.stop();
  }
}

/** By name and labels, without ours of job and instance. */
function keyed(points: readonly Point[]): Map<string, number> {
  return new Map(
    points.map(({ labels: { job: _job, instance: _instance, __name__, ...rest }, value }) => {
      const labels = labelsFrom(rest);
      const pairs = labels.flatMap((label, i) => (i % 2 === 0 ? [`${label}=${labels[i + 1]}`] : []));
      return [`${__name__}{${pairs.join(',')}}`, value === 'stale' ? Number.NaN : value];
    }),
  );
}

async function agreesWithExporter(port: number, community: string): Promise<number> {
  const scrape = await startExporter(community);
  const credentials = { version: '2c', community } as const;
  const before = await pollOnce({ port, credentials });
  const { samples: theirs, types } = await scrape(port);
  const after = await pollOnce({ port, credentials });
  const narrow = new Set(IF_TABLE.columns.filter(({ column }) => COUNTERS_32.includes(column)).map(({ name }) => name));
  const counters = new Set([...types].filter(([, type]) => type === 'counter').map(([name]) => name));
  const wrong: string[] = [];
  let compared = 0;
  for (const [key, { name, labels, value }] of theirs) {
    if (!types.has(name) || name.startsWith('snmp_') || name.startsWith('go_') || name.startsWith('process_')) continue;
    if (narrow.has(name) && !before.has(key)) continue; // left out beside 64-bit ones
    if (name === 'ifPhysAddress' && labels.includes('00:00:00:00:00:00') && !before.has(key)) continue; // it shows no address as zeros
    const ours = before.get(key);
    const later = after.get(key);
    compared++;
    const moves = counters.has(name) || ['sysUpTime', 'hrStorageUsed', 'hrProcessorLoad', 'laLoadInt', 'hrStorageSize'].includes(name);
    const agrees =
      ours !== undefined && later !== undefined && (moves ? isBetween(value, ours, later, counters.has(name)) : ours === value);
    if (!agrees) wrong.push(`${key}: theirs ${value}, ours ${ours}, then ${later}`);
  }
  expect(wrong).toEqual([]);
  // Nothing that is not theirs, in these tables.
  const names = new Set([...IF_TABLE.columns, ...IF_X_TABLE.columns, ...FURTHER.flatMap(({ columns }) => columns)].map(({ name }) => name));
  expect([...before.keys()].filter((key) => names.has(key.split('{')[0]!) && !theirs.has(key))).toEqual([]);
  return compared;
}

/** Counters were read before and after theirs; a gauge that moves on its own only has to be near. */
function isBetween(value: number, before: number, after: number, isCounter: boolean): boolean {
  return isCounter ? before <= value && value <= after : Math.abs(value - before) <= Math.max(0.2 * Math.abs(before), 200);
}

// ---------------------------------------------------------------- suites

describe('snmpd', () => {
  const withSnmpd = SNMPD === undefined ? test.skip : test;
  withSnmpd('v2c: system, interfaces, storage and load of this machine', async () => {
    const port = await startSnmpd();
    const read = await pollOnce({ port });
    expect(read.get('sysName{sysName=testhost}')).toBe(1);
    expect(read.get('sysLocation{sysLocation=cellar}')).toBe(1);
    expect(read.get('up{}')).toBe(1);
    const loopback = [...read.keys()].find((key) => key.startsWith('ifHCInOctets') && key.includes('ifName=lo'));
    expect(loopback).toBeDefined();
    expect(read.get('memTotalReal{}')).toBeGreaterThan(10_000);
    expect([...read.keys()].some((key) => key.startsWith('hrStorageSize{'))).toBe(true);
    expect([...read.keys()].filter((key) => key.startsWith('laLoadInt{')).length).toBe(3);
  });

  withSnmpd('v3: every protocol, and what a wrong key, user or level is told as', async () => {
    const port = await startSnmpd();
    for (const [auth, priv] of USERS) {
      const credentials = {
        version: '3',
        user: `${auth}${priv}`,
        level: 'authPriv',
        auth: { protocol: auth, key: KEYS.auth },
        priv: { protocol: priv, key: KEYS.priv },
      } as const;
      expect((await pollOnce({ port, credentials })).get('sysName{sysName=testhost}')).toBe(1);
    }
    await pollOnce({
      port,
      credentials: { version: '3', user: 'plain', level: 'authNoPriv', auth: { protocol: 'sha224', key: KEYS.auth } },
    });
    await pollOnce({ port, credentials: { version: '3', user: 'open', level: 'noAuthNoPriv' } });

    const wrong: [DeviceAssignment['credentials'], RegExp][] = [
      [
        {
          version: '3',
          user: 'shaaes',
          level: 'authPriv',
          auth: { protocol: 'sha', key: 'not-the-key' },
          priv: { protocol: 'aes', key: KEYS.priv },
        },
        /^the device refuses user or keys: Wrong Digest/,
      ],
      [
        {
          version: '3',
          user: 'nobody',
          level: 'authPriv',
          auth: { protocol: 'sha', key: KEYS.auth },
          priv: { protocol: 'aes', key: KEYS.priv },
        },
        /^the device refuses user or keys: Unknown user name/i,
      ],
      [
        { version: '3', user: 'shaaes', level: 'authNoPriv', auth: { protocol: 'sha', key: KEYS.auth } },
        /^the device (answers with the error AuthorizationError|refuses)/,
      ],
      [
        {
          version: '3',
          user: 'shaaes',
          level: 'authPriv',
          auth: { protocol: 'sha', key: KEYS.auth },
          priv: { protocol: 'aes', key: 'not-the-key' },
        },
        /^(no answer|the device refuses user or keys: Decryption Error|the answer cannot be decrypted)/,
      ],
      [{ version: '2c', community: 'secret' }, /^no answer in 0.5 s \(a wrong community gets no answer either\)$/],
    ];
    for (const [credentials, reason] of wrong) {
      const { device, results, poll } = deviceLab(assignmentOf({ port, timeoutMs: 500, retries: 0, credentials }));
      await poll();
      device.stop();
      expect(results).toMatchObject([{ up: false }]);
      expect(results[0]!.reason).toMatch(reason);
      expect(results[0]!.reason).not.toMatch(/key$|not-the-key|the-auth-key/);
    }
  });

  withSnmpd('v3: a device that forgot how often it restarted is read at once', async () => {
    const id = '0x80001f888062656c6c';
    const port = await startSnmpd(undefined, [`exactEngineID ${id}`], `engineBoots 7\noldEngineID ${id}\n`);
    const credentials = { version: '3', user: 'plain', level: 'authNoPriv', auth: { protocol: 'sha224', key: KEYS.auth } } as const;
    const { device, results, poll } = deviceLab(assignmentOf({ port, timeoutMs: 2_000, credentials }));
    await poll();
    await stops.pop()!();
    await startSnmpd(port, [`exactEngineID ${id}`]);
    await poll();
    device.stop();
    expect(results).toMatchObject([{ up: true, reason: '' }]);
  });

  (SNMPD === undefined || EXPORTER === undefined ? test.skip : test)('agrees with snmp_exporter', async () => {
    const compared = await agreesWithExporter(await startSnmpd(), 'public');
    expect(compared).toBeGreaterThan(30);
  });
});

describe('snmpsim', () => {
  (SNMPSIM === undefined || corpora === undefined ? test.skip : test)('a recorded Linux host', async () => {
    const read = await pollOnce({ port: await startSnmpsim(), credentials: { version: '2c', community: 'recording' } });
    expect(read.get('sysName{sysName=tt}')).toBe(1);
    expect(
      read.get('ifHCInOctets{ifDescr=eth0,ifIndex=2,ifName=eth0}') ?? read.get('ifInOctets{ifDescr=eth0,ifIndex=2,ifName=eth0}'),
    ).toBeGreaterThan(0);
    expect(read.get('ifPhysAddress{ifDescr=eth0,ifIndex=2,ifName=eth0,ifPhysAddress=00:12:79:62:F9:40}')).toBe(1);
  });

  (SNMPSIM === undefined || corpora === undefined || EXPORTER === undefined ? test.skip : test)('agrees with snmp_exporter', async () => {
    expect(await agreesWithExporter(await startSnmpsim(), 'recording')).toBeGreaterThan(30);
  });
});
