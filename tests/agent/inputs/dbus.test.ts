import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { SteppedClock } from '@bellwether/shared';
import fc from 'fast-check';
import {
  DbusError,
  type DbusMessage,
  type DbusValue,
  decodeMessage,
  encodeMessage,
  MAX_MESSAGE_BYTES,
  MESSAGE,
  messageLength,
  splitSignature,
} from '../../../agent/inputs/dbus.ts';
import { DbusClient } from '../../../agent/inputs/dbus-client.ts';
import systemd, { selectUnits } from '../../../agent/inputs/systemd.ts';
import { inputReader } from './one-input.ts';
import { TempTree } from './support.ts';

const seed = Number(process.env.FUZZ_SEED ?? 8720);
const DAEMON = '/usr/bin/dbus-daemon';
let tree: TempTree;
const servers: Server[] = [];
beforeEach(() => {
  tree = new TempTree();
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  tree.cleanUp();
});

test.each([
  ['', []],
  ['u', ['u']],
  ['a(ssssssouso)', ['a(ssssssouso)']],
  ['sa{sv}(i(yy)ax)d', ['s', 'a{sv}', '(i(yy)ax)', 'd']],
])('signature %j', (signature, types) => expect(splitSignature(signature)).toEqual(types));

test.each(['a', '(', '(s', '()', ')', 'z', 'a{', '{sv', 'a'.repeat(40), 's'.repeat(300)])('signature %j is refused', (signature) =>
  expect(() => splitSignature(signature)).toThrow(DbusError),
);

/** A type and a value of it. */
const typed: fc.Arbitrary<readonly [string, DbusValue]> = fc.letrec<{ any: readonly [string, DbusValue] }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.integer({ min: 0, max: 255 }).map((value) => ['y', value] as const),
    fc.boolean().map((value) => ['b', value] as const),
    fc.integer({ min: -32768, max: 32767 }).map((value) => ['n', value] as const),
    fc.integer({ min: 0, max: 65535 }).map((value) => ['q', value] as const),
    fc.integer().map((value) => ['i', value] as const),
    fc.nat().map((value) => ['u', value] as const),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ['x', value] as const),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => ['t', value] as const),
    fc.double({ noNaN: true }).map((value) => ['d', value] as const),
    fc.string({ unit: 'grapheme' }).map((value) => ['s', value] as const),
    tie('any').map(([signature, value]) => ['v', { signature, value }] as const),
    fc.tuple(tie('any'), fc.nat(4)).map(([[type, value], count]) => [`a${type}`, Array.from({ length: count }, () => value)] as const),
    fc
      .array(tie('any'), { minLength: 1, maxLength: 3 })
      .map((fields) => [`(${fields.map(([type]) => type).join('')})`, fields.map(([, value]) => value)] as const),
  ),
})).any;

function message(body: readonly (readonly [string, DbusValue])[]): DbusMessage {
  return {
    type: MESSAGE.reply,
    serial: 7,
    replySerial: 3,
    path: '/a/b',
    interface: 'c.d',
    member: 'E',
    destination: ':1.2',
    signature: body.map(([type]) => type).join(''),
    body: body.map(([, value]) => value),
  };
}

test(`what is written is read back (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.array(typed, { minLength: 1, maxLength: 4 }), (body) => {
      const given = message(body);
      if (given.signature.length > 255) return;
      const bytes = encodeMessage(given);
      expect(messageLength(bytes)).toBe(bytes.length);
      expect(decodeMessage(bytes)).toEqual(given);
    }),
    { seed, numRuns: 300 },
  );
});

test('a message larger than the first buffer', () => {
  const given = message([
    ['as', Array.from({ length: 100 }, (_, i) => 'x'.repeat(i))],
    ['at', [1n, 2n, 3n]],
  ]);
  expect(decodeMessage(encodeMessage(given))).toEqual(given);
});

test(`damaged messages are refused or read, nothing else (seed ${seed})`, () => {
  const good = encodeMessage(
    message([
      [
        'a(sou)',
        [
          ['x', '/y', 1],
          ['z', '/', 2],
        ],
      ],
      ['v', { signature: 'as', value: ['p', 'q'] }],
    ]),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 }), (edits) => {
      const bytes = Buffer.from(good);
      for (const [at, byte] of edits) bytes[at] = byte;
      try {
        decodeMessage(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(DbusError);
      }
    }),
    { seed, numRuns: 3000 },
  );
});

test('a message that claims to be huge is refused by its first bytes', () => {
  const bytes = encodeMessage(message([['s', 'x']]));
  bytes.writeUInt32LE(MAX_MESSAGE_BYTES, 4);
  expect(() => messageLength(bytes.subarray(0, 16))).toThrow('a message of');
  expect(messageLength(bytes.subarray(0, 15))).toBeUndefined();
});

/** A server that authenticates and answers by `answer`; undefined keeps silent. */
function serve(
  path: string,
  answer: (call: DbusMessage) => readonly [string, readonly DbusValue[]] | string | undefined,
  greet = 'OK 1234\r\n',
): Promise<void> {
  const onSocket = (socket: Socket) => {
    let bytes = Buffer.alloc(0);
    let isOpen = false;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (!isOpen) {
        if (bytes.includes('AUTH EXTERNAL') && !bytes.includes('BEGIN')) socket.write(greet);
        const begin = bytes.indexOf('BEGIN\r\n');
        if (begin < 0) return;
        isOpen = true;
        bytes = bytes.subarray(begin + 7);
      }
      for (let length = messageLength(bytes); length !== undefined && length <= bytes.length; length = messageLength(bytes)) {
        const call = decodeMessage(bytes.subarray(0, length));
        bytes = bytes.subarray(length);
        const answered = answer(call);
        if (answered === undefined) continue;
        const base = { serial: 1, replySerial: call.serial };
        const reply =
          typeof answered === 'string'
            ? encodeMessage({ ...base, type: MESSAGE.error, errorName: 'x.Error', signature: 's', body: [answered] })
            : encodeMessage({ ...base, type: MESSAGE.reply, signature: answered[0], body: answered[1] });
        // In two pieces, as a socket may deliver them.
        socket.write(reply.subarray(0, 20));
        socket.write(reply.subarray(20));
      }
    });
  };
  mkdirSync(dirname(path), { recursive: true });
  const server = createServer(onSocket);
  servers.push(server);
  return new Promise((resolve) => server.listen(path, resolve));
}

const UNITS = [
  ['web.service', 'active', ['NRestarts', 'u', 3], ['Type', 's', 'notify']],
  ['db.service', 'failed', ['NRestarts', 'u', 0], ['Type', 's', 'simple']],
  ['daily.timer', 'active', ['LastTriggerUSec', 't', 1_700_000_000_500_000n]],
  ['ssh.socket', 'inactive', ['NAccepted', 'u', 5], ['NConnections', 'u', 1]],
  ['-.mount', 'active'],
] as const;

function answerAsSystemd(call: DbusMessage): readonly [string, readonly DbusValue[]] | string {
  if (call.member === 'Hello') return ['s', [':1.9']];
  if (call.member === 'ListUnits') {
    const loaded = UNITS.map(([name, state], i) => [name, 'about it', 'loaded', state, 'sub', '', `/u/${i}`, 0, '', '/']);
    return ['a(ssssssouso)', [[...loaded, ['ghost.service', '', 'not-found', 'inactive', 'dead', '', '/u/99', 0, '', '/']]]];
  }
  const [of, name] = call.body as [string, string];
  if (name === 'Version') return ['v', [{ signature: 's', value: '252.39-1~deb12u1' }]];
  if (name === 'SystemState') return ['v', [{ signature: 's', value: 'degraded' }]];
  const unit = UNITS[Number(call.path!.slice('/u/'.length))];
  const property = unit?.slice(2).find((one) => one[0] === name) as readonly [string, string, DbusValue] | undefined;
  return property === undefined ? `no ${name} of ${of}` : ['v', [{ signature: property[1], value: property[2] }]];
}

const state = (name: string, value: string, type = '') =>
  `node_systemd_unit_state{name=${name},state=${value}${type === '' ? '' : `,type=${type}`}}`;

test('all units of a system', async () => {
  mkdirSync(join(tree.root, 'run/systemd/system'), { recursive: true });
  await serve(join(tree.root, 'run/dbus/system_bus_socket'), answerAsSystemd);
  const row = (await inputReader(systemd, tree, { 'unit-include': '.+' })(0))!;
  expect(row).toMatchObject({
    'node_systemd_units{state=active}': 3,
    'node_systemd_units{state=failed}': 1,
    'node_systemd_units{state=inactive}': 2,
    'node_systemd_units{state=activating}': 0,
    node_systemd_system_running: 0,
    'node_systemd_version{version=252.39-1~deb12u1}': 252.39,
    [state('web.service', 'active', 'notify')]: 1,
    [state('web.service', 'failed', 'notify')]: 0,
    [state('db.service', 'failed', 'simple')]: 1,
    'node_systemd_service_restart_total{name=web.service}': 3,
    'node_systemd_timer_last_trigger_seconds{name=daily.timer}': 1_700_000_000.5,
    'node_systemd_socket_accepted_connections_total{name=ssh.socket}': 5,
    'node_systemd_socket_current_connections{name=ssh.socket}': 1,
  });
  expect(Object.keys(row).some((name) => name.includes('refused') || name.includes('.mount') || name.includes('ghost'))).toBe(false);
});

test('by default only failed units, over the private socket where there is no bus', async () => {
  mkdirSync(join(tree.root, 'run/systemd/system'), { recursive: true });
  await serve(join(tree.root, 'run/systemd/private'), (call) => (call.member === 'Hello' ? 'no bus here' : answerAsSystemd(call)));
  const row = (await inputReader(systemd, tree)(0))!;
  expect(Object.keys(row).filter((name) => name.includes('unit_state')).length).toBe(5);
  expect(row).toMatchObject({ [state('db.service', 'failed', 'simple')]: 1 });
});

test('a host without systemd has nothing; one that does not answer fails', async () => {
  const read = inputReader(systemd, tree);
  expect(await read(0)).toBeUndefined();
  mkdirSync(join(tree.root, 'run/systemd/system'), { recursive: true });
  await serve(join(tree.root, 'run/dbus/system_bus_socket'), () => undefined);
  const reading = read(120_000);
  await read.clock.advance(20_000);
  expect(await reading).toBeUndefined();
});

test('failed units come first and the number is bounded', () => {
  const units = Array.from({ length: 1500 }, (_, i) => ({ name: `${i}.service`, activeState: i === 1400 ? 'failed' : 'active' }));
  const selected = selectUnits(units, { include: /^.+$/u, exclude: undefined });
  expect([selected.length, selected[0]!.name]).toEqual([1000, '1400.service']);
});

describe('client', () => {
  const target = () => ({ socket: join(tree.root, 'bus'), service: 'x.y' });

  test.each([
    ['REJECTED EXTERNAL\r\n', 'refused: REJECTED'],
    ['x'.repeat(5000), 'no D-Bus server'],
  ])('a server that greets %j', async (greet, message_) => {
    await serve(target().socket, () => undefined, greet);
    await expect(DbusClient.open(target(), new SteppedClock(0), 1000)).rejects.toThrow(message_);
  });

  test('an error is told in the service’s words', async () => {
    await serve(target().socket, (call) => (call.member === 'Hello' ? ['s', ['']] : 'not today'));
    const client = await DbusClient.open(target(), new SteppedClock(0), 1000);
    await expect(client.call({ path: '/', interface: 'a.b', member: 'C' })).rejects.toThrow('x.Error: not today');
    client.close();
    await expect(client.call({ path: '/', interface: 'a.b', member: 'C' })).rejects.toThrow('was ended');
  });

  test('silence ends at the deadline', async () => {
    const clock = new SteppedClock(0);
    await serve(target().socket, (call) => (call.member === 'Hello' ? ['s', ['']] : undefined));
    const client = await DbusClient.open(target(), clock, 1000);
    const call = client.call({ path: '/', interface: 'a.b', member: 'C' });
    await Promise.all([expect(call).rejects.toThrow('no answer'), clock.advance(1000)]);
  });

  test('no socket', async () => {
    await expect(DbusClient.open(target(), new SteppedClock(0), 1000)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  (existsSync(DAEMON) ? test : test.skip)('talks to the real dbus-daemon', async () => {
    const config = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=${join(tree.root, 'bus')}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`;
    writeFileSync(join(tree.root, 'bus.conf'), config);
    const daemon = spawn(DAEMON, [`--config-file=${join(tree.root, 'bus.conf')}`, '--nofork', '--print-address=1'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      await new Promise((resolve) => daemon.stdout.once('data', resolve));
      const client = await DbusClient.open({ socket: join(tree.root, 'bus'), service: 'org.freedesktop.DBus' }, new SteppedClock(0), 1000);
      const bus = { path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' };
      expect(await client.call({ ...bus, member: 'ListNames' })).toEqual([expect.arrayContaining(['org.freedesktop.DBus', ':1.0'])]);
      expect(await client.property(bus.path, bus.interface, 'Features')).toBeInstanceOf(Array);
      await expect(client.call({ ...bus, member: 'NoSuchThing' })).rejects.toThrow('org.freedesktop.DBus.Error.UnknownMethod');
      client.close();
    } finally {
      daemon.kill();
    }
  });
});
