export { MIGRATIONS, type Migration } from './migrations/index.ts';
export { openState, type State, type StateOptions } from './state.ts';
export type * from './tables.ts';
