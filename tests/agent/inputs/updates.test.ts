import { mkdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { SteppedClock } from '@bellwether/shared';
import updates, {
  isNewerKernelInstalled,
  isRebootRequired,
  parseApk,
  parseApt,
  parseDnf,
  UpdateWatch,
} from '../../../agent/inputs/updates.ts';
import { inputReader } from './one-input.ts';
import { TempTree } from './support.ts';

let tree: TempTree;
beforeEach(() => {
  tree = new TempTree();
});
afterEach(() => tree.cleanUp());

test('apt tells security from the rest, and new packages do not count', () => {
  const output = `NOTE: This is only a simulation!
Inst libssl3 [3.0.11-1] (3.0.15-1 Debian:12.8/stable, Debian-Security:12/stable-security [amd64]) []
Inst curl [7.88.1-10] (7.88.1-11 Debian:12.8/stable [amd64])
Inst linux-image-6.1.0-30 (6.1.124-1 Debian-Security:12/stable-security [amd64])
Inst bash [5.1] (5.1-6 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [amd64])
Conf curl (7.88.1-11 Debian:12.8/stable [amd64])
`;
  expect(parseApt(output)).toEqual({ security: 2, other: 1 });
  expect(parseApt('')).toEqual({ security: 0, other: 0 });
});

test('dnf and apk only count', () => {
  const dnf = '\nbash.x86_64    5.1.8-9.el9   baseos\nkernel.x86_64  5.14.0-400  baseos\nObsoleting Packages\nold.x86_64  1  x\n';
  expect(parseDnf(dnf)).toEqual({ security: Number.NaN, other: 2 });
  expect(parseApk('Installed:                Available:\nmusl-1.2.4-r1    < 1.2.4-r2\nzlib-1.3-r0 < 1.3.1-r0\n')).toEqual({
    security: Number.NaN,
    other: 2,
  });
});

test.each([
  [['6.1.0-13-amd64'], '6.1.0-13-amd64', false],
  [['6.1.0-13-amd64', '6.1.0-9-amd64'], '6.1.0-13-amd64', false],
  [['6.1.0-13-amd64', '6.1.0-9-amd64'], '6.1.0-9-amd64', true],
  [['6.1.0-13-cloud-amd64', '6.1.0-9-amd64'], '6.1.0-9-amd64', false],
  [['5.14.0-362.8.1.el9_3.x86_64', '5.14.0-427.1.1.el9_4.x86_64'], '5.14.0-362.8.1.el9_3.x86_64', true],
  [['6.1.0-13-amd64'], '6.18.44', undefined],
  [[], '', undefined],
])('kernels %j, running %s: %p', (images, running, newer) => expect(isNewerKernelInstalled(images, running)).toBe(newer));

test('a restart is due, is not, or nobody knows', async () => {
  const { rootfs, procfs } = tree.paths;
  expect(isRebootRequired(rootfs, procfs)).toBeUndefined();
  expect(await inputReader(updates, tree)(0)).toBeUndefined();
  tree.write('usr/share/update-notifier/notify-reboot-required', '');
  expect(await inputReader(updates, tree)(0)).toEqual({ node_reboot_required: 0 });
  tree.write('boot/vmlinuz-6.1.0-13-amd64', '');
  tree.write('boot/vmlinuz-6.1.0-9-amd64', '');
  tree.write('proc/sys/kernel/osrelease', '6.1.0-9-amd64\n');
  expect(isRebootRequired(rootfs, procfs)).toBe(true);
  tree.remove('boot/vmlinuz-6.1.0-13-amd64');
  expect(isRebootRequired(rootfs, procfs)).toBe(false);
  tree.write('run/reboot-required', '*** System restart required ***\n');
  expect(isRebootRequired(rootfs, procfs)).toBe(true);
});

test('the package manager is asked late, seldom, and only when its files changed', async () => {
  const runs = join(tree.root, 'runs');
  tree.write('state', '');
  mkdirSync(runs);
  const touch = (seconds: number) => utimesSync(join(tree.root, 'state'), seconds, seconds);
  touch(1000);
  const clock = new SteppedClock(0);
  const manager = {
    program: 'x',
    state: ['state', 'missing'],
    argv: ['/bin/sh', '-c', `mktemp ${runs}/XXXXXX > /dev/null; ls ${runs} | wc -l`] as const,
    parse: ({ stdout }: { stdout: string }) => ({ security: 0, other: Number(stdout) }),
  };
  const watch = new UpdateWatch(manager, tree.root, clock);
  const answer = async (count: number) => {
    while (watch.look()?.other !== count) await new Promise((resolve) => setImmediate(resolve));
  };
  await clock.advance(119_000);
  expect(watch.look()).toBeUndefined();
  await clock.advance(1_000);
  await answer(1);
  await clock.advance(3_600_000);
  expect(watch.look()).toEqual({ security: 0, other: 1 });
  touch(2000);
  await answer(2);
  touch(3000);
  await clock.advance(3_599_000);
  expect(watch.look()).toEqual({ security: 0, other: 2 });
  await clock.advance(1_000);
  await answer(3);
  await clock.advance(12 * 3_600_000);
  await answer(4);
  watch.stop();
});

test('an answer that cannot be read replaces an older one', async () => {
  const clock = new SteppedClock(0);
  let isBroken = false;
  const parse = () => (isBroken ? undefined : { security: 1, other: 1 });
  const watch = new UpdateWatch({ program: 'x', state: [], argv: ['/bin/true'], parse }, tree.root, clock);
  await clock.advance(120_000);
  while (watch.look() === undefined) await new Promise((resolve) => setImmediate(resolve));
  isBroken = true;
  await clock.advance(12 * 3_600_000);
  while (watch.look() !== undefined) await new Promise((resolve) => setImmediate(resolve));
  watch.stop();
});
