import { AppError, type Labels, type Millis } from '@bellwether/shared';
import { copySample } from '../sample-bits.ts';
import type { SeriesColumns } from '../store.ts';
import type { Tombstone } from './catalog.ts';

/** Counts what a select loads, and stops it. */
export class SampleBudget {
  readonly #max: number;
  #used = 0;

  constructor(max = Number.POSITIVE_INFINITY) {
    this.#max = max;
  }

  take(count: number): void {
    this.#used += count;
    if (this.#used > this.#max)
      throw new AppError('QUERY_TOO_LARGE', `the query would load more than ${this.#max} samples; ask for less time or fewer series`);
  }
}

/** Samples of one source, ascending by time. */
interface Run {
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly group: number;
  readonly sequence: number;
}

/** Collects the samples of one series from tiles and blocks in any order; of two with one time, the higher (group, sequence) stays. */
export class SeriesBuilder {
  readonly series: number;
  readonly #runs: Run[] = [];
  readonly #tombstones: readonly Tombstone[] | undefined;

  constructor(series: number, tombstones: readonly Tombstone[] | undefined) {
    this.series = series;
    this.#tombstones = tombstones;
  }

  /** Adds samples; the arrays are kept and not written to. */
  add(times: Float64Array, values: Float64Array, group: number, sequence: number): void {
    if (times.length === 0) return;
    const dead = this.#tombstones?.filter(({ beforeSequence }) => sequence < beforeSequence) ?? [];
    if (dead.length === 0) this.#runs.push({ times, values, group, sequence });
    else this.#addLiving(times, values, group, sequence, dead);
  }

  #addLiving(times: Float64Array, values: Float64Array, group: number, sequence: number, dead: readonly Tombstone[]): void {
    const livingTimes = new Float64Array(times.length);
    const livingValues = new Float64Array(times.length);
    let count = 0;
    for (let i = 0; i < times.length; i++) {
      const time = times[i]!;
      if (dead.some(({ fromMs, toMs }) => time > fromMs && time <= toMs)) continue;
      livingTimes[count] = time;
      copySample(values, i, livingValues, count++);
    }
    if (count > 0) this.#runs.push({ times: livingTimes.subarray(0, count), values: livingValues.subarray(0, count), group, sequence });
  }

  /** Everything in exactly sized arrays of its own; undefined when there is nothing. */
  finish(labels: Labels): SeriesColumns | undefined {
    const runs = this.#runs.sort((a, b) => a.times[0]! - b.times[0]!);
    const length = runs.reduce((sum, run) => sum + run.times.length, 0);
    if (length === 0) return undefined;
    if (runs.some((run, i) => i > 0 && runs[i - 1]!.times.at(-1)! >= run.times[0]!)) return { labels, ...merge(runs, length) };
    const times = new Float64Array(length);
    const values = new Float64Array(length);
    let at = 0;
    for (const run of runs) {
      times.set(run.times, at);
      values.set(run.values, at);
      at += run.times.length;
    }
    return { labels, times, values };
  }
}

/** Merges overlapping runs. */
function merge(runs: readonly Run[], length: number): { times: Float64Array; values: Float64Array } {
  const samples: { time: Millis; run: Run; index: number }[] = [];
  for (const run of runs) for (const [index, time] of run.times.entries()) samples.push({ time, run, index });
  samples.sort((a, b) => a.time - b.time || a.run.group - b.run.group || a.run.sequence - b.run.sequence);
  const times = new Float64Array(length);
  const values = new Float64Array(length);
  let count = 0;
  for (const [i, { time, run, index }] of samples.entries()) {
    if (samples[i + 1]?.time === time) continue;
    times[count] = time;
    copySample(run.values, index, values, count++);
  }
  return { times: times.slice(0, count), values: values.slice(0, count) };
}
