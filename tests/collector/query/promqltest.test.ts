import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runScript } from '../../../collector/query/index.ts';

const corpora = process.env.BELLWETHER_CORPORA;
const folder = corpora === undefined ? '' : join(corpora, 'promqltest');

/** Cases that need the time a counter was created, which the store does not hold. */
const NEEDS_START_TIMESTAMPS = new Set([8, 13, 18, 24, 42, 66, 74, 82].map((line) => `start_timestamps.test:${line}`));

describe.each(['core', 'experimental'])('Prometheus conformance cases, class %s', (className) => {
  const files = corpora === undefined ? [] : readdirSync(folder).filter((name) => name.endsWith('.test'));
  (corpora === undefined ? test.skip : test)('every case answers as Prometheus does', async () => {
    const failures: string[] = [];
    let passed = 0;
    for (const name of files) {
      for (const { origin, query, complaint } of await runScript(readFileSync(join(folder, name), 'utf8'), [className])) {
        if (NEEDS_START_TIMESTAMPS.has(origin)) continue;
        if (complaint === undefined) passed++;
        else failures.push(`${origin}: ${query}: ${complaint}`);
      }
    }
    console.info(`${className}: ${passed} passed, ${failures.length} failed`);
    expect(failures).toEqual([]);
  });
});
