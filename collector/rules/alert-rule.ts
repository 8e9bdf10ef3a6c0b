/** An alerting rule's alerts from one evaluation to the next. Pure: the query's answer and the time come in, states and reports go out. */
import type { Labels, Millis } from '@bellwether/shared';
import { formatDuration, labelsWith } from '@bellwether/shared';
import type { AlertReport } from '../alerts/index.ts';
import type { OutputSample } from './output-columns.ts';
import type { AlertState, AlertTiming } from './step.ts';
import { discountGap, INACTIVE, stepAlert } from './step.ts';

/** Resolved alerts are remembered this long, so that a restart right after the end still reports it. */
export const RESOLVED_KEPT_MS = 900_000;

export interface RuleAlert {
  /** With `alertname`. */
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string>>;
  readonly value: number;
  readonly state: Exclude<AlertState, { kind: 'inactive' }>;
  /** It comes from before a restart and was not seen since. */
  readonly restored?: boolean;
}
/** One result of the rule's expression, its templates expanded. */
export interface RuleResult {
  readonly fingerprint: string;
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string>>;
  readonly value: number;
}
export interface Update {
  readonly alerts: ReadonlyMap<string, RuleAlert>;
  /** What is new about them, for the pipeline. */
  readonly changes: readonly AlertChange[];
}
export interface AlertChange {
  readonly fingerprint: string;
  /** undefined: it is gone. */
  readonly alert: RuleAlert | undefined;
  readonly previous: RuleAlert | undefined;
  /** The state changed, not just value or annotations: worth keeping. */
  readonly moved: boolean;
  readonly notes: readonly string[];
}
export interface UpdateOptions {
  readonly now: Millis;
  readonly timing: AlertTiming;
  /** Until then a restored alert that fires is kept although it is not seen: data may still be on its way. */
  readonly graceUntilMs: Millis;
}

export function updateAlerts(previous: ReadonlyMap<string, RuleAlert>, results: readonly RuleResult[], options: UpdateOptions): Update {
  const alerts = new Map<string, RuleAlert>();
  const changes: AlertChange[] = [];
  const seen = new Map(results.map((result) => [result.fingerprint, result]));
  for (const fingerprint of new Set([...previous.keys(), ...seen.keys()])) {
    const [before, result] = [previous.get(fingerprint), seen.get(fingerprint)];
    const after = nextAlert(before, result, options);
    if (after !== undefined) alerts.set(fingerprint, after);
    const moved = before?.state !== after?.state;
    if (!moved && !shownDiffers(before, after)) continue;
    changes.push({ fingerprint, alert: after, previous: before, moved, notes: moved ? notesOf(before, after, options) : [] });
  }
  return { alerts, changes };
}

function nextAlert(
  before: RuleAlert | undefined,
  result: RuleResult | undefined,
  { now, timing, graceUntilMs }: UpdateOptions,
): RuleAlert | undefined {
  if (result === undefined && before?.restored === true && before.state.kind === 'firing' && now < graceUntilMs) return before;
  const state = stepAlert(before?.state ?? INACTIVE, result !== undefined, now, timing);
  if (state.kind === 'inactive') return undefined;
  if (state.kind === 'resolved' && now - state.resolvedAt >= RESOLVED_KEPT_MS) return undefined;
  if (result === undefined) return state === before!.state && before!.restored !== true ? before : { ...before!, state, restored: false };
  const { labels, annotations, value } = result;
  return { labels, annotations, value, state };
}

function shownDiffers(a: RuleAlert | undefined, b: RuleAlert | undefined): boolean {
  if (a === undefined || b === undefined || a === b) return a !== b;
  const names = Object.keys(b.annotations);
  return (
    !Object.is(a.value, b.value) ||
    names.length !== Object.keys(a.annotations).length ||
    names.some((name) => a.annotations[name] !== b.annotations[name])
  );
}

function notesOf(before: RuleAlert | undefined, after: RuleAlert | undefined, { now, timing }: UpdateOptions): string[] {
  const state = after?.state;
  if (state === undefined) return before?.state.kind === 'pending' ? ['the condition ended while pending: nothing fires'] : [];
  switch (state.kind) {
    case 'pending':
      return before?.state.kind === 'pending'
        ? []
        : [`the condition holds (value ${shortNumber(after!.value)}): pending, fires after ${formatDuration(timing.forMs)}`];
    case 'resolved':
      return [
        timing.keepFiringMs > 0
          ? `the condition ended ${formatDuration(timing.keepFiringMs)} ago: resolved`
          : 'the condition ended: resolved',
      ];
    case 'firing':
      if (state.clearedAt !== undefined)
        return [`the condition ended; keeps firing for ${formatDuration(timing.keepFiringMs)} (keep_firing_for)`];
      if (before?.state.kind === 'firing') return ['the condition holds again before it could resolve'];
      if (timing.forMs === 0) return [`the condition holds (value ${shortNumber(after!.value)}): fires at once`];
      return [
        `firing (value ${shortNumber(after!.value)}): the condition has held for ${formatDuration(Math.round((now - state.since) / 1000) * 1000)}`,
      ];
  }
}

function shortNumber(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}

/** Alerts read back after `gapMs` without evaluations. Time nobody looked does not count towards `for`, and the trace says so. */
export function restoreAlerts(kept: ReadonlyMap<string, RuleAlert>, gapMs: Millis): Update {
  const alerts = new Map<string, RuleAlert>();
  const changes: AlertChange[] = [];
  for (const [fingerprint, alert] of kept) {
    const state = discountGap(alert.state, gapMs) as RuleAlert['state'];
    const restored: RuleAlert = { ...alert, state, restored: true };
    alerts.set(fingerprint, restored);
    const notes: string[] = [];
    if (gapMs > 0 && state.kind !== 'resolved') {
      const pending =
        state.kind === 'pending' ? 'that time does not count towards `for`' : 'it goes on firing until the condition is looked at';
      notes.push(`rules were not evaluated for ${formatDuration(Math.round(gapMs / 1000) * 1000)} (collector off): ${pending}`);
    }
    changes.push({ fingerprint, alert: restored, previous: alert, moved: gapMs > 0 && state.kind === 'pending', notes });
  }
  return { alerts, changes };
}

export interface ReportContext {
  readonly source: string;
  readonly expression: string;
  readonly generatorUrl: (fingerprint: string) => string;
}

export function reportOf(
  { fingerprint, alert, previous, notes }: AlertChange,
  { source, expression, generatorUrl }: ReportContext,
): AlertReport | undefined {
  const shown = alert ?? previous;
  if (shown === undefined) return undefined;
  if (alert === undefined && shown.state.kind === 'resolved') return undefined; // forgotten long after it was reported
  const { labels, annotations, value, state } = shown;
  return {
    source,
    fingerprint,
    labels,
    annotations,
    state: alert === undefined ? 'dropped' : state.kind,
    activeMs: state.since,
    firedMs: state.kind === 'pending' ? null : state.firedAt,
    resolvedMs: state.kind === 'resolved' ? state.resolvedAt : null,
    value,
    expression,
    generatorUrl: generatorUrl(fingerprint),
    notes,
  };
}

/** The series ALERTS and ALERTS_FOR_STATE of the alerts that are pending or firing. */
export function alertSeries(alerts: ReadonlyMap<string, RuleAlert>): OutputSample[] {
  return [...alerts.values()].flatMap(({ labels, state }) => {
    if (state.kind === 'resolved') return [];
    return [
      { labels: labelsWith(labels, { __name__: 'ALERTS', alertstate: state.kind }), value: 1 },
      { labels: labelsWith(labels, { __name__: 'ALERTS_FOR_STATE' }), value: Math.floor(state.since / 1000) },
    ];
  });
}
