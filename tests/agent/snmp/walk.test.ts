import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SnmpFailure, type SnmpSession, TYPE, type Varbind } from '../../../agent/snmp/session.ts';
import { compareOids, walkTable } from '../../../agent/snmp/walk.ts';

const arcs = fc.array(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2 ** 32 - 1 })), { minLength: 1, maxLength: 6 });

test('OIDs are ordered arc by arc', () => {
  fc.assert(
    fc.property(arcs, arcs, (a, b) => {
      const i = a.findIndex((arc, at) => arc !== b[at]);
      const expected = i < 0 ? a.length - b.length : i >= b.length ? 1 : a[i]! - b[i]!;
      expect(Math.sign(compareOids(a.join('.'), b.join('.')))).toBe(Math.sign(expected));
    }),
    { seed: 7, numRuns: 5_000 },
  );
});

/** A session over a list of objects; `asked` collects what GETBULK goes on from. */
function sessionOf(oids: readonly string[], asked: string[] = []): SnmpSession {
  const sorted = [...oids].sort(compareOids);
  return {
    get: () => Promise.reject(new TypeError('not used')),
    async getBulk(oid, repetitions) {
      asked.push(oid);
      const found = sorted.filter((one) => compareOids(one, oid) > 0).slice(0, repetitions);
      if (found.length === 0) return [{ oid, type: TYPE.endOfMibView, value: null }];
      return found.map((one): Varbind => ({ oid: one, type: TYPE.integer, value: 1 }));
    },
    close() {},
  };
}
const now = (): Promise<void> => Promise.resolve();

test('a walk reads exactly the wanted columns, whatever the size of the answers', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 300 }), { maxLength: 12 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 40 }),
      async (columns, indexes, wanted, repetitions) => {
        wanted.sort((a, b) => a - b);
        const oids = columns.flatMap((column) => indexes.map((index) => `1.3.9.1.${column}.${index}`));
        const read = await walkTable(
          sessionOf([...oids, '1.3.9.2.0', '1.3.1.0']),
          { entry: '1.3.9.1', columns: wanted },
          { repetitions },
          now,
        );
        const cells = [...read.rows].flatMap(([index, row]) =>
          row.flatMap((cell, i) => (cell === undefined ? [] : [`1.3.9.1.${wanted[i]}.${index}`])),
        );
        expect(read.problem).toBe('');
        expect(cells.sort()).toEqual(oids.filter((oid) => wanted.includes(Number(oid.split('.')[4]))).sort());
      },
    ),
    { seed: 11, numRuns: 300 },
  );
});

test('columns between the wanted ones are leapt over', async () => {
  const asked: string[] = [];
  const oids = Array.from({ length: 20 }, (_, column) => [1, 2, 3, 4].map((index) => `1.3.9.1.${column + 1}.${index}`)).flat();
  const { rows } = await walkTable(sessionOf(oids, asked), { entry: '1.3.9.1', columns: [2, 18] }, { repetitions: 4 }, now);
  expect(rows.size).toBe(4);
  expect(asked).toEqual(['1.3.9.1.2', '1.3.9.1.2.4', '1.3.9.1.18', '1.3.9.1.18.4']);
});

test('an empty table is no problem', async () => {
  const { rows, problem } = await walkTable(sessionOf([]), { entry: '1.3.9.1', columns: [1] }, { repetitions: 10 }, now);
  expect([rows.size, problem]).toEqual([0, '']);
});

test('silence at the first question is the failure of the walk; later it is its end', async () => {
  let calls = 0;
  const session: SnmpSession = {
    ...sessionOf(['1.3.9.1.1.1', '1.3.9.1.1.2']),
    async getBulk(oid, repetitions) {
      if (calls++ > 0) throw new SnmpFailure('silent', 'no answer in 5 s');
      return sessionOf(['1.3.9.1.1.1', '1.3.9.1.1.2']).getBulk(oid, repetitions);
    },
  };
  const size = { repetitions: 2 };
  const read = await walkTable(session, { entry: '1.3.9.1', columns: [1] }, size, now);
  expect([read.rows.size, read.problem, size.repetitions]).toEqual([2, 'no answer in 5 s', 2]);
  await expect(walkTable(session, { entry: '1.3.9.1', columns: [1] }, size, now)).rejects.toThrow('no answer');
});

test('a device that drops large answers is asked for less from then on', async () => {
  const oids = Array.from({ length: 40 }, (_, i) => `1.3.9.1.1.${i + 1}`);
  let lost = 0;
  const session: SnmpSession = {
    ...sessionOf(oids),
    async getBulk(oid, repetitions) {
      if (repetitions > 20) {
        lost++;
        throw new SnmpFailure('silent', 'no answer in 5 s');
      }
      return sessionOf(oids).getBulk(oid, repetitions);
    },
  };
  const size = { repetitions: 50 };
  for (let poll = 0; poll < 2; poll++) {
    const read = await walkTable(session, { entry: '1.3.9.1', columns: [1] }, size, now);
    expect([read.rows.size, read.problem]).toEqual([40, '']);
  }
  expect([size.repetitions, lost]).toEqual([12, 1]);
});
