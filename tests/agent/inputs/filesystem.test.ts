import type { StatsFs } from 'node:fs';
import { SteppedClock } from '@bellwether/shared';
import filesystem, { Filesystems, type Statfs } from '../../../agent/inputs/filesystem.ts';
import { Frame } from '../../../agent/inputs/frame.ts';
import { resolveOptions } from '../../../agent/inputs/options.ts';
import { rowOf, TempTree } from './support.ts';

const STATS = { type: 0, bsize: 4096, blocks: 100, bfree: 50, bavail: 40, files: 10, ffree: 5 } as StatsFs;

let tree: TempTree;
beforeEach(() => {
  tree = new TempTree();
});
afterEach(() => tree.cleanUp());

/** The input over a mountinfo of the test's making; `answer` decides what statfs says, and when. */
function filesystems(answer: (path: string, done: Parameters<Statfs>[1]) => void) {
  const clock = new SteppedClock(0);
  const frame = new Frame('filesystem', {});
  const input = new Filesystems(frame, { ...tree.paths, rootfs: '/' }, resolveOptions(filesystem, {}), clock, answer);
  const read = async () => {
    frame.clear();
    const reading = input.read(clock.now());
    await clock.advance(0);
    input.settle();
    await reading;
    return rowOf(frame.finish());
  };
  return { clock, read };
}

const mount = (point: string, type = 'ext4', options = 'rw') => `30 1 8:1 / ${point} ${options} - ${type} /dev/x rw\n`;
const of = (metric: string, point: string) => `node_filesystem_${metric}{device=/dev/x,fstype=ext4,mountpoint=${point}}`;

test('sizes of what is not excluded', async () => {
  tree.write('proc/1/mountinfo', mount('/') + mount('/proc/x') + mount('/y', 'overlay') + mount('/z', 'tmpfs', 'ro'));
  const asked: string[] = [];
  const { read } = filesystems((path, done) => {
    asked.push(path);
    done(null, STATS);
  });
  expect(await read()).toMatchObject({
    [of('size_bytes', '/')]: 409_600,
    [of('free_bytes', '/')]: 204_800,
    [of('avail_bytes', '/')]: 163_840,
    [of('files', '/')]: 10,
    [of('files_free', '/')]: 5,
    [of('readonly', '/')]: 0,
    [of('device_error', '/')]: 0,
    [of('mount_hung', '/')]: 0,
    'node_filesystem_readonly{device=/dev/x,fstype=tmpfs,mountpoint=/z}': 1,
  });
  expect(asked).toEqual(['/', '/z']);
});

test('without the mounts of PID 1 our own must do', async () => {
  tree.write('proc/self/mountinfo', mount('/'));
  const { read } = filesystems((_, done) => done(null, STATS));
  expect(await read()).toHaveProperty([of('size_bytes', '/')], 409_600);
});

test('an error is said, and the sizes end', async () => {
  tree.write('proc/1/mountinfo', mount('/'));
  let failing = false;
  const { read } = filesystems((_, done) => (failing ? done(Object.assign(new Error('x'), { code: 'EIO' }), STATS) : done(null, STATS)));
  await read();
  failing = true;
  expect(await read()).toMatchObject({ [of('device_error', '/')]: 1, [of('mount_hung', '/')]: 0, [of('size_bytes', '/')]: 'stale' });
  failing = false;
  expect(await read()).toMatchObject({ [of('device_error', '/')]: 0, [of('size_bytes', '/')]: 409_600 });
});

test('a hung mount is asked once, shows its last answer, then counts as hung; the others go on', async () => {
  tree.write('proc/1/mountinfo', mount('/') + mount('/nfs'));
  let waiting: Parameters<Statfs>[1] | undefined;
  let hang = false;
  let questions = 0;
  const { clock, read } = filesystems((path, done) => {
    if (path !== '/nfs') return done(null, STATS);
    questions++;
    if (hang) waiting = done;
    else done(null, STATS);
  });
  await read();
  hang = true;
  expect(await read()).toMatchObject({ [of('size_bytes', '/nfs')]: 409_600, [of('mount_hung', '/nfs')]: 0 });
  await clock.advance(5_000);
  const hung = { [of('size_bytes', '/nfs')]: 'stale', [of('mount_hung', '/nfs')]: 1, [of('device_error', '/nfs')]: 1 };
  expect(await read()).toMatchObject({ ...hung, [of('size_bytes', '/')]: 409_600 });
  await clock.advance(600_000);
  await read();
  expect(questions).toBe(2);
  hang = false;
  waiting!(null, STATS);
  expect(await read()).toMatchObject({
    [of('size_bytes', '/nfs')]: 409_600,
    [of('mount_hung', '/nfs')]: 0,
    [of('device_error', '/nfs')]: 0,
  });
  expect(questions).toBe(3);
});

test('dead file servers hold two threads at most, and local disks are asked on', async () => {
  const remote = ['/n1', '/n2', '/n3', '/n4'].map((point) => mount(point, 'nfs4')).join('');
  tree.write('proc/1/mountinfo', remote + mount('/') + mount('/a'));
  const waiting = new Map<string, Parameters<Statfs>[1]>();
  const { clock, read } = filesystems((path, done) => {
    if (path.startsWith('/n')) waiting.set(path, done);
    else done(null, STATS);
  });
  const nfs = (metric: string, point: string) => `node_filesystem_${metric}{device=/dev/x,fstype=nfs4,mountpoint=${point}}`;
  await read();
  expect([...waiting.keys()]).toEqual(['/n1', '/n2']);
  await clock.advance(5_000);
  expect(await read()).toMatchObject({
    [nfs('mount_hung', '/n1')]: 1,
    [nfs('mount_hung', '/n3')]: 0,
    [nfs('device_error', '/n3')]: 1,
    [of('size_bytes', '/a')]: 409_600,
  });
  expect([...waiting.keys()]).toEqual(['/n1', '/n2']);
  waiting.get('/n1')!(null, STATS);
  expect([...waiting.keys()]).toEqual(['/n1', '/n2', '/n3']);
  waiting.get('/n3')!(null, STATS);
  expect(await read()).toMatchObject({
    [nfs('size_bytes', '/n3')]: 409_600,
    [nfs('device_error', '/n3')]: 0,
    [nfs('mount_hung', '/n2')]: 1,
  });
});

test('a path no system call takes is an error of that mount', async () => {
  tree.write('proc/1/mountinfo', mount('/') + mount('/a'));
  const { read } = filesystems((path, done) => {
    if (path === '/a') throw new TypeError('null byte');
    done(null, STATS);
  });
  expect(await read()).toMatchObject({ [of('device_error', '/a')]: 1, [of('device_error', '/')]: 0 });
});

test('mounts come and go; an answer for one that went is dropped', async () => {
  tree.write('proc/1/mountinfo', mount('/') + mount('/a'));
  let late: Parameters<Statfs>[1] | undefined;
  const { read } = filesystems((path, done) => {
    if (path === '/a') late = done;
    else done(null, STATS);
  });
  expect(await read()).not.toHaveProperty([of('size_bytes', '/a')]);
  tree.write('proc/1/mountinfo', mount('/') + mount('/b'));
  late!(null, STATS);
  expect(await read()).toHaveProperty([of('size_bytes', '/b')], 409_600);
});
