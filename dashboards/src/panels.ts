import { formatDuration, type Millis } from '@bellwether/shared/time';
import type { Unit } from './core/format.ts';

/** A chart of the host page: what it asks in PromQL and how the answer is drawn. */
export interface Panel {
  id: string;
  title: string;
  unit: Unit;
  /** Areas piled on each other (parts of one whole) or plain lines. */
  draw: 'stack' | 'lines';
  /** Top of the scale when the data stay below it; undefined: as high as the data. */
  topAtLeast?: number;
  /** What one number in the chart's head stands for; `named` adds the series it is taken from. */
  headline: { text: string; of: (values: readonly (number | null)[]) => number | null; named?: true };
  /** The label that names a series in the legend, and words for its values. */
  nameBy: string;
  names?: Readonly<Record<string, string>>;
  /** Series in this order; others after them by name. */
  order?: readonly string[];
  expression: (scope: PanelScope) => string;
}

interface PanelScope {
  /** `instance="web-1"`, ready to stand in a selector. */
  host: string;
  /** `rate(name{selector}[window])` or, where the step is finer than the agent's interval, `irate`. */
  rate: (name: string, selector: string) => string;
}

/** How often an agent reads when nobody looks. */
const AGENT_INTERVAL_MS = 10_000;

const PSEUDO_FILESYSTEMS = 'tmpfs|ramfs|squashfs|overlay|iso9660|erofs';
const VIRTUAL_INTERFACES = 'lo|veth.*|docker.*|br-.*|virbr.*|cni.*|flannel.*|cali.*|tap.*|bond.*|team.*';
const STACKED_DISKS = 'dm-.*|md.*|loop.*|ram.*|zram.*|sr.*';

const highest = (values: readonly (number | null)[]) =>
  values.reduce<number | null>((top, value) => (value !== null && (top === null || value > top) ? value : top), null);
const total = (values: readonly (number | null)[]) =>
  values.reduce<number | null>((sum, value) => (value === null ? sum : (sum ?? 0) + value), null);
const first = (values: readonly (number | null)[]) => values[0] ?? null;

/** Several expressions as one answer, told apart by the label `part`. */
function parts(expressions: Readonly<Record<string, string>>): string {
  return Object.entries(expressions)
    .map(([part, expression]) => `label_replace(${expression}, "part", "${part}", "", "")`)
    .join(' or ');
}

export const HOST_PANELS: readonly Panel[] = [
  {
    id: 'cpu',
    title: 'CPU',
    unit: 'ratio',
    draw: 'stack',
    topAtLeast: 1,
    headline: { text: 'busy', of: total },
    nameBy: 'mode',
    order: ['user', 'system', 'iowait', 'steal', 'nice', 'irq', 'softirq'],
    expression: ({ host, rate }) => `avg by (mode) (${rate('node_cpu_seconds_total', `${host},mode!="idle"`)})`,
  },
  {
    id: 'memory',
    title: 'Memory',
    unit: 'ratio',
    draw: 'lines',
    topAtLeast: 1,
    headline: { text: 'in use', of: first },
    nameBy: 'part',
    order: ['memory', 'swap'],
    expression: ({ host }) =>
      parts({
        memory: `1 - node_memory_MemAvailable_bytes{${host}} / node_memory_MemTotal_bytes{${host}}`,
        swap: `1 - node_memory_SwapFree_bytes{${host}} / (node_memory_SwapTotal_bytes{${host}} > 0)`,
      }),
  },
  {
    id: 'disks',
    title: 'Disk space',
    unit: 'ratio',
    draw: 'lines',
    topAtLeast: 1,
    headline: { text: 'fullest', of: highest, named: true },
    nameBy: 'mountpoint',
    expression: ({ host }) => {
      const filter = `${host},fstype!~"${PSEUDO_FILESYSTEMS}"`;
      return `max by (mountpoint) (1 - node_filesystem_avail_bytes{${filter}} / (node_filesystem_size_bytes{${filter}} > 0))`;
    },
  },
  {
    id: 'network',
    title: 'Network',
    unit: 'bytes/s',
    draw: 'lines',
    headline: { text: 'in', of: first },
    nameBy: 'part',
    order: ['in', 'out'],
    expression: ({ host, rate }) => {
      const filter = `${host},device!~"${VIRTUAL_INTERFACES}"`;
      return parts({
        in: `sum(${rate('node_network_receive_bytes_total', filter)})`,
        out: `sum(${rate('node_network_transmit_bytes_total', filter)})`,
      });
    },
  },
  {
    id: 'disk-io',
    title: 'Disk I/O',
    unit: 'bytes/s',
    draw: 'lines',
    headline: { text: 'read + written', of: total },
    nameBy: 'part',
    order: ['read', 'written'],
    expression: ({ host, rate }) => {
      const filter = `${host},device!~"${STACKED_DISKS}"`;
      return parts({
        read: `sum(${rate('node_disk_read_bytes_total', filter)})`,
        written: `sum(${rate('node_disk_written_bytes_total', filter)})`,
      });
    },
  },
  {
    id: 'disk-busy',
    title: 'Disk busy',
    unit: 'ratio',
    draw: 'lines',
    topAtLeast: 1,
    headline: { text: 'busiest', of: highest, named: true },
    nameBy: 'device',
    expression: ({ host, rate }) => `max by (device) (${rate('node_disk_io_time_seconds_total', `${host},device!~"loop.*|ram.*|sr.*"`)})`,
  },
  {
    id: 'load',
    title: 'Load',
    unit: 'number',
    draw: 'lines',
    topAtLeast: 1,
    headline: { text: '1 min', of: first },
    nameBy: 'part',
    names: { '1': '1 min', '5': '5 min', '15': '15 min' },
    order: ['1', '5', '15'],
    expression: ({ host }) => parts({ 1: `node_load1{${host}}`, 5: `node_load5{${host}}`, 15: `node_load15{${host}}` }),
  },
  {
    id: 'pressure',
    title: 'Time spent waiting',
    unit: 'ratio',
    draw: 'lines',
    topAtLeast: 0.1,
    headline: { text: 'worst', of: highest, named: true },
    nameBy: 'part',
    names: { io: 'disk' },
    order: ['cpu', 'memory', 'io'],
    expression: ({ host, rate }) =>
      parts({
        cpu: `max(${rate('node_pressure_cpu_waiting_seconds_total', host)})`,
        memory: `max(${rate('node_pressure_memory_waiting_seconds_total', host)})`,
        io: `max(${rate('node_pressure_io_waiting_seconds_total', host)})`,
      }),
  },
];

/**
 * The PromQL of a panel for one host at one step. A counter's slope is taken over at least four readings. Where the step is finer than that,
 * `irate` takes the last two of them instead: it shows the ten-second readings of the past and the one-second readings of now by one expression.
 */
export function panelQuery(panel: Panel, host: string, stepMs: Millis): string {
  const windowMs = 4 * AGENT_INTERVAL_MS;
  const fine = stepMs < windowMs;
  const range = formatDuration(fine ? windowMs : stepMs);
  return panel.expression({
    host: `instance=${JSON.stringify(host)}`,
    rate: (name, selector) => `${fine ? 'irate' : 'rate'}(${name}{${selector}}[${range}])`,
  });
}

/** What a series is called in the legend. */
export function seriesName(panel: Panel, labels: Readonly<Record<string, string>>): string {
  const value = labels[panel.nameBy] ?? '';
  return panel.names?.[value] ?? (value === '' ? panel.title : value);
}

/** Indexes of `series` in the order they are drawn and listed: the panel's own order, then by name. */
export function seriesOrder(panel: Panel, series: readonly { labels: Readonly<Record<string, string>> }[]): number[] {
  const rank = ({ labels }: { labels: Readonly<Record<string, string>> }) => {
    const known = panel.order?.indexOf(labels[panel.nameBy] ?? '') ?? -1;
    return known === -1 ? Number.MAX_SAFE_INTEGER : known;
  };
  return series
    .map((entry, index) => ({ index, rank: rank(entry), name: seriesName(panel, entry.labels) }))
    .sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1))
    .map(({ index }) => index);
}
