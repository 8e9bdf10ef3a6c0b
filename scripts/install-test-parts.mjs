// The real programs the integration suites run against, as Debian packages. Installed only as root and only when asked for (CI set, or
// BELLWETHER_TEST_INSTALL=1); their services are not started. A suite whose part is missing is skipped by name.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

/** Debian package and a file that shows that it is there. */
const PARTS = [
  ['chromium', '/usr/bin/chromium'],
  ['prometheus-node-exporter', '/usr/bin/prometheus-node-exporter'],
  ['iproute2', '/sbin/ip'],
  ['e2fsprogs', '/sbin/mkfs.ext4'],
  ['iputils-ping', '/bin/ping'],
  ['fping', '/usr/bin/fping'],
  ['nginx-light', '/usr/sbin/nginx'],
  ['prometheus-blackbox-exporter', '/usr/bin/prometheus-blackbox-exporter'],
  ['snmpd', '/usr/sbin/snmpd'],
  ['snmpsim', '/usr/bin/snmpsimd'],
  ['prometheus-snmp-exporter', '/usr/bin/prometheus-snmp-exporter'],
];
const POLICY = '/usr/sbin/policy-rc.d';

export function installTestParts() {
  const missing = PARTS.filter(([, file]) => !existsSync(file)).map(([name]) => name);
  const wanted = process.env.CI !== undefined || process.env.BELLWETHER_TEST_INSTALL === '1';
  if (missing.length === 0 || !wanted || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  console.log(`bellwether: installing for the tests: ${missing.join(' ')}`);
  const ownPolicy = !existsSync(POLICY);
  if (ownPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 }); // installing must not start services
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const options = { stdio: ['ignore', 'ignore', 'inherit'], env };
    spawnSync('apt-get', ['update', '-qq'], options);
    const { status } = spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], options);
    if (status !== 0) console.error('bellwether: some packages could not be installed; the suites that need them will be skipped.');
  } finally {
    if (ownPolicy) rmSync(POLICY, { force: true });
  }
}
