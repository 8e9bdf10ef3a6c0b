/** Puts the last run of each plug-in into the agent's readings. */
import { type Cell, cellsFor, showCells } from '../inputs/cells.ts';
import { defineInput, gauge, type InputDefinition, untyped } from '../inputs/input.ts';
import type { PluginRun, PluginSettings } from './plugin.ts';

const METRICS = {
  node_plugin_state: gauge('What the plug-in said: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.'),
  node_plugin_duration_seconds: gauge('How long its last run took.'),
  node_plugin_last_run_timestamp_seconds: gauge('When its last run ended, seconds since the epoch.'),
  node_plugin_perfdata: untyped('A value of its performance data, in the base unit that the label unit names.'),
  node_plugin_perfdata_limit: gauge('A bound it gave with the value: warning, critical, min or max.'),
};
const LIMITS = ['warning', 'critical', 'min', 'max'] as const;
const cell = cellsFor(METRICS);

export type PluginRuns = () => readonly { readonly settings: PluginSettings; readonly run: PluginRun | undefined }[];

export function pluginsInput(runs: PluginRuns): InputDefinition {
  return defineInput({
    name: 'plugins',
    help: 'Results of the Nagios plug-ins that the agent’s file names.',
    metrics: METRICS,
    slow: true,
    priority: 'essential',
    create({ frame }) {
      return {
        read() {
          showCells(
            frame,
            runs().flatMap(({ settings, run }) => (run === undefined ? [] : cellsOf(settings, run))),
          );
        },
      };
    },
  });
}

export function cellsOf(settings: PluginSettings, run: PluginRun): Cell[] {
  const labels = { ...settings.labels, plugin: settings.name };
  return [
    cell('node_plugin_state', labels, run.state),
    cell('node_plugin_duration_seconds', labels, Math.round(run.durationMs) / 1000),
    cell('node_plugin_last_run_timestamp_seconds', labels, Math.round(run.endedMs) / 1000),
    ...run.values.flatMap((perf) => {
      const own = { ...labels, label: perf.label, unit: perf.unit };
      return [
        ...(perf.value === undefined ? [] : [cell('node_plugin_perfdata', own, perf.value)]),
        ...LIMITS.flatMap((limit) => {
          const bound = perf[limit];
          return bound === undefined ? [] : [cell('node_plugin_perfdata_limit', { ...own, limit }, bound)];
        }),
      ];
    }),
  ];
}
