import type { Column } from './frame.ts';
import { counter, defineInput, gauge, type SelfMetric } from './input.ts';

const METRICS = {
  process_cpu_seconds_total: counter('CPU time this agent has used.'),
  process_resident_memory_bytes: gauge('Memory this agent holds.'),
  process_start_time_seconds: gauge('When this agent started, seconds since the epoch.'),
};
const NAMES = Object.keys(METRICS) as (keyof typeof METRICS)[];
const MICROSECONDS = 1e6;

export default defineInput({
  name: 'agent_self',
  help: 'What the agent itself costs, and the state of its spool and uplink; job="bellwether-agent"; every 10 s at most unless its own interval says otherwise.',
  metrics: { ...METRICS, 'bellwether_agent_*': gauge('State of spool, uplink and inputs; each says its own type.') },
  floorMs: 10_000,
  slow: true,
  priority: 'essential',
  create({ frame, clock, selfMetrics }) {
    const startSeconds = (clock.now() - Math.round(process.uptime() * 1000)) / 1000;
    let further: readonly SelfMetric[] = [];
    const own = NAMES.map((name): Column => ({ name, ...METRICS[name] }));
    return {
      read() {
        further = selfMetrics();
        frame.setColumns([...own, ...further]);
        const cpu = process.cpuUsage();
        frame.values.set([(cpu.user + cpu.system) / MICROSECONDS, process.memoryUsage.rss(), startSeconds]);
        for (const [i, { value }] of further.entries()) frame.values[own.length + i] = value;
      },
    };
  },
});
