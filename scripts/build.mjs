// Bundles agent, collector and their children into dist/ and builds the web app. `--only NAME` builds one bundle; `--no-web` skips the page.
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Name of each bundle in dist/ and the file it starts from. */
const BUNDLES = {
  'bellwether-agent': 'agent/main.ts',
  'agent-run': 'agent/run.ts',
  bellwether: 'collector/main.ts',
  gen: 'scripts/gen.ts',
};

// Packages with native parts or files of their own on disk stay outside the bundle and are resolved from node_modules.
const EXTERNAL = ['net-snmp', 'libsql', 'pino', 'fastify', '@fastify/*'];

const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : undefined;
await mkdir(join(root, 'dist'), { recursive: true });

const entryPoints = Object.entries(BUNDLES)
  .filter(([name, file]) => (only === undefined || only === name) && existsSync(join(root, file)))
  .map(([out, file]) => ({ in: join(root, file), out }));

await build({
  entryPoints,
  outdir: join(root, 'dist'),
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: 'linked',
  legalComments: 'none',
  logLevel: 'warning',
  external: EXTERNAL,
  // CommonJS packages inside an ESM bundle still call require().
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
});

if (only === undefined && !process.argv.includes('--no-web') && existsSync(join(root, 'dashboards/index.html'))) {
  const { build: viteBuild } = await import('vite');
  await viteBuild({ root: join(root, 'dashboards'), configFile: join(root, 'dashboards/vite.config.mjs'), logLevel: 'warn' });
}
