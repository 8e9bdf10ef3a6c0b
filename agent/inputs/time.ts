import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Millis } from '@bellwether/shared';
import type { Column } from './frame.ts';
import { defineInput, gauge } from './input.ts';
import { isAbsence } from './kept-file.ts';

const METRICS = {
  node_time_seconds: gauge("The host's clock, seconds since the epoch."),
  node_time_zone_offset_seconds: gauge('How far local time is ahead of UTC.'),
  node_time_clocksource_available_info: gauge('A source the kernel can keep time by; always 1.'),
  node_time_clocksource_current_info: gauge('The source the kernel keeps time by; always 1.'),
};
/** Zone and clock sources are looked at this often. */
const LAYOUT_MS: Millis = 60_000;

export default defineInput({
  name: 'time',
  help: "The host's clock, its time zone and clock sources, from /sys/devices/system/clocksource.",
  metrics: METRICS,
  slow: true,
  create({ paths, frame, clock }) {
    let offsetSeconds = 0;
    let lookedAtMs: Millis | undefined;
    const look = (nowMs: Millis) => {
      offsetSeconds = -new Date(nowMs).getTimezoneOffset() * 60;
      const zone = { time_zone: zoneName(zoneRule(), offsetSeconds) };
      frame.setColumns([
        { name: 'node_time_seconds', ...METRICS.node_time_seconds },
        { name: 'node_time_zone_offset_seconds', labels: zone, ...METRICS.node_time_zone_offset_seconds },
        ...clockSources(join(paths.sysfs, 'devices/system/clocksource')),
      ]);
    };
    return {
      read(timeMs) {
        const nowMs = clock.now();
        if (lookedAtMs === undefined || timeMs - lookedAtMs >= LAYOUT_MS) {
          look(nowMs);
          lookedAtMs = timeMs;
        }
        frame.values.fill(1);
        frame.values[0] = nowMs / 1000;
        frame.values[1] = offsetSeconds;
      },
    };
  },
});

function clockSources(folder: string): Column[] {
  try {
    return readdirSync(folder)
      .filter((entry) => entry.startsWith('clocksource'))
      .flatMap((entry) => {
        const device = entry.slice('clocksource'.length);
        const names = (file: string) =>
          readFileSync(join(folder, entry, file), 'utf8')
            .trim()
            .split(/\s+/);
        return [
          ...names('available_clocksource').map((source) => column('node_time_clocksource_available_info', device, source)),
          ...names('current_clocksource').map((source) => column('node_time_clocksource_current_info', device, source)),
        ];
      });
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
}

function column(name: keyof typeof METRICS, device: string, clocksource: string): Column {
  return { name, labels: { device, clocksource }, ...METRICS[name] };
}

/** The POSIX rule (`CET-1CEST,M3.5.0,...`) at the end of this process' zone file; Node itself knows long names only, at the cost of loading ICU's tables. */
function zoneRule(): string {
  const zone = process.env.TZ;
  const path = zone === undefined || zone === '' ? '/etc/localtime' : join('/usr/share/zoneinfo', zone.replace(/^:/, ''));
  try {
    return readFileSync(path, 'latin1').trimEnd().split('\n').at(-1) ?? '';
  } catch (error) {
    if (isAbsence(error)) return 'UTC0';
    throw error;
  }
}

/** The abbreviation in force at `offsetSeconds`: the rule's first name if its offset fits, else the name for daylight saving. */
export function zoneName(rule: string, offsetSeconds: number): string {
  const name = '(?:<([^>]+)>|([A-Za-z]{3,}))';
  const match = new RegExp(`^${name}([-+]?\\d{1,3})(?::(\\d{2}))?(?::(\\d{2}))?(?:${name})?`).exec(rule);
  if (match === null) return 'UTC';
  const [, quoted, plain, hours, minutes = '0', seconds = '0', summerQuoted, summerPlain] = match;
  // POSIX counts west as positive.
  const west = (hours!.startsWith('-') ? -1 : 1) * (Math.abs(Number(hours)) * 3600 + Number(minutes) * 60 + Number(seconds));
  const summer = summerQuoted ?? summerPlain;
  return summer !== undefined && offsetSeconds !== -west ? summer : (quoted ?? plain)!;
}
