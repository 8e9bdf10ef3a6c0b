/** Aggregation operators over the columns of a vector. */
import type { Labels } from '@bellwether/shared';
import { countValues, pickRatio, pickSome } from './aggregate-rows.ts';
import type { AggregateExpr, AggregateOp } from './ast.ts';
import type { Evaluation } from './evaluation.ts';
import { CompensatedMean, isInfinite, quantileOf } from './numeric.ts';
import { formatLiteral } from './text.ts';
import { filterLabels, type Vector, VectorBuilder, type VectorValue } from './vector.ts';

export interface SeriesGroup {
  readonly labels: Labels;
  readonly rows: number[];
  dropName: boolean;
}

/** Splits the rows of a vector by the labels that `by` or `without` leaves. */
export function groupRows(vector: Vector, grouping: readonly string[], without: boolean): SeriesGroup[] {
  const names = new Set(grouping);
  const keep = without ? (name: string) => !names.has(name) && name !== '__name__' : (name: string) => names.has(name);
  const groups = new Map<string, SeriesGroup>();
  for (const [row, labels] of vector.labels.entries()) {
    let key = '';
    for (let i = 0; i < labels.length; i += 2) if (keep(labels[i]!)) key += `${labels[i]}\xff${labels[i + 1]}\xff`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { labels: filterLabels(labels, keep), rows: [row], dropName: vector.dropName[row]! });
    else {
      group.rows.push(row);
      group.dropName ||= vector.dropName[row]!;
    }
  }
  return [...groups.values()];
}

/** Evaluates `expr` over its evaluated argument; `scalars` is the parameter per step, `label` that of count_values. */
export async function aggregate(
  run: Evaluation,
  expr: AggregateExpr,
  vector: Vector,
  scalars: Float64Array | undefined,
  label: string,
): Promise<VectorValue> {
  const groups = groupRows(vector, expr.grouping, expr.without);
  switch (expr.op) {
    case 'topk':
    case 'bottomk':
    case 'limitk':
      return pickSome(run, expr, vector, groups, scalars!);
    case 'limit_ratio':
      return pickRatio(run, expr, vector, scalars!);
    case 'count_values':
      return countValues(run, expr, vector, groups, label);
    default:
      return combine(run, expr, vector, groups, scalars);
  }
}

/** One row of the result: reads `rows` of the vector and fills the row at `to`. */
type Combiner = (vector: Vector, rows: readonly number[], out: Float64Array, present: Uint8Array, to: number) => void;

async function combine(
  run: Evaluation,
  expr: AggregateExpr,
  vector: Vector,
  groups: SeriesGroup[],
  scalars: Float64Array | undefined,
): Promise<VectorValue> {
  const { steps } = vector;
  if (expr.op === 'quantile') warnOfQuantiles(run, expr, scalars!);
  const combiner = combinerOf(expr.op, scalars);
  const builder = new VectorBuilder(steps, groups.length);
  for (const group of groups) {
    const to = builder.row();
    combiner(vector, group.rows, builder.values, builder.present, to);
    builder.keep(group.labels, group.dropName);
    if (run.spend(group.rows.length * steps)) await run.breathe();
  }
  return builder.build();
}

function warnOfQuantiles(run: Evaluation, expr: AggregateExpr, scalars: Float64Array): void {
  for (const q of scalars)
    if (!(q >= 0 && q <= 1)) run.warn(`quantile value should be between 0 and 1, got ${formatLiteral(q)}`, expr.param!);
}

/** Walks the present cells column by column, restarting `state` at each step. */
function perStep(start: () => void, add: (value: number) => void, finish: () => number): Combiner {
  return (vector, rows, out, present, to) => {
    const { steps, values } = vector;
    for (let step = 0; step < steps; step++) {
      let any = false;
      for (const row of rows) {
        const at = row * steps + step;
        if (vector.present[at] === 0) continue;
        if (!any) start();
        any = true;
        add(values[at]!);
      }
      if (!any) continue;
      out[to + step] = finish();
      present[to + step] = 1;
    }
  };
}

/** Walks row by row: the cheapest order where a step needs one number of state. */
function perRow(first: (value: number) => number, add: (state: number, value: number) => number): Combiner {
  return (vector, rows, out, present, to) => {
    const { steps, values } = vector;
    for (const row of rows) {
      const from = row * steps;
      for (let step = 0; step < steps; step++) {
        if (vector.present[from + step] === 0) continue;
        const value = values[from + step]!;
        if (present[to + step] === 1) out[to + step] = add(out[to + step]!, value);
        else {
          out[to + step] = first(value);
          present[to + step] = 1;
        }
      }
    }
  };
}

function sums(): Combiner {
  return (vector, rows, out, present, to) => {
    const { steps, values } = vector;
    const corrections = new Float64Array(steps);
    for (const row of rows) {
      const from = row * steps;
      for (let step = 0; step < steps; step++) {
        if (vector.present[from + step] === 0) continue;
        const value = values[from + step]!;
        const sum = out[to + step]!;
        if (present[to + step] === 0) {
          out[to + step] = value;
          present[to + step] = 1;
          continue;
        }
        const next = sum + value;
        if (next === Number.POSITIVE_INFINITY || next === Number.NEGATIVE_INFINITY) corrections[step] = 0;
        else if (Math.abs(sum) >= Math.abs(value)) corrections[step]! += sum - next + value;
        else corrections[step]! += value - next + sum;
        out[to + step] = next;
      }
    }
    for (let step = 0; step < steps; step++) out[to + step]! += corrections[step]!;
  };
}

function means(): Combiner {
  const mean = new CompensatedMean();
  return perStep(
    () => mean.reset(),
    (value) => mean.add(value),
    () => mean.mean,
  );
}

function variances(finish: (variance: number) => number): Combiner {
  let count = 0;
  let mean = 0;
  let squares = 0;
  return perStep(
    () => {
      count = 0;
    },
    (value) => {
      count++;
      if (count === 1) {
        mean = value;
        squares = Number.isNaN(value) || isInfinite(value) ? Number.NaN : 0;
        return;
      }
      const delta = value - mean;
      mean += delta / count;
      squares += delta * (value - mean);
    },
    () => finish(squares / count),
  );
}

function quantiles(scalars: Float64Array): Combiner {
  return (vector, rows, out, present, to) => {
    const { steps, values } = vector;
    const gathered = new Float64Array(rows.length);
    for (let step = 0; step < steps; step++) {
      let count = 0;
      for (const row of rows) if (vector.present[row * steps + step] === 1) gathered[count++] = values[row * steps + step]!;
      if (count === 0) continue;
      out[to + step] = quantileOf(scalars[step]!, gathered, count);
      present[to + step] = 1;
    }
  };
}

/** A combiner holds state while it runs, so each evaluation makes its own. */
function combinerOf(op: AggregateOp, scalars: Float64Array | undefined): Combiner {
  switch (op) {
    case 'sum':
      return sums();
    case 'avg':
      return means();
    case 'stddev':
      return variances(Math.sqrt);
    case 'stdvar':
      return variances((variance) => variance);
    case 'quantile':
      return quantiles(scalars!);
    case 'count':
      return perRow(
        () => 1,
        (count) => count + 1,
      );
    case 'min':
      return perRow(
        (value) => value,
        (best, value) => (value < best || Number.isNaN(best) ? value : best),
      );
    case 'max':
      return perRow(
        (value) => value,
        (best, value) => (value > best || Number.isNaN(best) ? value : best),
      );
    default:
      return perRow(
        () => 1,
        () => 1,
      );
  }
}
