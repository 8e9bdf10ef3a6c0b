import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInventory } from '../../../collector/inventory/index.ts';
import { openState } from '../../../collector/state/index.ts';

test('the newest facts of a host replace the older ones and go with the host', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'bellwether-facts-'));
  const state = await openState({ dir });
  try {
    const inventory = createInventory(state);
    expect(await inventory.facts('a')).toBeUndefined();
    await inventory.saveFacts('a', 1_000, { cores: 2 });
    await inventory.saveFacts('a', 2_000, { cores: 4 });
    await inventory.saveFacts('b', 3_000, { cores: 8 });
    expect(await inventory.facts('a')).toEqual({ timeMs: 2_000, facts: { cores: 4 } });
    await inventory.removeHost('a');
    expect(await inventory.facts('a')).toBeUndefined();
    expect(await inventory.facts('b')).toEqual({ timeMs: 3_000, facts: { cores: 8 } });
  } finally {
    await state.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});
