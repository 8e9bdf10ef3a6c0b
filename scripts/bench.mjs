// `npm run bench -- NAME [options]`: bundles tests/bench/NAME.bench.ts and runs it; without a name lists them.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { prepare } from './prepare.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'tests/bench');
const [name, ...args] = process.argv.slice(2);
const source = join(folder, `${name}.bench.ts`);
if (name === undefined || !existsSync(source)) {
  const names = readdirSync(folder).filter((file) => file.endsWith('.bench.ts'));
  console.error(
    `usage: npm run bench -- NAME [--json] [options]\nbenchmarks: ${names.map((file) => file.replace('.bench.ts', '')).join(', ')}`,
  );
  process.exit(2);
}
prepare();
const outfile = join(root, 'dist/bench', `${name}.mjs`);
await build({
  entryPoints: [source],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: ['libsql', 'pino', 'fastify', '@fastify/*'],
  logLevel: 'warning',
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
});
const child = spawn(process.execPath, ['--no-warnings', outfile, ...args], { cwd: root, stdio: 'inherit' });
child.on('close', (code) => process.exit(code ?? 1));
