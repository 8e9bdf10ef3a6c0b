import type { HostState } from '@bellwether/shared/api';
import { matchesFilter, parseFilter, withoutTerm } from '../../dashboards/src/core/host-filter.ts';

test.each([
  ['', []],
  ['  web  FRA1 ', ['word web', 'word fra1']],
  ['state:critical', ['state critical']],
  ['state:!ok db', ['state not ok', 'word db']],
  ['State:Unknown', ['state unknown']],
  ['state:crit', ['invalid state:crit']],
  ['site:fra1', ['invalid site:fra1']],
])('%j', (filter, expected) => {
  const seen = parseFilter(filter).map((term) => {
    if (term.kind === 'state') return `state ${term.negated ? 'not ' : ''}${term.state}`;
    return term.kind === 'word' ? `word ${term.word}` : `invalid ${term.text}`;
  });
  expect(seen).toEqual(expected);
});

test('an unknown key says what would be understood', () => {
  const [term] = parseFilter('role:web');
  expect(term).toMatchObject({ kind: 'invalid', hint: expect.stringContaining('state:critical') });
});

test('a removed term leaves the others as they were typed', () => {
  expect(withoutTerm('web  state:!ok fra1', 1)).toBe('web fra1');
});

test.each<[string, string, HostState, boolean]>([
  ['web state:!ok', 'WEB-1', 'warning', true],
  ['web state:!ok', 'web-1', 'ok', false],
  ['state:unknown', 'db-1', 'unknown', true],
  ['db web', 'db-1', 'ok', false],
  ['nonsense:x db', 'db-1', 'ok', true], // a term nobody understands must not hide hosts
])('%j on %s (%s): %p', (filter, name, state, expected) => expect(matchesFilter({ name, state }, parseFilter(filter))).toBe(expected));
