// Brings a clone to the state `npm start` and `npm test` need: packages installed, dist/ built. Does nothing when both are fresh.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
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
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...npmCache() } });
  if (status !== 0) {
    const why = error === undefined ? 'the lines above say why' : `${command} does not start (${error.code})`;
    console.error(`bellwether: ${what} failed; ${why}.`);
    process.exit(1);
  }
}

/** npm keeps its cache in the home folder; a service's user may have none. */
function npmCache() {
  try {
    accessSync(homedir(), constants.W_OK);
    return {};
  } catch {
    return { npm_config_cache: join(root, 'dist/npm-cache') };
  }
}

/** What `newestMs` was when dist/ was built; 0 when it was not. A source saved during a build makes the next start build again. */
function builtMs(stamp) {
  return existsSync(stamp) ? Number(readFileSync(stamp, 'utf8')) : 0;
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
  if (builtMs(stamp) < newest) {
    run('building', process.execPath, [join(root, 'scripts/build.mjs')]);
    writeFileSync(stamp, String(newest));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) prepare();
