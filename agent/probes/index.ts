import { TlsContexts } from './connect.ts';
import { createHttpProbe } from './http.ts';
import { probeIcmp } from './icmp.ts';
import { PatternMatcher } from './pattern.ts';
import type { Probe } from './probe.ts';
import { createTcpProbe } from './tcp.ts';

export { PROBE_METRICS } from './metrics.ts';
export { ChildPinger, pingProgram } from './ping.ts';
export type { Probe, ProbeOutcome, ProbeRequest, ProbeSample, ProbeTools } from './probe.ts';
export { Resolver } from './resolver.ts';

/** Every probe by its name. */
export function createProbes(): Readonly<Record<string, Probe>> {
  const parts = { contexts: new TlsContexts(), patterns: new PatternMatcher() };
  return { http: createHttpProbe(parts), tcp: createTcpProbe(parts), icmp: probeIcmp };
}
