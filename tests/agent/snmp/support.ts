import { isPresent, isStaleAt, labelsToRecord, silentLog, systemClock } from '@bellwether/shared';
import type { DeviceAssignment, WatchResult } from '@bellwether/shared/assignments';
import { Device, type DeviceHost } from '../../../agent/snmp/device.ts';
import { openSession } from '../../../agent/snmp/session.ts';

export interface Point {
  readonly labels: Record<string, string>;
  readonly value: number | 'stale';
}

export interface DeviceLab {
  readonly device: Device;
  readonly results: WatchResult[];
  readonly events: { kind: string; text: string }[];
  /** One poll; what it sent, by group. */
  poll(): Promise<Map<string, Point[]>>;
  /** One poll; every present sample, as `name{label="value",...}` without job and instance. */
  samples(): Promise<Map<string, number | 'stale'>>;
}

export function assignmentOf(changes: Partial<DeviceAssignment> & { port: number }): DeviceAssignment {
  return {
    id: 'd1',
    name: 'sw1',
    address: '127.0.0.1',
    intervalMs: 60_000,
    timeoutMs: 300,
    retries: 1,
    credentials: { version: '2c', community: 'public' },
    labels: {},
    ...changes,
  };
}

/** A device on the real network and clock; polls happen when asked for. */
export function deviceLab(assignment: DeviceAssignment, host: Partial<DeviceHost> = {}): DeviceLab {
  const results: WatchResult[] = [];
  const events: { kind: string; text: string }[] = [];
  let sent = new Map<string, Point[]>();
  const device = new Device(assignment, {
    clock: systemClock,
    log: silentLog,
    open: openSession,
    turn: () => Promise.resolve(),
    now: () => systemClock.now(),
    push({ group, series, presence, values }) {
      const points: Point[] = [];
      for (const [i, { labels }] of series.entries()) {
        if (isPresent(presence, i)) points.push({ labels: labelsToRecord(labels), value: isStaleAt(values, i) ? 'stale' : values[i]! });
      }
      sent.set(group, points);
    },
    report: (result) => results.push(result),
    event: (kind, _timeMs, text) => events.push({ kind, text }),
    ...host,
  });
  const poll = async (): Promise<Map<string, Point[]>> => {
    sent = new Map();
    await device.poll();
    return sent;
  };
  return {
    device,
    results,
    events,
    poll,
    async samples() {
      const points = [...(await poll()).values()].flat();
      return new Map(points.map(({ labels, value }) => [seriesText(labels), value]));
    },
  };
}

function seriesText({ __name__: name, job: _job, instance: _instance, ...labels }: Record<string, string>): string {
  const inside = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  return inside.length === 0 ? name! : `${name}{${inside.join(',')}}`;
}
