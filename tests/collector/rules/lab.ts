/** A store and an engine for rule tests, on a clock that only the test moves. */
import type { SeriesMeta } from '@bellwether/shared';
import { setStale } from '@bellwether/shared';
import { SteppedClock } from '@bellwether/shared/clock';
import { createQueryEngine, type QueryEngine } from '../../../collector/query/index.ts';
import type { RuleLab, RuleRow } from '../../../collector/rules/index.ts';
import { openMemoryStore, type Store } from '../../../collector/store/index.ts';

export interface OpenLab extends RuleLab {
  readonly store: Store;
  readonly engine: QueryEngine;
}

export function openLab(): OpenLab {
  const clock = new SteppedClock(0);
  const store = openMemoryStore({
    clock,
    retentionMs: Number.POSITIVE_INFINITY,
    outOfOrderMs: Number.POSITIVE_INFINITY,
    maxAheadMs: Number.POSITIVE_INFINITY,
  });
  let loaded = 0;
  return {
    store,
    engine: createQueryEngine({ store, clock }),
    write({ key, series, timeMs, presence, values }: RuleRow) {
      store.append(store.openGroup(key, series), { timeMs, presence, values });
    },
    load(labels, startMs, stepMs, points) {
      const series: SeriesMeta[] = [{ labels, type: 'untyped', help: '' }];
      const group = store.openGroup(`test/${loaded++}`, series);
      for (const [i, point] of points.entries()) {
        if (point === undefined) continue;
        const values = Float64Array.of(point === 'stale' ? 0 : point);
        if (point === 'stale') setStale(values, 0);
        store.append(group, { timeMs: startMs + i * stepMs, presence: null, values });
      }
    },
    close: () => store.stop(),
  };
}
