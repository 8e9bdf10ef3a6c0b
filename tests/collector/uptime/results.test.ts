import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SteppedClock, silentLog } from '@bellwether/shared';
import { openState } from '../../../collector/state/index.ts';
import { startResultProofs, startUptime } from '../../../collector/uptime/index.ts';
import type { Reading } from '../../../collector/uptime/proof.ts';

test('the unknown time of a check is proven by results that came later', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'bellwether-results-'));
  const clock = new SteppedClock(1_000_000);
  const state = await openState({ dir, clock });
  const uptime = await startUptime({ state, log: silentLog, lastAliveMs: undefined });
  const check = { kind: 'check', id: 'c', name: 'shop' } as const;
  uptime.observe(check, 'up', '', 1_000_000);
  uptime.observe(check, 'unknown', 'its agent is gone', 1_060_000);
  const readings: Reading[] = [];
  const proofs = startResultProofs({ uptime, clock, log: silentLog, results: async () => readings });

  await clock.advance(120_000);
  uptime.observe(check, 'up', '', 1_120_000);
  await clock.advance(5_000);
  const proven = async (): Promise<string[]> =>
    (await uptime.spans(check, 0, 2_000_000)).map(({ fromMs, seen, proven }) => `${fromMs / 1_000} ${seen} ${proven}`);
  expect(await proven()).toEqual(['1000 up up', '1060 unknown unknown', '1120 up up']);
  for (let at = 1_060_000; at <= 1_120_000; at += 10_000) readings.push({ timeMs: at, up: at < 1_080_000 || at >= 1_100_000 });
  await clock.advance(30_000);
  expect(await proven()).toEqual(['1000 up up', '1060 unknown up', '1080 unknown down', '1100 unknown up', '1120 up up']);

  await proofs.stop();
  await uptime.stop();
  await state.stop();
  rmSync(dir, { recursive: true, force: true });
});
