import type { HostRow, HostState } from '@bellwether/shared/api';

export const HOST_STATES: readonly HostState[] = ['critical', 'warning', 'unknown', 'ok'];

export type FilterTerm =
  | { kind: 'state'; state: HostState; negated: boolean; text: string }
  | { kind: 'word'; word: string; text: string }
  /** A term the collector would not understand; `hint` says what would be. */
  | { kind: 'invalid'; text: string; hint: string };

/** The terms of a filter box in order. Nothing is thrown away: a term that means nothing comes back as `invalid` with a hint. */
export function parseFilter(filter: string): FilterTerm[] {
  return filter
    .split(/\s+/)
    .filter((text) => text !== '')
    .map(parseTerm);
}

function parseTerm(text: string): FilterTerm {
  const colon = text.indexOf(':');
  if (colon === -1) return { kind: 'word', word: text.toLowerCase(), text };
  const key = text.slice(0, colon).toLowerCase();
  if (key !== 'state') return { kind: 'invalid', text, hint: `“${key}:” is not a filter; use state:critical or a word of the name.` };
  const value = text.slice(colon + 1).toLowerCase();
  const negated = value.startsWith('!');
  const name = negated ? value.slice(1) : value;
  const state = HOST_STATES.find((known) => known === name);
  if (state !== undefined) return { kind: 'state', state, negated, text };
  return { kind: 'invalid', text, hint: `States are ${HOST_STATES.join(', ')}; state:!ok finds all that are not OK.` };
}

/** `filter` without its term number `index`. */
export function withoutTerm(filter: string, index: number): string {
  return parseFilter(filter)
    .filter((_, i) => i !== index)
    .map((term) => term.text)
    .join(' ');
}

/** Whether a row passes every valid term. The collector decides which rows are listed; this is for rows already here and for the dev server. */
export function matchesFilter(row: Pick<HostRow, 'name' | 'state'>, terms: readonly FilterTerm[]): boolean {
  return terms.every((term) => {
    if (term.kind === 'state') return (row.state === term.state) !== term.negated;
    return term.kind === 'word' ? row.name.toLowerCase().includes(term.word) : true;
  });
}
