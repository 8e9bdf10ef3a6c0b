/** Accepts agents: upgrade, identity, one connection per agent, liveness, `up`, and the settings they are told. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Clock, errorMessage, type Log, type Millis, type Stoppable } from '@bellwether/shared';
import type { WatchResult } from '@bellwether/shared/assignments';
import {
  type AgentSettings,
  type GoodbyeReason,
  type Hello,
  type ProbeResult,
  type RunProbe,
  WIRE_CLOSE,
  WIRE_LIMITS,
  WIRE_SUBPROTOCOL,
} from '@bellwether/shared/wire';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Store } from '../store/index.ts';
import { AgentConnection, type AgentView, isStoreRefusal } from './connection.ts';
import { RECONNECT_GRACE_MS, type UpChange, UpTracker } from './up-tracker.ts';

/** Heartbeats of the whole fleet stay below this many a second. */
const FLEET_HEARTBEATS_PER_SECOND = 2_000;
const MIN_HEARTBEAT_MS = 1_000;
const MISSED_HEARTBEATS = 3;
/** From the upgrade to the hello. */
const HELLO_DEADLINE_MS = 10_000;
const SWEEP_MS = 250;
const DRAIN_RECONNECT_MS = 1_000;
/** A machine that presents another's identity is an event this often, however often it tries. */
const CLONE_EVENT_MS = 600_000;

export interface AgentIdentity {
  readonly agentId: string;
  readonly hostname: string;
}

export type DisconnectCause =
  | { readonly kind: 'goodbye'; readonly reason: GoodbyeReason }
  /** The socket was closed without a goodbye. */
  | { readonly kind: 'closed' }
  /** Three heartbeats were missed. */
  | { readonly kind: 'silent' };

/** The two ends of an agent's connection, IPv4 or IPv6; '' when they are not known. A proxy in between hides the agent's own. */
export interface ConnectionPath {
  readonly remote: string;
  readonly local: string;
}

/** What the composition wires to inventory, gap ledger and rules. None may throw. */
export interface GatewayHooks {
  /** `backlog`: rows still to come from its spool. */
  connected(identity: AgentIdentity, hello: Hello, backlog: number, path: ConnectionPath, now: Millis): void;
  disconnected(identity: AgentIdentity, cause: DisconnectCause, now: Millis): void;
  event(identity: AgentIdentity, kind: string, text: string, timeMs: Millis): void;
  /** The agent was told that it is admitted, and may be told more. */
  welcomed(identity: AgentIdentity, hello: Hello, now: Millis): void;
  /** What the agent found of things it watches. */
  watched(identity: AgentIdentity, results: readonly WatchResult[], now: Millis): void;
  upChanged(change: UpChange): void;
}

export interface GatewayOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly hooks: GatewayHooks;
  /** The agent a bearer credential belongs to. */
  readonly authenticate: (authorization: string) => Promise<AgentIdentity | undefined>;
  /** Interval of the agents' inputs. */
  readonly intervalMs: Millis;
  /** Hosts known from before, so that their absence is noticed. */
  readonly known: readonly AgentIdentity[];
}

export interface GatewayCounters {
  accepted: number;
  unauthenticated: number;
  cloned: number;
  frames: number;
  bytes: number;
  samples: number;
  rows: number;
  duplicateRows: number;
  refusedRows: number;
  skippedRows: number;
  /** Events of agents that brought too many at once. */
  droppedEvents: number;
  /** Times a socket was not read for a while because it brought too much. */
  paused: number;
  /** Connections closed by us, by close code. */
  closedByCode: Map<number, number>;
}

export interface Gateway extends Stoppable {
  readonly counters: Readonly<GatewayCounters>;
  /** Takes an HTTP upgrade of WIRE_PATH. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  agent(agentId: string): AgentView | undefined;
  agents(): AgentView[];
  /** undefined: not known yet. */
  isUp(agentId: string): boolean | undefined;
  /** Asks an agent for readings every second for a while; nothing happens if it is not connected. */
  liveMode(agentId: string, durationMs: Millis): void;
  /** Tells an agent what to watch, in place of what it was told before; nothing happens if it is not connected. `json`: Assignments. */
  assign(agentId: string, version: number, json: string): void;
  /** Asks an agent to run a probe once, now. undefined: it is not connected, or does not answer. */
  runProbe(agentId: string, request: Omit<RunProbe, 'type' | 'id'>): Promise<ProbeResult | undefined>;
}

export function createGateway(options: GatewayOptions): Gateway {
  const { store, clock, log, hooks, authenticate, intervalMs } = options;
  const counters: GatewayCounters = {
    accepted: 0,
    unauthenticated: 0,
    cloned: 0,
    frames: 0,
    bytes: 0,
    samples: 0,
    rows: 0,
    duplicateRows: 0,
    refusedRows: 0,
    skippedRows: 0,
    droppedEvents: 0,
    paused: 0,
    closedByCode: new Map(),
  };
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: WIRE_LIMITS.frameBytes,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(WIRE_SUBPROTOCOL) ? WIRE_SUBPROTOCOL : false),
  });
  const up = new UpTracker(store, (change) => hooks.upChanged(change));
  const connections = new Set<AgentConnection>();
  const byAgent = new Map<string, AgentConnection>();
  /** When the event of a cloned agent was recorded last. */
  const cloneToldMs = new Map<string, Millis>();
  let stopping = false;

  for (const { agentId, hostname } of options.known) up.remember(agentId, hostname, clock.now());

  function settings(): AgentSettings {
    const fleetMs = Math.ceil((Math.max(options.known.length, byAgent.size) / FLEET_HEARTBEATS_PER_SECOND) * 1_000);
    return { intervalMs, heartbeatMs: Math.max(MIN_HEARTBEAT_MS, fleetMs) };
  }

  /** Decides whether this hello may take the agent's place; closes whoever has to go. */
  function admit(connection: AgentConnection, hello: Hello): AgentSettings | undefined {
    const { identity } = connection;
    const other = byAgent.get(identity.agentId);
    if (other !== undefined) {
      if (other.bootId !== hello.bootId) {
        counters.cloned++;
        connection.close(WIRE_CLOSE.cloned, 'this agent id is connected from another machine');
        // It keeps trying; the counter says how often, the event that it happens.
        if (clock.now() - (cloneToldMs.get(identity.agentId) ?? Number.NEGATIVE_INFINITY) < CLONE_EVENT_MS) return undefined;
        cloneToldMs.set(identity.agentId, clock.now());
        const text = `A second machine (boot id ${hello.bootId}) presents the identity of ${identity.hostname}; it was refused. Enrol it under an identity of its own.`;
        hooks.event(identity, 'cloned-agent', text, clock.now());
        return undefined;
      }
    }
    byAgent.set(identity.agentId, connection);
    other?.replace(); // the same machine came back before its old connection was seen to break
    const progress = store.progress(identity.agentId, hello.epoch);
    const backlog = hello.lastSeq - (progress?.contiguousSeq ?? hello.firstSeq - 1);
    hooks.connected(identity, hello, backlog, connection.path, clock.now());
    guardStore(() => up.connected(identity.agentId, identity.hostname, clock.now()));
    return settings();
  }

  function ended(connection: AgentConnection, cause: DisconnectCause): void {
    connections.delete(connection);
    if (byAgent.get(connection.identity.agentId) !== connection) return; // never admitted, or replaced by its own successor
    byAgent.delete(connection.identity.agentId);
    if (stopping) return; // our own stop says nothing about the hosts
    const now = clock.now();
    hooks.disconnected(connection.identity, cause, now);
    guardStore(() => up.disconnected(connection.identity.agentId, cause.kind === 'closed' ? RECONNECT_GRACE_MS : 0, now));
  }

  /** `up` is worth nothing if writing it stops the collector: a full store is reported by the store itself. */
  function guardStore(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!isStoreRefusal(error)) log.warn({ error: errorMessage(error) }, 'up not written');
    }
  }

  const cancelSweep = clock.every(SWEEP_MS, () => {
    const now = clock.now();
    const silenceMs = settings().heartbeatMs * MISSED_HEARTBEATS;
    for (const connection of connections) connection.sweep(now, connection.admitted ? silenceMs : HELLO_DEADLINE_MS);
    guardStore(() => up.tick(now));
  });

  function accept(socket: WebSocket, identity: AgentIdentity, path: ConnectionPath): void {
    counters.accepted++;
    connections.add(
      new AgentConnection({
        socket,
        identity,
        path,
        store,
        clock,
        log,
        counters,
        admit,
        ended,
        onEvent: hooks.event,
        onWelcomed: (who, hello) => hooks.welcomed(who, hello, clock.now()),
        onWatched: (who, results) => hooks.watched(who, results, clock.now()),
      }),
    );
  }

  return {
    counters,
    upgrade(request, socket, head) {
      socket.on('error', () => socket.destroy());
      if (stopping) return refuse(socket, '503 Service Unavailable');
      void authenticate(request.headers.authorization ?? '')
        .catch((error: unknown) => {
          log.error({ error: errorMessage(error) }, 'agent authentication failed');
          return undefined;
        })
        .then((identity) => {
          if (identity === undefined) {
            counters.unauthenticated++;
            return refuse(socket, '401 Unauthorized');
          }
          sockets.handleUpgrade(request, socket, head, (accepted) => accept(accepted, identity, pathOf(request)));
        });
    },
    agent: (agentId) => byAgent.get(agentId)?.view(),
    agents: () => [...byAgent.values()].map((connection) => connection.view()),
    isUp: (agentId) => up.isUp(agentId),
    assign: (agentId, version, json) => byAgent.get(agentId)?.assign(version, json),
    runProbe: async (agentId, request) => byAgent.get(agentId)?.runProbe(request),
    liveMode(agentId, durationMs) {
      byAgent.get(agentId)?.liveMode(1_000, durationMs);
    },
    async stop() {
      if (stopping) return;
      stopping = true;
      cancelSweep();
      await Promise.all([...connections].map((connection) => connection.drain(DRAIN_RECONNECT_MS)));
      sockets.close();
    },
  };
}

/** Does not wait for the other side to close: it may never. */
function pathOf({ socket: { remoteAddress, localAddress } }: IncomingMessage): ConnectionPath {
  const plain = (address: string | undefined): string => (address ?? '').replace(/^::ffff:/, '');
  return { remote: plain(remoteAddress), local: plain(localAddress) };
}

function refuse(socket: Duplex, status: string): void {
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
