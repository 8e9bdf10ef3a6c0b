/** The columns a node of the tree evaluates to: every series over every step of a grid at once. */
import { type Labels, METRIC_NAME, type Millis } from '@bellwether/shared';

/** The evaluation times startMs, startMs + stepMs, ...: `count` of them. */
export interface Grid {
  readonly startMs: Millis;
  readonly stepMs: Millis;
  readonly count: number;
}

/** The last time of a grid. */
export function gridEnd(grid: Grid): Millis {
  return grid.startMs + (grid.count - 1) * grid.stepMs;
}

/**
 * Series by step, row after row: row r is `values[r * steps .. (r + 1) * steps)`. `present` (1 or 0) tells where there is a value at all.
 * Immutable once built, so that operators may share the arrays of their input.
 */
export interface Vector {
  readonly steps: number;
  readonly labels: readonly Labels[];
  /** Rows whose metric name (and type and unit) goes at the end of the query: operators mark, nobody strips before. */
  readonly dropName: readonly boolean[];
  readonly values: Float64Array;
  readonly present: Uint8Array;
}

export type Value =
  | { readonly kind: 'scalar'; readonly values: Float64Array }
  | { readonly kind: 'string'; readonly value: string }
  | ({ readonly kind: 'vector' } & Vector);

export type VectorValue = Extract<Value, { kind: 'vector' }>;

export function vectorOf(vector: Vector): VectorValue {
  return { kind: 'vector', ...vector };
}

/** Collects rows whose number is not known; rows without any value are left out. */
export class VectorBuilder {
  readonly #steps: number;
  readonly #labels: Labels[] = [];
  readonly #dropName: boolean[] = [];
  #values: Float64Array;
  #present: Uint8Array;

  constructor(steps: number, expectedRows: number) {
    this.#steps = steps;
    const rows = Math.max(1, Math.min(expectedRows, Math.ceil((1 << 20) / steps)));
    this.#values = new Float64Array(rows * steps);
    this.#present = new Uint8Array(rows * steps);
  }

  get values(): Float64Array {
    return this.#values;
  }

  get present(): Uint8Array {
    return this.#present;
  }

  /** Offset of a row that may be written to (all absent); it counts only once `keep` is called. */
  row(): number {
    const offset = this.#labels.length * this.#steps;
    if (offset + this.#steps > this.#values.length) {
      const length = Math.max(offset + this.#steps, this.#values.length * 2);
      const values = new Float64Array(length);
      values.set(this.#values);
      this.#values = values;
      const present = new Uint8Array(length);
      present.set(this.#present);
      this.#present = present;
    }
    return offset;
  }

  keep(labels: Labels, dropName: boolean): void {
    this.#labels.push(labels);
    this.#dropName.push(dropName);
  }

  build(): VectorValue {
    const length = this.#labels.length * this.#steps;
    return {
      kind: 'vector',
      steps: this.#steps,
      labels: this.#labels,
      dropName: this.#dropName,
      values: this.#values.subarray(0, length),
      present: this.#present.subarray(0, length),
    };
  }
}

/** The rows at `order`, in that order. */
export function pickRows(vector: Vector, order: readonly number[]): VectorValue {
  const { steps } = vector;
  const values = new Float64Array(order.length * steps);
  const present = new Uint8Array(order.length * steps);
  for (const [to, from] of order.entries()) {
    values.set(vector.values.subarray(from * steps, (from + 1) * steps), to * steps);
    present.set(vector.present.subarray(from * steps, (from + 1) * steps), to * steps);
  }
  return {
    kind: 'vector',
    steps,
    labels: order.map((row) => vector.labels[row]!),
    dropName: order.map((row) => vector.dropName[row]!),
    values,
    present,
  };
}

/** `vector`, of one step, repeated over `steps` of them. */
export function repeatVector(vector: Vector, steps: number): VectorValue {
  const rows = vector.labels.length;
  const values = new Float64Array(rows * steps);
  const present = new Uint8Array(rows * steps);
  for (let row = 0; row < rows; row++) {
    values.fill(vector.values[row]!, row * steps, (row + 1) * steps);
    present.fill(vector.present[row]!, row * steps, (row + 1) * steps);
  }
  return { kind: 'vector', steps, labels: vector.labels, dropName: vector.dropName, values, present };
}

/** Labels that describe the metric itself; they go when its value is no longer what they say. */
const METADATA: ReadonlySet<string> = new Set([METRIC_NAME, '__type__', '__unit__']);

export function withoutMetadata(labels: Labels): Labels {
  for (let i = 0; i < labels.length; i += 2) {
    if (METADATA.has(labels[i]!)) return filterLabels(labels, (name) => !METADATA.has(name));
  }
  return labels;
}

export function filterLabels(labels: Labels, keep: (name: string) => boolean): Labels {
  const out: string[] = [];
  for (let i = 0; i < labels.length; i += 2) if (keep(labels[i]!)) out.push(labels[i]!, labels[i + 1]!);
  return out;
}

/** `labels` with `name` set to `value`, or removed when `value` is empty. */
export function withLabel(labels: Labels, name: string, value: string): Labels {
  let at = 0;
  while (at < labels.length && labels[at]! < name) at += 2;
  const found = labels[at] === name;
  if (!found && value === '') return labels;
  return [...labels.slice(0, at), ...(value === '' ? [] : [name, value]), ...labels.slice(found ? at + 2 : at)];
}
