import type { ShedInputs } from './inputs/collect.ts';
import { counter, gauge, type SelfMetric } from './inputs/input.ts';
import type { SheddingLevel } from './limits/shedding.ts';
import type { BacklogStats } from './spool/backlog.ts';
import type { UplinkStats } from './uplink/uplink.ts';

/** What the agent says about its own queue, disk and connection. */
export function selfMetrics(
  backlog: BacklogStats,
  uplink: UplinkStats,
  ticker: { readonly skippedTicks: number },
  offsetMs: number,
): SelfMetric[] {
  return [
    {
      name: 'bellwether_agent_queue_rows',
      ...gauge('Readings not yet acknowledged, in memory and on disk.'),
      value: backlog.queuedBatches,
    },
    { name: 'bellwether_agent_queue_bytes', ...gauge('Bytes of readings not yet acknowledged.'), value: backlog.queuedBytes },
    { name: 'bellwether_agent_spool_bytes', ...gauge('Bytes of readings kept on disk.'), value: backlog.spoolBytes },
    { name: 'bellwether_agent_spool_errors_total', ...counter('Failures to write readings to disk.'), value: backlog.spoolErrors },
    {
      name: 'bellwether_agent_samples_dropped_total',
      ...counter('Samples dropped before they could be sent.'),
      value: backlog.droppedSamples,
    },
    { name: 'bellwether_agent_connections_total', ...counter('Connections the collector welcomed.'), value: uplink.connections },
    { name: 'bellwether_agent_connection_failures_total', ...counter('Connections lost or never made.'), value: uplink.failures },
    {
      name: 'bellwether_agent_ticks_skipped_total',
      ...counter('Times of reading that were missed because the process was held up.'),
      value: ticker.skippedTicks,
    },
    {
      name: 'bellwether_agent_clock_offset_seconds',
      ...gauge("Collector's clock minus this host's clock."),
      value: Math.round(offsetMs) / 1000,
    },
  ];
}

/** How far the agent holds itself back. */
export function sheddingMetrics(level: SheddingLevel, { off, slowed }: ShedInputs): SelfMetric[] {
  return [
    {
      name: 'bellwether_agent_shedding_level',
      ...gauge('How far the agent steps back to stay within its limits: 0 not at all, 3 only essential inputs are read.'),
      value: level,
    },
    {
      name: 'bellwether_agent_inputs_shed',
      ...gauge('Inputs that are off or read less often for that reason.'),
      value: off.length + slowed.length,
    },
  ];
}
