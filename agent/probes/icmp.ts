/** One ICMP echo. */
import type { IcmpProbeOptions } from '@bellwether/shared/assignments';
import type { Probe } from './probe.ts';
import { ProbeRun } from './probe-run.ts';
import { ProbeFailure } from './reason.ts';

/** For the program that sends the echo to start and to end. */
const GRACE_MS = 2_000;

export const probeIcmp: Probe = (request, tools) => {
  const run = new ProbeRun(request, tools, GRACE_MS);
  let setupMs = 0;
  let rttMs = 0;
  return run.finish(
    async () => {
      const { address } = await run.resolve(request.target, request.options as IcmpProbeOptions);
      const beganMs = run.elapsedMs;
      const answer = await run.within('answer', tools.pinger.ping(address, request.timeoutMs));
      if ('reason' in answer) throw new ProbeFailure(answer.reason);
      rttMs = answer.rttMs;
      setupMs = Math.max(0, run.elapsedMs - beganMs - rttMs);
    },
    () => {
      run.set('probe_icmp_duration_seconds', run.lookupMs / 1_000, { phase: 'resolve' });
      run.set('probe_icmp_duration_seconds', setupMs / 1_000, { phase: 'setup' });
      run.set('probe_icmp_duration_seconds', rttMs / 1_000, { phase: 'rtt' });
    },
  );
};
