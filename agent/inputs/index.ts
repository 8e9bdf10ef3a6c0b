// Written by `npm run gen` from the files of this folder.
import type { InputDefinition } from './input.ts';
import loadavg from './loadavg.ts';

export const INPUTS: readonly InputDefinition[] = [loadavg];
