import type { HostPage, HostRow } from '@bellwether/shared/api';
import { HostOrder } from '../../dashboards/src/core/host-order.ts';

const host = (id: string, cpu = 0): HostRow => ({
  id,
  name: id,
  state: 'ok',
  reason: '',
  sinceMs: null,
  cpu,
  memory: null,
  disk: null,
  networkIn: null,
  networkOut: null,
  load1: null,
  connected: true,
  lastSeenMs: null,
  os: '',
  agentVersion: '',
});
const page = (ids: string, cpu = 0, matching = 6): HostPage => ({ total: matching, matching, rows: [...ids].map((id) => host(id, cpu)) });
/** The list as letters; `.` is a position not loaded yet, capitals hold old values. */
const shown = (order: HostOrder) =>
  Array.from({ length: order.matching }, (_, i) => {
    const listed = order.at(i);
    return listed === undefined ? '.' : listed.stale ? listed.row.id.toUpperCase() : listed.row.id;
  }).join('');

test('without a reader the list follows the collector', () => {
  const order = new HostOrder();
  order.apply(page('abc'), 0, false);
  expect(shown(order)).toBe('abc...');
  order.apply(page('cab'), 0, false);
  expect(shown(order)).toBe('cab...');
  expect(order.moved).toBe(0);
});

test('a row that moved to another part of the list is not listed twice', () => {
  const order = new HostOrder();
  order.apply(page('abc'), 0, false);
  order.apply(page('cde'), 3, false);
  expect(shown(order)).toBe('ab.cde');
});

test('frozen, rows stay, take new values and are counted', () => {
  const order = new HostOrder();
  order.apply(page('abcdef', 0.1), 0, false);
  order.apply(page('fabcde', 0.9), 0, true);
  expect(shown(order)).toBe('abcdef');
  expect(order.at(0)?.row.cpu).toBe(0.9);
  expect(order.moved).toBe(6);
  order.apply(page('abcdef'), 0, true);
  expect(order.moved).toBe(0);
});

test('frozen, a row that left the window keeps its place and is marked as old', () => {
  const order = new HostOrder();
  order.apply(page('abc'), 0, false);
  order.apply(page('dab'), 0, true);
  expect(shown(order)).toBe('abC...');
  expect(order.moved).toBe(3);
});

test('frozen, scrolling on fills the places below with rows not listed yet', () => {
  const order = new HostOrder();
  order.apply(page('abc'), 0, false);
  order.apply(page('ace'), 3, true); // a and c slid down meanwhile
  expect(shown(order)).toBe('abce..');
});

test('sorting again starts from the newest page', () => {
  const order = new HostOrder();
  order.apply(page('abc'), 0, false);
  order.apply(page('cba'), 0, true);
  order.clear();
  order.apply(page('cba'), 0, true);
  expect(shown(order)).toBe('cba...');
  expect(order.moved).toBe(0);
});

test('a list that shrank forgets what is beyond its end', () => {
  const order = new HostOrder();
  order.apply(page('abcdef'), 0, false);
  order.apply(page('ab', 0, 2), 0, false);
  expect(shown(order)).toBe('ab');
  expect(order.indexOf('f')).toBe(-1);
});
