/** The verdicts as series, so that rules can tell a host that is down from one that is merely not heard of. */
import { type Clock, labelsFrom, type Millis, type SeriesMeta, type Stoppable, setPresent } from '@bellwether/shared';
import type { Verdict } from './spans.ts';
import type { Uptime, VerdictChange } from './uptime.ts';

export const STATE_METRIC = 'bellwether_up_state';
/** Well within the time a query looks back. */
const REPEAT_MS = 60_000;
/** Changes this close together share a row. */
const GATHER_MS = 50;
/** Columns of one SeriesGroup. */
const CHUNK = 200;

const VALUE: Readonly<Record<Verdict, number>> = { up: 1, down: 0, unknown: -1 };

export interface StateRow {
  readonly key: string;
  readonly timeMs: Millis;
  readonly series: readonly SeriesMeta[];
  readonly presence: Uint8Array;
  readonly values: Float64Array;
}

export interface StateSeriesOptions {
  readonly uptime: Uptime;
  readonly clock: Clock;
  /** May throw: what is not written now is written with the next repetition. */
  readonly write: (row: StateRow) => void;
  /** After new verdicts were written. */
  readonly written: () => void;
}

/** Writes `bellwether_up_state{kind,instance}` (1 up, 0 down, -1 unknown) at every change and every REPEAT_MS. */
export function startStateSeries({ uptime, clock, write, written }: StateSeriesOptions): Stoppable {
  const slots = new Map<string, number>();
  const chunks: { series: SeriesMeta[] }[] = [];
  let changed: VerdictChange[] = [];
  let cancelGather: (() => void) | undefined;

  function slotOf({ kind, name }: Pick<VerdictChange, 'kind' | 'name'>): number {
    const key = `${kind} ${name}`;
    const known = slots.get(key);
    if (known !== undefined) return known;
    const slot = slots.size;
    slots.set(key, slot);
    const chunk = Math.floor(slot / CHUNK);
    const meta: SeriesMeta = {
      labels: labelsFrom({ __name__: STATE_METRIC, job: 'bellwether', kind, instance: name }),
      type: 'gauge',
      help: 'The verdict on a host, check or device: 1 up, 0 down, -1 unknown.',
    };
    // A new array: writers take a changed list of columns for a new group.
    chunks[chunk] = { series: [...(chunks[chunk]?.series ?? []), meta] };
    return slot;
  }

  function writeAll(list: readonly (Pick<VerdictChange, 'kind' | 'name'> & { readonly verdict: Verdict })[], timeMs: Millis): void {
    const values = new Map(list.map((entry) => [slotOf(entry), VALUE[entry.verdict]]));
    const touched = new Set([...values.keys()].map((slot) => Math.floor(slot / CHUNK)));
    for (const chunk of touched) {
      const { series } = chunks[chunk]!;
      const presence = new Uint8Array(Math.ceil(series.length / 8));
      const row = new Float64Array(series.length);
      for (let column = 0; column < series.length; column++) {
        const value = values.get(chunk * CHUNK + column);
        if (value === undefined) continue;
        setPresent(presence, column, true);
        row[column] = value;
      }
      write({ key: `up-state/${chunk}`, timeMs, series, presence, values: row });
    }
  }

  const stopListening = uptime.onChange((change) => {
    changed.push(change);
    cancelGather ??= clock.after(GATHER_MS, () => {
      cancelGather = undefined;
      const list = changed;
      changed = [];
      writeAll(list, clock.now());
      written();
    });
  });
  const repeat = (): void => {
    const all = (['host', 'check', 'device'] as const).flatMap((kind) => uptime.all(kind));
    writeAll(
      all.map(({ watched, span }) => ({ kind: watched.kind, name: watched.name, verdict: span.seen })),
      clock.now(),
    );
  };
  const cancelRepeat = clock.every(REPEAT_MS, repeat);

  return {
    async stop() {
      stopListening();
      cancelRepeat();
      cancelGather?.();
    },
  };
}
