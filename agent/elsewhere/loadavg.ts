import { loadavg, platform, uptime } from 'node:os';
import { type Cell, cellsFor, showCells } from '../inputs/cells.ts';
import { defineInput, gauge } from '../inputs/input.ts';

const METRICS = {
  node_load1: gauge('Load average over 1 minute.'),
  node_load5: gauge('Load average over 5 minutes.'),
  node_load15: gauge('Load average over 15 minutes.'),
  node_boot_time_seconds: gauge('When the system was started, seconds since the epoch.'),
};
const cell = cellsFor(METRICS);
/** Wall clock less uptime wanders by less than this without a new start. */
const SAME_BOOT_SECONDS = 60;

export default defineInput({
  name: 'loadavg',
  help: 'Load averages, which Windows does not have, and the time of the start.',
  metrics: METRICS,
  priority: 'essential',
  create({ clock, frame }) {
    let bootSeconds: number | undefined;
    return {
      read() {
        const now = Math.round(clock.now() / 1000 - uptime());
        bootSeconds = bootSeconds === undefined || Math.abs(now - bootSeconds) > SAME_BOOT_SECONDS ? now : bootSeconds;
        showCells(frame, [...loadCells(platform() === 'win32' ? [] : loadavg()), cell('node_boot_time_seconds', {}, bootSeconds)]);
      },
    };
  },
});

/** Over 1, 5 and 15 minutes; none where the system keeps none. */
export function loadCells([one, five, fifteen]: readonly number[]): Cell[] {
  if (one === undefined || five === undefined || fifteen === undefined) return [];
  return [cell('node_load1', {}, one), cell('node_load5', {}, five), cell('node_load15', {}, fifteen)];
}
