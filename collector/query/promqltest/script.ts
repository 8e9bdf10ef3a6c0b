/** Reads Prometheus' test scripts (`load`, `eval`, `clear`) into commands. */
import { AppError, type Millis, parseDuration } from '@bellwether/shared';
import { unquote } from '../text.ts';
import { parseSeriesLine, type SeriesLine } from './series-line.ts';

export interface TextCheck {
  readonly kind: 'any' | 'msg' | 'regex';
  readonly text: string;
}

export interface EvalCommand {
  readonly kind: 'eval';
  readonly line: number;
  /** Where the case comes from and its class (`core`, `experimental`, `native`), from a `#@` line above it. */
  readonly origin: string;
  readonly className: string;
  readonly query: string;
  readonly startMs: Millis;
  readonly endMs: Millis;
  /** 0: an instant query. */
  readonly stepMs: Millis;
  readonly series: readonly SeriesLine[];
  readonly scalar: number | undefined;
  readonly text: string | undefined;
  readonly ordered: boolean;
  readonly fail: TextCheck | undefined;
  readonly warn: readonly TextCheck[];
  readonly info: readonly TextCheck[];
  readonly noWarn: boolean;
  readonly noInfo: boolean;
  /** Times of an expected range vector. */
  readonly rangeVector: { readonly startMs: Millis; readonly endMs: Millis; readonly stepMs: Millis } | undefined;
}

export type Command =
  | { readonly kind: 'clear' }
  | { readonly kind: 'load'; readonly line: number; readonly stepMs: Millis; readonly series: readonly SeriesLine[] }
  | EvalCommand;

/** Throws AppError QUERY_INVALID, naming the line, at what is no command. */
export function parseScript(text: string): Command[] {
  const lines = text.split('\n').map((line) => line.trim());
  const commands: Command[] = [];
  let origin = '';
  let className = 'core';
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    const tag = /^#@ (\S+) (\S+)/.exec(line);
    if (tag !== null) [, origin, className] = tag as unknown as [string, string, string];
    if (line === '' || line.startsWith('#')) continue;
    const body: string[] = [];
    const number = at + 1;
    while (at + 1 < lines.length && lines[at + 1] !== '' && !lines[at + 1]!.startsWith('#')) body.push(lines[++at]!);
    try {
      if (line === 'clear') {
        commands.push({ kind: 'clear' });
        at -= body.length;
      } else if (line.startsWith('load')) commands.push(loadCommand(line, body, number));
      else if (line.startsWith('eval')) {
        commands.push(evalCommand(line, body, number, origin === '' ? `line ${number}` : origin, className));
        origin = '';
        className = 'core';
      } else throw new AppError('QUERY_INVALID', `"${line}" is no command; write load, eval or clear`);
    } catch (cause) {
      throw cause instanceof AppError ? new AppError(cause.code, `line ${number}: ${cause.message}`, { cause }) : cause;
    }
  }
  return commands;
}

function loadCommand(line: string, body: readonly string[], number: number): Command {
  const match = /^load(?:_with_nhcb)?\s+(\S+)$/.exec(line);
  if (match === null) throw new AppError('QUERY_INVALID', `"${line}" should read: load STEP`);
  return { kind: 'load', line: number, stepMs: time(match[1]!), series: body.map(parseSeriesLine) };
}

function time(text: string): Millis {
  const ms = parseDuration(text) ?? (Number.isNaN(Number(text)) ? undefined : Number(text) * 1000);
  if (ms === undefined) throw new AppError('QUERY_INVALID', `"${text}" is not a duration such as 5m`);
  return ms;
}

const INSTANT = /^eval(?:_(fail|warn|info|ordered))?\s+instant\s+(?:at\s+(\S+)\s+)?(.+)$/s;
const RANGE = /^eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$/s;
const ANY: TextCheck = { kind: 'any', text: '' };

function evalCommand(line: string, body: readonly string[], number: number, origin: string, className: string): EvalCommand {
  const instant = INSTANT.exec(line);
  const range = RANGE.exec(line);
  if (instant === null && range === null) throw new AppError('QUERY_INVALID', `"${line}" should read: eval instant at TIME QUERY`);
  const [startMs, endMs, stepMs] =
    range !== null ? [time(range[2]!), time(range[3]!), time(range[4]!)] : [time(instant![2] ?? '0s'), time(instant![2] ?? '0s'), 0];
  const old = range?.[1] ?? instant?.[1];
  const expected = expectations(body);
  return {
    kind: 'eval',
    line: number,
    origin,
    className,
    query: range?.[5] ?? instant![3]!,
    startMs,
    endMs,
    stepMs,
    ...expected,
    ordered: expected.ordered || old === 'ordered',
    fail: expected.fail ?? (old === 'fail' ? ANY : undefined),
    warn: old === 'warn' ? [...expected.warn, ANY] : expected.warn,
    info: old === 'info' ? [...expected.info, ANY] : expected.info,
  };
}

type Expectations = Omit<EvalCommand, 'kind' | 'line' | 'origin' | 'className' | 'query' | 'startMs' | 'endMs' | 'stepMs'>;

function expectations(body: readonly string[]): Expectations {
  const series: SeriesLine[] = [];
  const warn: TextCheck[] = [];
  const info: TextCheck[] = [];
  let scalar: number | undefined;
  let text: string | undefined;
  let fail: TextCheck | undefined;
  let rangeVector: Expectations['rangeVector'];
  const flags = { ordered: false, noWarn: false, noInfo: false };
  for (const line of body) {
    const expect = /^expect\s+(\S+)\s*(.*)$/s.exec(line);
    const range = /^expect\s+range\s+vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)$/.exec(line);
    if (range !== null) rangeVector = { startMs: time(range[1]!), endMs: time(range[2]!), stepMs: time(range[3]!) };
    else if (expect !== null) {
      const [, what, rest] = expect as unknown as [string, string, string];
      if (what === 'fail') fail = textCheck(rest);
      else if (what === 'warn') warn.push(textCheck(rest));
      else if (what === 'info') info.push(textCheck(rest));
      else if (what === 'ordered') flags.ordered = true;
      else if (what === 'no_warn') flags.noWarn = true;
      else if (what === 'no_info') flags.noInfo = true;
      else if (what === 'string') text = unquote(rest);
      else throw new AppError('QUERY_INVALID', `"${line}" is no expectation`);
    } else if (/^[+-]?(?:\d|\.\d|inf$|nan$)/i.test(line) && !Number.isNaN(numberOf(line) ?? Number.NaN)) scalar = numberOf(line);
    else if (/^nan$/i.test(line)) scalar = Number.NaN;
    else series.push(parseSeriesLine(line));
  }
  return { series, scalar, text, fail, warn, info, rangeVector, ...flags };
}

function numberOf(line: string): number | undefined {
  const inf = /^([+-]?)inf$/i.exec(line);
  if (inf !== null) return inf[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const value = Number(line);
  return Number.isNaN(value) ? undefined : value;
}

function textCheck(rest: string): TextCheck {
  const match = /^(msg|regex):\s*(.*)$/s.exec(rest);
  return match === null ? ANY : { kind: match[1] as 'msg' | 'regex', text: match[2]! };
}
