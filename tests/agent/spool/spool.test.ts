import * as nodeFs from 'node:fs/promises';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@bellwether/shared';
import type { DroppedRange, QueuedRow } from '../../../agent/spool/row.ts';
import { Spool, type SpoolFs } from '../../../agent/spool/spool.ts';
import { columns, rows } from './rows.ts';

const cpu = columns('cpu', 20);
let dir: string;
let dropped: (DroppedRange & { reason: string })[];
const opened: Spool[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bellwether-spool-'));
  dropped = [];
});
afterEach(async () => {
  for (const spool of opened.splice(0)) await spool.close();
  await rm(dir, { recursive: true, force: true });
});

async function open(maxBytes = 64 * 1024 * 1024, fs: SpoolFs = nodeFs): Promise<Spool> {
  const spool = await Spool.open({ dir, fs, maxBytes, log: silentLog, onDropped: (range, reason) => dropped.push({ ...range, reason }) });
  opened.push(spool);
  return spool;
}

async function readAll(spool: Spool, fromSeq = 1): Promise<QueuedRow[]> {
  const all: QueuedRow[] = [];
  for (let next = fromSeq; ; ) {
    const answer = await spool.read(next);
    if (answer === undefined) return all;
    all.push(...answer.rows);
    expect(answer.throughSeq).toBeGreaterThanOrEqual(next);
    next = answer.throughSeq + 1;
  }
}

async function segments(): Promise<string[]> {
  return (await readdir(dir)).filter((name) => name.endsWith('.seg')).sort();
}

test('rows come back as they went in, in this run and in the next', async () => {
  const spool = await open();
  const written = rows(1, 50, cpu);
  await spool.append(written.slice(0, 20));
  expect(await readAll(spool)).toEqual(written.slice(0, 20));
  await spool.append(written.slice(20));
  expect(await readAll(spool, 15)).toEqual(written.slice(14));
  await spool.close();
  const next = await open();
  expect([next.firstSeq, next.lastSeq, next.rows]).toEqual([1, 50, 50]);
  expect(await readAll(next, 7)).toEqual(written.slice(6));
  expect(dropped).toEqual([]);
});

test('a reader that keeps up with the writer reads the open segment on', async () => {
  const spool = await open();
  let next = 1;
  for (let i = 0; i < 10; i++) {
    await spool.append(rows(i * 5 + 1, i * 5 + 5, cpu));
    const answer = await spool.read(next);
    expect(answer?.rows.map((row) => row.seq)).toEqual([1, 2, 3, 4, 5].map((n) => i * 5 + n));
    next = answer!.throughSeq + 1;
    expect(await spool.read(next)).toBeUndefined();
  }
});

test('a reader that stopped half way goes on with rows written since', async () => {
  const spool = await open();
  await spool.append(rows(1, 5, cpu));
  await spool.append(rows(6, 10, cpu));
  await spool.read(1);
  await spool.append(rows(11, 15, cpu));
  expect(await spool.read(11)).toEqual({ rows: rows(11, 15, cpu), throughSeq: 15 });
  expect(dropped).toEqual([]);
});

test('two readers at once see the same rows, also in a segment that grows', async () => {
  const spool = await open();
  await spool.append(rows(1, 5, cpu));
  await spool.read(1);
  await spool.append(rows(6, 10, cpu));
  await spool.append(rows(11, 15, cpu));
  const answers = await Promise.all([spool.read(6), spool.read(6), spool.read(11), spool.read(6), spool.read(1)]);
  expect(answers.map((answer) => answer?.rows[0]?.seq)).toEqual([6, 6, 11, 6, 1]);
});

test('acknowledged segments are deleted, also the one being written', async () => {
  const spool = await open();
  await spool.append(rows(1, 10, cpu));
  await spool.releaseUpTo(9);
  expect(await segments()).toHaveLength(1);
  await spool.releaseUpTo(10);
  expect(await segments()).toEqual([]);
  await spool.append(rows(11, 12, cpu));
  expect((await readAll(spool, 11)).map((row) => row.seq)).toEqual([11, 12]);
});

test('a full ring loses its oldest segments and says what they held', async () => {
  const spool = await open(256 * 1024);
  const noisy = columns('noise', 200);
  let seq = 0;
  for (let i = 0; i < 60; i++) {
    const batch = rows(seq + 1, seq + 10, noisy);
    for (const row of batch) for (let k = 0; k < row.values.length; k++) row.values[k] = Math.sin(row.seq * 1000 + k);
    seq += 10;
    await spool.append(batch);
  }
  expect(spool.bytes).toBeLessThanOrEqual(256 * 1024);
  expect(dropped[0]).toMatchObject({ fromSeq: 1, reason: 'full' });
  const lost = dropped.reduce((sum, range) => sum + range.samples, 0);
  const kept = await readAll(spool, spool.firstSeq);
  expect(lost + kept.length * 200).toBe(600 * 200);
  expect(kept[0]!.seq).toBe(dropped.at(-1)!.toSeq + 1);
});

test.each([
  ['the last record torn', (bytes: Buffer) => bytes.subarray(0, -7), 40],
  ['a header at the end torn', (bytes: Buffer) => Buffer.concat([bytes, bytes.subarray(0, 13)]), 50],
  ['garbage at the end', (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(500, 0x5a)]), 50],
  ['an empty file', () => Buffer.alloc(0), 0],
  ['nothing but zeros', (bytes: Buffer) => Buffer.alloc(bytes.length), 0],
])('%s', async (_name, harm, expected) => {
  const spool = await open();
  for (let i = 0; i < 5; i++) await spool.append(rows(i * 10 + 1, i * 10 + 10, cpu));
  await spool.close();
  const path = join(dir, (await segments())[0]!);
  await writeFile(path, harm(await readFile(path)));
  const next = await open();
  expect(await readAll(next)).toEqual(rows(1, expected, cpu));
});

test('a damaged record costs the rest of its block and no more', async () => {
  const spool = await open();
  const noisy = columns('noise', 500);
  const blocks: QueuedRow[][] = [];
  for (let i = 0; i < 20; i++) {
    const batch = rows(i * 20 + 1, i * 20 + 20, noisy);
    for (const row of batch) for (let k = 0; k < row.values.length; k++) row.values[k] = Math.sin(row.seq * 1000 + k);
    blocks.push(batch);
    await spool.append(batch);
  }
  await spool.close();
  const path = join(dir, (await segments())[0]!);
  const bytes = await readFile(path);
  bytes[Math.floor(bytes.length / 10)]! ^= 0xff;
  await writeFile(path, bytes);
  const read = await readAll(await open());
  const seqs = new Set(read.map((row) => row.seq));
  expect(read.length).toBeGreaterThan(200);
  expect(read.length).toBeLessThan(400);
  expect(seqs.has(400)).toBe(true);
  for (const row of read) expect(row.values).toEqual(blocks.flat()[row.seq - 1]!.values);
});

test('a full disk fails the append, keeps what was there and recovers', async () => {
  let room = Number.POSITIVE_INFINITY;
  const fs: SpoolFs = {
    ...nodeFs,
    open: async (path, flags, mode) => {
      const file = await nodeFs.open(path, flags, mode);
      return {
        write: async (bytes: Uint8Array) => {
          const part = bytes.subarray(0, Math.min(bytes.length, room));
          room -= part.length;
          if (part.length === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
          return file.write(part);
        },
        truncate: (length: number) => file.truncate(length),
        datasync: () => file.datasync(),
        close: () => file.close(),
      };
    },
  };
  const spool = await open(undefined, fs);
  await spool.append(rows(1, 10, cpu));
  room = 20;
  await expect(spool.append(rows(11, 20, cpu))).rejects.toMatchObject({ code: 'ENOSPC' });
  await expect(spool.append(rows(11, 20, cpu))).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(await readAll(spool)).toEqual(rows(1, 10, cpu));
  room = Number.POSITIVE_INFINITY;
  await spool.append(rows(11, 30, cpu));
  expect(await readAll(spool)).toEqual(rows(1, 30, cpu));
  expect(await readAll(await open())).toEqual(rows(1, 30, cpu));
});

test('files of the spool are for their owner only', async () => {
  const spool = await open();
  await spool.append(rows(1, 1, cpu));
  expect((await stat(join(dir, (await segments())[0]!))).mode & 0o777).toBe(0o600);
});

const seed = Number(process.env.FUZZ_SEED ?? 20_241);
test(`no bytes make the spool throw or give a wrong row (seed ${seed})`, async () => {
  const spool = await open();
  for (let i = 0; i < 10; i++) await spool.append(rows(i * 5 + 1, i * 5 + 5, cpu));
  await spool.close();
  const path = join(dir, (await segments())[0]!);
  const good = await readFile(path);
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let round = 0; round < 300; round++) {
    let bytes = Buffer.from(good);
    for (let i = next(6); i >= 0; i--) {
      const at = next(bytes.length);
      if (next(4) === 0) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + next(200)))]);
      else bytes[at % Math.max(1, bytes.length)] = next(256);
      if (bytes.length === 0) break;
    }
    await writeFile(path, bytes);
    const read = await readAll(await open());
    for (const row of read) expect(row.values[0]).toBe(row.seq * 10);
    await writeFile(path, good);
  }
});
