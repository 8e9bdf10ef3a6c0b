import fc from 'fast-check';
import { COLLECTOR, hostVerdict } from '../../../collector/uptime/host-verdict.ts';
import { type HostReturn, proveHost, proveResults, type Reading, type Window } from '../../../collector/uptime/proof.ts';

const SECOND = 1_000;
const BACK: HostReturn = { reason: 'connection lost', sameBoot: true, sameProcess: true, startedMs: 0 };
/** Readings every `step` seconds of [from, to], of a host that booted at `boot`. */
function readings(from: number, to: number, boot: number, step = 10): Reading[] {
  const list: Reading[] = [];
  for (let at = from; at <= to; at += step) list.push({ timeMs: at * SECOND, up: true, bootMs: boot * SECOND });
  return list;
}
const window = (from: number, to: number): Window => ({ fromMs: from * SECOND, toMs: to * SECOND });

// An absence from 100 s to 700 s. Readings are 10 s apart and belong together up to 30 s.
test.each<[string, Partial<HostReturn>, Reading[], Window[], string[]]>([
  ['cut link, filled in', {}, readings(90, 720, 0), [], ['100-700 up: unreachable from here, host up, its readings came later']],
  ['cut link, not filled in yet', {}, [], [], ['100-700 unknown: connection lost; no readings from this time']],
  [
    'cut link, spool lost the middle',
    {},
    [...readings(90, 300, 0), ...readings(500, 720, 0)],
    [],
    [
      '100-300 up: unreachable from here, host up, its readings came later',
      '300-500 unknown: connection lost; no readings from this time',
      '500-700 up: unreachable from here, host up, its readings came later',
    ],
  ],
  [
    'agent stopped and started',
    { reason: 'agent stopped', sameProcess: false, startedMs: 690 * SECOND },
    readings(700, 720, 0),
    [],
    ['100-700 up: agent stopped; host up, it did not reboot'],
  ],
  [
    'agent killed; nothing of it yet',
    { reason: 'agent restarted', sameProcess: false, startedMs: 690 * SECOND },
    [],
    [],
    ['100-700 up: agent restarted; host up, it did not reboot'],
  ],
  [
    'reboot, boot time not read yet',
    { reason: 'host rebooted', sameBoot: false, sameProcess: false, startedMs: 650 * SECOND },
    [],
    [],
    ['100-650 down: host rebooted', '650-700 up: host rebooted; up again, its agent was not connected yet'],
  ],
  [
    'reboot',
    { reason: 'host rebooted', sameBoot: false, sameProcess: false, startedMs: 650 * SECOND },
    [...readings(50, 100, 0), ...readings(710, 730, 600)],
    [],
    ['100-600 down: host rebooted', '600-700 up: host rebooted; up again, its agent was not connected yet'],
  ],
  [
    'link cut first, then a reboot',
    { reason: 'host rebooted', sameBoot: false, sameProcess: false, startedMs: 650 * SECOND },
    [...readings(50, 300, 0), ...readings(650, 730, 600)],
    [],
    [
      '100-300 up: unreachable from here, host up, its readings came later',
      '300-600 down: host rebooted',
      '600-650 up: host rebooted; up again, its agent was not connected yet',
      '650-700 up: unreachable from here, host up, its readings came later',
    ],
  ],
  [
    'a reboot faster than two readings are apart',
    { reason: 'host rebooted', sameBoot: false, sameProcess: false, startedMs: 320 * SECOND },
    [...readings(50, 300, 0), ...readings(320, 730, 315)],
    [],
    [
      '100-300 up: unreachable from here, host up, its readings came later',
      '300-315 down: host rebooted',
      '315-320 up: host rebooted; up again, its agent was not connected yet',
      '320-700 up: unreachable from here, host up, its readings came later',
    ],
  ],
  [
    'shut down and switched on',
    { reason: 'host shut down', sameBoot: false, sameProcess: false, startedMs: 650 * SECOND },
    readings(650, 730, 640),
    [],
    [
      '100-640 down: host shut down',
      '640-650 up: host rebooted; up again, its agent was not connected yet',
      '650-700 up: unreachable from here, host up, its readings came later',
    ],
  ],
  [
    'agent gone, the host answered for a while, then a reboot',
    { reason: 'host rebooted', sameBoot: false, sameProcess: false, startedMs: 650 * SECOND },
    readings(650, 730, 640),
    [window(103, 400)],
    [
      '100-103 unknown: host rebooted; no readings from this time',
      '103-400 up: host rebooted; host up, it answered',
      '400-640 down: host rebooted',
      '640-650 up: host rebooted; up again, its agent was not connected yet',
      '650-700 up: unreachable from here, host up, its readings came later',
    ],
  ],
  [
    'collector off',
    { reason: 'collector was off' },
    readings(90, 720, 0),
    [],
    ['100-700 up: collector was off; host up, its readings came later'],
  ],
  [
    'boot before unknown',
    { sameBoot: undefined, sameProcess: false },
    [],
    [],
    ['100-700 unknown: connection lost; no readings from this time'],
  ],
])('%s', (_what, back, list, answered, expected) => {
  const parts = proveHost(window(100, 700), { ...BACK, ...back }, list, answered, 30 * SECOND);
  expect(parts.map(({ fromMs, toMs, verdict, reason }) => `${fromMs / SECOND}-${toMs / SECOND} ${verdict}: ${reason}`)).toEqual(expected);
});

test('whatever the evidence, the parts fill the window in order, and nothing proven up by a reading is called down', () => {
  const seconds = fc.integer({ min: 0, max: 1_000 });
  fc.assert(
    fc.property(
      fc.array(seconds, { maxLength: 60 }),
      fc.array(fc.tuple(seconds, seconds), { maxLength: 4 }),
      fc.constantFrom(true, false, undefined),
      fc.boolean(),
      seconds,
      fc.integer({ min: 1, max: 120 }),
      (times, spans, sameBoot, sameProcess, boot, every) => {
        const list = [...times]
          .sort((a, b) => a - b)
          .map((at) => ({ timeMs: at * SECOND, up: true, bootMs: (at >= boot ? boot : 0) * SECOND }));
        const answered = spans.map(([a, b]) => window(Math.min(a, b), Math.max(a, b)));
        const back = { ...BACK, sameBoot, sameProcess, startedMs: boot * SECOND };
        const parts = proveHost(window(100, 700), back, list, answered, every * SECOND);
        expect(parts[0]!.fromMs).toBe(100 * SECOND);
        expect(parts.at(-1)!.toMs).toBe(700 * SECOND);
        for (const [i, part] of parts.entries()) {
          expect(part.fromMs).toBeLessThan(part.toMs);
          if (i > 0) expect(part.fromMs).toBe(parts[i - 1]!.toMs);
          if (part.verdict !== 'down') continue;
          expect(sameBoot).toBe(false);
          for (const { timeMs } of list) expect(timeMs > part.fromMs && timeMs < part.toMs).toBe(false);
          for (const { fromMs, toMs } of answered) expect(fromMs < part.toMs && toMs > part.fromMs && fromMs < toMs).toBe(false);
        }
      },
    ),
  );
});

test('results that came later hold until the next, and no longer than they may', () => {
  const results = [
    { timeMs: 100, up: true },
    { timeMs: 110, up: true },
    { timeMs: 120, up: false },
    { timeMs: 200, up: true },
  ];
  expect(proveResults({ fromMs: 105, toMs: 230 }, results, 20).map(({ fromMs, toMs, verdict }) => [fromMs, toMs, verdict])).toEqual([
    [105, 120, 'up'],
    [120, 140, 'down'],
    [200, 220, 'up'],
  ]);
});

describe('a host whose agent is gone', () => {
  const own = (answered: boolean) => ({
    from: COLLECTOR,
    answered,
    detail: answered ? '10.0.0.7 port 22 refused' : '10.0.0.7 port 22: no answer in 2 s',
  });
  const web = (answered: boolean) => ({ from: 'web-2', answered, detail: '10.0.0.7 port 22 is open' });
  test.each([
    ['connection lost', [], 'unknown', 'connection lost'],
    ['agent stopped', [], 'unknown', 'agent stopped'],
    ['agent stopped', [own(true)], 'up', 'agent stopped; the host answers (10.0.0.7 port 22 refused)'],
    ['no heartbeat', [own(false)], 'unknown', 'no heartbeat; unreachable from here (10.0.0.7 port 22: no answer in 2 s)'],
    ['no heartbeat', [own(false), web(true)], 'up', 'no heartbeat; the host answers (10.0.0.7 port 22 is open, asked by web-2)'],
    ['no heartbeat', [own(false), web(false)], 'down', 'no heartbeat; no answer to the collector nor to web-2'],
    ['host shutting down', [], 'down', 'host shutting down'],
    ['host shutting down', [own(false)], 'down', 'host shutting down'],
    ['host shutting down', [own(true)], 'up', 'host shutting down; the host answers (10.0.0.7 port 22 refused)'],
  ] as const)('%s, %j: %s', (absence, answers, verdict, reason) => {
    expect(hostVerdict(absence, answers)).toEqual({ verdict, reason });
  });
});
