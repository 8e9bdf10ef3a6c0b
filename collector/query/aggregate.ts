/** Aggregation operators over the columns of a vector. */
import { AppError, type Labels } from '@bellwether/shared';
import type { AggregateExpr, AggregateOp } from './ast.ts';
import type { Evaluation } from './evaluation.ts';
import { CompensatedMean, isInfinite, quantileOf } from './numeric.ts';
import { formatLiteral, formatPlain, isWellFormed, quote } from './text.ts';
import { filterLabels, type Vector, VectorBuilder, type VectorValue, withLabel } from './vector.ts';

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

/** The parameter of topk, bottomk and limitk at a step, cut to an integer. */
function limitAt(scalars: Float64Array, step: number): number {
  const limit = scalars[step]!;
  if (Number.isNaN(limit)) throw new AppError('QUERY_FAILED', 'Parameter value is NaN');
  if (limit >= 2 ** 63) throw new AppError('QUERY_FAILED', `Scalar value ${formatLiteral(limit)} overflows int64`);
  if (limit <= -(2 ** 63)) throw new AppError('QUERY_FAILED', `Scalar value ${formatLiteral(limit)} underflows int64`);
  return Math.trunc(limit);
}

/** Result rows are whole rows of the input with only the chosen cells present. */
async function pickSome(
  run: Evaluation,
  expr: AggregateExpr,
  vector: Vector,
  groups: SeriesGroup[],
  scalars: Float64Array,
): Promise<VectorValue> {
  const { steps, values, present } = vector;
  const chosen = new Uint8Array(present.length);
  const order: number[] = [];
  const ranks = expr.op === 'topk' ? descending(values) : ascending(values);
  const limits = Array.from({ length: steps }, (_, step) => limitAt(scalars, step));
  for (const group of groups) {
    for (let step = 0; step < steps; step++) {
      const limit = limits[step]!;
      if (limit < 1) continue;
      const rows = bestRows(vector, group.rows, step, limit, expr.op === 'limitk' ? undefined : ranks);
      for (const row of rows) chosen[row * steps + step] = 1;
      if (steps === 1) order.push(...rows);
      if (run.spend(4 * group.rows.length)) await run.breathe();
    }
    if (steps > 1) for (const row of group.rows) if (chosen.subarray(row * steps, (row + 1) * steps).includes(1)) order.push(row);
  }
  return maskRows(vector, chosen, order);
}

/** The first `limit` rows present at a step, by `ranks` if given; of equal ones the earlier stays in front. */
function bestRows(vector: Vector, rows: readonly number[], step: number, limit: number, ranks: CellOrder | undefined): number[] {
  const { steps, present } = vector;
  const best: number[] = [];
  for (const row of rows) {
    const cell = row * steps + step;
    if (present[cell] === 0) continue;
    if (ranks === undefined) {
      best.push(row);
      if (best.length === limit) break;
      continue;
    }
    if (best.length === limit && ranks(cell, best[limit - 1]! * steps + step) >= 0) continue;
    if (best.length === limit) best.pop();
    let low = 0;
    let high = best.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ranks(cell, best[middle]! * steps + step) < 0) high = middle;
      else low = middle + 1;
    }
    best.splice(low, 0, row);
  }
  return best;
}

function maskRows(vector: Vector, chosen: Uint8Array, order: readonly number[]): VectorValue {
  const { steps } = vector;
  const builder = new VectorBuilder(steps, order.length);
  for (const row of order) {
    const to = builder.row();
    builder.values.set(vector.values.subarray(row * steps, (row + 1) * steps), to);
    builder.present.set(chosen.subarray(row * steps, (row + 1) * steps), to);
    builder.keep(vector.labels[row]!, vector.dropName[row]!);
  }
  return builder.build();
}

type CellOrder = (a: number, b: number) => number;

/** Orders cells by value, NaN behind all others; equal ones stay as they are. */
export function ascending(values: Float64Array): CellOrder {
  return (a, b) => {
    const x = values[a]!;
    const y = values[b]!;
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return x < y ? -1 : x > y ? 1 : 0;
  };
}

export function descending(values: Float64Array): CellOrder {
  return (a, b) => {
    const x = values[a]!;
    const y = values[b]!;
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return x > y ? -1 : x < y ? 1 : 0;
  };
}

/** A share of the series, chosen by a hash of their labels, so that r and r - 1 complement each other. */
async function pickRatio(run: Evaluation, expr: AggregateExpr, vector: Vector, scalars: Float64Array): Promise<VectorValue> {
  const { steps, present } = vector;
  const chosen = new Uint8Array(present.length);
  const order: number[] = [];
  const ratios = scalars.map((ratio) => {
    if (Number.isNaN(ratio)) throw new AppError('QUERY_FAILED', 'Ratio value is NaN');
    const used = Math.max(-1, Math.min(1, ratio));
    if (used !== ratio)
      run.warn(`ratio value should be between -1 and 1, got ${formatLiteral(ratio)}, capping to ${formatLiteral(used)}`, expr.param!);
    return used;
  });
  for (const [row, labels] of vector.labels.entries()) {
    const place = hashFraction(labels);
    let any = false;
    for (let step = 0; step < steps; step++) {
      const ratio = ratios[step]!;
      const inside = ratio >= 0 ? place < ratio : place >= 1 + ratio;
      if (!inside || present[row * steps + step] === 0) continue;
      chosen[row * steps + step] = 1;
      any = true;
    }
    if (any) order.push(row);
    if (run.spend(steps)) await run.breathe();
  }
  return maskRows(vector, chosen, order);
}

/** A place in [0, 1) for a label set: FNV-1a, mixed. */
function hashFraction(labels: Labels): number {
  let hash = 0x811c9dc5;
  for (const part of labels) {
    for (let i = 0; i < part.length; i++) hash = Math.imul(hash ^ part.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ 0xff, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

async function countValues(
  run: Evaluation,
  expr: AggregateExpr,
  vector: Vector,
  groups: SeriesGroup[],
  label: string,
): Promise<VectorValue> {
  if (label === '' || !isWellFormed(label)) throw new AppError('QUERY_FAILED', `invalid label name ${quote(label)}`);
  const { steps, values, present } = vector;
  const rows = new Map<string, { labels: Labels; dropName: boolean; counts: Float64Array }>();
  for (const group of groups) {
    // A `by` that names the label would otherwise split on the value it is about to get.
    const base = expr.without || !expr.grouping.includes(label) ? group.labels : filterLabels(group.labels, (name) => name !== label);
    for (const row of group.rows) {
      for (let step = 0; step < steps; step++) {
        if (present[row * steps + step] === 0) continue;
        const labels = withLabel(base, label, formatPlain(values[row * steps + step]!));
        const key = labels.join('\xff');
        let counted = rows.get(key);
        if (counted === undefined) {
          counted = { labels, dropName: group.dropName, counts: new Float64Array(steps) };
          rows.set(key, counted);
          run.hold(steps);
        }
        counted.counts[step]!++;
      }
      if (run.spend(steps * 8)) await run.breathe();
    }
  }
  const builder = new VectorBuilder(steps, rows.size);
  for (const { labels, dropName, counts } of rows.values()) {
    const to = builder.row();
    builder.values.set(counts, to);
    for (let step = 0; step < steps; step++) builder.present[to + step] = counts[step]! > 0 ? 1 : 0;
    builder.keep(labels, dropName);
  }
  return builder.build();
}
