import { existsSync } from 'node:fs';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, systemClock } from '@bellwether/shared';
import { ChildPinger, NO_PROGRAM, parseFping, parsePing } from '../../../agent/probes/ping.ts';
import { proberWith, valuesOf } from './servers.ts';

test.each([
  ['127.0.0.1    : [0], 64 bytes, 0.331 ms (0.331 avg, 0% loss)', '127.0.0.1', { rttMs: 0.331 }],
  ['::1 : [0], 64 bytes, 12 ms (12 avg, 0% loss)', '::1', { rttMs: 12 }],
  ['10.255.255.1 : [0], timed out (NaN avg, 100% loss)', '10.255.255.1', { reason: 'no answer in 5 s' }],
  ['ICMP Host Unreachable from 10.0.0.1 for ICMP Echo sent to 10.0.0.5', '10.0.0.5', { reason: 'host unreachable (says 10.0.0.1)' }],
  ['10.0.0.9: error while sending ping: Network is unreachable', '10.0.0.9', { reason: 'network is unreachable' }],
])('fping: %s', (line, address, answer) => expect(parseFping(line, 5_000)).toEqual({ address, answer }));

test.each(['', '127.0.0.1 : xmt/rcv/%loss = 1/1/0%, min/avg/max = 0.04/0.04/0.04', 'something else'])('fping: nothing in %j', (line) => {
  expect(parseFping(line, 5_000)).toBeUndefined();
});

test.each([
  ['64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=0.045 ms', { rttMs: 0.045 }],
  ['64 bytes from 127.0.0.1: seq=0 ttl=64 time=1.250 ms', { rttMs: 1.25 }],
  ['From 10.0.0.1 icmp_seq=1 Destination Host Unreachable', { reason: 'destination host unreachable (says 10.0.0.1)' }],
])('ping: %s', (line, answer) => expect(parsePing(line, '10.0.0.9')).toEqual({ address: '10.0.0.9', answer }));

/** A program in place of fping that writes down how it was started. */
async function fakeFping(script: string): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'bellwether-ping-')), 'fping');
  await writeFile(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

const pingerOf = (path: string | undefined) => new ChildPinger({ clock: systemClock, log: silentLog, program: { path } });

test('what is asked within a moment shares a child', async () => {
  const path = await fakeFping('echo "$@" >> "$0.calls"; shift 9; for a; do echo "$a : [0], 64 bytes, 1.5 ms (1.5 avg, 0% loss)"; done');
  const pinger = pingerOf(path);
  const answers = await Promise.all(['192.0.2.1', '192.0.2.2', '192.0.2.1'].map((address) => pinger.ping(address, 500)));
  expect(answers).toEqual([{ rttMs: 1.5 }, { rttMs: 1.5 }, { rttMs: 1.5 }]);
  const { readFileSync } = await import('node:fs');
  expect(readFileSync(`${path}.calls`, 'utf8')).toBe('-c 1 -r 0 -t 500 -i 1 -- 192.0.2.1 192.0.2.2\n');
});

test.each([
  [
    'that may not send',
    'echo "/usr/bin/fping: can\'t create socket (must run as root?)" >&2; exit 4',
    "/usr/bin/fping: can't create socket (must run as root?)",
  ],
  ['that dies', 'kill -9 $$', 'no answer in 300 ms'],
  [
    'whose router speaks',
    'echo "192.0.2.1 : [0], timed out (NaN avg, 100% loss)"; echo "ICMP Time Exceeded from 192.0.2.254 for ICMP Echo sent to 192.0.2.1" >&2',
    'time exceeded (says 192.0.2.254)',
  ],
])('a program %s', async (_name, script, reason) => {
  expect(await pingerOf(await fakeFping(script)).ping('192.0.2.1', 300)).toEqual({ reason });
});

test('a program that hangs is ended, and one that is not there said so', async () => {
  const pinger = pingerOf(await fakeFping('exec sleep 60'));
  expect(await pinger.ping('192.0.2.1', 100)).toEqual({ reason: 'no answer in 100 ms' });
  expect(await pingerOf(undefined).ping('192.0.2.1', 100)).toEqual({ reason: NO_PROGRAM });
  const gone = await pingerOf('/nowhere/fping').ping('192.0.2.1', 100);
  expect(gone).toEqual({ reason: expect.stringMatching(/^\/nowhere\/fping cannot be started/) });
});

(existsSync('/usr/bin/fping') ? test : test.skip)('real echoes', async () => {
  const probe = proberWith();
  const outcomes = await Promise.all(['127.0.0.1', 'localhost', '::1'].map((target) => probe('icmp', target)));
  expect(outcomes[0]).toMatchObject({ success: true, reason: '' });
  expect(outcomes[1]!.success).toBe(true);
  const values = valuesOf(outcomes[0]!);
  expect(values['probe_icmp_duration_seconds{phase="rtt"}']).toBeGreaterThan(0);
  expect(values).toMatchObject({ probe_ip_protocol: 4, probe_ip_addr_hash: 3_668_918_509 });
});
