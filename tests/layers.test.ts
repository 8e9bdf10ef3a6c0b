import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Which parts of the collector a part may import; every part may import `state`, `auth` and `inventory`. `app.ts`, `main.ts`, `cli` know all. */
const COLLECTOR_ARROWS: Record<string, readonly string[]> = {
  gateway: ['store'],
  ingest: ['store'],
  store: [],
  query: ['store'],
  rules: ['query', 'alerts'],
  alerts: [],
  uptime: ['query', 'alerts'],
  devices: [],
  inventory: [],
  auth: [],
  checks: [],
  state: [],
  api: ['gateway', 'ingest', 'store', 'query', 'rules', 'alerts', 'uptime'],
};
const FOR_ALL = ['state', 'auth', 'inventory'];
const PACKAGES: Record<string, readonly string[]> = { shared: [], agent: ['shared'], collector: ['shared'], dashboards: ['shared'] };

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((entry) => {
    const path = join(folder, entry);
    if (entry === 'node_modules' || entry === 'dist') return [];
    if (statSync(path).isDirectory()) return sources(path);
    return /\.(ts|svelte)$/.test(entry) ? [path] : [];
  });
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
}

/** The repository path an import of ours leads to, or undefined for packages of others. */
function target(file: string, specifier: string): string | undefined {
  const ours = /^@bellwether\/(\w+)(?:\/(.*))?$/.exec(specifier);
  if (ours !== null) return `${ours[1]}/${ours[2] ?? 'index'}.ts`;
  return specifier.startsWith('.') ? relative(root, resolve(dirname(file), specifier)) : undefined;
}

function breach(from: string, to: string): string | undefined {
  const [fromPackage, fromPart] = from.split('/') as [string, string];
  const [toPackage, toPart, ...inside] = to.split('/') as [string, string, ...string[]];
  if (fromPackage !== toPackage)
    return PACKAGES[fromPackage]!.includes(toPackage) ? undefined : `${fromPackage} may not import ${toPackage}`;
  if (fromPackage !== 'collector' || fromPart === toPart || fromPart.endsWith('.ts') || fromPart === 'cli') return undefined;
  if (toPart.endsWith('.ts')) return `${from} may not import the composition (${to})`;
  if (![...(COLLECTOR_ARROWS[fromPart] ?? []), ...FOR_ALL].includes(toPart))
    return `collector/${fromPart} may not import collector/${toPart}`;
  return inside.join('/') === 'index.ts' ? undefined : `reaches into collector/${toPart}/${inside.join('/')} instead of its index.ts`;
}

test('every import follows the arrows of docs/architecture.md', () => {
  const breaches: string[] = [];
  for (const file of Object.keys(PACKAGES).flatMap((name) => sources(join(root, name)))) {
    for (const specifier of importsOf(file)) {
      const to = target(file, specifier);
      if (to === undefined) continue;
      const problem = breach(relative(root, file), to);
      if (problem !== undefined) breaches.push(`${relative(root, file)}: ${problem}`);
    }
  }
  expect(breaches).toEqual([]);
});
