/** Quantiles and fractions of classic histograms: series with a bucket's upper bound in the label `le`. */
import { type Labels, labelValue } from '@bellwether/shared';
import type { Expr } from './ast.ts';
import { type Evaluation, metricName } from './evaluation.ts';
import { parseGoFloat, quote } from './text.ts';
import { filterLabels, type Vector, VectorBuilder, type VectorValue } from './vector.ts';

const BUCKET_LABEL = 'le';
/** Counts closer than this, relative to their size, differ by rounding only. */
const SMALL_DELTA = 1e-12;

interface Histogram {
  readonly labels: Labels;
  /** Rows of the buckets, by ascending bound. */
  readonly buckets: { readonly bound: number; readonly row: number }[];
}

/** Bounds and cumulative counts of one histogram at one step; reused from step to step. */
interface Buckets {
  readonly bounds: Float64Array;
  readonly counts: Float64Array;
  length: number;
}

/** Gathers the buckets of each histogram; rows without a readable bound are warned about and left out. */
function histogramsOf(run: Evaluation, vector: Vector, arg: Expr): Histogram[] {
  const histograms = new Map<string, Histogram>();
  for (const [row, labels] of vector.labels.entries()) {
    const le = labelValue(labels, BUCKET_LABEL);
    const bound = parseGoFloat(le);
    if (bound === undefined) {
      run.warn(`bucket label "le" is missing or has a malformed value of ${quote(le)} for metric name ${quote(metricName(labels))}`, arg);
      continue;
    }
    const rest = filterLabels(labels, (name) => name !== BUCKET_LABEL);
    const key = rest.join('\xff');
    const histogram = histograms.get(key);
    if (histogram === undefined) histograms.set(key, { labels: rest, buckets: [{ bound, row }] });
    else histogram.buckets.push({ bound, row });
  }
  for (const { buckets } of histograms.values()) buckets.sort((a, b) => a.bound - b.bound);
  return [...histograms.values()];
}

/** Reads the buckets present at a step into `into`, equal bounds added up. */
function readBuckets(vector: Vector, histogram: Histogram, step: number, into: Buckets): void {
  into.length = 0;
  for (const { bound, row } of histogram.buckets) {
    const at = row * vector.steps + step;
    if (vector.present[at] === 0) continue;
    const last = into.length - 1;
    if (last >= 0 && into.bounds[last] === bound) into.counts[last]! += vector.values[at]!;
    else {
      into.bounds[into.length] = bound;
      into.counts[into.length++] = vector.values[at]!;
    }
  }
}

/** Raises counts that fall below the bucket before; true if that was more than rounding. */
function makeMonotonic({ counts, length }: Buckets): boolean {
  let forced = false;
  for (let i = 1; i < length; i++) {
    const before = counts[i - 1]!;
    const now = counts[i]!;
    if (now === before) continue;
    if (Math.abs(now - before) < SMALL_DELTA * Math.max(Math.abs(now), Math.abs(before))) counts[i] = before;
    else if (now < before) {
      counts[i] = before;
      forced = true;
    }
  }
  return forced;
}

/** Evaluates `answer` on each histogram at each step where it has buckets. */
async function evaluateHistograms(
  run: Evaluation,
  vector: Vector,
  arg: Expr,
  answer: (buckets: Buckets, step: number, histogram: Histogram) => number,
): Promise<VectorValue> {
  const histograms = histogramsOf(run, vector, arg);
  const builder = new VectorBuilder(vector.steps, histograms.length);
  for (const histogram of histograms) {
    const size = histogram.buckets.length;
    const buckets: Buckets = { bounds: new Float64Array(size), counts: new Float64Array(size), length: 0 };
    const to = builder.row();
    for (let step = 0; step < vector.steps; step++) {
      readBuckets(vector, histogram, step, buckets);
      if (buckets.length === 0) continue;
      builder.values[to + step] = answer(buckets, step, histogram);
      builder.present[to + step] = 1;
    }
    builder.keep(histogram.labels, true);
    if (run.spend(size * vector.steps)) await run.breathe();
  }
  return builder.build();
}

export function histogramQuantile(run: Evaluation, quantiles: Float64Array, vector: Vector, arg: Expr): Promise<VectorValue> {
  return evaluateHistograms(run, vector, arg, (buckets, step, { labels }) => {
    const { value, forced } = bucketQuantile(quantiles[step]!, buckets);
    if (forced) {
      const where = '(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)';
      run.info(
        `input to histogram_quantile needed to be fixed for monotonicity ${where} for metric name ${quote(metricName(labels))}`,
        arg,
      );
    }
    return value;
  });
}

function bucketQuantile(q: number, buckets: Buckets): { value: number; forced: boolean } {
  const { bounds, counts, length } = buckets;
  const outcome = (value: number, forced = false) => ({ value, forced });
  if (Number.isNaN(q)) return outcome(Number.NaN);
  if (q < 0) return outcome(Number.NEGATIVE_INFINITY);
  if (q > 1) return outcome(Number.POSITIVE_INFINITY);
  if (length < 2 || bounds[length - 1] !== Number.POSITIVE_INFINITY) return outcome(Number.NaN);
  const forced = makeMonotonic(buckets);
  const total = counts[length - 1]!;
  if (total === 0) return outcome(Number.NaN, forced);
  const rank = q * total;
  let at = 0;
  while (at < length - 1 && !(counts[at]! >= rank)) at++;
  if (at === length - 1) return outcome(bounds[length - 2]!, forced);
  if (at === 0 && bounds[0]! <= 0) return outcome(bounds[0]!, forced);
  const lower = at === 0 ? 0 : bounds[at - 1]!;
  const before = at === 0 ? 0 : counts[at - 1]!;
  return outcome(lower + (bounds[at]! - lower) * ((rank - before) / (counts[at]! - before)), forced);
}

export function histogramFraction(
  run: Evaluation,
  lowers: Float64Array,
  uppers: Float64Array,
  vector: Vector,
  arg: Expr,
): Promise<VectorValue> {
  return evaluateHistograms(run, vector, arg, (buckets, step) => bucketFraction(lowers[step]!, uppers[step]!, buckets));
}

function bucketFraction(lower: number, upper: number, buckets: Buckets): number {
  const { bounds, counts, length } = buckets;
  if (length === 0 || bounds[length - 1] !== Number.POSITIVE_INFINITY) return Number.NaN;
  makeMonotonic(buckets);
  const total = counts[length - 1]!;
  if (total === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return Number.NaN;
  if (lower >= upper) return 0;
  return (rankOf(upper, buckets) - rankOf(lower, buckets)) / total;
}

/** How many observations lie below `value`, linear inside a bucket; in an infinite one all of them lie at its finite bound. */
function rankOf(value: number, { bounds, counts, length }: Buckets): number {
  if (value === Number.NEGATIVE_INFINITY) return 0;
  if (value === Number.POSITIVE_INFINITY) return counts[length - 1]!;
  let below = 0;
  for (let i = 0; i < length; i++) {
    const from = i > 0 ? bounds[i - 1]! : bounds[0]! > 0 ? 0 : Number.NEGATIVE_INFINITY;
    const to = bounds[i]!;
    if (value <= from) return below;
    if (value < to) {
      if (from === Number.NEGATIVE_INFINITY) return below;
      if (to === Number.POSITIVE_INFINITY) return below;
      return below + ((counts[i]! - below) * (value - from)) / (to - from);
    }
    below = counts[i]!;
  }
  return below;
}
