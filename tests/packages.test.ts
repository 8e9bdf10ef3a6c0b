import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './support/process.ts';

interface LockedPackage {
  version?: string;
  optionalDependencies?: Record<string, string>;
}

const readLock = async (): Promise<Record<string, LockedPackage>> =>
  (JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Record<string, LockedPackage> }).packages;

// npm writes an incomplete lock file without a word when a registry lacks another platform's binary, and `npm ci` then refuses it.
test('the lock file names every optional package, so that npm ci accepts it on every platform', async () => {
  const packages = await readLock();
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`${path}/node_modules/${name}` in packages) && !(`node_modules/${name}` in packages),
    ),
  );
  expect(missing).toEqual([]);
});
