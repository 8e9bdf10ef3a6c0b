/**
 * Shapes of Bellwether's own HTTP API (`/api/bellwether/*`) and of the `/live` socket, as the page and other clients see them. Types only.
 * Times are ms since the epoch. Errors are `{ error: { code, message } }` with the status of shared/errors.ts.
 */
import type { Millis } from './time.ts';

export type Role = 'viewer' | 'operator' | 'admin';
export type HostState = 'ok' | 'warning' | 'critical' | 'unknown';
export type Severity = 'info' | 'warning' | 'critical';

/** GET, POST (sign in) and DELETE (sign out) /api/bellwether/session. */
export interface Session {
  user: string;
  role: Role;
  /** The user came by a one-time link and has to set a password first (POST /api/bellwether/session/password). */
  mustSetPassword: boolean;
}
export type SignIn = { user: string; password: string } | { link: string };

/** A row of the hosts list: POST /api/bellwether/hosts/query answers HostPage; `/live` pushes the same. */
export interface HostRow {
  id: string;
  name: string;
  state: HostState;
  /** In words: `disk /var 97 % full`, `no data since 14:02: connection lost`, '' when all is well. */
  reason: string;
  sinceMs: Millis | null;
  /** Ratios 0-1; null = no data. `disk` is the fullest filesystem. */
  cpu: number | null;
  memory: number | null;
  disk: number | null;
  /** Bytes a second, all physical interfaces. */
  networkIn: number | null;
  networkOut: number | null;
  load1: number | null;
  connected: boolean;
  lastSeenMs: Millis | null;
  os: string;
  agentVersion: string;
}

export type HostSort = 'state' | 'name' | 'cpu' | 'memory' | 'disk' | 'networkIn' | 'networkOut' | 'load1';

export interface HostQuery {
  /** Words that must occur in the name, and `state:critical`, `state:!ok` terms; all must hold. */
  filter: string;
  sort: HostSort;
  descending: boolean;
  /** Which rows of the sorted list are wanted. */
  offset: number;
  limit: number;
}

export interface HostPage {
  total: number;
  matching: number;
  rows: HostRow[];
}

/** GET /api/bellwether/hosts/:id */
export interface HostDetail extends HostRow {
  firstSeenMs: Millis;
  bootMs: Millis | null;
  /** Collector's clock minus the agent's, ms. */
  clockOffsetMs: number | null;
  agentCpuRatio: number | null;
  agentRssBytes: number | null;
  queuedBatches: number;
  droppedSamples: number;
  kernel: string;
  cpus: number | null;
  memoryBytes: number | null;
  alerts: AlertView[];
  gaps: GapView[];
}

/** A hole in a host's data with its reason. */
export interface GapView {
  fromMs: Millis;
  /** null: still open. */
  toMs: Millis | null;
  reason: string;
  backfilled: boolean;
}

/** GET /api/bellwether/alerts: pending and firing alerts, worst first. */
export interface AlertView {
  fingerprint: string;
  name: string;
  severity: Severity;
  state: 'pending' | 'firing' | 'resolved';
  labels: Record<string, string>;
  annotations: Record<string, string>;
  activeMs: Millis;
  firedMs: Millis | null;
  resolvedMs: Millis | null;
  value: number | null;
  expression: string;
  acknowledgedBy: string | null;
  acknowledgedMs: Millis | null;
  acknowledgeNote: string;
  /** Why it is or is not on somebody's screen: one line per decision and delivery, newest last. */
  trace: TraceEntry[];
}

export interface TraceEntry {
  timeMs: Millis;
  stage: string;
  text: string;
}

/** GET /api/bellwether/deliveries?limit= */
export interface DeliveryView {
  id: number;
  timeMs: Millis;
  receiver: string;
  channel: string;
  status: 'firing' | 'resolved';
  alerts: string[];
  outcome: 'delivered' | 'retrying' | 'failed';
  attempts: number;
  /** Answer or error in words. */
  detail: string;
}

/** GET /api/bellwether/hosts/:id/facts: what the agent last said of the machine (hardware, system, packages, interfaces). */
export interface HostFacts {
  timeMs: Millis;
  facts: unknown;
}

/** GET /api/bellwether/events?host=&limit= */
export interface EventView {
  timeMs: Millis;
  host: string | null;
  kind: string;
  text: string;
}

export type Verdict = 'up' | 'down' | 'unknown';
export type WatchedKind = 'host' | 'check' | 'device';

/** Time in each verdict; time before something was watched is in none. `ratio` is up / (up + down), null when neither was ever known. */
export interface UptimeShare {
  upMs: Millis;
  downMs: Millis;
  unknownMs: Millis;
  ratio: number | null;
}

export interface UptimeQuery {
  kind: WatchedKind | undefined;
  /** Words the name must contain; all of them. */
  filter: string;
  fromMs: Millis;
  toMs: Millis;
  bucketMs: Millis;
  offset: number;
  limit: number;
}

/** GET /api/bellwether/uptime?kind=&filter=&from=&to=&bucket=&offset=&limit= : what is not up first, then by name. */
export interface UptimePage {
  fromMs: Millis;
  toMs: Millis;
  bucketMs: Millis;
  total: number;
  /** Of all that match, by what is seen now. */
  counts: Record<Verdict, number>;
  rows: UptimeRow[];
}

export interface UptimeRow {
  kind: WatchedKind;
  id: string;
  name: string;
  /** What is seen now, why, and since when. */
  verdict: Verdict;
  reason: string;
  sinceMs: Millis;
  /** As it was known at the time. */
  seen: UptimeShare;
  /** As it is known by now. */
  proven: UptimeShare;
  bars: UptimeBar[];
}

/** One piece of the window, cut at whole multiples of the bucket (UTC). */
export interface UptimeBar {
  fromMs: Millis;
  toMs: Millis;
  seen: UptimeShare;
  proven: UptimeShare;
  /** What took most of the time that was not up; '' when there was none. */
  reason: string;
}

/** GET /api/bellwether/uptime/:kind/:id?from=&to=&bucket= */
export interface UptimeDetail extends UptimeRow {
  fromMs: Millis;
  toMs: Millis;
  /** Newest first. */
  spans: UptimeSpan[];
}

export interface UptimeSpan {
  fromMs: Millis;
  /** null: still going on. */
  toMs: Millis | null;
  seen: Verdict;
  /** What was said at the time. */
  seenReason: string;
  proven: Verdict;
  reason: string;
}

/** The strip on every screen; GET /api/bellwether/status, pushed on `/live`. */
export interface StatusStrip {
  hosts: Record<HostState, number>;
  critical: number;
  warning: number;
  pending: number;
  worst: { name: string; target: string; sinceMs: Millis; owner: string | null } | null;
  /** When the last critical or warning alert ended, if none is firing. */
  quietSinceMs: Millis | null;
  samplesPerSecond: number;
  series: number;
  nowMs: Millis;
}

/** GET /api/bellwether/chart?query=&start=&end=&step= : columns on one time axis; null is a gap. */
export interface ChartData {
  times: Millis[];
  series: { labels: Record<string, string>; values: (number | null)[] }[];
  warnings: string[];
  infos: string[];
}

// ---------------------------------------------------------------- devices

/** GET /api/bellwether/devices: all of them by name. POST there adds one, PUT and DELETE /api/bellwether/devices/:id change one; both take `written`. */
export interface DeviceView {
  id: string;
  /** `file`: from bellwether.yml, changed there only. */
  source: 'file' | 'api';
  name: string;
  address: string;
  /** Host name of the agent that reads it. */
  readBy: string | null;
  intervalMs: Millis;
  /** Unknown: nobody can say, since the agent that reads it does not. */
  state: Verdict;
  /** In words; an `up` device has one when a part of it cannot be read. */
  reason: string;
  sinceMs: Millis;
  /** Time of the reading that state and reason come from. */
  reportedMs: Millis | null;
  /** As bellwether.yml would have it; keys are ***, and sent back as that they stay. */
  written: Record<string, unknown>;
}

/** What a device says of itself; '' when it does not. */
export interface DeviceFacts {
  name: string;
  description: string;
  location: string;
  contact: string;
  objectId: string;
  uptimeSeconds: number | null;
}

/** An interface of a device; null = no data. */
export interface DevicePort {
  ifIndex: number;
  name: string;
  description: string;
  /** What an operator wrote on the device. */
  alias: string;
  /** Bits a second. */
  speedBits: number | null;
  adminUp: boolean | null;
  operUp: boolean | null;
  /** Bits a second between the last two readings. */
  inBps: number | null;
  outBps: number | null;
  errorsPerS: number | null;
}

/** GET /api/bellwether/devices/:id */
export interface DeviceDetail {
  device: DeviceView;
  state: Verdict;
  reason: string;
  facts: DeviceFacts;
  ports: DevicePort[];
}

/** The verdict on a check, and what each agent that runs it last found. */
export interface CheckState {
  id: string;
  name: string;
  probe: 'http' | 'tcp' | 'icmp';
  target: string;
  verdict: Verdict;
  /** Why it is down or unknown, in words; '' when up. */
  reason: string;
  /** What other agents found when they were asked, or who disagrees; '' when there is nothing to say. */
  quorum: string;
  /** Since when the verdict holds. */
  sinceMs: Millis;
  agents: { id: string; host: string; up: boolean | null; reason: string; timeMs: Millis | null }[];
}

/** GET /api/bellwether/checks and /:id; POST and PUT take `written`. */
export interface CheckView extends CheckState {
  /** `file`: from bellwether.yml, changed there only. */
  source: 'file' | 'api';
  /** As bellwether.yml would have it; secrets are ***. */
  written: Record<string, unknown>;
}

// ---------------------------------------------------------------- /live (JSON text messages)

export type LiveRequest =
  /** Push the strip now and when it changes (at most once a second). */
  | { type: 'status' }
  /** Push this part of the hosts list now and when it changes. Replaces the former one. */
  | { type: 'hosts'; query: HostQuery }
  /** Push alerts now and when they change. */
  | { type: 'alerts' }
  /** Push the present value of each query every second, and ask host `host`'s agent for 1 s readings meanwhile. Replaces the former one; no panels ends it. */
  | { type: 'panels'; host: string | null; panels: { id: string; query: string }[] };

export type LiveMessage =
  | { type: 'status'; status: StatusStrip }
  /** `query` is the request this answers: a page sent before the collector read a newer request is told apart by it. */
  | { type: 'hosts'; query?: HostQuery; page: HostPage }
  | { type: 'alerts'; alerts: AlertView[] }
  | { type: 'points'; timeMs: Millis; panels: { id: string; series: { labels: Record<string, string>; value: number }[] }[] }
  | { type: 'error'; message: string };
