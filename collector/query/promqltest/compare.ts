/** Holds what a query answered against what a script expects; every function returns a complaint or undefined. */
import { formatLabels, type Labels, labelsKey } from '@bellwether/shared';
import type { MatrixSeries, QueryResult } from '../types.ts';
import type { EvalCommand, TextCheck } from './script.ts';
import type { SeriesLine } from './series-line.ts';

const RELATIVE_ERROR = 1e-6;
const SMALLEST_NORMAL = 2 ** -1022;

export function almostEqual(a: number, b: number): boolean {
  if (Number.isNaN(a) && Number.isNaN(b)) return true;
  if (a === b) return true;
  const difference = Math.abs(a - b);
  const size = Math.abs(a) + Math.abs(b);
  if (a === 0 || b === 0 || size < SMALLEST_NORMAL) return difference < RELATIVE_ERROR * SMALLEST_NORMAL;
  return difference / Math.min(size, Number.MAX_VALUE) < RELATIVE_ERROR;
}

export function compareInstant(command: EvalCommand, result: QueryResult): string | undefined {
  if (command.text !== undefined) return result.kind === 'string' && result.value === command.text ? undefined : `got ${show(result)}`;
  if (command.scalar !== undefined) {
    return result.kind === 'scalar' && almostEqual(result.value, command.scalar)
      ? undefined
      : `wanted ${command.scalar}, got ${show(result)}`;
  }
  if (command.rangeVector !== undefined) {
    if (result.kind !== 'matrix') return `wanted a range vector, got ${show(result)}`;
    return compareMatrix(command.series, result.series, command.rangeVector.startMs, command.rangeVector.stepMs);
  }
  if (result.kind !== 'vector') return `wanted a vector, got ${show(result)}`;
  return compareVector(command, result.samples);
}

export function compareVector(
  command: EvalCommand,
  samples: readonly { readonly labels: Labels; readonly value: number }[],
): string | undefined {
  const { series, ordered } = command;
  const order = new Map(series.map((line, index) => [labelsKey(line.labels), index]));
  const seen = new Set<string>();
  for (const [position, { labels, value }] of samples.entries()) {
    const key = labelsKey(labels);
    const index = order.get(key);
    if (index === undefined) return `unexpected ${formatLabels(labels)} ${value}`;
    if (seen.has(key)) return `${formatLabels(labels)} twice`;
    seen.add(key);
    if (ordered && index !== position) return `${formatLabels(labels)} at place ${position}, wanted ${index}`;
    const wanted = series[index]!.points[0];
    if (typeof wanted !== 'number' || !almostEqual(wanted, value)) return `${formatLabels(labels)}: wanted ${wanted}, got ${value}`;
  }
  const missing = series.find((line) => !seen.has(labelsKey(line.labels)));
  return missing === undefined ? undefined : `missing ${formatLabels(missing.labels)}`;
}

/** Expected point i of a series stands at startMs + i * stepMs. */
export function compareMatrix(
  expected: readonly SeriesLine[],
  series: readonly MatrixSeries[],
  startMs: number,
  stepMs: number,
): string | undefined {
  const wanted = new Map(expected.map((line) => [labelsKey(line.labels), line.points]));
  for (const { labels, times, values } of series) {
    const points = wanted.get(labelsKey(labels));
    if (points === undefined) return `unexpected series ${formatLabels(labels)}`;
    wanted.delete(labelsKey(labels));
    const present = points.flatMap((point, i) => (point === 'missing' ? [] : [{ point, timeMs: startMs + i * stepMs }]));
    const got = `[${[...values].join(' ')}] at [${[...times].join(' ')}]`;
    if (present.length !== times.length) return `${formatLabels(labels)}: wanted ${present.length} points, got ${got}`;
    for (const [i, { point, timeMs }] of present.entries()) {
      if (timeMs !== times[i] || typeof point !== 'number' || !almostEqual(point, values[i]!)) {
        return `${formatLabels(labels)}: wanted ${point} at ${timeMs}, got ${got}`;
      }
    }
  }
  const left = [...wanted.entries()].find(([, points]) => points.some((point) => point !== 'missing'));
  return left === undefined ? undefined : `missing series ${left[0].replaceAll('\xff', ' ')}`;
}

export function checkText(check: TextCheck, text: string): boolean {
  if (check.kind === 'any') return true;
  return check.kind === 'msg' ? text === check.text : new RegExp(check.text).test(text);
}

export function compareAnnotations(command: EvalCommand, result: QueryResult): string | undefined {
  for (const [kind, checks, none, got] of [
    ['warn', command.warn, command.noWarn, result.warnings],
    ['info', command.info, command.noInfo, result.infos],
  ] as const) {
    if (none && got.length > 0) return `unexpected ${kind}: ${got.join('; ')}`;
    if (checks.length === 0) continue;
    if (got.length === 0) return `wanted a ${kind}, got none`;
    const odd = got.find((text) => !checks.some((check) => checkText(check, text)));
    if (odd !== undefined) return `unexpected ${kind}: ${odd}`;
    const unmet = checks.find((check) => !got.some((text) => checkText(check, text)));
    if (unmet !== undefined) return `no ${kind} like "${unmet.text}", got ${got.join('; ')}`;
  }
  return undefined;
}

function show(result: QueryResult): string {
  switch (result.kind) {
    case 'scalar':
      return `scalar ${result.value}`;
    case 'string':
      return `string ${JSON.stringify(result.value)}`;
    case 'vector':
      return `vector of ${result.samples.length}`;
    case 'matrix':
      return `matrix of ${result.series.length}`;
  }
}
