/** What the inputs of hardware are made of. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Frame } from '../../../agent/inputs/frame.ts';
import { gauge } from '../../../agent/inputs/input.ts';
import {
  entriesIfAny,
  entriesOf,
  isWanted,
  numberOf,
  type Row,
  rowsInput,
  type Sensor,
  sensorInput,
  textOf,
} from '../../../agent/inputs/sysfs.ts';
import { rowOf, TempTree } from './support.ts';

const INFO = gauge('Test.');
const MINUTE = 60_000;

let tree: TempTree;
beforeEach(() => {
  tree = new TempTree();
});
afterEach(() => tree.cleanUp());

const at = (path: string) => join(tree.root, path);
const sensor = (name: string, path: string, scale: { times?: number; per?: number } = {}): Sensor => ({
  column: { name, ...INFO },
  path: at(path),
  ...scale,
});

/** Reads at `timeMs` as the collector does; what it throws is the row. */
function reader(make: (frame: Frame) => ReturnType<typeof sensorInput>) {
  const frame = new Frame('test', {});
  const input = make(frame);
  return (timeMs: number) => {
    frame.clear();
    try {
      void input.read(timeMs);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error);
    }
    return rowOf(frame.finish());
  };
}

describe('sensorInput', () => {
  test('scales numbers, keeps values, leaves out what is missing or no number', () => {
    tree.write('a', '41850\n');
    tree.write('b', '-7\n');
    tree.write('c', 'N/A (no PMA)\n');
    const read = reader((frame) =>
      sensorInput(frame, () => [
        sensor('a', 'a', { per: 1000 }),
        sensor('b', 'b', { times: 4 }),
        sensor('c', 'c'),
        sensor('d', 'missing'),
        { column: { name: 'e', ...INFO }, value: 1 },
      ]),
    );
    expect(read(0)).toEqual({ a: 41.85, b: -28, e: 1 });
  });

  test('a file that cannot be read hurts no other; all of them are a failure', () => {
    tree.write('a', '1\n');
    mkdirSync(at('broken'));
    const read = reader((frame) => sensorInput(frame, () => [sensor('a', 'a'), sensor('b', 'broken')]));
    expect(read(0)).toEqual({ a: 1 });
    const alone = reader((frame) => sensorInput(frame, () => [sensor('b', 'broken')]));
    expect(alone(0)).toBe('EISDIR');
  });

  test('looks for devices once a minute, and at once after it failed', () => {
    let looks = 0;
    tree.write('a', '1\n');
    tree.write('b', '2\n');
    const read = reader((frame) =>
      sensorInput(frame, () => {
        looks++;
        if (looks === 1) throw Object.assign(new Error('none'), { code: 'ENOENT' });
        return looks === 2 ? [sensor('a', 'a')] : [sensor('b', 'b'), sensor('a', 'a')];
      }),
    );
    expect(read(0)).toBe('ENOENT');
    expect(read(1000)).toEqual({ a: 1 });
    expect(read(60_999)).toEqual({ a: 1 });
    expect(looks).toBe(2);
    expect(read(61_000)).toEqual({ a: 1, b: 2 });
  });

  test('the device of a file may change while the columns stay', () => {
    tree.write('one', '1\n');
    tree.write('two', '2\n');
    let path = 'one';
    const read = reader((frame) => sensorInput(frame, () => [sensor('a', path)]));
    expect(read(0)).toEqual({ a: 1 });
    path = 'two';
    expect(read(MINUTE)).toEqual({ a: 2 });
  });

  test('more files than are kept open read the same', () => {
    const names = Array.from({ length: 301 }, (_, i) => `f${i}`);
    for (const [i, name] of names.entries()) tree.write(name, `${i}\n`);
    const read = reader((frame) => sensorInput(frame, () => names.map((name) => sensor(name, name))));
    expect(read(0)).toEqual(Object.fromEntries(names.map((name, i) => [name, i])));
    tree.write('f300', '9\n');
    expect(read(1000)).toMatchObject({ f300: 9 });
  });

  test('a series that a driver gives twice counts once', () => {
    tree.write('a', '1\n');
    tree.write('b', '2\n');
    const read = reader((frame) => sensorInput(frame, () => [sensor('a', 'a'), sensor('a', 'b')]));
    expect(read(0)).toEqual({ a: 1 });
  });
});

test('rowsInput follows columns that come and go, and leaves out numbers that are none', () => {
  let rows: Row[] = [];
  const read = reader((frame) => rowsInput(frame, () => rows));
  const row = (name: string, value: number): Row => [{ name, ...INFO }, value];
  expect(read(0)).toEqual({});
  rows = [row('a', 1), row('b', Number.NaN), row('a', 3)];
  expect(read(1)).toEqual({ a: 1 });
  rows = [row('b', 2), row('a', 4)];
  expect(read(2)).toEqual({ a: 4, b: 2 });
  rows = [];
  expect(read(3)).toEqual({ a: 'stale', b: 'stale' });
});

test('more series than the wire takes are a failure that says what to do; one with endless labels is left out', () => {
  const read = (rows: Row[]) => reader((frame) => rowsInput(frame, () => rows))(0);
  const many = Array.from({ length: 20_001 }, (_, i): Row => [{ name: `n${i}`, ...INFO }, 1]);
  expect(read(many)).toBe('TOO_LARGE');
  expect(read([[{ name: 'a', labels: { long: 'x'.repeat(1500) }, ...INFO }, 1], many[0]!])).toEqual({ n0: 1 });
});

test('folders and small files', () => {
  for (const name of ['sd2', 'sd10', 'sd1', 'nvme0n1', 'nvme0', '.hidden']) tree.write(`block/${name}`, '');
  tree.write('number', ' 42 \n');
  tree.write('word', 'up\n');
  tree.write('long', 'x'.repeat(10_000));
  expect(entriesOf(at('block'))).toEqual(['nvme0', 'nvme0n1', 'sd1', 'sd2', 'sd10']);
  expect(entriesOf(at('block'), /d1/)).toEqual(['sd1', 'sd10']);
  expect(entriesIfAny(at('none'))).toEqual([]);
  expect(() => entriesOf(at('none'))).toThrow(/ENOENT/);
  expect(textOf(tree.root, 'word')).toBe('up');
  expect(textOf(tree.root, 'none')).toBeUndefined();
  expect(textOf(at('long'))).toHaveLength(1024);
  expect([numberOf(at('number')), numberOf(at('word')), numberOf(at('none'))]).toEqual([42, undefined, undefined]);
});

test.each([
  ['a', undefined, undefined, true],
  ['a', /b/, undefined, false],
  ['a', /a/, /a/, false],
  ['a', undefined, /b/, true],
])('%s with include %p and exclude %p is wanted: %p', (name, include, exclude, expected) => {
  expect(isWanted(name, include, exclude)).toBe(expected);
});
