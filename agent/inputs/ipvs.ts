import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { counter, defineInput, gauge } from './input.ts';
import { type Row, rowsInput } from './sysfs.ts';

const METRICS = {
  node_ipvs_connections_total: counter('Connections made.'),
  node_ipvs_incoming_packets_total: counter('Packets from clients.'),
  node_ipvs_outgoing_packets_total: counter('Packets to clients.'),
  node_ipvs_incoming_bytes_total: counter('Bytes from clients.'),
  node_ipvs_outgoing_bytes_total: counter('Bytes to clients.'),
  node_ipvs_backend_connections_active: gauge('Connections to this server that are open.'),
  node_ipvs_backend_connections_inactive: gauge('Connections to this server that are on their way out.'),
  node_ipvs_backend_weight: gauge('How much of the work this server gets.'),
};
const TOTALS = [
  'node_ipvs_connections_total',
  'node_ipvs_incoming_packets_total',
  'node_ipvs_outgoing_packets_total',
  'node_ipvs_incoming_bytes_total',
  'node_ipvs_outgoing_bytes_total',
] as const;

export interface Backend {
  readonly labels: Readonly<Record<string, string>>;
  readonly weight: number;
  readonly active: number;
  readonly inactive: number;
}

export default defineInput({
  name: 'ipvs',
  help: 'The kernel’s load balancer and its servers, from /proc/net/ip_vs and ip_vs_stats.',
  metrics: METRICS,
  intervalMs: 10_000,
  create({ paths, frame }) {
    const net = join(paths.procfs, 'net');
    return rowsInput(frame, () => [
      ...totalRows(readFileSync(join(net, 'ip_vs_stats'), 'utf8')),
      ...parseBackends(readFileSync(join(net, 'ip_vs'), 'utf8')).flatMap(({ labels, weight, active, inactive }) => [
        row('node_ipvs_backend_connections_active', active, labels),
        row('node_ipvs_backend_connections_inactive', inactive, labels),
        row('node_ipvs_backend_weight', weight, labels),
      ]),
    ]);
  },
});

function row(name: keyof typeof METRICS, value: number, labels: Readonly<Record<string, string>> = {}): Row {
  return [{ name, labels, ...METRICS[name] }, value];
}

/** Two lines of headings, then five hexadecimal numbers. */
function totalRows(text: string): Row[] {
  const numbers = text.split('\n')[2]?.trim().split(/\s+/) ?? [];
  return TOTALS.flatMap((name, i) => (/^[0-9A-F]{1,16}$/i.test(numbers[i] ?? '') ? [row(name, Number.parseInt(numbers[i]!, 16))] : []));
}

/** Lines of services, each followed by those of its servers. A server that a service has twice is added up. */
export function parseBackends(text: string): Backend[] {
  const backends = new Map<string, Backend>();
  let service: Readonly<Record<string, string>> | undefined;
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    if (words[0] === 'TCP' || words[0] === 'UDP' || words[0] === 'SCTP')
      service = withAddress('local', words[1], { proto: words[0], local_mark: '' });
    else if (words[0] === 'FWM') service = { proto: 'FWM', local_address: '', local_port: '0', local_mark: words[1] ?? '' };
    else if (words[0] === '->' && service !== undefined)
      add(backends, withAddress('remote', words[1], service), words.slice(3).map(Number));
  }
  return [...backends.values()];
}

function add(backends: Map<string, Backend>, labels: Readonly<Record<string, string>> | undefined, numbers: readonly number[]): void {
  const [weight = Number.NaN, active = Number.NaN, inactive = Number.NaN] = numbers;
  if (labels === undefined || !Number.isSafeInteger(weight + active + inactive)) return;
  const key = JSON.stringify(labels);
  const known = backends.get(key) ?? { weight: 0, active: 0, inactive: 0 };
  backends.set(key, { labels, weight, active: known.active + active, inactive: known.inactive + inactive });
}

/** `C0A80016:0CEA` or `[2620::]:0050`: both parts hexadecimal for IPv4, the port alone for IPv6. */
function withAddress(side: string, text = '', labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> | undefined {
  const [, four, six, port] = /^(?:([0-9A-F]{8})|\[([0-9A-Fa-f:]+)\]):([0-9A-F]{4})$/.exec(text) ?? [];
  if (port === undefined) return undefined;
  const address = six?.toLowerCase() ?? four!.replace(/../g, (byte) => `.${Number.parseInt(byte, 16)}`).slice(1);
  return { ...labels, [`${side}_address`]: address, [`${side}_port`]: String(Number.parseInt(port, 16)) };
}
