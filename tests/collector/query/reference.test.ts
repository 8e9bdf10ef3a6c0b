import { readFileSync } from 'node:fs';
import { FUNCTIONS } from '../../../collector/query/function-table.ts';

test('the reference page names every function of the table and no other', () => {
  const page = readFileSync(new URL('../../../docs/reference/promql.md', import.meta.url), 'utf8');
  const functionRows = page.split('\n').filter((line) => /^\| (?!a query|\|)/.test(line) && line.includes('`'));
  const named = functionRows.flatMap((line) => [...line.matchAll(/`([a-z_0-9]+)`/g)].map((match) => match[1]!));
  const known = new Set(FUNCTIONS.keys());
  expect(named.filter((name) => !known.has(name) && !['execution', 'timeout', 'bad_data'].includes(name))).toEqual([]);
  for (const name of known) expect(page).toContain(`\`${name}\``);
});
