export type { AlertReport, Notification } from './alert.ts';
export { type Alerts, type AlertsCounters, createAlerts, severityOf } from './alerts.ts';
export { type AlertingConfig, alertingConfig } from './config.ts';
export { fingerprintOf } from './fingerprint.ts';
export { chunks, WriteBehind } from './write-behind.ts';
