import { type GroupRow, isPresent, labelValue, type SeriesMeta } from '@bellwether/shared';
import { RECONNECT_GRACE_MS, START_GRACE_MS, type UpChange, UpTracker } from '../../../collector/gateway/up-tracker.ts';

/** Collects what the tracker writes as `instance=value@time`. */
function record() {
  const groups: (readonly SeriesMeta[])[] = [];
  const written: string[] = [];
  const changes: string[] = [];
  const store = {
    openGroup: (_key: string, series: readonly SeriesMeta[]) => groups.push([...series]) - 1,
    append(group: number, row: GroupRow) {
      for (const [i, { labels }] of groups[group]!.entries()) {
        if (isPresent(row.presence, i)) written.push(`${labelValue(labels, 'instance')}=${row.values[i]}@${row.timeMs}`);
      }
      return 'stored' as const;
    },
  };
  const tracker = new UpTracker(store, ({ hostname, up, timeMs }: UpChange) => changes.push(`${hostname} ${up ? 'up' : 'down'} ${timeMs}`));
  const take = (): string[] => written.splice(0);
  return { tracker, take, changes };
}

test('a connection is written at once, and every state again on the 10 s grid', () => {
  const { tracker, take } = record();
  tracker.connected('a', 'web-1', 1_234);
  expect(take()).toEqual(['web-1=1@1234']);
  tracker.tick(1_500);
  expect(take()).toEqual([]);
  tracker.tick(9_999);
  expect(take()).toEqual([]);
  tracker.tick(10_250);
  expect(take()).toEqual(['web-1=1@10000']);
});

test('a closed connection counts after the grace, a goodbye or silence at once', () => {
  const { tracker, take, changes } = record();
  tracker.connected('a', 'web-1', 100);
  tracker.connected('b', 'web-2', 100);
  tracker.tick(100);
  take();
  tracker.disconnected('a', RECONNECT_GRACE_MS, 1_000);
  tracker.disconnected('b', 0, 1_000);
  expect(take()).toEqual(['web-2=0@1000']);
  tracker.tick(1_000 + RECONNECT_GRACE_MS - 1);
  expect(tracker.isUp('a')).toBe(true);
  tracker.tick(1_000 + RECONNECT_GRACE_MS);
  expect(take()).toEqual(['web-1=0@3000']);
  expect(changes).toEqual(['web-1 up 100', 'web-2 up 100', 'web-2 down 1000', 'web-1 down 3000']);
});

test('coming back within the grace leaves no trace', () => {
  const { tracker, take, changes } = record();
  tracker.connected('a', 'web-1', 100);
  tracker.tick(100);
  take();
  tracker.disconnected('a', RECONNECT_GRACE_MS, 1_000);
  tracker.connected('a', 'web-1', 2_000);
  tracker.tick(5_000);
  expect(take()).toEqual([]);
  expect(changes).toEqual(['web-1 up 100']);
});

test('after a start nothing is claimed of any host until it had time to return', () => {
  const { tracker, take } = record();
  tracker.remember('a', 'web-1', 10_000);
  tracker.remember('b', 'web-2', 10_000);
  tracker.connected('b', 'web-2', 12_000);
  tracker.tick(20_000);
  expect(take()).toEqual(['web-2=1@12000', 'web-2=1@20000']);
  expect(tracker.isUp('a')).toBeUndefined();
  tracker.tick(10_000 + START_GRACE_MS);
  expect(take()).toContain('web-1=0@55000');
});

test('more hosts than one group holds', () => {
  const { tracker, take } = record();
  for (let i = 0; i < 250; i++) tracker.connected(`id-${i}`, `host-${i}`, 500);
  take();
  tracker.tick(10_000);
  expect(new Set(take()).size).toBe(250);
});
