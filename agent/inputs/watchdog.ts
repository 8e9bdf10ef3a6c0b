import { join } from 'node:path';
import { defineInput, gauge } from './input.ts';
import { entriesIfAny, entriesOf, type Sensor, sensorInput, textOf } from './sysfs.ts';

const METRICS = {
  node_watchdog_info: gauge('What the watchdog is and how it is set; always 1.'),
  node_watchdog_access_cs0: gauge('The file access_cs0: whether the other boot flash is in use.'),
  node_watchdog_bootstatus: gauge('Why the machine started, as the watchdog knows; 0 when not because of it.'),
  node_watchdog_fw_version: gauge('Version of the firmware of the watchdog.'),
  node_watchdog_nowayout: gauge('1 if the watchdog cannot be stopped once started.'),
  node_watchdog_timeleft_seconds: gauge('Time until it resets the machine.'),
  node_watchdog_timeout_seconds: gauge('Silence after which it resets the machine.'),
  node_watchdog_pretimeout_seconds: gauge('How long before that it gives a warning.'),
};
const FILES = {
  access_cs0: 'node_watchdog_access_cs0',
  bootstatus: 'node_watchdog_bootstatus',
  fw_version: 'node_watchdog_fw_version',
  nowayout: 'node_watchdog_nowayout',
  timeleft: 'node_watchdog_timeleft_seconds',
  timeout: 'node_watchdog_timeout_seconds',
  pretimeout: 'node_watchdog_pretimeout_seconds',
} as const;
const LABELS = ['identity', 'options', 'pretimeout_governor', 'state', 'status'];

export default defineInput({
  name: 'watchdog',
  help: 'Watchdog timers, from /sys/class/watchdog.',
  metrics: METRICS,
  intervalMs: 10_000,
  slow: true,
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'class/watchdog');
    return sensorInput(frame, () =>
      entriesOf(folder).flatMap((name): Sensor[] => {
        const path = join(folder, name);
        const present = new Set(entriesIfAny(path));
        const info = Object.fromEntries(LABELS.map((label) => [label, textOf(path, label) ?? '']));
        const numbers = Object.entries(FILES).filter(([file]) => present.has(file));
        return [
          { column: { name: 'node_watchdog_info', labels: { name, ...info }, ...METRICS.node_watchdog_info }, value: 1 },
          ...numbers.map(([file, metric]) => ({ column: { name: metric, labels: { name }, ...METRICS[metric] }, path: join(path, file) })),
        ];
      }),
    );
  },
});
