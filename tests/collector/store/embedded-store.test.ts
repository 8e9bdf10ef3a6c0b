import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedStore } from '../../../collector/store/index.ts';
import { storeDriverSuite } from './driver-suite.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

storeDriverSuite('embedded', async (options) => {
  const dir = mkdtempSync(join(tmpdir(), 'bellwether-store-'));
  folders.push(dir);
  return openEmbeddedStore({ ...options, dir, commitDelayMs: 0 });
});
