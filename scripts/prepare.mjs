// Brings a clone to the state `npm start` and `npm test` need: packages installed, dist/ built. Does nothing when both are fresh.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const SOURCES = ['shared', 'agent', 'collector', 'dashboards', 'scripts', 'package-lock.json'];

/** Newest modification time below `path`, ms since the epoch; folders that hold no sources are passed over. */
function newestMs(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  let newest = 0;
  for (const entry of readdirSync(path)) {
    if (entry === 'node_modules' || entry === 'dist') continue;
    newest = Math.max(newest, newestMs(join(path, entry)));
  }
  return newest;
}

function run(what, command, args) {
  console.log(`bellwether: ${what} ...`);
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    console.error(`bellwether: ${what} failed; the lines above say why.`);
    process.exit(1);
  }
}

export function prepare() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`bellwether: needs Node 20.19 or newer, this is ${process.versions.node}.`);
    process.exit(1);
  }
  const installed = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(join(root, 'package-lock.json')).mtimeMs) {
    run('installing packages', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  }
  const stamp = join(root, 'dist/.built');
  const newest = Math.max(...SOURCES.map((source) => newestMs(join(root, source))));
  if (!existsSync(stamp) || statSync(stamp).mtimeMs < newest) {
    run('building', process.execPath, [join(root, 'scripts/build.mjs')]);
    writeFileSync(stamp, '');
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) prepare();
