/** Runs test scripts against the query engine on a store of their own. */
import { errorMessage, type Labels, SteppedClock, setStale } from '@bellwether/shared';
import { openMemoryStore, type Store } from '../../store/index.ts';
import { childrenOf, type Expr } from '../ast.ts';
import { createQueryEngine } from '../engine.ts';
import { parse } from '../parser.ts';
import { print as printExpr } from '../print.ts';
import type { QueryEngine } from '../types.ts';
import { checkText, compareAnnotations, compareInstant, compareMatrix, compareVector } from './compare.ts';
import { type EvalCommand, parseScript } from './script.ts';
import type { SeriesLine } from './series-line.ts';

export interface ScriptFile {
  readonly name: string;
  readonly text: string;
}

export interface CaseResult {
  readonly origin: string;
  readonly className: string;
  readonly query: string;
  /** Undefined: passed. */
  readonly complaint: string | undefined;
}

const MAX_SAMPLES = 10_000;
const MINUTE_MS = 60_000;

/** Runs the cases of these classes and prints a line for each that fails and a summary a file. Loads nothing from disk. */
export async function runPromqlTest(
  files: readonly ScriptFile[],
  classes: readonly string[],
  print: (line: string) => void,
): Promise<{ passed: number; failed: number }> {
  const total = { passed: 0, failed: 0 };
  for (const { name, text } of files) {
    const counts = { passed: 0, failed: 0 };
    for (const { origin, query, complaint } of await runScript(text, classes)) {
      if (complaint === undefined) counts.passed++;
      else {
        counts.failed++;
        print(`FAIL ${origin}: ${query}: ${complaint}`);
      }
    }
    print(`${name}: ${counts.passed} passed, ${counts.failed} failed`);
    total.passed += counts.passed;
    total.failed += counts.failed;
  }
  return total;
}

/** Runs one script; cases of other classes are passed over. */
export async function runScript(text: string, classes: readonly string[]): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  let bench = openBench();
  let loads = 0;
  for (const command of parseScript(text)) {
    if (command.kind === 'clear') {
      await bench.store.stop();
      bench = openBench();
    } else if (command.kind === 'load') load(bench.store, `load-${loads++}`, command.stepMs, command.series);
    else if (classes.includes(command.className)) {
      const complaint = await complaintOf(bench.engine, command);
      results.push({ origin: command.origin, className: command.className, query: command.query, complaint });
    }
  }
  await bench.store.stop();
  return results;
}

function openBench(): { store: Store; engine: QueryEngine } {
  const clock = new SteppedClock(0);
  const forever = Number.POSITIVE_INFINITY;
  const store = openMemoryStore({ clock, retentionMs: forever, outOfOrderMs: forever, maxAheadMs: forever });
  return { store, engine: createQueryEngine({ store, clock, limits: { maxSamples: MAX_SAMPLES } }) };
}

function load(store: Store, key: string, stepMs: number, series: readonly SeriesLine[]): void {
  for (const [index, { labels, points, isStartTimestamps }] of series.entries()) {
    if (isStartTimestamps) continue;
    const group = store.openGroup(`${key}/${index}`, [{ labels, type: 'untyped', help: '' }]);
    for (const [i, point] of points.entries()) {
      if (point === 'missing' || point === 'histogram') continue;
      const values = new Float64Array(1);
      if (point === 'stale') setStale(values, 0);
      else values[0] = point;
      store.append(group, { timeMs: i * stepMs, presence: null, values });
    }
  }
}

async function complaintOf(engine: QueryEngine, command: EvalCommand): Promise<string | undefined> {
  try {
    const complaint = command.stepMs > 0 ? await checkRange(engine, command) : await checkInstant(engine, command);
    if (command.fail !== undefined) return 'wanted an error, got an answer';
    return complaint;
  } catch (error) {
    const text = errorMessage(error);
    if (command.fail === undefined) return `error: ${text}`;
    return checkText(command.fail, text) ? undefined : `wanted another error than: ${text}`;
  }
}

async function checkRange(engine: QueryEngine, command: EvalCommand): Promise<string | undefined> {
  const result = await engine.range(command.query, command.startMs, command.endMs, command.stepMs);
  return compareMatrix(command.series, result.series, command.startMs, command.stepMs) ?? compareAnnotations(command, result);
}

async function checkInstant(engine: QueryEngine, command: EvalCommand): Promise<string | undefined> {
  const result = await engine.instant(command.query, command.startMs);
  const complaint = compareInstant(command, result) ?? compareAnnotations(command, result);
  if (complaint !== undefined || command.fail !== undefined) return complaint;
  return (await checkFixed(engine, command)) ?? (await checkAsRange(engine, command));
}

/** With `@ T` on every selector the answer must be the same at any time. */
async function checkFixed(engine: QueryEngine, command: EvalCommand): Promise<string | undefined> {
  const expr = parse(command.query);
  if (someNode(expr, (node) => node.kind === 'call' && node.fn.timeDependent)) return undefined;
  const query = printExpr(fixedAt(expr, command.startMs));
  for (const timeMs of [0, 1, 59_999, command.startMs + 3_600_000, 1_000_000_000]) {
    const complaint = compareInstant(command, await engine.instant(query, timeMs));
    if (complaint !== undefined) return `as ${query} at ${timeMs} ms: ${complaint}`;
  }
  return undefined;
}

/** The instant must also be what a range query has at its middle step. */
async function checkAsRange(engine: QueryEngine, command: EvalCommand): Promise<string | undefined> {
  if (command.ordered || command.text !== undefined || command.rangeVector !== undefined) return undefined;
  if (/\b(?:start|end|step|range)\(\)/i.test(command.query)) return undefined;
  const at = command.startMs;
  const { series } = await engine.range(command.query, at - MINUTE_MS, at + MINUTE_MS, MINUTE_MS);
  const samples: { labels: Labels; value: number }[] = [];
  for (const { labels, times, values } of series) {
    const index = times.indexOf(at);
    if (index >= 0) samples.push({ labels, value: values[index]! });
  }
  const expected =
    command.scalar === undefined ? command : { ...command, series: [{ labels: [], points: [command.scalar], isStartTimestamps: false }] };
  const complaint = compareVector(expected, samples);
  return complaint === undefined ? undefined : `as a range query: ${complaint}`;
}

function someNode(expr: Expr, test: (node: Expr) => boolean): boolean {
  return test(expr) || childrenOf(expr).some((child) => someNode(child, test));
}

/** `expr` with `@ timeMs` on every selector and subquery that has no time of its own; below a subquery nothing needs one. */
function fixedAt(expr: Expr, timeMs: number): Expr {
  const at = { kind: 'time', timeMs } as const;
  switch (expr.kind) {
    case 'selector':
    case 'subquery':
      return expr.at === undefined ? { ...expr, at } : expr;
    case 'range':
      return expr.selector.at === undefined ? { ...expr, selector: { ...expr.selector, at } } : expr;
    case 'unary':
    case 'paren':
      return { ...expr, expr: fixedAt(expr.expr, timeMs) };
    case 'binary':
      return { ...expr, left: fixedAt(expr.left, timeMs), right: fixedAt(expr.right, timeMs) };
    case 'aggregate':
      return { ...expr, param: expr.param && fixedAt(expr.param, timeMs), expr: fixedAt(expr.expr, timeMs) };
    case 'call':
      return { ...expr, args: expr.args.map((arg, i) => (expr.fn.name === 'info' && i === 1 ? arg : fixedAt(arg, timeMs))) };
    default:
      return expr;
  }
}
