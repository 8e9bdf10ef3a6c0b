import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Column } from './frame.ts';
import { defineInput, gauge } from './input.ts';
import { isAbsence } from './kept-file.ts';

const METRICS = {
  node_selinux_enabled: gauge('1 if SELinux is on.'),
  node_selinux_config_mode: gauge('Mode SELinux is set to start in: 1 enforcing, 0 permissive, -1 disabled.'),
  node_selinux_current_mode: gauge('Mode SELinux is in: 1 enforcing, 0 permissive.'),
};
const MODES: Readonly<Record<string, number>> = { enforcing: 1, permissive: 0, disabled: -1 };

export default defineInput({
  name: 'selinux',
  help: 'Mode of SELinux, from /sys/fs/selinux and /etc/selinux/config.',
  metrics: METRICS,
  intervalMs: 60_000,
  slow: true,
  create: ({ paths, frame }) => ({
    read() {
      const enforcing = text(join(paths.sysfs, 'fs/selinux/enforce'));
      const values: Partial<Record<keyof typeof METRICS, number>> = { node_selinux_enabled: enforcing === undefined ? 0 : 1 };
      if (enforcing !== undefined) {
        const config = /^\s*SELINUX=(\w+)/m.exec(text(join(paths.rootfs, 'etc/selinux/config')) ?? '')?.[1] ?? 'disabled';
        values.node_selinux_config_mode = MODES[config] ?? -1;
        values.node_selinux_current_mode = enforcing.trim() === '1' ? 1 : 0;
      }
      const names = Object.keys(values) as (keyof typeof METRICS)[];
      frame.setColumns(names.map((name): Column => ({ name, ...METRICS[name] })));
      for (const [i, name] of names.entries()) frame.values[i] = values[name]!;
    },
  }),
});

function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}
