import type { Millis } from '@bellwether/shared/time';
import { SCREENS } from './route.ts';

export type KeyAction =
  | { kind: 'go'; path: string }
  | { kind: 'search' }
  | { kind: 'help' }
  | { kind: 'move'; by: 1 | -1 }
  | { kind: 'acknowledge' };

/** How long after `g` the second key counts. */
const SEQUENCE_MS = 1_500;

const SINGLE: Readonly<Record<string, KeyAction>> = {
  '/': { kind: 'search' },
  '?': { kind: 'help' },
  j: { kind: 'move', by: 1 },
  k: { kind: 'move', by: -1 },
  a: { kind: 'acknowledge' },
};

/** What the keys are, for the help. */
export const KEY_HELP: readonly { keys: readonly string[]; text: string }[] = [
  { keys: ['/'], text: 'Filter the list, or search' },
  { keys: ['Ctrl', 'K'], text: 'Search hosts and screens' },
  ...SCREENS.map(({ key, title }) => ({ keys: ['g', key], text: `Go to ${title}` })),
  { keys: ['j'], text: 'Next in the list' },
  { keys: ['k'], text: 'Previous in the list' },
  { keys: ['Enter'], text: 'Open it' },
  { keys: ['a'], text: 'Acknowledge the alert' },
  { keys: ['r'], text: 'Hosts: sort again' },
  { keys: ['l'], text: 'Host: back to live' },
  { keys: ['['], text: 'Host: earlier' },
  { keys: [']'], text: 'Host: later' },
  { keys: ['z'], text: 'Host: undo the zoom' },
  { keys: ['←', '→'], text: 'In a chart: move the cursor (Shift: ten points)' },
  { keys: ['T'], text: 'In a chart: the numbers as a table' },
];

/** Turns key presses into actions; remembers the `g` of a sequence. */
export class Keys {
  #goUntilMs = Number.NEGATIVE_INFINITY;

  press(key: string, nowMs: Millis): KeyAction | undefined {
    const inSequence = nowMs < this.#goUntilMs;
    this.#goUntilMs = Number.NEGATIVE_INFINITY;
    if (inSequence) {
      const screen = SCREENS.find((known) => known.key === key);
      if (screen !== undefined) return { kind: 'go', path: screen.path };
    }
    if (key === 'g') {
      this.#goUntilMs = nowMs + SEQUENCE_MS;
      return undefined;
    }
    return Object.hasOwn(SINGLE, key) ? SINGLE[key] : undefined;
  }
}
