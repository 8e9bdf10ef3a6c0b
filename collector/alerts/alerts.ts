/**
 * The alert pipeline's shell: takes reports of rules, keeps the alerts, and walks them through deduplicate -> route -> wait -> group -> decide
 * -> send. Every stage leaves a trace entry. Decisions are made in route.ts and decide.ts; this file holds the state and the timers.
 */
import type { Labels, Log, Millis, Stoppable } from '@bellwether/shared';
import { AppError, formatDuration, formatLabels, labelsKey, labelsToRecord, labelValue } from '@bellwether/shared';
import type { AlertView, DeliveryView, Severity } from '@bellwether/shared/api';
import type { Cancel, Clock } from '@bellwether/shared/clock';
import type { State } from '../state/index.ts';
import type { AlertReport, LastNotification, LiveAlert } from './alert.ts';
import type { Channel } from './channels/channel.ts';
import type { AlertingConfig } from './config.ts';
import { buildChannels, routeOf } from './config.ts';
import { decide } from './decide.ts';
import type { DeliveryCounters, DeliveryTarget, FinishedDelivery } from './deliveries.ts';
import { Deliveries } from './deliveries.ts';
import { buildNotification } from './notification.ts';
import type { Route } from './route.ts';
import { groupKeyOf, groupLabelsOf, routesFor } from './route.ts';
import { Traces } from './trace.ts';
import { WriteBehind } from './write-behind.ts';

/** Alerts kept at once; a report of another one is refused and counted. */
const MAX_ALERTS = 50_000;
const RESOLVED_KEPT_MS = 900_000;
const SWEEP_MS = 60_000;
const TOLD_KEPT_MS = 5 * 86_400_000;
/** A channel is tried this long at least, however short the group's interval. */
const LEAST_DEADLINE_MS = 300_000;

export interface Acknowledgement {
  readonly user: string;
  readonly note: string;
  readonly timeMs: Millis;
}
export interface AlertsCounters extends DeliveryCounters {
  alerts: number;
  groups: number;
  received: number;
  /** Reports refused because too many alerts are open. */
  alertsRefused: number;
  /** Changes that never reached the state. */
  stateWritesLost: number;
}
export interface Alerts extends Stoppable {
  /** Takes what changed. `now` is the time of the evaluation. */
  receive(reports: readonly AlertReport[], now: Millis): void;
  /** Pending, firing and lately resolved alerts, worst first. */
  list(): AlertView[];
  /** Says that somebody has taken it: shown, and not repeated while it fires. AppError NOT_FOUND unless it is pending or firing. */
  acknowledge(fingerprint: string, user: string, note: string, now: Millis): AlertView;
  /** Newest first. */
  deliveries(limit: number): Promise<DeliveryView[]>;
  counters(): AlertsCounters;
  /** Other receivers and routes from now on; alerts, acknowledgements and what was told stay. */
  reload(config: AlertingConfig): void;
  /** Calls back after every change of what `list` shows. */
  onChange(listener: () => void): Cancel;
  /** Resolves when everything decided so far is in the state. */
  flush(): Promise<void>;
}
export interface AlertsOptions {
  readonly state: State;
  readonly config: AlertingConfig;
  readonly clock: Clock;
  readonly log: Log;
  /** Address of this collector as people reach it. */
  readonly externalUrl: string;
}

interface Group {
  readonly id: string;
  readonly key: string;
  readonly route: Route;
  readonly labels: Labels;
  readonly alerts: Set<string>;
  cancel: Cancel;
  /** Channels whose last attempt failed for good: content and when the same may be tried again. */
  readonly failed: Map<string, { content: string; untilMs: Millis }>;
}

export async function createAlerts(options: AlertsOptions): Promise<Alerts> {
  const pipeline = new Pipeline(options);
  await pipeline.load();
  return pipeline;
}

class Pipeline implements Alerts {
  readonly #options: AlertsOptions;
  readonly #writer: WriteBehind;
  readonly #traces: Traces;
  readonly #deliveries: Deliveries;
  readonly #alerts = new Map<string, LiveAlert>();
  readonly #acknowledged = new Map<string, Acknowledgement>();
  readonly #groups = new Map<string, Group>();
  /** What channels were told, by notifiedKey. */
  readonly #told = new Map<string, LastNotification>();
  readonly #listeners = new Set<() => void>();
  readonly #counters = { received: 0, alertsRefused: 0 };
  readonly #cancelSweep: Cancel;
  #route: Route;
  #channels: Map<string, Channel>;
  #stopping: Promise<void> | undefined;

  constructor(options: AlertsOptions) {
    this.#options = options;
    this.#route = routeOf(options.config);
    this.#channels = buildChannels(options.config, options.clock);
    this.#writer = new WriteBehind(options.state, options.log);
    this.#traces = new Traces(this.#writer);
    this.#deliveries = new Deliveries({
      ...options,
      writer: this.#writer,
      channel: (target) => this.#channels.get(channelKey(target)),
      finished: (delivery) => this.#finished(delivery),
    });
    this.#cancelSweep = options.clock.every(SWEEP_MS, () => this.#sweep(options.clock.now()));
  }

  async load(): Promise<void> {
    const { db } = this.#options.state;
    for (const { fingerprint, userName, note, timeMs } of await db.selectFrom('alertAcknowledgements').selectAll().execute()) {
      this.#acknowledged.set(fingerprint, { user: userName, note, timeMs });
    }
    for (const row of await db.selectFrom('alertNotifications').selectAll().execute()) {
      const [firing, resolved] = [JSON.parse(row.firing) as string[], JSON.parse(row.resolved) as string[]];
      this.#told.set(toldKey(row.groupKey, row), { sentMs: row.sentMs, firing, resolved, thread: row.thread });
    }
    await this.#traces.load(this.#options.state);
    await this.#deliveries.resume();
  }

  receive(reports: readonly AlertReport[], now: Millis): void {
    if (this.#stopping !== undefined) return;
    for (const report of reports) this.#receiveOne(report, now);
    if (reports.length > 0) this.#changed();
  }

  list(): AlertView[] {
    return [...this.#alerts.values()].map((alert) => this.#view(alert)).sort(worstFirst);
  }

  acknowledge(fingerprint: string, user: string, note: string, now: Millis): AlertView {
    const alert = this.#alerts.get(fingerprint);
    if (alert === undefined || alert.state === 'resolved')
      throw new AppError('NOT_FOUND', `There is no open alert ${fingerprint}; it may have been resolved meanwhile.`);
    this.#acknowledged.set(fingerprint, { user, note, timeMs: now });
    const row = { userName: user, note, timeMs: now };
    this.#writer.add((db) =>
      db
        .insertInto('alertAcknowledgements')
        .values({ fingerprint, ...row })
        .onConflict((conflict) => conflict.column('fingerprint').doUpdateSet(row))
        .execute(),
    );
    this.#traces.add(
      fingerprint,
      now,
      'acknowledge',
      `${user} has taken it${note === '' ? '' : `: ${note}`}; it is not repeated while it fires`,
    );
    this.#changed();
    return this.#view(alert);
  }

  deliveries(limit: number): Promise<DeliveryView[]> {
    return this.#deliveries.list(limit);
  }

  counters(): AlertsCounters {
    return {
      ...this.#deliveries.counters,
      ...this.#counters,
      alerts: this.#alerts.size,
      groups: this.#groups.size,
      stateWritesLost: this.#writer.lost,
    };
  }

  reload(config: AlertingConfig): void {
    const [route, channels] = [routeOf(config), buildChannels(config, this.#options.clock)];
    for (const group of this.#groups.values()) group.cancel();
    this.#groups.clear();
    this.#route = route;
    this.#channels = channels;
    const now = this.#options.clock.now();
    for (const alert of this.#alerts.values()) if (alert.state !== 'pending') this.#group(alert, now);
  }

  onChange(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      this.#cancelSweep();
      for (const group of this.#groups.values()) group.cancel();
      await this.#deliveries.stop();
      await this.#writer.flush();
    })();
    return this.#stopping;
  }

  #receiveOne(report: AlertReport, now: Millis): void {
    this.#counters.received++;
    const { fingerprint } = report;
    const known = this.#alerts.get(fingerprint);
    if (known !== undefined && known.source !== report.source && known.state === 'firing' && report.state !== 'firing') {
      this.#traces.add(
        fingerprint,
        now,
        'deduplicate',
        `${report.source} says ${report.state}, but ${known.source} has it firing: left firing`,
      );
      return;
    }
    for (const note of report.notes) this.#traces.add(fingerprint, now, 'rule', note);
    if (report.state === 'dropped') {
      this.#alerts.delete(fingerprint);
      this.#forgetAcknowledgement(fingerprint);
      return;
    }
    if (known === undefined && this.#alerts.size >= MAX_ALERTS) {
      if (this.#counters.alertsRefused++ === 0)
        this.#options.log.error({ alerts: this.#alerts.size }, 'too many open alerts: more are refused');
      return;
    }
    if (known?.state === 'resolved' && report.state !== 'resolved') this.#forgetAcknowledgement(fingerprint);
    const alert: LiveAlert = { ...report, state: report.state };
    this.#alerts.set(fingerprint, alert);
    if (alert.state !== 'pending') this.#group(alert, now);
  }

  /** Puts a firing or resolved alert into the group of each route it takes. */
  #group(alert: LiveAlert, now: Millis): void {
    for (const route of routesFor(this.#route, alert.labels)) {
      const labels = groupLabelsOf(route, alert.labels);
      const id = `${route.key}\0${route.receiver}\0${labelsKey(labels)}`;
      const group = this.#groups.get(id);
      if (group === undefined) this.#openGroup(id, route, labels, alert, now);
      else if (!group.alerts.has(alert.fingerprint)) {
        group.alerts.add(alert.fingerprint);
        this.#traces.add(alert.fingerprint, now, 'route', routeText(group));
      }
    }
  }

  #openGroup(id: string, route: Route, labels: Labels, alert: LiveAlert, now: Millis): void {
    const group: Group = {
      id,
      key: groupKeyOf(route, labels),
      route,
      labels,
      alerts: new Set([alert.fingerprint]),
      cancel: () => {},
      failed: new Map(),
    };
    const wasTold = this.#targets(route).some(
      (target) => this.#told.get(toldKey(group.key, target))?.firing.includes(alert.fingerprint) === true,
    );
    if (alert.state === 'resolved' && !wasTold) return;
    this.#groups.set(id, group);
    this.#traces.add(alert.fingerprint, now, 'route', routeText(group));
    const waitMs = Math.max(0, Math.min(route.groupWaitMs, (alert.firedMs ?? now) + route.groupWaitMs - now));
    if (waitMs === 0) {
      this.#traces.add(alert.fingerprint, now, 'wait', 'no waiting for others of the group');
      // at the end of this turn, so that alerts of one evaluation share the message
      group.cancel = this.#options.clock.after(0, () => this.#turn(group));
      return;
    }
    this.#traces.add(alert.fingerprint, now, 'wait', `waits ${formatDuration(waitMs)} for others of the group (group_wait)`);
    group.cancel = this.#options.clock.after(waitMs, () => this.#turn(group));
  }

  /** The group's timer: tell each channel what it does not know yet, then wait for the next turn. */
  #turn(group: Group): void {
    const now = this.#options.clock.now();
    group.cancel = this.#options.clock.after(group.route.groupIntervalMs, () => this.#turn(group));
    const alerts = [...group.alerts].flatMap((fingerprint) => this.#alerts.get(fingerprint) ?? []);
    const targets = this.#targets(group.route);
    if (targets.length === 0) {
      this.#traceAll(
        alerts,
        now,
        'send',
        `receiver ${group.route.receiver} has no channel: nobody was told; add one under alerting.receivers`,
      );
    }
    for (const target of targets) this.#tell(group, target, alerts, now);
    this.#tidy(group);
  }

  #tell(group: Group, target: DeliveryTarget, alerts: readonly LiveAlert[], now: Millis): void {
    const channel = this.#channels.get(channelKey(target))!;
    const where = `${target.channel} of ${target.receiver}`;
    const told = this.#told.get(toldKey(group.key, target));
    const firing = alerts.filter((alert) => alert.state === 'firing').map((alert) => alert.fingerprint);
    const resolved = alerts.filter((alert) => alert.state === 'resolved').map((alert) => alert.fingerprint);
    const content = { firing, resolved, acknowledged: new Set(firing.filter((one) => this.#acknowledged.has(one))) };
    const decision = decide(content, told, { repeatIntervalMs: group.route.repeatIntervalMs, sendResolved: channel.sendResolved }, now);
    const stage = decision.send ? 'group' : 'deduplicate';
    const trace = (text: string, key: string): void => this.#traceAll(alerts, now, stage, `${where}: ${text}`, `${where}: ${key}`);
    if (!decision.send) {
      if (decision.forget === true) this.#remember(group.key, target, { sentMs: now, firing: [], resolved, thread: null });
      return trace(decision.reason, decision.reason.replace(/\d+\w*/g, ''));
    }
    const shown = channel.sendResolved ? alerts : alerts.filter((alert) => alert.state === 'firing');
    const fingerprint = contentOf(shown);
    const underWay = this.#deliveries.inProgress(group.key, target);
    if (underWay !== undefined && contentOf(underWay.alerts.map((one) => ({ ...one, state: one.status }))) === fingerprint)
      return trace('a delivery of the same is under way', 'under way');
    const failed = group.failed.get(channelKey(target));
    if (failed?.content === fingerprint && now < failed.untilMs)
      return trace(`failed lately; next try in ${formatDuration(failed.untilMs - now)}`, 'failed lately');
    const { key: groupKey, labels: groupLabels } = group;
    const { externalUrl } = this.#options;
    const notification = buildNotification({
      groupKey,
      groupLabels,
      receiver: target.receiver,
      externalUrl,
      alerts: shown,
      reason: decision.reason,
      timeMs: now,
      thread: told?.thread ?? null,
    });
    const accepted = this.#deliveries.send(target, notification, now + Math.max(group.route.groupIntervalMs, LEAST_DEADLINE_MS));
    trace(
      accepted ? `sends, because ${decision.reason}` : 'the delivery queue is full; tries again at the next turn of the group',
      decision.reason,
    );
  }

  #finished({ receiver, channel, notification, attempts, result }: FinishedDelivery): void {
    const now = this.#options.clock.now();
    const target = { receiver, channel };
    const where = `${channel} of ${receiver}`;
    const by = (status: 'firing' | 'resolved'): string[] =>
      notification.alerts.filter((alert) => alert.status === status).map((alert) => alert.fingerprint);
    const text = `${where}: ${result.outcome} at attempt ${attempts}: ${result.detail}`;
    for (const alert of notification.alerts)
      this.#traces.add(alert.fingerprint, now, 'send', text, `${where}: ${result.outcome}: ${result.detail}`);
    const group = [...this.#groups.values()].find((one) => one.key === notification.groupKey && one.route.receiver === receiver);
    if (result.outcome === 'delivered') {
      const thread = notification.status === 'resolved' ? null : (notification.thread ?? result.thread ?? null);
      this.#remember(notification.groupKey, target, { sentMs: now, firing: by('firing'), resolved: by('resolved'), thread });
      group?.failed.delete(channelKey(target));
      if (group !== undefined) this.#tidy(group);
    } else {
      const content = contentOf(notification.alerts.map((one) => ({ ...one, state: one.status })));
      group?.failed.set(channelKey(target), { content, untilMs: now + LEAST_DEADLINE_MS });
    }
    this.#changed();
  }

  /** Takes out what has ended and needs no more words; an empty group ends. */
  #tidy(group: Group): void {
    const targets = this.#targets(group.route);
    if (targets.some((target) => this.#deliveries.inProgress(group.key, target) !== undefined)) return;
    for (const fingerprint of group.alerts) {
      const alert = this.#alerts.get(fingerprint);
      const pending = targets.some((target) => this.#told.get(toldKey(group.key, target))?.firing.includes(fingerprint) === true);
      if (alert === undefined || (alert.state === 'resolved' && !pending) || alert.state === 'pending') group.alerts.delete(fingerprint);
    }
    if (group.alerts.size > 0) return;
    group.cancel();
    this.#groups.delete(group.id);
    for (const target of targets) this.#remember(group.key, target, undefined);
  }

  #remember(groupKey: string, { receiver, channel }: DeliveryTarget, last: LastNotification | undefined): void {
    const key = toldKey(groupKey, { receiver, channel });
    if (last === undefined) {
      if (!this.#told.delete(key)) return;
      this.#writer.add((db) =>
        db
          .deleteFrom('alertNotifications')
          .where('groupKey', '=', groupKey)
          .where('receiver', '=', receiver)
          .where('channel', '=', channel)
          .execute(),
      );
      return;
    }
    this.#told.set(key, last);
    const row = { sentMs: last.sentMs, firing: JSON.stringify(last.firing), resolved: JSON.stringify(last.resolved), thread: last.thread };
    this.#writer.add((db) =>
      db
        .insertInto('alertNotifications')
        .values({ groupKey, receiver, channel, ...row })
        .onConflict((conflict) => conflict.columns(['groupKey', 'receiver', 'channel']).doUpdateSet(row))
        .execute(),
    );
  }

  /** Forgets what ended a while ago and is in no group. */
  #sweep(now: Millis): void {
    const grouped = new Set([...this.#groups.values()].flatMap((group) => [...group.alerts]));
    let changed = false;
    for (const [fingerprint, alert] of this.#alerts) {
      if (alert.state !== 'resolved' || now - (alert.resolvedMs ?? now) < RESOLVED_KEPT_MS || grouped.has(fingerprint)) continue;
      this.#alerts.delete(fingerprint);
      this.#forgetAcknowledgement(fingerprint);
      changed = true;
    }
    this.#forgetTold(now);
    this.#traces.prune();
    if (changed) this.#changed();
  }

  /** Drops what was told to groups that no route makes any more. */
  #forgetTold(now: Millis): void {
    const live = new Set([...this.#groups.values()].map(({ key }) => key));
    for (const [key, { sentMs }] of this.#told) {
      const [receiver, channel, groupKey] = key.split('\0') as [string, string, string];
      if (now - sentMs > TOLD_KEPT_MS && !live.has(groupKey)) this.#remember(groupKey, { receiver, channel }, undefined);
    }
  }

  #forgetAcknowledgement(fingerprint: string): void {
    if (this.#acknowledged.delete(fingerprint))
      this.#writer.add((db) => db.deleteFrom('alertAcknowledgements').where('fingerprint', '=', fingerprint).execute());
  }

  #targets({ receiver }: Route): DeliveryTarget[] {
    const prefix = `${receiver}\0`;
    return [...this.#channels.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => ({ receiver, channel: key.slice(prefix.length) }));
  }

  #traceAll(alerts: readonly LiveAlert[], now: Millis, stage: string, text: string, key: string = text): void {
    for (const alert of alerts) this.#traces.add(alert.fingerprint, now, stage, text, key);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #view(alert: LiveAlert): AlertView {
    const taken = this.#acknowledged.get(alert.fingerprint);
    return {
      fingerprint: alert.fingerprint,
      name: labelValue(alert.labels, 'alertname'),
      severity: severityOf(alert.labels),
      state: alert.state,
      labels: labelsToRecord(alert.labels),
      annotations: { ...alert.annotations },
      activeMs: alert.activeMs,
      firedMs: alert.firedMs,
      resolvedMs: alert.resolvedMs,
      value: alert.value !== null && Number.isFinite(alert.value) ? alert.value : null,
      expression: alert.expression,
      acknowledgedBy: taken?.user ?? null,
      acknowledgedMs: taken?.timeMs ?? null,
      acknowledgeNote: taken?.note ?? '',
      trace: this.#traces.of(alert.fingerprint),
    };
  }
}

/** `severity` as rules spell it: critical, page, error, ... are critical; info and none are info; anything else is a warning. */
export function severityOf(labels: Labels): Severity {
  const severity = labelValue(labels, 'severity').toLowerCase();
  if (['critical', 'page', 'error', 'emergency', 'disaster', 'fatal', 'high'].includes(severity)) return 'critical';
  return ['info', 'none', 'information', 'low', 'debug', 'notice'].includes(severity) ? 'info' : 'warning';
}

const STATE_ORDER = { firing: 0, pending: 1, resolved: 2 };
const SEVERITY_ORDER = { critical: 0, warning: 1, info: 2 };

function worstFirst(a: AlertView, b: AlertView): number {
  return STATE_ORDER[a.state] - STATE_ORDER[b.state] || SEVERITY_ORDER[a.severity] - SEVERITY_ORDER[b.severity] || b.activeMs - a.activeMs;
}

function routeText({ route, labels }: Group): string {
  return `to receiver ${route.receiver} by route ${route.key}, in the group ${formatLabels(labels)}`;
}

function contentOf(alerts: readonly { fingerprint: string; state: string }[]): string {
  return alerts
    .map(({ fingerprint, state }) => `${fingerprint} ${state}`)
    .sort()
    .join();
}

function channelKey({ receiver, channel }: DeliveryTarget): string {
  return `${receiver}\0${channel}`;
}

function toldKey(groupKey: string, { receiver, channel }: DeliveryTarget): string {
  return `${receiver}\0${channel}\0${groupKey}`;
}
