/** Evaluates the tree: every node once, over all steps of its grid. */
import { AppError } from '@bellwether/shared';
import { aggregate } from './aggregate.ts';
import type { AggregateExpr, BinaryExpr, CallExpr, Expr, MatrixSelector, Subquery, VectorSelector } from './ast.ts';
import { SET_OPERATORS, unwrap } from './ast.ts';
import { scalarsBinary, setBinary, vectorScalarBinary, vectorsBinary } from './binary.ts';
import { callFunction } from './calls.ts';
import { positiveDuration } from './durations.ts';
import type { Evaluation } from './evaluation.ts';
import { isStepInvariant } from './invariance.ts';
import { columnsOf, gazeOf, type RangeInput, selectInstant, selectRange, subqueryGrid } from './selectors.ts';
import { smoothedInstant } from './smoothed.ts';
import { type Grid, repeatVector, type Value, type VectorValue } from './vector.ts';

export class Evaluator {
  readonly run: Evaluation;
  readonly #invariant = new WeakMap<Expr, boolean>();

  constructor(run: Evaluation) {
    this.run = run;
  }

  /** The value of a node at every step of `grid`. Range vectors have none: see `rangeInput`. */
  async evaluate(expr: Expr, grid: Grid): Promise<Value> {
    const before = this.run.held;
    const value = await this.#evaluateOnce(expr, grid);
    this.run.settle(before, value.kind === 'string' ? 0 : value.values.length);
    return value;
  }

  async #evaluateOnce(expr: Expr, grid: Grid): Promise<Value> {
    if (grid.count === 1 || !this.#isInvariant(expr)) return this.#evaluate(expr, grid);
    const once = await this.#evaluate(expr, { startMs: grid.startMs, stepMs: grid.stepMs, count: 1 });
    if (once.kind === 'scalar') return { kind: 'scalar', values: new Float64Array(grid.count).fill(once.values[0]!) };
    if (once.kind === 'string') return once;
    this.run.hold(once.labels.length * grid.count);
    return repeatVector(once, grid.count);
  }

  #isInvariant(expr: Expr): boolean {
    let known = this.#invariant.get(expr);
    if (known === undefined) {
      known = isStepInvariant(expr);
      this.#invariant.set(expr, known);
    }
    return known;
  }

  async vector(expr: Expr, grid: Grid): Promise<VectorValue> {
    const value = await this.evaluate(expr, grid);
    if (value.kind !== 'vector') throw new TypeError(`a ${expr.kind} node gave a ${value.kind} where the type check wanted a vector`);
    return value;
  }

  async scalar(expr: Expr, grid: Grid): Promise<Float64Array> {
    const value = await this.evaluate(expr, grid);
    if (value.kind !== 'scalar') throw new TypeError(`a ${expr.kind} node gave a ${value.kind} where the type check wanted a scalar`);
    return value.values;
  }

  /** The text of a string argument. */
  string(expr: Expr): string {
    const literal = unwrap(expr);
    if (literal.kind !== 'string') throw new TypeError('a string expression that is not a literal');
    return literal.value;
  }

  async #evaluate(expr: Expr, grid: Grid): Promise<Value> {
    switch (expr.kind) {
      case 'number':
        return { kind: 'scalar', values: new Float64Array(grid.count).fill(expr.value) };
      case 'string':
        return { kind: 'string', value: expr.value };
      case 'paren':
        return this.evaluate(expr.expr, grid);
      case 'selector':
        return this.#selector(expr, grid);
      case 'unary':
        return this.#unary(await this.evaluate(expr.expr, grid), expr.op);
      case 'binary':
        return this.#binary(expr, grid);
      case 'aggregate':
        return this.#aggregate(expr, grid);
      case 'call':
        return this.#call(expr, grid);
      case 'range':
      case 'subquery':
        throw new TypeError('a range vector has no value per step');
    }
  }

  async #selector(expr: VectorSelector, grid: Grid): Promise<Value> {
    if (expr.extend === undefined) return selectInstant(this.run, expr, grid, 'values');

    return smoothedInstant(this.run, expr, grid);
  }

  #unary(value: Value, op: '+' | '-'): Value {
    if (op === '+' || value.kind === 'string') return value;
    if (value.kind === 'scalar') return { kind: 'scalar', values: value.values.map((number) => -number) };
    return { ...value, values: value.values.map((number) => -number), dropName: value.labels.map(() => true) };
  }

  async #binary(expr: BinaryExpr, grid: Grid): Promise<Value> {
    const left = await this.evaluate(expr.left, grid);
    const right = await this.evaluate(expr.right, grid);
    const { run } = this;
    if (left.kind === 'scalar' && right.kind === 'scalar') {
      return { kind: 'scalar', values: scalarsBinary(expr.op, left.values, right.values) };
    }
    if (left.kind === 'vector' && right.kind === 'scalar') return vectorScalarBinary(run, expr, left, right.values, false);
    if (left.kind === 'scalar' && right.kind === 'vector') return vectorScalarBinary(run, expr, right, left.values, true);
    if (left.kind !== 'vector' || right.kind !== 'vector') throw new TypeError('a binary operator on something that is no number');
    return SET_OPERATORS.has(expr.op) ? setBinary(run, expr, left, right) : vectorsBinary(run, expr, left, right);
  }

  async #aggregate(expr: AggregateExpr, grid: Grid): Promise<Value> {
    const param = expr.param === undefined ? undefined : await this.evaluate(expr.param, grid);
    const vector = await this.vector(expr.expr, grid);
    const scalars = param?.kind === 'scalar' ? param.values : undefined;
    const label = param?.kind === 'string' ? param.value : '';
    return aggregate(this.run, expr, vector, scalars, label);
  }

  #call(expr: CallExpr, grid: Grid): Promise<Value> {
    if (expr.fn.nativeOnly) {
      throw new AppError(
        'QUERY_FAILED',
        `function "${expr.fn.name}" works on native histograms, which this store does not hold; use the classic _bucket series`,
      );
    }
    return callFunction(this, expr, grid);
  }

  /** The samples and windows of a range vector argument. */
  async rangeInput(expr: Expr, grid: Grid, reachBackMs = 0, reachAheadMs = 0): Promise<RangeInput> {
    const node = unwrap(expr);
    if (node.kind === 'range') return selectRange(this.run, node.selector, this.rangeMs(node), grid, reachBackMs, reachAheadMs);
    if (node.kind !== 'subquery') throw new TypeError(`a ${node.kind} node where the type check wanted a range vector`);
    return this.#subquery(node, grid);
  }

  rangeMs(node: MatrixSelector | Subquery): number {
    return positiveDuration(this.run.query, node.range, this.run.duration(node.range));
  }

  async #subquery(node: Subquery, grid: Grid): Promise<RangeInput> {
    const { run } = this;
    const rangeMs = this.rangeMs(node);
    const stepMs = node.step === undefined ? run.limits.subqueryStepMs : positiveDuration(run.query, node.step, run.duration(node.step));
    const gaze = gazeOf(run, node, grid);
    const inner = subqueryGrid(gaze, grid, rangeMs, stepMs);
    if (inner === undefined) return { columns: [], rangeMs, gaze };
    // Before anything of that size is made.
    run.hold(inner.count);
    const vector = await this.vector(node.expr, inner);
    return { columns: columnsOf(vector, inner), rangeMs, gaze };
  }
}
