/** Which numbers each part contributes to `bellwether_*`. */
import type { Clock } from '@bellwether/shared';
import { WIRE_CLOSE } from '@bellwether/shared/wire';
import type { Alerts } from './alerts/index.ts';
import type { LiveHub } from './api/index.ts';
import type { Checks } from './checks/index.ts';
import type { Gateway } from './gateway/index.ts';
import type { Rules } from './rules/index.ts';
import type { SelfMetrics } from './self-metrics.ts';
import type { Store } from './store/index.ts';
import type { HostVerdicts, Uptime } from './uptime/index.ts';
import { VERSION } from './version.ts';

export interface SelfMetricSources {
  readonly store: Store;
  readonly gateway: Gateway;
  readonly alerts: Alerts;
  readonly rules: Rules;
  readonly live: LiveHub;
  readonly uptime: Uptime;
  readonly verdicts: HostVerdicts;
  readonly checks: Checks;
  readonly clock: Clock;
}

export function registerSelfMetrics(
  self: SelfMetrics,
  { store, gateway, alerts, rules, live, uptime, verdicts, checks, clock }: SelfMetricSources,
): void {
  const started = clock.now() / 1_000;
  self.add('bellwether_build_info', 'gauge', 'Version of the collector.', () => 1, { version: VERSION });
  self.add('process_start_time_seconds', 'gauge', 'When the collector started, seconds since the epoch.', () => started);
  self.add('process_cpu_seconds_total', 'counter', 'CPU time the collector has used.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  self.add('process_resident_memory_bytes', 'gauge', 'Memory the collector holds.', () => process.memoryUsage.rss());

  self.add('bellwether_checks_unplaced', 'gauge', 'Checks that no agent can run now.', () => checks.counters.unplaced);
  self.add(
    'bellwether_check_confirmations_total',
    'counter',
    'Times other agents were asked before a check went down.',
    () => checks.counters.confirmations,
  );
  self.add(
    'bellwether_check_vetoes_total',
    'counter',
    'Times they reached the target and the check stayed up.',
    () => checks.counters.vetoes,
  );

  const { counters } = gateway;
  self.add('bellwether_gateway_agents', 'gauge', 'Agents connected now.', () => gateway.agents().length);
  self.add('bellwether_gateway_connections_total', 'counter', 'Agent connections accepted.', () => counters.accepted);
  self.add(
    'bellwether_gateway_unauthenticated_total',
    'counter',
    'Connections refused for want of a valid credential.',
    () => counters.unauthenticated,
  );
  self.add(
    'bellwether_gateway_cloned_total',
    'counter',
    'Connections refused because the identity was connected from another machine.',
    () => counters.cloned,
  );
  self.add('bellwether_gateway_frames_total', 'counter', 'Frames received from agents.', () => counters.frames);
  self.add('bellwether_gateway_received_bytes_total', 'counter', 'Bytes of frames received from agents.', () => counters.bytes);
  self.add('bellwether_gateway_rows_total', 'counter', 'Rows stored.', () => counters.rows);
  self.add('bellwether_gateway_samples_total', 'counter', 'Samples stored.', () => counters.samples);
  self.add('bellwether_gateway_rows_duplicate_total', 'counter', 'Rows received again and dropped.', () => counters.duplicateRows);
  self.add('bellwether_gateway_rows_refused_total', 'counter', 'Rows that could not be stored.', () => counters.refusedRows);
  self.add(
    'bellwether_gateway_rows_lost_total',
    'counter',
    'Rows that agents had to drop before they could send them.',
    () => counters.skippedRows,
  );
  self.add(
    'bellwether_gateway_events_dropped_total',
    'counter',
    'Events dropped because an agent brought too many at once.',
    () => counters.droppedEvents,
  );
  self.add(
    'bellwether_gateway_paused_total',
    'counter',
    'Times a connection was not read for a while because it brought too much.',
    () => counters.paused,
  );
  for (const [reason, code] of Object.entries(WIRE_CLOSE)) {
    if (code === WIRE_CLOSE.goingAway) continue;
    const help = 'Agent connections the collector closed for a fault of the agent.';
    self.add('bellwether_gateway_closed_total', 'counter', help, () => counters.closedByCode.get(code) ?? 0, { reason });
  }

  const stats = (name: keyof Omit<ReturnType<Store['stats']>, 'oldestMs'>) => (): number => store.stats()[name];
  self.add('bellwether_store_series', 'gauge', 'Series in the index.', stats('series'));
  self.add('bellwether_store_groups', 'gauge', 'SeriesGroups open.', stats('openGroups'));
  self.add('bellwether_store_samples_total', 'counter', 'Samples appended.', stats('samplesAppended'));
  self.add('bellwether_store_rows_too_old_total', 'counter', 'Rows refused as older than the window.', stats('rowsTooOld'));
  self.add('bellwether_store_rows_too_new_total', 'counter', 'Rows refused as too far ahead.', stats('rowsTooNew'));
  self.add('bellwether_store_wal_bytes', 'gauge', 'Size of the write-ahead log.', stats('walBytes'));
  self.add('bellwether_store_block_bytes', 'gauge', 'Size of the blocks on disk.', stats('blockBytes'));
  self.add('bellwether_store_commits_total', 'counter', 'Group commits.', stats('commits'));
  self.add('bellwether_store_samples_dropped_total', 'counter', 'Samples thrown away by policy.', stats('samplesDropped'));

  self.add('bellwether_rules_evaluations_total', 'counter', 'Rule evaluations.', () => rules.counters().evaluations);
  self.add('bellwether_rules_failures_total', 'counter', 'Rule evaluations that failed.', () => rules.counters().failures);
  self.add('bellwether_rules_missed_total', 'counter', 'Turns of rule groups that were missed.', () => rules.counters().missed);
  self.add('bellwether_alerts', 'gauge', 'Alerts pending, firing or lately resolved.', () => alerts.counters().alerts);
  self.add('bellwether_alerts_received_total', 'counter', 'Reports from rules.', () => alerts.counters().received);
  self.add(
    'bellwether_alerts_refused_total',
    'counter',
    'Reports refused because too many alerts are open.',
    () => alerts.counters().alertsRefused,
  );
  self.add(
    'bellwether_alerts_state_writes_lost_total',
    'counter',
    'Changes of alerts that never reached the state.',
    () => alerts.counters().stateWritesLost,
  );
  self.add(
    'bellwether_rules_woken_total',
    'counter',
    'Evaluations brought forward because something changed.',
    () => rules.counters().woken,
  );
  self.add('bellwether_uptime_changes_waiting', 'gauge', 'Changes of verdicts that wait for the disk.', () => uptime.counters.waiting);
  self.add(
    'bellwether_uptime_changes_lost_total',
    'counter',
    'Changes of verdicts dropped because the disk took none for too long.',
    () => uptime.counters.dropped,
  );
  self.add(
    'bellwether_uptime_absences_skipped_total',
    'counter',
    'Absences of hosts left as they were seen because too many came back at once.',
    () => verdicts.skipped,
  );
  self.add('bellwether_live_connections_total', 'counter', 'Pages that connected to /live.', () => live.counters.connections);
  self.add('bellwether_live_pushes_total', 'counter', 'Messages pushed to pages.', () => live.counters.pushes);
  self.add('bellwether_live_skipped_total', 'counter', 'Pushes left out because a page read too slowly.', () => live.counters.skipped);
}
