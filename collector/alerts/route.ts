/** The route tree: which receivers an alert goes to, and how it is grouped there. Pure. */
import type { Labels, Millis } from '@bellwether/shared';
import { formatLabels, labelsFromPairs, labelValue } from '@bellwether/shared';
import type { AlertMatcher } from './matcher.ts';
import { createMatcher, formatMatchers, matchesAll, parseMatchers } from './matcher.ts';

/** A route as it stands in the configuration: what is absent is inherited. */
export interface RouteConfig {
  readonly receiver?: string | undefined;
  readonly group_by?: readonly string[] | undefined;
  readonly group_wait?: Millis | undefined;
  readonly group_interval?: Millis | undefined;
  readonly repeat_interval?: Millis | undefined;
  readonly matchers?: readonly string[] | undefined;
  readonly match?: Readonly<Record<string, string>> | undefined;
  readonly match_re?: Readonly<Record<string, string>> | undefined;
  readonly continue?: boolean | undefined;
  readonly routes?: readonly RouteConfig[] | undefined;
}

/** A route with everything inherited filled in. */
export interface Route {
  /** Alertmanager's route key: the matchers on the way from the root. */
  readonly key: string;
  readonly receiver: string;
  /** 'all': every label (`...`). */
  readonly groupBy: readonly string[] | 'all';
  readonly groupWaitMs: Millis;
  readonly groupIntervalMs: Millis;
  readonly repeatIntervalMs: Millis;
  readonly matchers: readonly AlertMatcher[];
  readonly continues: boolean;
  readonly routes: readonly Route[];
}

const ROOT = {
  key: '',
  receiver: '',
  groupBy: [] as readonly string[] | 'all',
  groupWaitMs: 30_000,
  groupIntervalMs: 300_000,
  repeatIntervalMs: 14_400_000,
};

/** Throws AppError CONFIG_INVALID for a matcher that cannot be read. */
export function buildRoute(config: RouteConfig, parent: Pick<Route, keyof typeof ROOT> = ROOT): Route {
  const matchers = [
    ...Object.entries(config.match ?? {}).map(([name, value]) => createMatcher(name, '=', value)),
    ...Object.entries(config.match_re ?? {}).map(([name, value]) => createMatcher(name, '=~', value)),
    ...(config.matchers ?? []).flatMap(parseMatchers),
  ].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const own = {
    key: parent === ROOT ? formatMatchers(matchers) : `${parent.key}/${formatMatchers(matchers)}`,
    receiver: config.receiver ?? parent.receiver,
    groupBy: config.group_by === undefined ? parent.groupBy : config.group_by.includes('...') ? ('all' as const) : config.group_by,
    groupWaitMs: config.group_wait ?? parent.groupWaitMs,
    groupIntervalMs: config.group_interval ?? parent.groupIntervalMs,
    repeatIntervalMs: config.repeat_interval ?? parent.repeatIntervalMs,
  };
  return { ...own, matchers, continues: config.continue ?? false, routes: (config.routes ?? []).map((route) => buildRoute(route, own)) };
}

/** The routes an alert takes: the deepest match of each branch; a sibling is tried after a match only where `continue` is set. */
export function routesFor(route: Route, labels: Labels): Route[] {
  if (!matchesAll(route.matchers, labels)) return [];
  const found: Route[] = [];
  for (const child of route.routes) {
    const matched = routesFor(child, labels);
    found.push(...matched);
    if (matched.length > 0 && !child.continues) break;
  }
  return found.length > 0 ? found : [route];
}

export function groupLabelsOf(route: Route, labels: Labels): Labels {
  if (route.groupBy === 'all') return labels;
  return labelsFromPairs(route.groupBy.map((name) => [name, labelValue(labels, name)] as const));
}

/** Alertmanager's group key: `{}/{severity="critical"}:{alertname="X"}`. */
export function groupKeyOf(route: Route, groupLabels: Labels): string {
  return `${route.key}:${formatLabels(groupLabels)}`;
}
