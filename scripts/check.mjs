// Types and lint in seconds: tsc over the Node code, svelte-check over the page, Biome over everything.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bin = (name) => join(root, 'node_modules/.bin', name);
const CHECKS = [
  ['types', bin('tsc'), ['-p', '.']],
  ['lint', bin('biome'), ['check', '--diagnostic-level=warn', '--error-on-warnings', '.']],
];
if (existsSync(join(root, 'dashboards/tsconfig.json'))) {
  CHECKS.push(['page', bin('svelte-check'), ['--workspace', 'dashboards', '--output', 'human', '--fail-on-warnings']]);
}

const codes = await Promise.all(
  CHECKS.map(
    ([name, command, args]) =>
      new Promise((resolve) => {
        const child = spawn(command, args, { cwd: root });
        let output = '';
        child.stdout.on('data', (data) => (output += data));
        child.stderr.on('data', (data) => (output += data));
        child.on('close', (code) => {
          console.log(`${name}: ${code === 0 ? 'ok' : `failed\n${output}`}`);
          resolve(code);
        });
      }),
  ),
);
process.exit(codes.every((code) => code === 0) ? 0 : 1);
