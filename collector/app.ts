/** The composition: the only file that knows every part. main.ts alone has argv, env, signals and process.exit. */
import { readFileSync } from 'node:fs';
import { hostname, hostname as ownHostname } from 'node:os';
import { join } from 'node:path';
import { AppError, type Clock, errorCode, errorMessage, type Log, type Millis, StopStack } from '@bellwether/shared';
import type { CheckState } from '@bellwether/shared/api';
import { WIRE_PATH } from '@bellwether/shared/wire';
import type { FastifyInstance } from 'fastify';
import cron from 'node-cron';
import { WebSocketServer } from 'ws';
import { createAlerts } from './alerts/index.ts';
import {
  bellwetherApi,
  createFleet,
  createLiveHub,
  createServer,
  type LiveHub,
  refuseUpgrade,
  routeUpgrades,
  type Upgrade,
  uptimeApi,
} from './api/index.ts';
import { prometheusApi } from './api/prometheus/index.ts';
import { rulesApi } from './api/rules.ts';
import { createAssigner } from './assignments.ts';
import {
  type AccessOptions,
  type AgentIdentity,
  type Auth,
  authApi,
  authenticateUpgrade,
  createAuth,
  type EnrollRequest,
  type FirstStart,
  guardRoutes,
} from './auth/index.ts';
import { type CheckStates, checksApi, startChecks } from './checks/index.ts';
import type { CollectorConfig } from './config.ts';
import { createDevices, devicesApi, type QueryInstant } from './devices/index.ts';
import { createGateway } from './gateway/index.ts';
import { createInventory, type Inventory } from './inventory/index.ts';
import { createQueryEngine, type QueryEngine } from './query/index.ts';
import { loadRuleFiles, type RuleGroupConfig, type RuleRow, rulePack, startRules, type WriteRow } from './rules/index.ts';
import { SELF_INTERVAL_MS, SelfMetrics } from './self-metrics.ts';
import { registerSelfMetrics } from './self-metrics-list.ts';
import { openState } from './state/index.ts';
import { type GroupRef, openEmbeddedStore, type Store } from './store/index.ts';
import {
  createHostVerdicts,
  createWitnesses,
  type HostWatch,
  hostReadings,
  REACH_PORT,
  reach,
  resultReadings,
  STATE_METRIC,
  startHostWatch,
  startResultProofs,
  startStateSeries,
  startUptime,
  type Uptime,
} from './uptime/index.ts';
import { VERSION } from './version.ts';
import { createHostDetail, createStatus, knownHosts, type ViewSources } from './views.ts';

/** How often what a full disk held back of the uptime history is tried again. */
const UPTIME_FLUSH_MS = 5_000;
/** How long an agent may try to reach another host for us. */
const WITNESS_TIMEOUT_MS = 3_000;

export interface CollectorOptions {
  readonly config: CollectorConfig;
  readonly clock: Clock;
  readonly log: Log;
  /** Folder of the built page. */
  readonly webDir: string;
  /** POST /-/reload: reads the configuration again and gives the keys that need a restart; throws and changes nothing when it is bad. */
  readonly reload?: () => Promise<string[]>;
}

export interface RunningCollector {
  /** `http://127.0.0.1:8720` */
  readonly url: string;
  readonly auth: Auth;
  readonly firstStart: FirstStart;
  /** Takes what can change without a restart from another configuration; a bad one changes nothing and throws. */
  reload(config: CollectorConfig): Promise<void>;
  stop(): Promise<void>;
}

export async function startCollector({ config, clock, log, webDir, reload }: CollectorOptions): Promise<RunningCollector> {
  const stops = new StopStack(log); // undoes, newest first
  try {
    const ruleGroups = await loadRules(config);
    const state = stops.own('state', await openState({ dir: config.data_dir, clock }));
    const inventory = createInventory(state);
    const uptime = stops.own('uptime', await startUptime({ state, log, lastAliveMs: await inventory.lastAliveMs() }));
    const watch = stops.own('hosts', await startHostWatch({ ledger: inventory, clock, log }));
    const auth = createAuth({
      state,
      clock,
      log,
      enrolled: (agent, request, wanted) => enrolled(watch, agent, request, wanted, clock.now()),
    });
    const firstStart = await auth.firstStart();
    const store = stops.own(
      'store',
      await openEmbeddedStore({ dir: join(config.data_dir, 'store'), clock, log, retentionMs: config.retention }),
    );
    // Before everything that holds sockets: it closes last, and waits for all of them.
    const app = await createServer({ log, webDir, version: VERSION, tls: readTls(config) });
    stops.defer('http', () => app.close());
    const engine = createQueryEngine({ store, clock, limits: queryLimits(config) });

    const url = `${config.tls === undefined ? 'http' : 'https'}://${config.listen.text}`;
    const externalUrl = config.external_url ?? reachableUrl(config);
    const alerts = stops.own('alerts', await createAlerts({ state, config: config.alerting, clock, log, externalUrl }));
    const rules = stops.own(
      'rules',
      await startRules({
        groups: ruleGroups,
        engine,
        alerts,
        state,
        clock,
        log,
        externalUrl,
        write: ruleWriter(store),
      }),
    );

    const witnesses = stops.own(
      'witnesses',
      createWitnesses({
        clock,
        log,
        probe: async (agentId, address) => {
          const target = address.includes(':') ? `[${address}]:${REACH_PORT}` : `${address}:${REACH_PORT}`;
          const said = await gateway.runProbe(agentId, { probe: 'tcp', target, timeoutMs: WITNESS_TIMEOUT_MS, options: '' });
          if (said === undefined) return undefined;
          const refused = said.text.includes('connection refused');
          const detail = `${address} port ${REACH_PORT}${said.success ? ' is open' : refused ? ' refused' : `: ${said.text}`}`;
          return { answered: said.success || refused, detail };
        },
      }),
    );
    const verdicts = stops.own(
      'host verdicts',
      createHostVerdicts({
        uptime,
        watch,
        clock,
        log,
        ownBootId: readBootId(),
        reach: (path) => reach(path, clock),
        witnesses,
        readings: (name, fromMs, toMs) => hostReadings(engine, name, fromMs, toMs),
      }),
    );
    stops.own(
      'uptime proofs',
      startResultProofs({
        uptime,
        clock,
        log,
        results: ({ kind, name }, fromMs, toMs) => {
          const text = JSON.stringify(name);
          const selector = kind === 'check' ? `probe_success{job="blackbox",check=${text}}` : `up{job="snmp",instance=${text}}`;
          return resultReadings(engine, selector, fromMs, toMs);
        },
      }),
    );
    const writeState = ruleWriter(store);
    stops.own(
      'uptime series',
      startStateSeries({
        uptime,
        clock,
        write: (row) => quietly(log, 'uptime series', () => writeState(row)),
        written: () => rules.wake(STATE_METRIC),
      }),
    );

    const assigner = createAssigner({
      log,
      assignmentsOf: (agentId) => ({ checks: checks.assignmentsFor(agentId), devices: devices.assignmentsFor(agentId) }),
      send: (agentId, version, json) => gateway.assign(agentId, version, json),
    });
    const known = watch.hosts().map(({ id, name, connected, lastSeenMs }) => ({
      agentId: id,
      hostname: name,
      wasConnected: connected,
      everSeen: lastSeenMs !== null,
    }));
    const checks = stops.own(
      'checks',
      await startChecks({
        state,
        clock,
        log,
        config: config.checks,
        known,
        runProbe: (agentId, ask) => gateway.runProbe(agentId, ask),
        assigned: (agentIds) => assigner.changed(agentIds),
      }),
    );
    followChecks(checks, uptime, clock);
    const devices = await createDevices({
      state,
      clock,
      log,
      config: config.devices,
      localHost: ownHostname(),
      agents: () => watch.hosts(),
      assigned: (agentIds) => assigner.changed(agentIds),
      changed: ({ id, name, state: verdict, reason }, removed) => {
        if (removed) uptime.retire('device', id, clock.now());
        else uptime.observe({ kind: 'device', id, name }, verdict, reason, clock.now());
      },
    });
    retireForgotten(uptime, 'device', devices.list(), clock);

    const gateway = stops.own(
      'gateway',
      createGateway({
        store,
        clock,
        log,
        intervalMs: config.agents.interval,
        authenticate: async (authorization) => auth.authenticateAgent(authorization),
        known: known.filter(({ everSeen }) => everSeen),
        hooks: {
          connected: ({ agentId, hostname }, hello, backlog, path, now) => {
            const back = {
              bootId: hello.bootId,
              startedMs: hello.startedMs + (now - hello.clockMs),
              lastGoodbye: hello.lastGoodbye?.reason ?? null,
              backlog,
              os: hello.os,
              agentVersion: hello.agentVersion,
            };
            verdicts.connected(agentId, hostname, watch.host(agentId), back, path, now);
            watch.connected(agentId, hostname, back, now);
          },
          disconnected: ({ agentId }, cause, now) => {
            watch.disconnected(agentId, cause, now);
            checks.agentGone(agentId);
            devices.agentsChanged();
            assigner.gone(agentId);
          },
          welcomed: ({ agentId, hostname }, { capabilities }) => {
            checks.agentConnected(agentId, hostname, capabilities);
            devices.agentsChanged();
            assigner.welcomed(agentId, capabilities);
          },
          watched: ({ agentId }, results) => {
            for (const result of results) (result.kind === 'device' ? devices : checks).result(agentId, result);
          },
          event: ({ agentId }, kind, text, timeMs) => {
            if (kind === 'facts') void keepFacts(inventory, agentId, text, timeMs, log);
            else watch.event(agentId, kind, text, timeMs);
          },
          upChanged: ({ agentId, hostname, up, timeMs }) => {
            if (!up) verdicts.gone(agentId, hostname, timeMs);
            rules.wake('up');
          },
        },
      }),
    );

    const views: ViewSources = {
      clock,
      store,
      engine,
      gateway,
      watch,
      uptime,
      alerts: () => alerts.list(),
      gaps: (hostId, sinceMs) => inventory.gaps(hostId, sinceMs, clock.now()),
    };
    const fleet = createFleet({ hosts: () => knownHosts(views), alerts: views.alerts, engine, log });
    const status = createStatus(views, fleet);
    const live = stops.own(
      'live',
      createLiveHub({
        clock,
        log,
        engine,
        fleet,
        status,
        alerts: views.alerts,
        liveMode: (id, durationMs) => gateway.liveMode(id, durationMs),
      }),
    );

    const self = new SelfMetrics();
    registerSelfMetrics(self, { store, gateway, alerts, rules, live, uptime, verdicts, checks, clock });
    stops.defer(
      'self metrics',
      clock.every(SELF_INTERVAL_MS, () =>
        quietly(log, 'self metrics', () => self.store(store, clock.now() - (clock.now() % SELF_INTERVAL_MS))),
      ),
    );
    const nightly = cron.schedule('17 3 * * *', async () => {
      await inventory.prune(clock.now());
      await uptime.prune(clock.now());
    });
    stops.defer(
      'uptime flush',
      clock.every(UPTIME_FLUSH_MS, () => void uptime.flush()),
    );
    stops.defer('calendar', () => nightly.destroy());

    const access: AccessOptions = { auth, externalUrl: config.external_url };
    guardRoutes(app, access);
    await app.register(authApi(access));
    await app.register(prometheusApi({ engine, store, clock, log, buildInfo: { version: VERSION } }));
    await app.register(rulesApi(rules));
    await app.register(checksApi(checks));
    await app.register(
      devicesApi({
        devices,
        query: instantVector(engine),
        clock,
        record: (text) => watch.event(null, 'device-changed', text, clock.now()),
      }),
    );
    await app.register(uptimeApi({ uptime, clock }));
    await app.register(
      bellwetherApi({
        fleet,
        engine,
        clock,
        status,
        host: createHostDetail(views, fleet),
        alerts: views.alerts,
        acknowledge: (fingerprint, user, note, now) => alerts.acknowledge(fingerprint, user, note, now),
        deliveries: (limit) => alerts.deliveries(limit),
        facts: (host) => inventory.facts(host),
        events: (host, limit) => inventory.events(host, limit),
      }),
    );
    operationRoutes(app, self, reload);
    const liveSockets = new WebSocketServer({ noServer: true, maxPayload: 256 * 1024, perMessageDeflate: { threshold: 1_024 } });
    stops.defer('live sockets', () => liveSockets.close());
    const upgrade = liveUpgrade(access, live, liveSockets, log);
    routeUpgrades(app, { [WIRE_PATH]: (request, socket, head) => gateway.upgrade(request, socket, head), '/live': upgrade });
    await listen(app, config);
    const reachable = config.listen.port === 0 ? withPort(url, app) : url;
    log.info({ url: reachable, dataDir: config.data_dir }, 'collector ready');

    return {
      url: reachable,
      auth,
      firstStart,
      async reload(next) {
        const groups = await loadRules(next);
        devices.requireFree(next.devices);
        checks.reload(next.checks);
        devices.reload(next.devices);
        alerts.reload(next.alerting);
        await rules.reload(groups);
        log.info({}, 'configuration reloaded');
      },
      stop: () => stops.run(),
    };
  } catch (cause) {
    await stops.run();
    throw cause;
  }
}

/** What a host says of itself, the newest only; what changed in it comes as events of its own. */
async function keepFacts(inventory: Inventory, agentId: string, text: string, timeMs: Millis, log: Log): Promise<void> {
  try {
    await inventory.saveFacts(agentId, timeMs, JSON.parse(text));
  } catch (error) {
    log.warn({ agent: agentId, error: errorMessage(error) }, 'facts of a host not kept');
  }
}

function enrolled(
  watch: HostWatch,
  { agentId, hostname }: AgentIdentity,
  { os }: EnrollRequest,
  wanted: string | undefined,
  now: Millis,
): void {
  watch.enrolled(agentId, hostname, os, now);
  if (wanted !== undefined) {
    watch.event(agentId, 'name-taken', `Another host is called ${wanted} already; this one is shown as ${hostname}.`, now);
  }
}

/** The history of verdicts follows the checks; one that was removed while the collector was off ends too. */
function followChecks(checks: CheckStates, uptime: Uptime, clock: Clock): void {
  const tell = ({ id, name, verdict, reason, quorum }: CheckState): void => {
    const words = verdict === 'down' && quorum !== '' ? `${reason} (${quorum})` : reason;
    uptime.observe({ kind: 'check', id, name }, verdict, words, clock.now());
  };
  retireForgotten(uptime, 'check', checks.list(), clock);
  for (const state of checks.list()) tell(state);
  checks.onChange((state, removed) => (removed ? uptime.retire('check', state.id, clock.now()) : tell(state)));
}

/** Ends the history of what was removed while the collector was off. */
function retireForgotten(uptime: Uptime, kind: 'check' | 'device', present: readonly { readonly id: string }[], clock: Clock): void {
  const ids = new Set(present.map(({ id }) => id));
  for (const { watched } of uptime.all(kind)) if (!ids.has(watched.id)) uptime.retire(kind, watched.id, clock.now());
}

function instantVector(engine: QueryEngine): QueryInstant {
  return async (query, timeMs) => {
    const result = await engine.instant(query, timeMs);
    return result.kind === 'vector' ? result.samples : [];
  };
}

/** Rows of rules into the store; a rule's group is opened again only when its columns change. */
function ruleWriter(store: Store): WriteRow {
  const open = new Map<string, { series: RuleRow['series']; group: GroupRef }>();
  return ({ key, timeMs, series, presence, values }) => {
    let known = open.get(key);
    if (known?.series !== series) {
      known = { series, group: store.openGroup(`collector/rules/${key}`, series) };
      open.set(key, known);
    }
    store.append(known.group, { timeMs, presence, values });
  };
}

/** Tells an agent of this machine from one behind a proxy of this machine. undefined where there is no such file. */
function readBootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined; // not Linux: agents on this machine are then judged by their connection alone
  }
}

async function loadRules({ rules }: CollectorConfig): Promise<RuleGroupConfig[]> {
  return [...(rules.pack ? rulePack() : []), ...(await loadRuleFiles(rules.files))];
}

function queryLimits({ query }: CollectorConfig): { maxSamples: number; maxSeries: number; timeoutMs: Millis; lookbackMs: Millis } {
  return { maxSamples: query.max_samples, maxSeries: query.max_series, timeoutMs: query.timeout, lookbackMs: query.lookback };
}

function readTls({ tls }: CollectorConfig): { cert: string; key: string } | undefined {
  if (tls === undefined) return undefined;
  try {
    return { cert: readFileSync(tls.cert, 'utf8'), key: readFileSync(tls.key, 'utf8') };
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `The certificate or key named in tls cannot be read: ${errorMessage(cause)}.`, { cause });
  }
}

/** How others reach a collector that was not told its outside address: by this machine's name when it listens on every interface. */
function reachableUrl({ listen: { host, port, text }, tls }: CollectorConfig): string {
  const scheme = tls === undefined ? 'http' : 'https';
  return `${scheme}://${host === '0.0.0.0' || host === '::' ? `${hostname()}:${port}` : text}`;
}

/** The address with the port the system chose (`listen: 127.0.0.1:0`). */
function withPort(url: string, app: FastifyInstance): string {
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? url.replace(/:0$/, `:${address.port}`) : url;
}

async function listen(app: FastifyInstance, { listen: { host, port, text } }: CollectorConfig): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const code = errorCode(cause);
    const why =
      code === 'EADDRINUSE'
        ? 'another program listens there already'
        : code === 'EACCES'
          ? 'this user may not open that port'
          : code === 'EADDRNOTAVAIL'
            ? 'this machine does not have that address'
            : errorMessage(cause);
    throw new AppError(
      'ADDRESS_UNUSABLE',
      `Cannot listen on ${text}: ${why}. Set listen in bellwether.yml or BELLWETHER_LISTEN to another address.`,
      { cause },
    );
  }
}

function operationRoutes(app: FastifyInstance, self: SelfMetrics, reload: CollectorOptions['reload']): void {
  const anonymous = { config: { access: 'anonymous' } } as const;
  app.get('/-/healthy', anonymous, (_request, reply) => reply.type('text/plain').send('Bellwether is healthy.\n'));
  app.get('/-/ready', anonymous, (_request, reply) => reply.type('text/plain').send('Bellwether is ready.\n'));
  app.post('/-/reload', { config: { access: 'admin' } }, async () => ({ needsRestart: reload === undefined ? [] : await reload() }));
  app.get('/metrics', { config: { access: 'read' } }, (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(self.text()),
  );
}

/** `/live` takes the credentials of any request, and for cookies the page's own origin only. */
function liveUpgrade(access: AccessOptions, live: LiveHub, sockets: WebSocketServer, log: Log): Upgrade {
  return (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    authenticateUpgrade(request, 'read', access).then(
      () => sockets.handleUpgrade(request, socket, head, (accepted) => live.accept(accepted)),
      (error: unknown) => {
        const status = error instanceof AppError && error.status === 403 ? '403 Forbidden' : '401 Unauthorized';
        if (!(error instanceof AppError)) log.error({ error: errorMessage(error) }, 'live authentication failed');
        refuseUpgrade(socket, status);
      },
    );
  };
}

function quietly(log: Log, what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError && error.retry) return; // the store takes nothing now and has said so itself
    log.warn({ what, error: errorMessage(error) }, 'background work failed');
  }
}
