import { labelsFrom, silentLog } from '@bellwether/shared';
import type { AlertView, HostQuery, HostRow } from '@bellwether/shared/api';
import { createFleet, type KnownHost, queryHosts } from '../../../collector/api/fleet.ts';

const HOST: KnownHost = {
  id: 'a',
  name: 'web-1',
  os: '',
  agentVersion: '',
  connected: true,
  up: true,
  lastSeenMs: 5,
  sinceMs: 1,
  absence: '',
};
const ALERT: AlertView = {
  fingerprint: '1',
  name: 'DiskFull',
  severity: 'critical',
  state: 'firing',
  labels: { instance: 'web-1' },
  annotations: { summary: 'disk /var full' },
  activeMs: 100,
  firedMs: 100,
  resolvedMs: null,
  value: 1,
  expression: '',
  acknowledgedBy: null,
  acknowledgedMs: null,
  acknowledgeNote: '',
  trace: [],
};

/** A fleet over fixed hosts and alerts; every measure of web-1 is 0.5. */
function fleetOf(hosts: KnownHost[], alerts: AlertView[], asked: string[] = []) {
  const instant = async (query: string, timeMs: number) => {
    asked.push(query);
    const samples = [{ labels: labelsFrom({ instance: 'web-1' }), timeMs, value: 0.5 }];
    return { kind: 'vector' as const, samples, warnings: [], infos: [] };
  };
  return createFleet({ hosts: () => hosts, alerts: () => alerts, engine: { instant }, log: silentLog });
}

test.each<[string, Partial<KnownHost>, Partial<AlertView>[], [string, string]]>([
  ['connected and quiet', {}, [], ['ok', '']],
  ['not connected is never OK', { connected: false, up: false, absence: 'connection lost' }, [], ['unknown', 'connection lost']],
  ['not known yet is no data', { connected: false, up: undefined }, [], ['unknown', 'no data yet']],
  ['a firing alert', {}, [{}], ['critical', 'disk /var full']],
  ['the worse of two alerts', {}, [{ severity: 'warning', annotations: { summary: 'slow' } }, {}], ['critical', 'disk /var full']],
  ['the older of two equals', {}, [{ activeMs: 50, annotations: { summary: 'older' } }, {}], ['critical', 'older']],
  ['pending and info change nothing', {}, [{ state: 'pending' }, { severity: 'info' }], ['ok', '']],
  ['an alert of another host', {}, [{ labels: { instance: 'web-2' } }], ['ok', '']],
  [
    'AgentDown beats the mere absence',
    { connected: false, up: false },
    [{ name: 'AgentDown', annotations: {} }],
    ['critical', 'AgentDown'],
  ],
])('%s', async (_what, host, alerts, [state, reason]) => {
  const [row] = await fleetOf(
    [{ ...HOST, ...host }],
    alerts.map((alert) => ({ ...ALERT, ...alert })),
  ).rows(1_000);
  expect([row!.state, row!.reason]).toEqual([state, reason]);
});

test('values of a host that is gone are not shown as if they were now', async () => {
  const fleet = fleetOf([HOST, { ...HOST, id: 'b', name: 'gone', connected: false, up: false }], []);
  const [web, gone] = await fleet.rows(1_000);
  expect([web!.cpu, gone!.cpu]).toEqual([0.5, null]);
});

test('callers within the age share one evaluation', async () => {
  const asked: string[] = [];
  const fleet = fleetOf([HOST], [], asked);
  await Promise.all([fleet.rows(1_000), fleet.rows(1_000)]);
  await fleet.rows(2_500);
  expect(asked).toHaveLength(6);
  await fleet.rows(3_000);
  expect(asked).toHaveLength(12);
});

const QUERY: HostQuery = { filter: '', sort: 'state', descending: false, offset: 0, limit: 10 };
const row = (name: string, state: HostRow['state'], cpu: number | null = null): HostRow =>
  ({ id: name, name, state, cpu, reason: '', sinceMs: null, connected: true }) as HostRow;
const ROWS = [
  row('web-2', 'ok', 0.9),
  row('web-1', 'ok', null),
  row('db-1', 'critical', 0.1),
  row('db-2', 'unknown'),
  row('api-1', 'warning', 0.5),
];

test.each<[string, Partial<HostQuery>, string[]]>([
  ['worst first, then by name', {}, ['db-1', 'api-1', 'db-2', 'web-1', 'web-2']],
  ['by CPU, highest first, unknown last', { sort: 'cpu', descending: true }, ['web-2', 'api-1', 'db-1', 'db-2', 'web-1']],
  ['by CPU, lowest first, unknown last all the same', { sort: 'cpu' }, ['db-1', 'api-1', 'web-2', 'db-2', 'web-1']],
  ['by name', { sort: 'name' }, ['api-1', 'db-1', 'db-2', 'web-1', 'web-2']],
  ['words', { filter: 'web' }, ['web-1', 'web-2']],
  ['state', { filter: 'state:critical' }, ['db-1']],
  ['not a state, and a word', { filter: 'state:!ok db' }, ['db-1', 'db-2']],
  ['no data by its own name', { filter: 'state:nodata' }, ['db-2']],
  ['a part of the list', { offset: 1, limit: 2 }, ['api-1', 'db-2']],
])('hosts: %s', (_what, query, expected) => {
  const page = queryHosts(ROWS, { ...QUERY, ...query });
  expect(page.rows.map(({ name }) => name)).toEqual(expected);
  expect(page.total).toBe(5);
});
