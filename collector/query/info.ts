/** info(v, {matchers}): copies labels of info series (`target_info`) onto the series that share their job and instance. */
import { AppError, labelValue, METRIC_NAME } from '@bellwether/shared';
import { compileMatcher, type Matcher } from '../store/index.ts';
import type { AtTime, CallExpr, Expr, TimeShift, VectorSelector } from './ast.ts';
import { childrenOf } from './ast.ts';
import type { Evaluation } from './evaluation.ts';
import type { Evaluator } from './evaluator.ts';
import { selectInstant } from './selectors.ts';
import { type Grid, type Vector, VectorBuilder, type VectorValue, withLabel } from './vector.ts';

const DEFAULT_INFO_METRIC = 'target_info';
const IDENTIFYING = ['instance', 'job'] as const;

export async function info(evaluator: Evaluator, call: CallExpr, grid: Grid): Promise<VectorValue> {
  const base = await evaluator.vector(call.args[0]!, grid);
  const selector = call.args[1]?.kind === 'selector' ? call.args[1] : undefined;
  const given = selector?.matchers ?? [];
  const names = given.filter((matcher) => matcher.name === METRIC_NAME);
  const labelMatchers = given.filter((matcher) => matcher.name !== METRIC_NAME);
  const nameMatchers = infoNameMatchers(names);
  const infoSelector: VectorSelector = {
    kind: 'selector',
    name: '',
    matchers: [...nameMatchers, ...identifyingMatchers(base)],
    ...shiftOf(evaluator.run, call.args[0]!),
    extend: undefined,
    start: call.start,
    end: call.end,
  };
  if (infoSelector.matchers.length === nameMatchers.length) return base;
  const infos = await selectInstant(evaluator.run, infoSelector, grid, 'values');
  const times = await selectInstant(evaluator.run, infoSelector, grid, 'times');
  return new Enrichment(base, infos, times, nameMatchers, labelMatchers).run();
}

/** Matchers that only exclude names still mean info metrics, which end in `_info`. */
function infoNameMatchers(given: readonly Matcher[]): readonly Matcher[] {
  if (given.length === 0) return [compileMatcher(METRIC_NAME, '=', DEFAULT_INFO_METRIC)];
  const positive = given.some(({ op }) => op === '=' || op === '=~');
  return positive ? given : [...given, compileMatcher(METRIC_NAME, '=~', '.+_info')];
}

/** The info series are looked up when the base series are: with the offset and @ on the way to the first selector of the argument. */
function shiftOf(run: Evaluation, expr: Expr): TimeShift {
  let at: AtTime | undefined;
  let offsetMs = 0;
  let node: Expr | undefined = expr;
  while (node !== undefined) {
    if (node.kind === 'selector' || node.kind === 'subquery') {
      if (node.at !== undefined) {
        at = node.at;
        offsetMs = 0;
      }
      if (node.offset !== undefined) offsetMs += run.duration(node.offset);
    }
    node = childrenOf(node).find((child) => hasSelector(child));
  }
  return { at, offset: { kind: 'length', seconds: offsetMs / 1000, asDuration: true, span: expr } };
}

function hasSelector(expr: Expr): boolean {
  return expr.kind === 'selector' || childrenOf(expr).some(hasSelector);
}

/** Limits the info series to the jobs and instances at hand. */
function identifyingMatchers(base: Vector): Matcher[] {
  const matchers: Matcher[] = [];
  for (const name of IDENTIFYING) {
    const values = [...new Set(base.labels.map((labels) => labelValue(labels, name)))].filter((value) => value !== '');
    if (values.length === 0) continue;
    const pattern = values.map((value) => value.replaceAll(/[\\.+*?()[\]{}^$|]/g, '\\$&')).join('|');
    matchers.push(compileMatcher(name, '=~', pattern));
  }
  return matchers;
}

class Enrichment {
  readonly #base: Vector;
  readonly #infos: Vector;
  readonly #times: Vector;
  readonly #isInfoName: (name: string) => boolean;
  readonly #labelMatchers: readonly Matcher[];
  readonly #wanted: ReadonlySet<string>;
  readonly #candidates = new Map<string, number[]>();
  readonly #rows = new Map<string, { labels: readonly string[]; dropName: boolean; values: Float64Array; present: Uint8Array }>();

  constructor(base: Vector, infos: Vector, times: Vector, nameMatchers: readonly Matcher[], labelMatchers: readonly Matcher[]) {
    this.#base = base;
    this.#infos = infos;
    this.#times = times;
    this.#isInfoName = (name) =>
      nameMatchers.some(({ op }) => op === '=' || op === '=~') && nameMatchers.every((matcher) => matcher.matches(name));
    this.#labelMatchers = labelMatchers;
    this.#wanted = new Set(labelMatchers.map(({ name }) => name));
    for (const [row, labels] of infos.labels.entries()) {
      const key = identityOf(labels);
      this.#candidates.set(key, [...(this.#candidates.get(key) ?? []), row]);
    }
  }

  run(): VectorValue {
    const { steps, labels, values, present, dropName } = this.#base;
    for (const [row, base] of labels.entries()) {
      const untouched = this.#isInfoName(labelValue(base, METRIC_NAME));
      for (let step = 0; step < steps; step++) {
        if (present[row * steps + step] === 0) continue;
        const enriched = untouched ? base : this.#enrich(base, step);
        if (enriched !== undefined) this.#put(enriched, dropName[row]!, step, values[row * steps + step]!);
      }
    }
    const builder = new VectorBuilder(steps, this.#rows.size);
    for (const row of this.#rows.values()) {
      const to = builder.row();
      builder.values.set(row.values, to);
      builder.present.set(row.present, to);
      builder.keep(row.labels, row.dropName);
    }
    return builder.build();
  }

  #put(labels: readonly string[], dropName: boolean, step: number, value: number): void {
    const { steps } = this.#base;
    const key = labels.join('\xff');
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = { labels, dropName, values: new Float64Array(steps), present: new Uint8Array(steps) };
      this.#rows.set(key, row);
    }
    row.values[step] = value;
    row.present[step] = 1;
  }

  /** The labels of a base series at a step; undefined when a matcher wants a label that no info series gives. */
  #enrich(base: readonly string[], step: number): readonly string[] | undefined {
    let labels = base;
    const added = new Map<string, string>();
    for (const row of this.#newestPerMetric(base, step)) {
      const infoLabels = this.#infos.labels[row]!;
      if (!this.#labelMatchers.every((matcher) => matcher.matches(labelValue(infoLabels, matcher.name)))) continue;
      for (let i = 0; i < infoLabels.length; i += 2) {
        const name = infoLabels[i]!;
        const value = infoLabels[i + 1]!;
        if (name === METRIC_NAME || (this.#wanted.size > 0 && !this.#wanted.has(name)) || labelValue(base, name) !== '') continue;
        const before = added.get(name);
        if (before !== undefined && before !== value) throw new AppError('QUERY_FAILED', `conflicting label: ${name}`);
        added.set(name, value);
        labels = withLabel(labels, name, value);
      }
    }
    const satisfied = this.#labelMatchers.every((matcher) => matcher.matches('') || labelValue(labels, matcher.name) !== '');
    return satisfied ? labels : undefined;
  }

  /** Of the info series of each metric that share the identity, the one with the newest sample. */
  #newestPerMetric(base: readonly string[], step: number): number[] {
    const { steps } = this.#infos;
    const newest = new Map<string, number>();
    for (const row of this.#candidates.get(identityOf(base)) ?? []) {
      const at = row * steps + step;
      if (this.#infos.present[at] === 0) continue;
      const name = labelValue(this.#infos.labels[row]!, METRIC_NAME);
      const known = newest.get(name);
      if (known === undefined || this.#times.values[at]! > this.#times.values[known * steps + step]!) newest.set(name, row);
    }
    return [...newest.values()];
  }
}

function identityOf(labels: readonly string[]): string {
  return IDENTIFYING.map((name) => labelValue(labels, name)).join('\xff');
}
