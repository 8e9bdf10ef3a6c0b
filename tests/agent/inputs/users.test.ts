import fc from 'fast-check';
import users, { isUserSession, parseUtmp } from '../../../agent/inputs/users.ts';
import { inputReader } from './one-input.ts';
import { TempTree } from './support.ts';

const seed = Number(process.env.FUZZ_SEED ?? 8720);
const metric = 'node_users_logged_in';
let tree: TempTree;
beforeEach(() => {
  tree = new TempTree();
});
afterEach(() => tree.cleanUp());

/** One record of a utmp file. */
function record(type: number, pid: number, user: string, line = 'pts/0', host = ''): Buffer {
  const bytes = Buffer.alloc(384);
  bytes.writeInt16LE(type, 0);
  bytes.writeInt32LE(pid, 4);
  bytes.write(line, 8, 32);
  bytes.write(user, 44, 32);
  bytes.write(host, 76, 256);
  return bytes;
}

test('logins in utmp; boot, dead and unsigned-off ones do not count', async () => {
  for (const pid of [5, 6]) tree.write(`proc/${pid}/stat`, '');
  const records = [
    record(2, 0, 'reboot', '~'),
    record(7, 5, 'ada'),
    record(7, 6, 'ada', 'pts/1', '192.0.2.1'),
    record(8, 5, ''),
    record(7, 77, 'gone'),
  ];
  tree.write('run/utmp', Buffer.concat(records));
  const read = inputReader(users, tree);
  expect(await read(0)).toEqual({ [metric]: 2 });
  tree.write('run/utmp', '');
  expect(await read(60_000)).toEqual({ [metric]: 0 });
  tree.write('run/utmp', 'garbled');
  expect(await read(120_000)).toEqual({ [metric]: 'stale' });
});

test('names that fill their field have no terminator', () => {
  expect(parseUtmp(record(7, 1, 'u'.repeat(32), 'l'.repeat(32), 'h'.repeat(256)))).toEqual([
    { pid: 1, line: 'l'.repeat(32), user: 'u'.repeat(32), host: 'h'.repeat(256) },
  ]);
});

test('without utmp the sessions of logind are counted', async () => {
  tree.write('run/systemd/sessions/1', 'UID=0\nUSER=root\nACTIVE=1\nSTATE=active\nCLASS=user\n');
  tree.write('run/systemd/sessions/1.ref', '');
  tree.write('run/systemd/sessions/2', 'STATE=online\nCLASS=user\n');
  tree.write('run/systemd/sessions/3', 'STATE=closing\nCLASS=user\n');
  tree.write('run/systemd/sessions/c1', 'STATE=active\nCLASS=greeter\n');
  expect(await inputReader(users, tree)(0)).toEqual({ [metric]: 2 });
  expect(isUserSession('')).toBe(false);
});

test('a host with neither has nothing to say', async () => {
  expect(await inputReader(users, tree)(0)).toBeUndefined();
});

test(`any bytes are logins or an error (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1200 }), fc.boolean(), (bytes, whole) => {
      const given = Buffer.from(whole ? bytes.subarray(0, bytes.length - (bytes.length % 384)) : bytes);
      if (given.length % 384 !== 0) expect(() => parseUtmp(given)).toThrow('whole records');
      else for (const { user, pid } of parseUtmp(given)) expect([user.length > 0, pid > 0]).toEqual([true, true]);
    }),
    { seed },
  );
});
