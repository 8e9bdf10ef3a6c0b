import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SteppedClock } from '@bellwether/shared';
import { runOnce } from '../../../agent/cli/once.ts';

/** Each folder is a real host's files (`proc`, `sys`, `etc`) with the text they make; UPDATE_GOLDEN=1 writes it anew. */
const GOLDEN = join(import.meta.dirname, 'golden');

/** What comes from the machine the test runs on, not from the files. */
const ELSEWHERE = /^node_(?:scrape_collector_duration|time_zone_offset)_seconds.*\n|(?<=node_uname_info\{.*)machine="[^"]*",/gm;

test.each(readdirSync(GOLDEN))('%s', async (name) => {
  const root = join(GOLDEN, name);
  const paths = { procfs: join(root, 'proc'), sysfs: join(root, 'sys'), rootfs: root };
  // statfs answers for the machine at hand.
  const text = await runOnce({ paths, clock: new SteppedClock(1_700_000_000_123), inputs: { filesystem: { enabled: false } } });
  const comparable = text.replace(ELSEWHERE, '');
  const expected = join(root, 'expected.txt');
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(expected, comparable);
  expect(comparable).toBe(readFileSync(expected, 'utf8'));
});
