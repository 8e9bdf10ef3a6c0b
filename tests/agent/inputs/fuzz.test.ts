import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isStaleAt, SteppedClock, silentLog } from '@bellwether/shared';
import { createCollector } from '../../../agent/inputs/collect.ts';
import { DAMAGES, randomOf, SEED } from './damage.ts';
import { TempTree } from './support.ts';

const GOLDEN = join(import.meta.dirname, 'golden');
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 150);

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : [];
  });
}

test(`damaged files hurt the inputs that read them and nothing else (seed ${SEED})`, async () => {
  const random = randomOf(SEED);
  const source = join(GOLDEN, 'debian-12-vm');
  const tree = new TempTree();
  try {
    const files = filesBelow(source)
      .map((path) => relative(source, path))
      .filter((path) => /^(proc|sys|run|etc)\//.test(path));
    for (const file of files) tree.write(file, readFileSync(join(source, file)));
    const clock = new SteppedClock(0);
    const collector = createCollector({
      paths: tree.paths,
      baseLabels: {},
      clock,
      log: silentLog,
      inputs: { agent_self: { enabled: false } },
    });
    const healthy = await collector.collect(0);
    expect(healthy.readings.length).toBeGreaterThan(15);
    let timeMs = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const file = files[random(files.length)]!;
      const names = Object.keys(DAMAGES);
      const damaged = DAMAGES[names[random(names.length)]!]!(readFileSync(join(source, file)), random);
      if (damaged === undefined) tree.remove(file);
      else tree.write(file, damaged);
      // Two minutes, so that nothing is still being left alone.
      timeMs += 120_000;
      const { readings } = await collector.collect(timeMs);
      for (const { group, series, values, presence } of readings) {
        expect([group, values.length]).toEqual([group, series.length]);
        expect(presence === null || presence.length === (series.length + 7) >> 3).toBe(true);
        for (let i = 0; i < values.length; i++) {
          const sent = presence === null || (presence[i >> 3]! & (1 << (i & 7))) !== 0;
          if (sent && !Number.isFinite(values[i]!) && !isStaleAt(values, i))
            throw new Error(`${group} sent ${values[i]} after damage to ${file}`);
        }
      }
      tree.write(file, readFileSync(join(source, file)));
    }
    timeMs += 120_000;
    const after = await collector.collect(timeMs);
    collector.close();
    expect(after.readings.map(({ group }) => group)).toEqual(healthy.readings.map(({ group }) => group));
    for (const [i, reading] of after.readings.entries()) {
      expect(reading.series.map(({ labels }) => labels)).toEqual(healthy.readings[i]!.series.map(({ labels }) => labels));
    }
  } finally {
    tree.cleanUp();
  }
});
