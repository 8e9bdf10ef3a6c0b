/** The notation of test series: `name{labels} v0 v1 a+bxN _ stale`. Rule tests use it too. */
import { AppError, type Labels, labelsFromPairs, METRIC_NAME } from '@bellwether/shared';
import { tokenize } from '../lexer.ts';
import { parseGoFloat, unquote } from '../text.ts';

/** One point of a series: a number, no sample, the staleness marker, or a native histogram (which is not kept). */
export type SeriesPoint = number | 'missing' | 'stale' | 'histogram';

export interface SeriesLine {
  readonly labels: Labels;
  /** Point i belongs to time i times the step. */
  readonly points: readonly SeriesPoint[];
  /** The line gives start timestamps, which belong to the series of the next line. */
  readonly isStartTimestamps: boolean;
}

const NUMBER = '[+-]?(?:\\d+\\.?\\d*(?:[eE][+-]?\\d+)?|\\.\\d+(?:[eE][+-]?\\d+)?|[iI]nf|[nN]a[nN])';
const POINT = new RegExp(`^(${NUMBER})(?:([+-]${NUMBER.replace('[+-]?', '')})?x(\\d+))?$`);
const MAX_POINTS = 1_000_000;

/** Throws AppError QUERY_INVALID when the line is not in the notation. */
export function parseSeriesLine(line: string): SeriesLine {
  const labelsEnd = endOfLabels(line);
  let rest = line.slice(labelsEnd);
  const isStartTimestamps = rest.startsWith('@st');
  if (isStartTimestamps) rest = rest.slice(3);
  return { labels: parseLabels(line.slice(0, labelsEnd)), points: isStartTimestamps ? [] : parsePoints(rest), isStartTimestamps };
}

function endOfLabels(line: string): number {
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!;
    if (quote !== '') {
      if (char === '\\' && quote !== '`') at++;
      else if (char === quote) quote = '';
    } else if (char === '"' || char === "'" || char === '`') quote = char;
    else if (char === '}') return at + 1;
    else if (char === '@') return at;
    else if (/\s/.test(char) && !line.slice(0, at).includes('{')) {
      // `name {labels}` is a name and its labels; `name 1 2` is not.
      if (!/^\s*\{(?!\{)/.test(line.slice(at))) return at;
    }
  }
  return line.length;
}

/** `name{a="b", "c.d"="e"}`, `{"name", a="b"}`, `name`, `{}`. */
export function parseLabels(text: string): Labels {
  const tokens = tokenize(text).filter(({ kind, text: shown }) => kind !== 'end' && shown !== ',');
  const pairs: [string, string][] = [];
  const wrong = () => new AppError('QUERY_INVALID', `"${text}" is not a label set; write it as name{label="value"}`);
  const value = (quoted: string): string => {
    const plain = unquote(quoted);
    if (plain === undefined) throw wrong();
    return plain;
  };
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token.text === '{' || token.text === '}') continue;
    if (token.kind !== 'word' && token.kind !== 'metric' && token.kind !== 'string') throw wrong();
    const name = token.kind === 'string' ? value(token.text) : token.text;
    if (tokens[i + 1]?.text !== '=') {
      if (token.kind !== 'string' && i > 0) throw wrong();
      pairs.push([METRIC_NAME, name]);
    } else {
      const quoted = tokens[i + 2];
      if (quoted?.kind !== 'string') throw wrong();
      pairs.push([name, value(quoted.text)]);
      i += 2;
    }
  }
  return labelsFromPairs(pairs);
}

/** The points of `1 2+1x3 _x2 stale`. */
export function parsePoints(text: string): SeriesPoint[] {
  const points: SeriesPoint[] = [];
  const repeat = (point: SeriesPoint, count: number) => {
    if (points.length + count > MAX_POINTS) throw new AppError('QUERY_INVALID', `a test series may have at most ${MAX_POINTS} points`);
    for (let i = 0; i < count; i++) points.push(point);
  };
  for (const word of splitWords(text)) {
    const special = /^(?:(_)|(stale)|(\{\{.*\}\}))(?:x(\d+))?$/s.exec(word);
    if (special !== null) {
      const [, missing, stale, , times] = special;
      const point = missing !== undefined ? 'missing' : stale !== undefined ? 'stale' : 'histogram';
      // `_xN` stands for N points, `axN` for N more.
      repeat(point, times === undefined ? 1 : Number(times) + (missing === undefined ? 1 : 0));
      continue;
    }
    const match = POINT.exec(word);
    if (match === null) throw new AppError('QUERY_INVALID', `"${word}" is not a value of a test series; write 1, 1x3, 1+2x3, _ or stale`);
    const start = parseGoFloat(match[1]!)!;
    const step = match[2] === undefined ? 0 : parseGoFloat(match[2])!;
    const more = match[3] === undefined ? 0 : Number(match[3]);
    if (points.length + more > MAX_POINTS) repeat(0, more);
    let value = start;
    for (let i = 0; i <= more; i++) {
      points.push(value);
      value += step;
    }
  }
  return points;
}

function splitWords(text: string): string[] {
  const words: string[] = [];
  for (const word of text.trim().split(/\s+/)) {
    const last = words.at(-1);
    if (last !== undefined && count(last, '{{') > count(last, '}}')) words[words.length - 1] = `${last} ${word}`;
    else if (word !== '') words.push(word);
  }
  return words;
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}
