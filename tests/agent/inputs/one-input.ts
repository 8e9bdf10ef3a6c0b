import { SteppedClock, silentLog } from '@bellwether/shared';
import { createCollector } from '../../../agent/inputs/collect.ts';
import type { InputDefinition } from '../../../agent/inputs/input.ts';
import { rowOf, type TempTree } from './support.ts';

/** Reads one input of a temporary tree, tick by tick; each call returns the row, or undefined when the input failed or had nothing to say. */
export function inputReader(definition: InputDefinition, tree: TempTree, options: Record<string, unknown> = {}) {
  const clock = new SteppedClock(0);
  const collector = createCollector({
    paths: tree.paths,
    baseLabels: {},
    clock,
    log: silentLog,
    definitions: [definition],
    inputs: { [definition.name]: { enabled: true, options } },
  });
  const read = async (timeMs: number) => {
    const reading = (await collector.collect(timeMs)).readings.find(({ group }) => group === definition.name);
    return reading === undefined ? undefined : rowOf(reading);
  };
  return Object.assign(read, { clock, close: () => collector.close() });
}
