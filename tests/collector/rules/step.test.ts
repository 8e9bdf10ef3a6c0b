import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AlertState, AlertTiming } from '../../../collector/rules/step.ts';
import { discountGap, INACTIVE, stepAlert } from '../../../collector/rules/step.ts';

/** One character is 10 s: x the condition holds. Out: i inactive, p pending, f firing, r resolved. */
function runTimeline(input: string, timing: AlertTiming): string {
  let state: AlertState = INACTIVE;
  let shown = '';
  for (const [i, char] of [...input].entries()) {
    state = stepAlert(state, char === 'x', i * 10_000, timing);
    shown += state.kind[0];
  }
  return shown;
}

test.each([
  ['..xxxx..', { forMs: 20_000, keepFiringMs: 0 }, 'iippffrr'],
  ['x.x.xxx', { forMs: 20_000, keepFiringMs: 0 }, 'pipippf'],
  ['xxx.x..', { forMs: 10_000, keepFiringMs: 20_000 }, 'pffffff'],
  ['xx....x', { forMs: 0, keepFiringMs: 20_000 }, 'ffffrrf'],
  ['x.x', { forMs: 0, keepFiringMs: 0 }, 'frf'],
  ['x.xx', { forMs: 10_000, keepFiringMs: 0 }, 'pipf'],
  ['xx.xxx', { forMs: 10_000, keepFiringMs: 0 }, 'pfrpff'],
  ['.....', { forMs: 0, keepFiringMs: 0 }, 'iiiii'],
  ['xxxx', { forMs: 0, keepFiringMs: 0 }, 'ffff'],
  ['xxxx', { forMs: 30_000, keepFiringMs: 0 }, 'pppf'],
  ['x..x..', { forMs: 0, keepFiringMs: 30_000 }, 'ffffff'],
])('%s', (input, timing, expected) => expect(runTimeline(input, timing)).toBe(expected));

test('a pause of the collector does not count towards for', () => {
  const timing = { forMs: 60_000, keepFiringMs: 0 };
  const pending = stepAlert(INACTIVE, true, 0, timing);
  const later = discountGap(pending, 300_000);
  expect(stepAlert(later, true, 320_000, timing).kind).toBe('pending');
  expect(stepAlert(later, true, 360_000, timing).kind).toBe('firing');
});

test('an alert fires exactly when its condition held without a break for `for`', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), fc.integer({ min: 0, max: 5 }), (actives, steps) => {
      const input = actives.map((active) => (active ? 'x' : '.')).join('');
      const states = runTimeline(input, { forMs: steps * 10_000, keepFiringMs: 0 });
      let held = -1;
      for (const [i, active] of actives.entries()) {
        held = active ? held + 1 : -1;
        expect(states[i] === 'f').toBe(held >= steps);
      }
    }),
  );
});

test('nothing changed gives back the same object', () => {
  const timing = { forMs: 10_000, keepFiringMs: 50_000 };
  for (const active of [true, false]) {
    const pending = stepAlert(INACTIVE, true, 0, timing);
    expect(stepAlert(pending, true, 5_000, timing)).toBe(pending);
    const firing = stepAlert(stepAlert(pending, true, 10_000, timing), active, 20_000, timing);
    expect(stepAlert(firing, active, 30_000, timing)).toBe(firing);
  }
});
