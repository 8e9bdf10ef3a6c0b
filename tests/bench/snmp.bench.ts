/**
 * CPU of an agent that polls switches: `npm run bench -- snmp [--devices 100] [--ports 48] [--rounds 3]`. A child process answers; this one runs
 * the poller as the agent does (without V8's optimising compiler) and codes the rows as its spool does. Prints one JSON line; `coreRatio` is
 * the share of one core at one poll a minute.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { silentLog, systemClock } from '@bellwether/shared';
import { Device, type DeviceHost } from '../../agent/snmp/device.ts';
import { Pacer } from '../../agent/snmp/pacer.ts';
import { openSession } from '../../agent/snmp/session.ts';
import { WireEncoder } from '../../shared/wire/index.ts';
import { startTestAgent, switchMib } from '../support/snmp-agent.ts';

const INTERVAL_S = 60;

if (process.send === undefined) await measure();
else await answer();

/** The child: answers, and takes one step of counters at each message. */
async function answer(): Promise<void> {
  const ports = Number(process.argv[2]);
  let seconds = 0;
  const agent = await startTestAgent({ objects: switchMib({ ports }) });
  process.on('message', () => {
    seconds += INTERVAL_S;
    agent.set(switchMib({ ports, seconds }));
  });
  process.send?.(agent.port);
}

async function measure(): Promise<void> {
  const option = (name: string, otherwise: number): number => {
    const at = process.argv.indexOf(`--${name}`);
    return at < 0 ? otherwise : Number(process.argv[at + 1]);
  };
  const devices = option('devices', 100);
  const ports = option('ports', 48);
  const rounds = option('rounds', 3);
  const child = fork(fileURLToPath(import.meta.url), [String(ports)]);
  const [port] = (await once(child, 'message')) as [number];
  setFlagsFromString('--no-opt');
  const before = process.memoryUsage().rss;

  const encoder = new WireEncoder();
  const pacer = new Pacer(systemClock, 2_000);
  const groups = new Map<string, { number: number; generation: number }>();
  let seq = 0;
  let samples = 0;
  let bytes = 0;
  let failures = 0;
  const host: DeviceHost = {
    clock: systemClock,
    log: silentLog,
    open: openSession,
    turn: () => pacer.turn(),
    now: () => systemClock.now(),
    push({ group, generation, series, presence, values }, timeMs) {
      encoder.begin();
      let known = groups.get(group);
      if (known?.generation !== generation) {
        known = { number: known?.number ?? groups.size, generation };
        groups.set(group, known);
        encoder.schema(known.number, generation, group, series);
      }
      encoder.samples(++seq, known.number, generation, { timeMs, presence, values });
      bytes += encoder.finish().length;
      samples += values.length;
    },
    report({ up, reason }) {
      if (!up || reason !== '') failures++;
    },
    event() {},
  };
  const polled = Array.from(
    { length: devices },
    (_, i) =>
      new Device(
        {
          id: `d${i}`,
          name: `sw${i}`,
          address: '127.0.0.1',
          port,
          intervalMs: INTERVAL_S * 1000,
          timeoutMs: 20_000,
          retries: 1,
          credentials: { version: '2c', community: 'public' },
          labels: {},
        },
        host,
      ),
  );
  const cpu: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    samples = 0;
    bytes = 0;
    const start = process.cpuUsage();
    // A few at a time, as their spread over the minute would have it.
    for (let i = 0; i < polled.length; i += 4) await Promise.all(polled.slice(i, i + 4).map((device) => device.poll()));
    const { user, system } = process.cpuUsage(start);
    if (round > 0) cpu.push((user + system) / 1e6); // the first one also makes sessions and schemas
    child.send('step');
  }
  for (const device of polled) device.stop();
  child.kill();
  const seconds = cpu.sort((a, b) => a - b)[cpu.length >> 1]!;
  console.log(
    JSON.stringify({
      devices,
      ports,
      failures,
      samples,
      cpuSecondsPerRound: seconds,
      coreRatio: seconds / INTERVAL_S,
      microsPerSample: (seconds * 1e6) / samples,
      bytesPerSample: bytes / samples,
      rssGrowthMb: (process.memoryUsage().rss - before) / 2 ** 20,
    }),
  );
}
