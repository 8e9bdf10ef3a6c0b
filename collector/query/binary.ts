/** Binary operators between columns: vector and scalar, vector and vector, and the set operators. */
import { AppError, formatLabels, type Labels } from '@bellwether/shared';
import type { BinaryExpr, BinaryOp, VectorMatching } from './ast.ts';
import { COMPARISONS } from './ast.ts';
import type { Evaluation } from './evaluation.ts';
import { type NumberOperator, operatorOf } from './operators.ts';
import { filterLabels, type Vector, VectorBuilder, type VectorValue, withLabel, withoutMetadata } from './vector.ts';

const UNMATCHED: VectorMatching = { on: false, labels: [], card: 'one-to-one', include: [], fillLeft: undefined, fillRight: undefined };

export function scalarsBinary(op: BinaryOp, left: Float64Array, right: Float64Array): Float64Array {
  const operator = operatorOf(op);
  return left.map((value, step) => operator(value, right[step]!));
}

/** `vector op scalar`, or with `swapped` `scalar op vector`. A filter keeps the vector's value whichever side it is on. */
export async function vectorScalarBinary(
  run: Evaluation,
  expr: BinaryExpr,
  vector: Vector,
  scalars: Float64Array,
  swapped: boolean,
): Promise<VectorValue> {
  const operator = operatorOf(expr.op);
  const { steps, labels } = vector;
  const filter = COMPARISONS.has(expr.op) && !expr.bool;
  const values = new Float64Array(vector.values.length);
  const present = filter ? new Uint8Array(vector.present.length) : vector.present;
  for (let row = 0, at = 0; row < labels.length; row++) {
    for (let step = 0; step < steps; step++, at++) {
      if (vector.present[at] === 0) continue;
      const value = vector.values[at]!;
      const result = swapped ? operator(scalars[step]!, value) : operator(value, scalars[step]!);
      values[at] = filter ? value : result;
      if (filter) present[at] = result;
    }
    if (run.spend(2 * steps)) await run.breathe();
  }
  return { kind: 'vector', steps, labels, dropName: filter ? vector.dropName : labels.map(() => true), values, present };
}

/** A label set cut to what decides whether two series match. */
function signatureOf(matching: VectorMatching): (labels: Labels) => string {
  const names = new Set(matching.labels);
  const keep = matching.on ? (name: string) => names.has(name) : (name: string) => !names.has(name) && name !== '__name__';
  return (labels) => {
    let key = '';
    for (let i = 0; i < labels.length; i += 2) if (keep(labels[i]!)) key += `${labels[i]}\xff${labels[i + 1]}\xff`;
    return key;
  };
}

/** Per signature, at which steps any row of it is present. */
function presenceBySignature(vector: Vector, signature: (labels: Labels) => string): Map<string, Uint8Array> {
  const { steps } = vector;
  const presence = new Map<string, Uint8Array>();
  for (const [row, labels] of vector.labels.entries()) {
    const key = signature(labels);
    const own = vector.present.subarray(row * steps, (row + 1) * steps);
    const known = presence.get(key);
    if (known === undefined) presence.set(key, own);
    else
      presence.set(
        key,
        known.map((there, step) => there | own[step]!),
      );
  }
  return presence;
}

/** and, or, unless. */
export async function setBinary(run: Evaluation, expr: BinaryExpr, left: Vector, right: Vector): Promise<VectorValue> {
  const signature = signatureOf(expr.matching ?? UNMATCHED);
  const { steps } = left;
  const builder = new VectorBuilder(steps, left.labels.length + (expr.op === 'or' ? right.labels.length : 0));
  const addWhere = async (vector: Vector, others: Map<string, Uint8Array>, keepWhen: (other: number) => boolean) => {
    for (const [row, labels] of vector.labels.entries()) {
      const other = others.get(signature(labels));
      if (other === undefined && !keepWhen(0)) continue;
      const to = builder.row();
      const from = row * steps;
      let kept = 0;
      for (let step = 0; step < steps; step++) {
        if (vector.present[from + step] === 0 || !keepWhen(other === undefined ? 0 : other[step]!)) continue;
        builder.values[to + step] = vector.values[from + step]!;
        builder.present[to + step] = 1;
        kept++;
      }
      if (kept > 0) builder.keep(labels, vector.dropName[row]!);
      if (run.spend(steps)) await run.breathe();
    }
  };
  if (expr.op === 'or') {
    await addWhere(left, new Map(), () => true);
    await addWhere(right, presenceBySignature(left, signature), (other) => other === 0);
    return mergeEqualRows(builder.build());
  }
  const wanted = expr.op === 'and' ? 1 : 0;
  await addWhere(left, presenceBySignature(right, signature), (other) => other === wanted);
  return builder.build();
}

/** Joins rows of equal labels, whose steps do not overlap; one marked to lose its name marks the whole. */
export function mergeEqualRows(vector: VectorValue): VectorValue {
  const byKey = new Map<string, number[]>();
  for (const [row, labels] of vector.labels.entries()) {
    const key = labels.join('\xff');
    const rows = byKey.get(key);
    if (rows === undefined) byKey.set(key, [row]);
    else rows.push(row);
  }
  if (byKey.size === vector.labels.length) return vector;
  const { steps } = vector;
  const builder = new VectorBuilder(steps, byKey.size);
  for (const rows of byKey.values()) {
    const to = builder.row();
    for (const row of rows) {
      for (let step = 0; step < steps; step++) {
        if (vector.present[row * steps + step] === 0) continue;
        if (builder.present[to + step] === 1) throw sameLabelset();
        builder.values[to + step] = vector.values[row * steps + step]!;
        builder.present[to + step] = 1;
      }
    }
    builder.keep(
      vector.labels[rows[0]!]!,
      rows.some((row) => vector.dropName[row]!),
    );
  }
  return builder.build();
}

export function sameLabelset(): AppError {
  return new AppError('QUERY_FAILED', 'vector cannot contain metrics with the same labelset');
}

interface MatchGroup {
  readonly many: number[];
  readonly one: number[];
}

/** A result row and where, per step, it already has a value. */
interface ResultRow {
  readonly labels: Labels;
  dropName: boolean;
  readonly values: Float64Array;
  readonly present: Uint8Array;
}

/** Arithmetic and comparisons between two vectors. */
export async function vectorsBinary(run: Evaluation, expr: BinaryExpr, left: Vector, right: Vector): Promise<VectorValue> {
  return new VectorMatcher(run, expr, left, right).match();
}

class VectorMatcher {
  readonly #run: Evaluation;
  readonly #expr: BinaryExpr;
  readonly #matching: VectorMatching;
  readonly #operator: NumberOperator;
  readonly #filter: boolean;
  /** Many and one side; equal to left and right unless group_right swaps them. */
  readonly #many: Vector;
  readonly #one: Vector;
  readonly #swapped: boolean;
  readonly #fillMany: number | undefined;
  readonly #fillOne: number | undefined;
  readonly #steps: number;
  readonly #rows = new Map<string, ResultRow>();

  constructor(run: Evaluation, expr: BinaryExpr, left: Vector, right: Vector) {
    const matching = expr.matching ?? UNMATCHED;
    this.#run = run;
    this.#expr = expr;
    this.#matching = matching;
    this.#operator = operatorOf(expr.op);
    this.#filter = COMPARISONS.has(expr.op) && !expr.bool;
    this.#swapped = matching.card === 'one-to-many';
    this.#many = this.#swapped ? right : left;
    this.#one = this.#swapped ? left : right;
    this.#fillMany = this.#swapped ? matching.fillRight : matching.fillLeft;
    this.#fillOne = this.#swapped ? matching.fillLeft : matching.fillRight;
    this.#steps = left.steps;
  }

  async match(): Promise<VectorValue> {
    for (const group of this.#groups()) {
      this.#matchGroup(group);
      if (this.#run.spend((group.many.length + group.one.length) * this.#steps)) await this.#run.breathe();
    }
    const builder = new VectorBuilder(this.#steps, this.#rows.size);
    for (const { labels, dropName, values, present } of this.#rows.values()) {
      if (!present.includes(1)) continue;
      const to = builder.row();
      builder.values.set(values, to);
      builder.present.set(present, to);
      builder.keep(labels, dropName);
    }
    return builder.build();
  }

  #groups(): Iterable<MatchGroup> {
    const signature = signatureOf(this.#matching);
    const groups = new Map<string, MatchGroup>();
    const groupAt = (labels: Labels): MatchGroup => {
      const key = signature(labels);
      let group = groups.get(key);
      if (group === undefined) {
        group = { many: [], one: [] };
        groups.set(key, group);
      }
      return group;
    };
    for (const [row, labels] of this.#many.labels.entries()) groupAt(labels).many.push(row);
    for (const [row, labels] of this.#one.labels.entries()) groupAt(labels).one.push(row);
    return groups.values();
  }

  #matchGroup({ many, one }: MatchGroup): void {
    if (many.length === 0 && this.#fillMany === undefined && one.length < 2) return;
    if (one.length === 0 && this.#fillOne === undefined) return;
    const steps = this.#steps;
    const partner = this.#partners(one);
    const used = this.#matching.card === 'one-to-one' ? new Uint8Array(steps) : undefined;
    const manySeen = this.#fillMany === undefined ? undefined : new Uint8Array(steps);
    for (const row of many) this.#matchRow(row, partner, used, manySeen);
    if (this.#fillMany === undefined || manySeen === undefined) return;
    for (let step = 0; step < steps; step++) {
      const oneRow = partner[step]!;
      if (manySeen[step] === 1 || oneRow < 0) continue;
      const labels = this.#signatureLabels(this.#one.labels[oneRow]!);
      const target = this.#rowFor(labels, this.#expr.bool);
      this.#put(target, step, this.#fillMany, this.#one.values[oneRow * steps + step]!);
    }
  }

  /** Which row of the "one" side is present at each step; -1: none. */
  #partners(one: readonly number[]): Int32Array {
    const steps = this.#steps;
    const { present, labels } = this.#one;
    const partner = new Int32Array(steps).fill(-1);
    for (const row of one) {
      for (let step = 0; step < steps; step++) {
        if (present[row * steps + step] === 0) continue;
        if (partner[step]! >= 0 && this.#manyPresentAt(step)) throw this.#duplicate(labels[partner[step]!]!, labels[row]!);
        partner[step] = row;
      }
    }
    return partner;
  }

  /** At a step where one operand is empty nothing is matched, so nothing can be ambiguous. */
  #manyPresentAt(step: number): boolean {
    if (this.#fillMany !== undefined) return true;
    const { present, labels } = this.#many;
    for (let row = 0; row < labels.length; row++) if (present[row * this.#steps + step] === 1) return true;
    return false;
  }

  #duplicate(first: Labels, second: Labels): AppError {
    const side = this.#swapped ? 'left' : 'right';
    const group = formatLabels(this.#signatureLabels(second));
    return new AppError(
      'QUERY_FAILED',
      `found duplicate series for the match group ${group} on the ${side} hand-side of the operation: [${formatLabels(second)}, ${formatLabels(first)}];many-to-many matching not allowed: matching labels must be unique on one side`,
    );
  }

  #matchRow(row: number, partner: Int32Array, used: Uint8Array | undefined, manySeen: Uint8Array | undefined): void {
    const steps = this.#steps;
    const from = row * steps;
    let target: ResultRow | undefined;
    let targetPartner = -2;
    for (let step = 0; step < steps; step++) {
      if (this.#many.present[from + step] === 0) continue;
      if (manySeen !== undefined) manySeen[step] = 1;
      const oneRow = partner[step]!;
      if (oneRow < 0 && this.#fillOne === undefined) continue;
      const manyValue = this.#many.values[from + step]!;
      const oneValue = oneRow < 0 ? this.#fillOne! : this.#one.values[oneRow * steps + step]!;
      const leftValue = this.#swapped ? oneValue : manyValue;
      const rightValue = this.#swapped ? manyValue : oneValue;
      const result = this.#operator(leftValue, rightValue);
      if (this.#filter && result === 0) continue;
      if (used !== undefined && used[step] === 1) {
        throw new AppError('QUERY_FAILED', 'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)');
      }
      if (used !== undefined) used[step] = 1;
      if (target === undefined || (targetPartner !== oneRow && this.#matching.include.length > 0)) {
        target = this.#rowFor(this.#resultLabels(row, oneRow), this.#expr.bool || this.#many.dropName[row]!);
        targetPartner = oneRow;
      }
      if (target.present[step] === 1) {
        throw new AppError('QUERY_FAILED', 'multiple matches for labels: grouping labels must ensure unique matches');
      }
      target.values[step] = this.#filter ? leftValue : result;
      target.present[step] = 1;
    }
  }

  #put(target: ResultRow, step: number, manyValue: number, oneValue: number): void {
    const leftValue = this.#swapped ? oneValue : manyValue;
    const rightValue = this.#swapped ? manyValue : oneValue;
    const result = this.#operator(leftValue, rightValue);
    if (this.#filter && result === 0) return;
    if (target.present[step] === 1) {
      throw new AppError('QUERY_FAILED', 'multiple matches for labels: grouping labels must ensure unique matches');
    }
    target.values[step] = this.#filter ? leftValue : result;
    target.present[step] = 1;
  }

  #rowFor(labels: Labels, dropName: boolean): ResultRow {
    const key = labels.join('\xff');
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = { labels, dropName, values: new Float64Array(this.#steps), present: new Uint8Array(this.#steps) };
      this.#rows.set(key, row);
    }
    row.dropName ||= dropName;
    return row;
  }

  #signatureLabels(labels: Labels): Labels {
    const names = new Set(this.#matching.labels);
    return filterLabels(labels, this.#matching.on ? (name) => names.has(name) : (name) => !names.has(name) && name !== '__name__');
  }

  #resultLabels(manyRow: number, oneRow: number): Labels {
    const { card, on, labels: names, include } = this.#matching;
    let labels = this.#many.labels[manyRow]!;
    if (!COMPARISONS.has(this.#expr.op)) labels = withoutMetadata(labels);
    if (card === 'one-to-one') {
      const set = new Set(names);
      labels = filterLabels(labels, (name) => set.has(name) === on);
    }
    if (oneRow < 0) return labels;
    const oneLabels = this.#one.labels[oneRow]!;
    for (const name of include) {
      const at = oneLabels.findIndex((value, i) => i % 2 === 0 && value === name);
      labels = withLabel(labels, name, at < 0 ? '' : oneLabels[at + 1]!);
    }
    return labels;
  }
}
