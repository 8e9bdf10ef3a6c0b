/** What the page of a device shows, from its newest series. */
import { type Labels, labelValue, METRIC_NAME, type Millis } from '@bellwether/shared';
import type { DeviceFacts, DevicePort } from '@bellwether/shared/api';

/** One sample of an instant query. */
export interface PromSample {
  readonly labels: Labels;
  readonly value: number;
}

/** Evaluates PromQL at one time. */
export type QueryInstant = (query: string, timeMs: Millis) => Promise<readonly PromSample[]>;

const STATE_METRICS = ['ifIndex', 'ifAdminStatus', 'ifOperStatus', 'ifHighSpeed', 'ifSpeed'];
const FACTS = ['sysName', 'sysDescr', 'sysLocation', 'sysContact', 'sysObjectID'];
const UPTIME = ['sysUpTime', 'snmpEngineTime'];
const UP = 1;

export interface DeviceReadings {
  readonly facts: DeviceFacts;
  /** By the numbers the device has for them. */
  readonly ports: DevicePort[];
}

/** Rates are those between the last two readings: over a longer time they would be too low for a device that was just added. */
export async function deviceReadings(query: QueryInstant, instance: string, now: Millis): Promise<DeviceReadings> {
  const device = `job="snmp",instance=${JSON.stringify(instance)}`;
  const rate = (metric: string): string => `irate(${metric}{${device}}[5m])`;
  const [states, received, sent, errors] = await Promise.all([
    query(`{__name__=~"${[...STATE_METRICS, ...FACTS, ...UPTIME].join('|')}",${device}}`, now),
    query(`${rate('ifHCInOctets')} or ${rate('ifInOctets')}`, now),
    query(`${rate('ifHCOutOctets')} or ${rate('ifOutOctets')}`, now),
    query(`${rate('ifInErrors')} + ${rate('ifOutErrors')}`, now),
  ]);
  return { facts: factsOf(states), ports: portsOf(states, received, sent, errors) };
}

function factsOf(states: readonly PromSample[]): DeviceFacts {
  const fact = (name: string): string => {
    const sample = states.find(({ labels }) => labelValue(labels, METRIC_NAME) === name);
    return sample === undefined ? '' : labelValue(sample.labels, name);
  };
  const value = (name: string): number | undefined => states.find(({ labels }) => labelValue(labels, METRIC_NAME) === name)?.value;
  const ticks = value('sysUpTime');
  return {
    name: fact('sysName'),
    description: fact('sysDescr'),
    location: fact('sysLocation'),
    contact: fact('sysContact'),
    objectId: fact('sysObjectID'),
    uptimeSeconds: value('snmpEngineTime') ?? (ticks === undefined ? null : ticks / 100),
  };
}

interface Row {
  readonly port: DevicePort;
  speed: number | undefined;
  highSpeed: number | undefined;
}

function portsOf(
  states: readonly PromSample[],
  received: readonly PromSample[],
  sent: readonly PromSample[],
  errors: readonly PromSample[],
): DevicePort[] {
  const rows = new Map<string, Row>();
  for (const { labels, value } of states) {
    const row = rowOf(rows, labels);
    if (row === undefined) continue;
    switch (labelValue(labels, METRIC_NAME)) {
      case 'ifIndex':
        row.port.ifIndex = value;
        break;
      case 'ifAdminStatus':
        row.port.adminUp = value === UP;
        break;
      case 'ifOperStatus':
        row.port.operUp = value === UP;
        break;
      case 'ifHighSpeed':
        row.highSpeed = value;
        break;
      case 'ifSpeed':
        row.speed = value;
    }
  }
  for (const { labels, value } of received) assign(rows.get(portKey(labels)), 'inBps', value * 8);
  for (const { labels, value } of sent) assign(rows.get(portKey(labels)), 'outBps', value * 8);
  for (const { labels, value } of errors) assign(rows.get(portKey(labels)), 'errorsPerS', value);
  for (const { port, speed, highSpeed } of rows.values()) {
    // Below a million bits a second ifHighSpeed is 0, above 4 thousand million ifSpeed stands still.
    const bits = highSpeed !== undefined && highSpeed > 0 ? highSpeed * 1e6 : (speed ?? 0);
    port.speedBits = bits > 0 ? bits : null;
  }
  return [...rows.values()].map(({ port }) => port).sort((a, b) => a.ifIndex - b.ifIndex || (a.name < b.name ? -1 : 1));
}

function assign(row: Row | undefined, what: 'inBps' | 'outBps' | 'errorsPerS', value: number): void {
  if (row !== undefined && Number.isFinite(value)) row.port[what] = value;
}

function rowOf(rows: Map<string, Row>, labels: Labels): Row | undefined {
  const index = labelValue(labels, 'ifIndex');
  if (index === '') return undefined;
  const key = portKey(labels);
  let row = rows.get(key);
  if (row === undefined) {
    const port: DevicePort = {
      ifIndex: Number(index),
      name: labelValue(labels, 'ifName') || labelValue(labels, 'ifDescr') || index,
      description: labelValue(labels, 'ifDescr'),
      alias: labelValue(labels, 'ifAlias'),
      speedBits: null,
      adminUp: null,
      operUp: null,
      inBps: null,
      outBps: null,
      errorsPerS: null,
    };
    row = { port, speed: undefined, highSpeed: undefined };
    rows.set(key, row);
  }
  return row;
}

function portKey(labels: Labels): string {
  return ['ifIndex', 'ifName', 'ifDescr', 'ifAlias'].map((name) => labelValue(labels, name)).join('\n');
}
