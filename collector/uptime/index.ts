export { hostReadings, resultReadings } from './evidence.ts';
export type { Watched, WatchedKind } from './history.ts';
export type { Answer } from './host-verdict.ts';
export { type HostLedger, type HostWatch, type StoredHost, startHostWatch } from './host-watch.ts';
export { createHostVerdicts, type HostVerdicts } from './hosts.ts';
export { reach } from './reach.ts';
export type { Part, Span, Verdict } from './spans.ts';
export { STATE_METRIC, startStateSeries } from './state-series.ts';
export { startUptime, type Uptime, type VerdictChange } from './uptime.ts';
