/** Installed packages from the package managers' own files. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHILD_ENV, type ChildOptions, type ChildResult } from '../bounded-child.ts';

export interface Packages {
  readonly manager: 'dpkg' | 'apk' | 'rpm';
  /** Versions by name. */
  readonly versions: ReadonlyMap<string, string>;
}

const MAX_FILE_BYTES = 64 * 1024 * 1024;
const RPM_BYTES = 4 * 1024 * 1024;

/** `run` asks rpm, whose database is no text; the others are read. Undefined where there is no package manager we know. */
export async function installedPackages(
  rootfs: string,
  run: (options: Pick<ChildOptions, 'argv' | 'maxBytes' | 'env'>) => Promise<ChildResult>,
): Promise<Packages | undefined> {
  const dpkg = readText(join(rootfs, 'var/lib/dpkg/status'));
  if (dpkg !== undefined) return { manager: 'dpkg', versions: parseDpkgStatus(dpkg) };
  const apk = readText(join(rootfs, 'lib/apk/db/installed'));
  if (apk !== undefined) return { manager: 'apk', versions: parseApkInstalled(apk) };
  if (rootfs !== '/') return undefined;
  const argv = ['rpm', '-qa', '--qf', '%{NAME}.%{ARCH} %{EPOCHNUM}:%{VERSION}-%{RELEASE}\n'] as const;
  const { outcome, exitCode, stdout } = await run({ argv, maxBytes: RPM_BYTES, env: CHILD_ENV });
  if (outcome !== 'exited' || exitCode !== 0) return undefined;
  const pairs = stdout.split('\n').flatMap((line): [string, string][] => {
    const [name, version] = line.split(' ');
    return name === undefined || version === undefined ? [] : [[name, version]];
  });
  return pairs.length === 0 ? undefined : { manager: 'rpm', versions: new Map(pairs) };
}

function readText(path: string): string | undefined {
  try {
    const bytes = readFileSync(path);
    return bytes.length > MAX_FILE_BYTES ? undefined : bytes.toString('utf8');
  } catch {
    // Not this package manager, or not for us to read.
    return undefined;
  }
}

/** Paragraphs of `Key: value`; only packages that are installed whole. Of another architecture than the first: `name:arch`. */
export function parseDpkgStatus(text: string): Map<string, string> {
  const versions = new Map<string, string>();
  for (const paragraph of text.split('\n\n')) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1];
    const [name, version, status, architecture] = ['Package', 'Version', 'Status', 'Architecture'].map(field);
    if (name === undefined || version === undefined || status?.endsWith(' ok installed') !== true) continue;
    versions.set(versions.has(name) ? `${name}:${architecture}` : name, version);
  }
  return versions;
}

/** Paragraphs of `K:value`; P is the name, V the version. */
export function parseApkInstalled(text: string): Map<string, string> {
  const versions = new Map<string, string>();
  for (const paragraph of text.split('\n\n')) {
    const name = /^P:(.*)$/m.exec(paragraph)?.[1];
    const version = /^V:(.*)$/m.exec(paragraph)?.[1];
    if (name !== undefined && version !== undefined) versions.set(name, version);
  }
  return versions;
}
