/** The screens and their addresses. */
export type Route =
  | { screen: 'sign-in' }
  | { screen: 'now' }
  | { screen: 'hosts' }
  | { screen: 'host'; id: string }
  | { screen: 'alerts' }
  | { screen: 'events' }
  | { screen: 'uptime' }
  | { screen: 'device'; id: string }
  | { screen: 'missing'; path: string };

export interface ScreenLink {
  screen: Route['screen'];
  path: string;
  title: string;
  /** The letter after `g`. */
  key: string;
}

export const SCREENS: readonly ScreenLink[] = [
  { screen: 'now', path: '/', title: 'Now', key: 'n' },
  { screen: 'hosts', path: '/hosts', title: 'Hosts', key: 'h' },
  { screen: 'alerts', path: '/alerts', title: 'Alerts', key: 'a' },
  { screen: 'uptime', path: '/uptime', title: 'Uptime', key: 'u' },
  { screen: 'events', path: '/events', title: 'Events', key: 'e' },
];

export function routeOf(path: string): Route {
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.length === 0) return { screen: 'now' };
  if (parts.length === 1) {
    if (parts[0] === 'sign-in') return { screen: 'sign-in' };
    if (parts[0] === 'hosts') return { screen: 'hosts' };
    if (parts[0] === 'alerts') return { screen: 'alerts' };
    if (parts[0] === 'uptime') return { screen: 'uptime' };
    if (parts[0] === 'events') return { screen: 'events' };
  }
  if (parts.length === 2 && parts[0] === 'hosts') return { screen: 'host', id: decoded(parts[1]!) };
  if (parts.length === 2 && parts[0] === 'devices') return { screen: 'device', id: decoded(parts[1]!) };
  return { screen: 'missing', path };
}

export function hostPath(id: string): string {
  return `/hosts/${encodeURIComponent(id)}`;
}

export function devicePath(id: string): string {
  return `/devices/${encodeURIComponent(id)}`;
}

/** `params` with some set, or removed when their value is ''. Always in the same order, so that equal views have equal addresses. */
export function withParams(params: URLSearchParams, changes: Readonly<Record<string, string>>): string {
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') next.delete(name);
    else next.set(name, value);
  }
  next.sort();
  const text = next.toString();
  return text === '' ? '' : `?${text}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A stray % in a hand-typed address: look for a host of exactly that name.
    return part;
  }
}
