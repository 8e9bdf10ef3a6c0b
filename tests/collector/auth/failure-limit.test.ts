import fc from 'fast-check';
import { FailureLimit } from '../../../collector/auth/failure-limit.ts';

const options = { free: 2, baseMs: 1_000, maxMs: 8_000, forgetMs: 60_000, capacity: 3 };

test.each([
  [0, 0],
  [2, 0],
  [3, 1_000],
  [4, 2_000],
  [5, 4_000],
  [6, 8_000],
  [60, 8_000],
])('after %i failures the wait is %i ms', (failures, waitMs) => {
  const limit = new FailureLimit(options);
  for (let i = 0; i < failures; i++) limit.failed('k', 100);
  expect(limit.waitMs('k', 100)).toBe(waitMs);
  expect(limit.waitMs('k', 100 + waitMs)).toBe(0);
  expect(limit.waitMs('other', 100)).toBe(0);
});

test('success and time forget', () => {
  const limit = new FailureLimit(options);
  for (let i = 0; i < 9; i++) limit.failed('k', 0);
  expect(limit.waitMs('k', 0)).toBe(8_000);
  expect(limit.waitMs('k', 60_000)).toBe(0);
  limit.failed('k', 60_000);
  expect(limit.waitMs('k', 60_000)).toBe(0);
  for (let i = 0; i < 9; i++) limit.failed('k', 60_000);
  limit.succeeded('k');
  expect(limit.waitMs('k', 60_000)).toBe(0);
});

test('memory is bounded whatever comes', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 2 })), (keys) => {
      const limit = new FailureLimit(options);
      for (const key of keys) limit.failed(key, 0);
      return limit.size <= options.capacity;
    }),
  );
});
