import { AppError, labelsFrom, labelsFromPairs } from '@bellwether/shared';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LastNotification } from '../../../collector/alerts/alert.ts';
import { decide } from '../../../collector/alerts/decide.ts';
import { fingerprintOf } from '../../../collector/alerts/index.ts';
import { formatMatchers, matchesAll, parseMatchers } from '../../../collector/alerts/matcher.ts';
import { buildRoute, groupKeyOf, groupLabelsOf, routesFor } from '../../../collector/alerts/route.ts';

/** FNV-1a 64 as its definition reads. */
function slowFingerprint(texts: readonly string[]): string {
  let hash = 0xcbf29ce484222325n;
  for (const text of texts)
    for (const byte of [...Buffer.from(text), 0xff]) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash.toString(16).padStart(16, '0');
}

test('fingerprints follow the definition', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.string({ unit: 'binary', minLength: 1 })), { maxLength: 5 }), (pairs) => {
      const labels = labelsFromPairs(pairs);
      expect(fingerprintOf(labels)).toBe(slowFingerprint(labels));
    }),
  );
});

test.each([
  [{ alertname: 'foo', x: 'y' }, '802541b7e18dad8b'],
  [{}, 'cbf29ce484222325'],
  [{ alertname: 'Größe', ort: '東京' }, slowFingerprint(['alertname', 'Größe', 'ort', '東京'])],
])('fingerprint of %j is the one Alertmanager computes', (labels, expected) => {
  expect(fingerprintOf(labelsFrom(labels as Record<string, string>))).toBe(expected);
});

test.each([
  ['severity="critical"', { severity: 'critical' }, true],
  ['severity="critical"', {}, false],
  ['severity=critical', { severity: 'critical' }, true],
  [' severity != "x" ', {}, true],
  ['team=~"a|b"', { team: 'b' }, true],
  ['team=~"a|b"', { team: 'ab' }, false],
  ['team!~"a.*"', { team: 'b' }, true],
  ['{a="1", b=~".+"}', { a: '1', b: 'x' }, true],
  ['{a="1",b=~".+"}', { a: '1' }, false],
  ['a="x,y}",b="\\"q\\""', { a: 'x,y}', b: '"q"' }, true],
  ['{}', {}, true],
  ['a=""', {}, true],
])('%s on %j: %p', (text, labels, expected) => {
  expect(matchesAll(parseMatchers(text), labelsFrom(labels as Record<string, string>))).toBe(expected);
});

test.each(['bad~', 'a', '="x"', 'a=~"("', 'a="x', 'a=1 b=2', '1a=b'])('matcher %s is refused', (text) => {
  expect(() => parseMatchers(text)).toThrow(AppError);
});

const TREE = buildRoute({
  receiver: 'default',
  group_by: ['alertname', 'cluster'],
  routes: [
    {
      match_re: { service: 'foo1|foo2|baz' },
      receiver: 'mails',
      routes: [{ matchers: ['severity="critical"'], receiver: 'pager', group_wait: 0 }],
    },
    {
      match: { service: 'database' },
      group_by: ['...'],
      routes: [
        { match: { owner: 'x' }, receiver: 'x', continue: true },
        { match: { owner2: 'y' }, receiver: 'y' },
      ],
    },
    { matchers: ['log="all"'], receiver: 'log', continue: true, repeat_interval: 60_000 },
    { matchers: ['log="all"'], receiver: 'second' },
  ],
});

test.each([
  [{ service: 'foo1' }, ['mails']],
  [{ service: 'foo11' }, ['default']],
  [{ service: 'baz', severity: 'critical' }, ['pager']],
  [{ service: 'database', owner: 'x', owner2: 'y' }, ['x', 'y']],
  [{ service: 'database', owner2: 'y' }, ['y']],
  [{ service: 'database' }, ['default']],
  [{ log: 'all' }, ['log', 'second']],
  [{}, ['default']],
])('%j goes to %j', (labels, receivers) => {
  expect(routesFor(TREE, labelsFrom(labels as Record<string, string>)).map(({ receiver }) => receiver)).toEqual(receivers);
});

test('routes inherit, and keys are spelled as in Alertmanager', () => {
  const [pager] = routesFor(TREE, labelsFrom({ service: 'baz', severity: 'critical' }));
  expect(pager).toMatchObject({
    groupWaitMs: 0,
    groupIntervalMs: 300_000,
    repeatIntervalMs: 14_400_000,
    groupBy: ['alertname', 'cluster'],
  });
  expect(pager!.key).toBe('{}/{service=~"foo1|foo2|baz"}/{severity="critical"}');
  const labels = groupLabelsOf(pager!, labelsFrom({ alertname: 'X', cluster: 'c', other: 'o' }));
  expect(groupKeyOf(pager!, labels)).toBe('{}/{service=~"foo1|foo2|baz"}/{severity="critical"}:{alertname="X", cluster="c"}');
  const [all] = routesFor(TREE, labelsFrom({ service: 'database', a: '1' }));
  expect(groupLabelsOf(all!, labelsFrom({ service: 'database', a: '1' }))).toEqual(['a', '1', 'service', 'database']);
  expect(formatMatchers(parseMatchers('a="b",c!~"d"'))).toBe('{a="b",c!~"d"}');
});

const HOUR = 3_600_000;
const told = (firing: string[], resolved: string[] = [], sentMs = 0): LastNotification => ({ firing, resolved, sentMs, thread: null });
test.each<[string, string[], string[], string[], LastNotification | undefined, boolean, number, boolean]>([
  ['first firing', ['a'], [], [], undefined, true, 0, true],
  ['never told, ended', [], ['a'], [], undefined, true, 0, false],
  ['nothing new', ['a'], [], [], told(['a']), true, HOUR, false],
  ['one more', ['a', 'b'], [], [], told(['a']), true, HOUR, true],
  ['one less', ['a'], ['b'], [], told(['a', 'b']), true, HOUR, true],
  ['one less, not wanted', ['a'], ['b'], [], told(['a', 'b']), false, HOUR, false],
  ['one less, told', ['a'], ['b'], [], told(['a'], ['b']), true, HOUR, false],
  ['one that nobody knew ended', ['a'], ['c'], [], told(['a']), true, HOUR, false],
  ['all ended', [], ['a'], [], told(['a']), true, HOUR, true],
  ['all ended, not wanted', [], ['a'], [], told(['a']), false, HOUR, false],
  ['all ended, told', [], ['a'], [], told([], ['a']), true, HOUR, false],
  ['repeat not due', ['a'], [], [], told(['a']), true, 4 * HOUR - 1, false],
  ['repeat due', ['a'], [], [], told(['a']), true, 4 * HOUR, true],
  ['repeat due, acknowledged', ['a'], [], ['a'], told(['a']), true, 4 * HOUR, false],
  ['repeat due, one of two acknowledged', ['a', 'b'], [], ['a'], told(['a', 'b']), true, 4 * HOUR, true],
  ['new one beside an acknowledged one', ['a', 'b'], [], ['a'], told(['a']), true, HOUR, true],
  ['acknowledged, ended', [], ['a'], [], told(['a']), true, HOUR, true],
  ['fires again after the end', ['a'], [], [], told([], ['a']), true, HOUR, true],
])('%s', (_, firing, resolved, acknowledged, last, sendResolved, now, expected) => {
  const decision = decide(
    { firing, resolved, acknowledged: new Set(acknowledged) },
    last,
    { repeatIntervalMs: 4 * HOUR, sendResolved },
    now,
  );
  expect(decision.send).toBe(expected);
  expect(decision.reason).not.toBe('');
  expect(decision.forget === true).toBe(firing.length === 0 && resolved.length > 0 && last?.firing.length === 1 && !sendResolved);
});
