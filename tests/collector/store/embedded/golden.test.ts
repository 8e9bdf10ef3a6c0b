import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SteppedClock } from '@bellwether/shared';
import { openEmbeddedStore } from '../../../../collector/store/index.ts';
import { dump, gauge, row } from '../driver-suite.ts';
import { MemoryFs } from '../memory-fs.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../../../golden/store/v1');
const START = Date.UTC(2026, 0, 10, 3);

function open(fs: MemoryFs) {
  return openEmbeddedStore({ dir: '/data', fs, clock: new SteppedClock(START + 3_600_000), commitDelayMs: 0 });
}

/** Blocks of every codec, a late row, a staleness marker, a deletion, producers, and rows that are in the log only. */
async function write(): Promise<MemoryFs> {
  const fs = new MemoryFs();
  const store = await open(fs);
  const group = store.openGroup(
    'agent/cpu',
    ['zero', 'integer', 'constant', 'counter', 'seconds', 'noise', 'sparse'].map((name) => gauge(name, { host: 'a' })),
  );
  const reading = (i: number, timeMs = START + i * 1_000) =>
    row(timeMs, [0, 42, 0.1, i * 4096, (1_000 + i * i) * 0.001, Math.sqrt(i + 0.5), i % 3 === 0 ? undefined : i % 7 === 0 ? 'stale' : i]);
  const send = (i: number, timeMs?: number) => store.append(group, reading(i, timeMs), { producer: 'agent', epoch: 'e1', seq: i });
  for (let i = 1; i <= 130; i++) send(i);
  send(131, START + 2_500);
  await store.flush();
  await store.deleteSeries([], START + 10_000, START + 12_000);
  for (let i = 133; i <= 136; i++) send(i);
  store.skip('agent', 'e1', 140, 141);
  await store.stop();
  return fs;
}

async function contents(fs: MemoryFs): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const { path } of fs.files()) files[path] = Buffer.from(await fs.readFile(path)).toString('base64');
  return files;
}

if (process.env.UPDATE_GOLDEN === '1') {
  test('golden files are written anew', async () => {
    const fs = await write();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'input.json'), `${JSON.stringify(await contents(fs), null, 1)}\n`);
    const store = await open(fs);
    writeFileSync(
      join(folder, 'expected.json'),
      `${JSON.stringify({ samples: await dump(store), progress: store.progress('agent', 'e1') }, null, 1)}\n`,
    );
    await store.stop();
  });
}

test('a directory of format version 1 is read as it was written', async () => {
  expect(existsSync(folder)).toBe(true);
  const fs = new MemoryFs();
  for (const [path, content] of Object.entries(JSON.parse(readFileSync(join(folder, 'input.json'), 'utf8')) as Record<string, string>)) {
    const file = await fs.create(path);
    await file.write(Buffer.from(content, 'base64'), 0);
  }
  const store = await open(fs);
  const found = JSON.parse(JSON.stringify({ samples: await dump(store), progress: store.progress('agent', 'e1') }));
  expect(found).toEqual(JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')));
  await store.stop();
});

test('format version 1 is still written byte for byte', async () => {
  expect(await contents(await write())).toEqual(JSON.parse(readFileSync(join(folder, 'input.json'), 'utf8')));
});
