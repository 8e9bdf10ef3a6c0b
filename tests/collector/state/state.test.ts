import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SteppedClock } from '@bellwether/shared/clock';
import { MIGRATIONS, type Migration, openState, type State } from '../../../collector/state/index.ts';

let dir: string;
const open: State[] = [];

async function start(migrations?: readonly Migration[]): Promise<State> {
  const state = await openState({ dir, clock: new SteppedClock(1_000), migrations });
  open.push(state);
  return state;
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bellwether-state-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((state) => state.stop()));
  await rm(dir, { recursive: true, force: true });
});

test('values survive a restart', async () => {
  const first = await start();
  await first.set('a', { n: 1, list: ['x'] });
  await first.set('a', { n: 2, list: ['x'] });
  await first.set('gone', true);
  await first.remove('gone');
  await first.stop();
  await first.stop();
  const second = await start();
  expect(await second.get('a')).toEqual({ n: 2, list: ['x'] });
  expect(await second.get('gone')).toBeUndefined();
});

test('a second collector on the same directory is refused with a sentence, and may come when the first has left', async () => {
  const first = await start();
  await expect(openState({ dir })).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED', message: expect.stringContaining(dir) });
  await first.set('still', 'writable');
  await first.stop();
  expect(await (await start()).get('still')).toBe('writable');
});

test('the lock holds against another process', async () => {
  await start();
  const script = `
    const Libsql = require('libsql');
    const db = new Libsql(${JSON.stringify(join(dir, 'state.db'))});
    try { db.exec('begin immediate'); console.log('opened'); } catch (error) { console.log(error.code); }`;
  const child = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', cwd: process.cwd() });
  expect(child.stdout.trim()).toBe('SQLITE_BUSY');
});

test('a directory that cannot be made or is no directory is unusable, in one sentence', async () => {
  const file = join(dir, 'file');
  await writeFile(file, '');
  for (const bad of [file, join(file, 'below'), '/proc/bellwether']) {
    await expect(openState({ dir: bad })).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE', message: expect.stringContaining(bad) });
  }
});

test('a file that is no database is unusable and left as it was', async () => {
  await writeFile(join(dir, 'state.db'), 'this is not a database, it is a sentence of some length'.repeat(20));
  await expect(openState({ dir })).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
});

test('migrations run once, in order, and resume after the one that failed', async () => {
  const ran: string[] = [];
  let broken = true;
  const step = (id: number, fails = false): Migration => ({
    id,
    name: `step-${id}`,
    up: async (db) => {
      await db.schema.createTable(`t${id}`).addColumn('a', 'integer').execute();
      if (fails && broken) throw new Error('disk full');
      ran.push(`step-${id}`);
    },
  });
  const steps = [step(3), step(1), step(2, true)];
  await expect(openState({ dir, migrations: steps })).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
  broken = false;
  const state = await start(steps);
  expect(ran).toEqual(['step-1', 'step-2', 'step-3']);
  expect(await state.db.selectFrom('migrations').selectAll().orderBy('id').execute()).toEqual([
    { id: 1, name: 'step-1', appliedMs: expect.any(Number) },
    { id: 2, name: 'step-2', appliedMs: 1_000 },
    { id: 3, name: 'step-3', appliedMs: 1_000 },
  ]);
});

test('a database of a newer version is refused', async () => {
  await (await start([...MIGRATIONS, { id: 99, name: 'future', up: async () => {} }])).stop();
  await expect(openState({ dir })).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE', message: expect.stringContaining('newer') });
});

test('every migration number and name is used once', () => {
  expect(new Set(MIGRATIONS.map(({ id }) => id)).size).toBe(MIGRATIONS.length);
  expect(new Set(MIGRATIONS.map(({ name }) => name)).size).toBe(MIGRATIONS.length);
});

test('truth values, nulls and big integers are kept', async () => {
  const { db } = await start();
  const flag = true as unknown as number;
  await db.insertInto('gaps').values({ host: 'a', fromMs: 1_767_225_600_123, toMs: null, reason: 'r', backfilled: flag }).execute();
  const row = await db.selectFrom('gaps').selectAll().executeTakeFirstOrThrow();
  expect(row).toEqual({ id: 1, host: 'a', fromMs: 1_767_225_600_123, toMs: null, reason: 'r', backfilled: 1 });
});
