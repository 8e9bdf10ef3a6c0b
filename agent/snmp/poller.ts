/** Polls the devices this agent was given: each on its own schedule, spread over the interval, none waiting for another. */
import type { Cancel, Clock, Log, Millis, Stoppable } from '@bellwether/shared';
import type { DeviceAssignment, WatchResult } from '@bellwether/shared/assignments';
import type { Reading } from '../inputs/input.ts';
import { Device, type DeviceHost } from './device.ts';
import { hash } from './interfaces.ts';
import { Pacer } from './pacer.ts';
import { type OpenSession, openSession } from './session.ts';

export interface DevicePollerOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The time that readings are stamped with; default the clock's. */
  readonly now?: () => Millis;
  /** A device came, went, or has another reason. */
  report(result: WatchResult): void;
  /** Takes a group's reading as of `timeMs`; its arrays are reused by the next one. */
  push(reading: Reading, timeMs: Millis): void;
  /** Something that happened: `device-restarted`, `device-changed`, `device-renumbered`. */
  event?(kind: string, timeMs: Millis, text: string): void;
  /** For tests: another network. */
  readonly open?: OpenSession;
}

export interface DevicePoller extends Stoppable {
  /** Replaces the devices; one that did not change goes on undisturbed, the series of one that is gone end. */
  assign(devices: readonly DeviceAssignment[]): void;
  /** What every device was last reported as, for a collector that has forgotten. */
  results(): readonly WatchResult[];
}

/** Of all devices together: a switch of 48 ports is some 40 packets. */
const PACKETS_PER_SECOND = 2_000;
/** A new device shows itself soon, but not all of them at once. */
const FIRST_WITHIN_MS: Millis = 5_000;

interface Polled {
  readonly device: Device;
  readonly text: string;
  cancel: Cancel;
}

export function startDevicePoller(options: DevicePollerOptions): DevicePoller {
  const { clock, log, now = () => clock.now(), open = openSession } = options;
  const pacer = new Pacer(clock, PACKETS_PER_SECOND);
  const host: DeviceHost = {
    clock,
    log,
    open,
    now,
    turn: () => pacer.turn(),
    push: (reading, timeMs) => options.push(reading, timeMs),
    report: (result) => options.report(result),
    event: (kind, timeMs, text) => options.event?.(kind, timeMs, text),
  };
  const polled = new Map<string, Polled>();

  const run = (one: Polled): void => {
    const { id, intervalMs } = one.device.assignment;
    void one.device.poll();
    one.cancel = clock.after(untilPhase(clock.now(), intervalMs, hash(id) % intervalMs), () => run(one));
  };
  const assign = (devices: readonly DeviceAssignment[]): void => {
    const texts = new Map(devices.map((device) => [device.id, JSON.stringify(device)]));
    for (const [id, one] of [...polled]) {
      if (texts.get(id) === one.text) continue;
      one.cancel();
      one.device.forget();
      polled.delete(id);
    }
    for (const assignment of devices) {
      const { id, intervalMs } = assignment;
      if (polled.has(id)) continue;
      const one: Polled = { device: new Device(assignment, host), text: texts.get(id)!, cancel: () => {} };
      polled.set(id, one);
      one.cancel = clock.after(hash(id) % Math.min(FIRST_WITHIN_MS, intervalMs), () => run(one));
    }
  };
  return {
    assign,
    results: () => [...polled.values()].flatMap(({ device }) => device.result ?? []),
    async stop() {
      for (const { cancel, device } of polled.values()) {
        cancel();
        device.stop();
      }
      polled.clear();
    },
  };
}

/** Ms until the next time that is `phaseMs` into an interval; never so soon that two polls follow each other at once. */
function untilPhase(nowMs: Millis, intervalMs: Millis, phaseMs: Millis): Millis {
  const wait = (phaseMs - (nowMs % intervalMs) + intervalMs) % intervalMs;
  return wait < intervalMs / 10 ? wait + intervalMs : wait;
}
