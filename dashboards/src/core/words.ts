import type { AlertView, HostState, Severity, StatusStrip } from '@bellwether/shared/api';

/** The four states everything on the page is drawn in. */
export type Tone = HostState;

const STATE_WORDS: Readonly<Record<HostState, string>> = { ok: 'OK', warning: 'warning', critical: 'critical', unknown: 'no data' };

export function stateWord(state: HostState): string {
  return STATE_WORDS[state];
}

/** Information is drawn as quietly as "no data": it asks nobody to act. */
export function severityTone(severity: Severity): Tone {
  return severity === 'info' ? 'unknown' : severity;
}

/** What an alert is about: the summary its rule gives, else its name. */
export function alertTitle(alert: AlertView): string {
  return alert.annotations.summary ?? alert.name;
}

/** Whom or what an alert stands on: the first of the usual target labels. */
export function alertTarget(alert: AlertView): string {
  const { labels } = alert;
  return labels.instance ?? labels.host ?? labels.service ?? labels.job ?? '';
}

const WEIGHT: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, info: 2 };

/** Firing before pending before resolved, then by severity, unowned first, oldest first. */
export function worstFirst(a: AlertView, b: AlertView): number {
  const state = (alert: AlertView) => ['firing', 'pending', 'resolved'].indexOf(alert.state);
  const owned = (alert: AlertView) => (alert.acknowledgedBy === null ? 0 : 1);
  return state(a) - state(b) || WEIGHT[a.severity] - WEIGHT[b.severity] || owned(a) - owned(b) || a.activeMs - b.activeMs;
}

/** The strip in one sentence, for the tab's title and for a screen reader. */
export function stripSentence(status: StatusStrip): string {
  const { hosts, critical, warning } = status;
  const parts = [`${critical} critical`, `${warning} warning`, `${hosts.unknown} without data`, `${hosts.ok} hosts OK`];
  return parts.join(', ');
}
