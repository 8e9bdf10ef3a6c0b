import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import listening, { cellsOf } from '../../../agent/inputs/listening.ts';
import { addressText, parseSocketLine, readSocketTable, type SocketLine } from '../../../agent/inputs/socket-table.ts';
import tcpstat from '../../../agent/inputs/tcpstat.ts';
import { inputReader } from './one-input.ts';
import { TempTree } from './support.ts';

const seed = Number(process.env.FUZZ_SEED ?? 8720);
const HEADER = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
let tree: TempTree;
beforeEach(() => {
  tree = new TempTree();
});
afterEach(() => tree.cleanUp());

function line(local: string, state: string, inode: number, { remote = '00000000:0000', queues = '00000000:00000000' } = {}): string {
  return `   0: ${local} ${remote} ${state} ${queues} 00:00000000 00000000   105        0 ${inode} 1 0000000000000000 100 0 0 10 0\n`;
}

function own(pid: number, comm: string, inodes: readonly number[]): void {
  tree.write(`proc/${pid}/stat`, `${pid} (${comm}) S 1 1 1 0 -1 0 1 2 3 4 0 0 0 0 20 0 1 0 1 1 2\n`);
  mkdirSync(join(tree.root, `proc/${pid}/fd`), { recursive: true });
  for (const [fd, inode] of inodes.entries()) symlinkSync(`socket:[${inode}]`, join(tree.root, `proc/${pid}/fd/${fd}`));
}

test.each([
  [[127, 0, 0, 1], '127.0.0.1'],
  [[0, 0, 0, 0], '0.0.0.0'],
  [Array<number>(16).fill(0), '::'],
  [[...Array<number>(15).fill(0), 1], '::1'],
  [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1], '2001:db8::1:0:0:1'],
  [[0xfe, 0x80, ...Array<number>(13).fill(0), 9], 'fe80::9'],
  [[...Array<number>(10).fill(0), 0xff, 0xff, 10, 0, 0, 1], '::ffff:10.0.0.1'],
  [[0, 1, 0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7], '1:0:2:3:4:5:6:7'],
])('%j is %s', (address, text) => expect(addressText(Uint8Array.from(address))).toBe(text));

test('a line of the kernel', () => {
  const socket = parseSocketLine(line('0100007F:0CEA', '0A', 1234, { queues: '00000010:0000000A' }))!;
  expect({ ...socket, address: addressText(socket.address) }).toEqual({
    address: '127.0.0.1',
    port: 3306,
    remotePort: 0,
    state: 10,
    sendQueueBytes: 16,
    receiveQueueBytes: 10,
    inode: 1234,
  });
  expect(
    addressText(parseSocketLine(line('B80D0120000000000000000001000000:0050', '0A', 1, { remote: `${'0'.repeat(32)}:0000` }))!.address),
  ).toBe('2001:db8::1');
});

test.each(['', HEADER, '   0: nonsense', '   0: 0100007F:0CEA', line('0100007F:XXXX', '0A', 1)])('%j is no socket', (text) =>
  expect(parseSocketLine(text)).toBeUndefined(),
);

test('a table larger than a piece is read whole, until the visitor has enough', async () => {
  const lines = Array.from({ length: 2000 }, (_, i) => line(`00000000:${i.toString(16).toUpperCase().padStart(4, '0')}`, '0A', i));
  tree.write('tcp', HEADER + lines.join(''));
  const ports: number[] = [];
  await readSocketTable(join(tree.root, 'tcp'), ({ port }) => ports.push(port) > 0);
  expect(ports).toEqual(Array.from({ length: 2000 }, (_, i) => i));
  let visits = 0;
  await readSocketTable(join(tree.root, 'tcp'), () => ++visits < 3);
  expect(visits).toBe(3);
});

test(`damaged tables are read to their end (seed ${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constant(line('0100007F:0CEA', '0A', 5)), fc.constant('x'.repeat(70_000)))),
      async (parts) => {
        tree.write('tcp', HEADER + parts.join(''));
        const sockets: SocketLine[] = [];
        await readSocketTable(join(tree.root, 'tcp'), (socket) => sockets.push(socket) > 0);
        for (const { port, state, inode } of sockets) expect([port, state, inode].every(Number.isFinite)).toBe(true);
      },
    ),
    { seed, numRuns: 60 },
  );
});

test('tcpstat counts by state over both tables', async () => {
  const queues = '00000002:00000003';
  tree.write(
    'proc/net/tcp',
    HEADER + line('0100007F:0001', '0A', 1) + line('0100007F:0001', '01', 2, { queues }) + line('0100007F:0001', '06', 0),
  );
  tree.write('proc/net/tcp6', HEADER + line(`${'0'.repeat(32)}:0001`, '01', 3, { remote: `${'0'.repeat(32)}:0002`, queues }));
  const row = (await inputReader(tcpstat, tree)(0))!;
  expect(Object.keys(row).length).toBe(13);
  expect(row).toMatchObject({
    'node_tcp_connection_states{state=established}': 2,
    'node_tcp_connection_states{state=listen}': 1,
    'node_tcp_connection_states{state=time_wait}': 1,
    'node_tcp_connection_states{state=closing}': 0,
    'node_tcp_connection_states{state=rx_queued_bytes}': 6,
    'node_tcp_connection_states{state=tx_queued_bytes}': 4,
  });
});

test('a host without IPv6, and one without tables', async () => {
  tree.write('proc/net/tcp', HEADER);
  expect(await inputReader(tcpstat, tree)(0)).toMatchObject({ 'node_tcp_connection_states{state=listen}': 0 });
  tree.remove('proc/net');
  expect(await inputReader(tcpstat, tree)(0)).toBeUndefined();
  expect(await inputReader(listening, tree)(0)).toBeUndefined();
});

test('sockets that listen, with who holds them', async () => {
  const client = { remote: '0100007F:1234' };
  tree.write(
    'proc/net/tcp',
    HEADER + line('00000000:0050', '0A', 11) + line('0100007F:1F90', '0A', 12) + line('0100007F:0050', '01', 13, client),
  );
  tree.write(
    'proc/net/udp',
    HEADER + line('00000000:0035', '07', 14) + line('00000000:D431', '07', 15) + line('00000000:0044', '01', 16, client),
  );
  own(1, 'init', []);
  own(20, 'nginx', [11]);
  own(21, 'nginx', [11]);
  own(30, 'dns', [99, 14, 15]);
  const read = inputReader(listening, tree);
  const dns = 'node_listening_socket_info{address=0.0.0.0,port=53,process=dns,proto=udp}';
  const web = 'node_listening_socket_info{address=0.0.0.0,port=80,process=nginx,proto=tcp}';
  const unowned = 'node_listening_socket_info{address=127.0.0.1,port=8080,proto=tcp}';
  expect(await read(0)).toEqual({ [dns]: 1, [web]: 1, [unowned]: 1, node_listening_sockets: 3 });
  // The owner is looked for again after ten minutes, not at each reading.
  own(40, 'late', [12]);
  expect(await read(120_000)).toMatchObject({ [unowned]: 1 });
  expect(await read(600_000)).toMatchObject({ [unowned.replace('proto', 'process=late,proto')]: 1 });
  tree.remove('proc/net/udp');
  expect(Object.keys((await read(720_000))!)).not.toContain(dns);
});

test('the list is bounded, the count is not', () => {
  const sockets = Array.from({ length: 600 }, (_, i) => ({ proto: 'tcp' as const, address: '0.0.0.0', port: i + 1, inode: i }));
  const cells = cellsOf([...sockets, sockets[0]!], new Map());
  expect(cells.length).toBe(513);
  expect(cells.at(-1)![1]).toBe(601);
});
