import { Keys } from '../../dashboards/src/core/keys.ts';
import { devicePath, hostPath, routeOf, withParams } from '../../dashboards/src/core/route.ts';

test.each([
  ['/', { screen: 'now' }],
  ['/hosts', { screen: 'hosts' }],
  ['/hosts/', { screen: 'hosts' }],
  ['/hosts/a%2Fb', { screen: 'host', id: 'a/b' }],
  ['/hosts/100%', { screen: 'host', id: '100%' }],
  ['/alerts', { screen: 'alerts' }],
  ['/events', { screen: 'events' }],
  ['/uptime', { screen: 'uptime' }],
  ['/devices/sw%201', { screen: 'device', id: 'sw 1' }],
  ['/sign-in', { screen: 'sign-in' }],
  ['/nope/x', { screen: 'missing', path: '/nope/x' }],
])('%s', (path, expected) => expect(routeOf(path)).toEqual(expected));

test('a host’s address leads back to it', () => {
  expect(routeOf(hostPath('ä b/c?d'))).toEqual({ screen: 'host', id: 'ä b/c?d' });
  expect(routeOf(devicePath('ä b/c?d'))).toEqual({ screen: 'device', id: 'ä b/c?d' });
});

test('parameters are set and removed in one fixed order', () => {
  const params = new URLSearchParams('z=1&q=web');
  expect(withParams(params, { a: 'x y' })).toBe('?a=x+y&q=web&z=1');
  expect(withParams(params, { z: '', q: '' })).toBe('');
});

test('g and a letter go to a screen, if the letter comes soon', () => {
  const keys = new Keys();
  expect([keys.press('g', 0), keys.press('h', 1_000)]).toEqual([undefined, { kind: 'go', path: '/hosts' }]);
  expect([keys.press('g', 2_000), keys.press('a', 2_500)]).toEqual([undefined, { kind: 'go', path: '/alerts' }]);
  expect([keys.press('g', 5_000), keys.press('a', 9_000)]).toEqual([undefined, { kind: 'acknowledge' }]);
  expect([keys.press('g', 10_000), keys.press('j', 10_100)]).toEqual([undefined, { kind: 'move', by: 1 }]);
  expect(keys.press('constructor', 11_000)).toBeUndefined();
});
