/** The aggregations that keep or count rows instead of combining values: topk, bottomk, limitk, limit_ratio, count_values. */
import { AppError, type Labels } from '@bellwether/shared';
import type { SeriesGroup } from './aggregate.ts';
import type { AggregateExpr } from './ast.ts';
import { ascending, type CellOrder, descending } from './cell-order.ts';
import type { Evaluation } from './evaluation.ts';
import { formatLiteral, formatPlain, isWellFormed, quote } from './text.ts';
import { filterLabels, type Vector, VectorBuilder, type VectorValue, withLabel } from './vector.ts';

/** The parameter of topk, bottomk and limitk at a step, cut to an integer. */
function limitAt(scalars: Float64Array, step: number): number {
  const limit = scalars[step]!;
  if (Number.isNaN(limit)) throw new AppError('QUERY_FAILED', 'Parameter value is NaN');
  if (limit >= 2 ** 63) throw new AppError('QUERY_FAILED', `Scalar value ${formatLiteral(limit)} overflows int64`);
  if (limit <= -(2 ** 63)) throw new AppError('QUERY_FAILED', `Scalar value ${formatLiteral(limit)} underflows int64`);
  return Math.trunc(limit);
}

/** Result rows are whole rows of the input with only the chosen cells present. */
export async function pickSome(
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

/** A share of the series, chosen by a hash of their labels, so that r and r - 1 complement each other. */
export async function pickRatio(run: Evaluation, expr: AggregateExpr, vector: Vector, scalars: Float64Array): Promise<VectorValue> {
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

export async function countValues(
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
