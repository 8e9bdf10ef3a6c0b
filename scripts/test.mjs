// `npm test`: does its own set-up (packages, bundles, and the real parts it tests against, where it may), then runs the suites.
//   --unit  only suites without processes, browsers and real time;  --soak  the long proofs;  anything else goes to Jest.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installTestParts } from './install-test-parts.mjs';
import { prepare } from './prepare.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const args = process.argv.slice(2);
const unit = args.includes('--unit');
const soak = args.includes('--soak');
const rest = args.filter((arg) => arg !== '--unit' && arg !== '--soak');

prepare();
if (!unit) installTestParts();

const SLOW = ['integration', 'e2e', 'faults', 'conformance'];
const jestArgs = [
  '--experimental-vm-modules',
  '--no-warnings',
  join(root, 'node_modules/jest/bin/jest.js'),
  '--config',
  join(root, 'jest.config.mjs'),
];
if (unit) jestArgs.push('--testPathIgnorePatterns', ...[...SLOW, 'soak'].map((folder) => `/tests/${folder}/`), '--');
else if (soak) jestArgs.push('--testPathPatterns', ...['soak', ...SLOW].map((folder) => `/tests/${folder}/`), '--');
else jestArgs.push('--testPathIgnorePatterns', '/tests/soak/', '--');

const env = { ...(soak ? { BELLWETHER_SOAK: '1', BELLWETHER_CONFORMANCE_SECONDS: '600' } : {}), ...process.env };
const child = spawn(process.execPath, [...jestArgs, ...rest], { cwd: root, stdio: 'inherit', env });
child.on('close', (code) => process.exit(code ?? 1));
