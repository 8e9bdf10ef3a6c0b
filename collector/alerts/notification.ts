/** From the alerts of a group to what a channel sends. Pure. */
import type { Labels, Millis } from '@bellwether/shared';
import { compareLabels, labelsToRecord } from '@bellwether/shared';
import type { LiveAlert, Notification, NotifiedAlert } from './alert.ts';

export interface NotificationParts {
  readonly groupKey: string;
  readonly receiver: string;
  readonly groupLabels: Labels;
  readonly externalUrl: string;
  readonly alerts: readonly LiveAlert[];
  readonly reason: string;
  readonly timeMs: Millis;
  readonly thread: string | null;
}

export function buildNotification({ alerts, groupLabels, ...rest }: NotificationParts): Notification {
  const notified = [...alerts]
    .sort((a, b) => rank(a) - rank(b) || startOf(a) - startOf(b) || compareLabels(a.labels, b.labels))
    .map(notifiedAlert);
  return {
    ...rest,
    status: notified.some((alert) => alert.status === 'firing') ? 'firing' : 'resolved',
    groupLabels: labelsToRecord(groupLabels),
    commonLabels: common(notified.map((alert) => alert.labels)),
    commonAnnotations: common(notified.map((alert) => alert.annotations)),
    alerts: notified,
  };
}

function rank(alert: LiveAlert): number {
  return alert.state === 'resolved' ? 1 : 0;
}

function startOf(alert: LiveAlert): Millis {
  return alert.firedMs ?? alert.activeMs;
}

function notifiedAlert(alert: LiveAlert): NotifiedAlert {
  const resolved = alert.state === 'resolved';
  return {
    fingerprint: alert.fingerprint,
    status: resolved ? 'resolved' : 'firing',
    labels: labelsToRecord(alert.labels),
    annotations: alert.annotations,
    startsMs: startOf(alert),
    endsMs: resolved ? alert.resolvedMs : null,
    generatorUrl: alert.generatorUrl,
  };
}

function common(records: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const [first, ...rest] = records;
  if (first === undefined) return {};
  return Object.fromEntries(Object.entries(first).filter(([name, value]) => rest.every((record) => record[name] === value)));
}
