import * as fc from 'fast-check';
import { SeqProgress } from '../../../shared/wire/index.ts';

test('numbers in order only move the contiguous mark', () => {
  const progress = new SeqProgress(10);
  expect([11, 12, 12, 10, 13].map((seq) => progress.add(seq))).toEqual([true, true, false, false, true]);
  expect(progress.serialise()).toEqual({ contiguous: 13, ranges: [] });
});

test.each<[string, number[], { contiguous: number; ranges: number[] }]>([
  ['a hole', [1, 3], { contiguous: 1, ranges: [3, 3] }],
  ['the hole is filled', [1, 3, 2], { contiguous: 3, ranges: [] }],
  ['ranges grow at both ends', [5, 6, 4], { contiguous: 0, ranges: [4, 6] }],
  ['two ranges meet', [5, 7, 6], { contiguous: 0, ranges: [5, 7] }],
  ['ranges in any order', [9, 3, 6], { contiguous: 0, ranges: [3, 3, 6, 6, 9, 9] }],
  ['the mark runs into a range', [2, 3, 5, 1], { contiguous: 3, ranges: [5, 5] }],
])('%s', (_name, seqs, state) => {
  const progress = new SeqProgress();
  for (const seq of seqs) expect(progress.add(seq)).toBe(true);
  expect(progress.serialise()).toEqual(state);
});

test.each<[string, [number, number], { contiguous: number; ranges: number[] }]>([
  ['nothing', [9, 3], { contiguous: 2, ranges: [5, 6, 9, 9] }],
  ['the past', [0, 2], { contiguous: 2, ranges: [5, 6, 9, 9] }],
  ['the hole', [3, 4], { contiguous: 6, ranges: [9, 9] }],
  ['across the mark and ranges', [1, 9], { contiguous: 9, ranges: [] }],
  ['over a range', [8, 12], { contiguous: 2, ranges: [5, 6, 8, 12] }],
  ['between ranges', [7, 8], { contiguous: 2, ranges: [5, 9] }],
])('skips %s', (_name, [from, to], state) => {
  const progress = SeqProgress.restore({ contiguous: 2, ranges: [5, 6, 9, 9] });
  expect(progress.skip(from, to)).toBe(true);
  expect(progress.serialise()).toEqual(state);
});

test('beyond its bound it refuses new ranges, but never what joins one or the mark', () => {
  const progress = new SeqProgress(0, 2);
  expect([3, 6, 9, 9, 7, 4].map((seq) => progress.add(seq))).toEqual([true, true, false, false, true, true]);
  expect(progress.refused).toBe(2);
  expect([progress.has(9), progress.has(7)]).toEqual([false, true]);
  expect([1, 2, 5].map((seq) => progress.add(seq))).toEqual([true, true, true]);
  expect(progress.contiguous).toBe(7);
  expect(progress.add(9)).toBe(true);
});

test.each([
  [{ contiguous: -1, ranges: [] }],
  [{ contiguous: 1, ranges: [3] }],
  [{ contiguous: 1, ranges: [2, 3] }],
  [{ contiguous: 1, ranges: [4, 3] }],
  [{ contiguous: 1, ranges: [3, 4, 5, 6] }],
  [{ contiguous: 0.5, ranges: [] }],
])('a state it cannot have given is refused: %j', (state) => {
  expect(() => SeqProgress.restore(state)).toThrow(TypeError);
});

test('it agrees with a plain set, through a restart at any point', () => {
  const operation = fc.oneof(
    fc.record({ from: fc.integer({ min: 1, max: 60 }), length: fc.constant(-1) }),
    fc.record({ from: fc.integer({ min: 1, max: 60 }), length: fc.integer({ min: 0, max: 8 }) }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const seen = new Set<number>();
      let progress = new SeqProgress();
      for (const { from, length } of operations) {
        if (length < 0) {
          expect(progress.add(from)).toBe(!seen.has(from));
          seen.add(from);
        } else {
          expect(progress.skip(from, from + length)).toBe(true);
          for (let seq = from; seq <= from + length; seq++) seen.add(seq);
        }
        progress = SeqProgress.restore(JSON.parse(JSON.stringify(progress.serialise())));
      }
      let contiguous = 0;
      while (seen.has(contiguous + 1)) contiguous++;
      expect(progress.contiguous).toBe(contiguous);
      for (let seq = 1; seq <= 70; seq++) expect(progress.has(seq)).toBe(seen.has(seq));
    }),
  );
});
