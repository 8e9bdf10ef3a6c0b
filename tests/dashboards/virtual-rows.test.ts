import fc from 'fast-check';
import { rowWindow, scrollToRow } from '../../dashboards/src/core/virtual-rows.ts';

test.each([
  ['top', { scrollTopPx: 0, viewportPx: 280, rowPx: 28, rows: 1000, overscan: 5 }, { first: 0, count: 15, totalPx: 28_000 }],
  ['middle', { scrollTopPx: 2_800, viewportPx: 280, rowPx: 28, rows: 1000, overscan: 5 }, { first: 95, count: 20, totalPx: 28_000 }],
  ['end', { scrollTopPx: 27_720, viewportPx: 280, rowPx: 28, rows: 1000, overscan: 5 }, { first: 985, count: 15, totalPx: 28_000 }],
  [
    'scrolled beyond a list that shrank',
    { scrollTopPx: 9_999, viewportPx: 280, rowPx: 28, rows: 3, overscan: 5 },
    { first: 0, count: 3, totalPx: 84 },
  ],
  ['no rows', { scrollTopPx: 0, viewportPx: 280, rowPx: 28, rows: 0, overscan: 5 }, { first: 0, count: 0, totalPx: 0 }],
])('%s', (_name, input, expected) => expect(rowWindow(input)).toEqual(expected));

test('whatever the scroll position, every visible row is drawn and never more than the viewport holds', () => {
  const inputs = fc.record({
    scrollTopPx: fc.nat(200_000),
    viewportPx: fc.integer({ min: 1, max: 2_000 }),
    rowPx: fc.integer({ min: 20, max: 60 }),
    rows: fc.nat(5_000),
    overscan: fc.nat(10),
  });
  fc.assert(
    fc.property(inputs, (input) => {
      const { first, count } = rowWindow(input);
      const top = Math.max(0, Math.min(input.scrollTopPx, input.rows * input.rowPx - input.viewportPx));
      const firstVisible = Math.floor(top / input.rowPx);
      const lastVisible = Math.min(input.rows - 1, Math.ceil((top + input.viewportPx) / input.rowPx) - 1);
      expect(first).toBeLessThanOrEqual(Math.max(0, firstVisible));
      expect(first + count - 1).toBeGreaterThanOrEqual(lastVisible);
      expect(first + count).toBeLessThanOrEqual(input.rows);
      expect(count).toBeLessThanOrEqual(Math.ceil(input.viewportPx / input.rowPx) + 1 + 2 * input.overscan);
    }),
  );
});

test.each([
  [5, 0, 0], // visible: stays
  [2, 280, 56], // above: to the top edge
  [20, 0, 308], // below: to the bottom edge
])('row %d at scroll %d goes to %d', (index, scrollTopPx, expected) =>
  expect(scrollToRow(index, { scrollTopPx, viewportPx: 280, rowPx: 28 })).toBe(expected),
);
