/**
 * Every table of the state database as Kysely sees it, one section per part. Names are camelCase here and snake_case in SQL (`firstSeenMs`
 * is column `first_seen_ms`). Times are ms since the epoch; truth values are 0 or 1; JSON is text.
 */
import type { Generated } from 'kysely';

// ---------------------------------------------------------------- state

export interface StateTables {
  migrations: { id: number; name: string; appliedMs: number };
  kv: { key: string; value: string };
}

// ---------------------------------------------------------------- auth

export interface AuthTables {
  users: {
    name: string;
    role: 'viewer' | 'operator' | 'admin';
    /** `scrypt$N$r$p$salt$hash`; null until the first password is set. */
    password: string | null;
    createdMs: number;
  };
  sessions: { hash: string; userName: string; createdMs: number; expiresMs: number; viaLink: number };
  signInLinks: { hash: string; userName: string; expiresMs: number };
  apiTokens: {
    id: string;
    hash: string;
    name: string;
    scope: 'ingest' | 'read' | 'operate' | 'admin';
    createdMs: number;
    expiresMs: number | null;
    lastUsedMs: number | null;
  };
  joinTokens: { id: string; hash: string; name: string; createdMs: number; expiresMs: number | null; usesLeft: number | null };
  agents: { id: string; keyHash: string; hostname: string; createdMs: number; revokedMs: number | null };
}

// ---------------------------------------------------------------- inventory

export interface InventoryTables {
  hosts: {
    /** The agent's id. */
    id: string;
    name: string;
    os: string;
    agentVersion: string;
    bootId: string | null;
    /** When the host was enrolled. */
    firstSeenMs: number;
    lastSeenMs: number | null;
    connected: number;
    /** Why it is not connected, in words; '' while it is. */
    absence: string;
    /** Since when it is or is not connected. */
    sinceMs: number | null;
  };
  events: { id: Generated<number>; timeMs: number; host: string | null; kind: string; text: string };
  gaps: { id: Generated<number>; host: string; fromMs: number; toMs: number | null; reason: string; backfilled: number };
}

// ---------------------------------------------------------------- alerts

export interface AlertTables {
  /** One alert of one rule, as it was left; what `for` and `keep_firing_for` need to go on after a restart. */
  ruleAlerts: {
    ruleId: string;
    fingerprint: string;
    /** JSON: names and values in turn. */
    labels: string;
    /** JSON: record. */
    annotations: string;
    kind: 'pending' | 'firing' | 'resolved';
    sinceMs: number;
    firedMs: number | null;
    clearedMs: number | null;
    resolvedMs: number | null;
    value: number | null;
  };
  /** When a RuleGroup was last evaluated. */
  ruleGroups: { id: string; evaluatedMs: number };
  alertTraces: { id: Generated<number>; fingerprint: string; timeMs: number; stage: string; text: string };
  alertAcknowledgements: { fingerprint: string; userName: string; note: string; timeMs: number };
  /** What a channel of a receiver was last told about an AlertGroup; `firing` and `resolved` are JSON lists of fingerprints. */
  alertNotifications: {
    groupKey: string;
    receiver: string;
    /** `webhook/0`: kind and place in the receiver. */
    channel: string;
    sentMs: number;
    firing: string;
    resolved: string;
    /** What a channel needs to continue a conversation: a Message-ID. */
    thread: string | null;
  };
  alertDeliveries: {
    id: Generated<number>;
    timeMs: number;
    groupKey: string;
    receiver: string;
    channel: string;
    status: 'firing' | 'resolved';
    /** JSON: names of the alerts. */
    alerts: string;
    outcome: 'delivered' | 'retrying' | 'failed';
    attempts: number;
    detail: string;
    deadlineMs: number;
    /** JSON of the notification while it is on its way, null afterwards. */
    notification: string | null;
  };
}

// ---------------------------------------------------------------- checks

export interface CheckTables {
  /** Checks made through the API; `written` is JSON, with secrets in clear. */
  checks: { id: string; name: string; written: string; changedBy: string; changedMs: number };
}

// ---------------------------------------------------------------- uptime

export interface UptimeTables {
  /** Hosts, checks and devices with a history; `retiredMs` when it is no longer watched. */
  uptimeWatched: { kind: 'host' | 'check' | 'device'; id: string; name: string; retiredMs: number | null };
  /** One span of a verdict; those of one thing touch but never overlap, and the last has no end while it is watched. */
  uptimeSpans: {
    kind: 'host' | 'check' | 'device';
    watched: string;
    fromMs: number;
    toMs: number | null;
    seen: 'up' | 'down' | 'unknown';
    seenReason: string;
    proven: 'up' | 'down' | 'unknown';
    reason: string;
  };
}

// ---------------------------------------------------------------- devices

export interface DeviceTables {
  /** Devices made through the API; those of the configuration file are not kept. `definition` is JSON, keys in clear. */
  devices: { id: string; name: string; definition: string; changedMs: number };
}

export interface Tables extends StateTables, AuthTables, InventoryTables, AlertTables, CheckTables, UptimeTables, DeviceTables {}
