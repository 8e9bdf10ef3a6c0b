/** Writes answers as JSON text straight from the columns. */
import type { Labels, Millis } from '@bellwether/shared';
import { formatValue, type MatrixSeries, type QueryResult } from '../../query/index.ts';

/** At most this many annotations of a kind are told one by one. */
const MAX_ANNOTATIONS = 10;
/** Large answers are written in pieces of about this many characters. */
const PIECE_CHARACTERS = 128 * 1024;

/** Seconds: whole ones without a point, others with three decimals. */
export function timeText(ms: Millis): string {
  const size = Math.abs(ms);
  const whole = Math.floor(size / 1000);
  const rest = size - whole * 1000;
  const sign = ms < 0 ? '-' : '';
  return rest === 0 ? `${sign}${whole}` : `${sign}${whole}.${String(rest).padStart(3, '0')}`;
}

export function labelsJson(labels: Labels): string {
  let text = '{';
  for (let i = 0; i < labels.length; i += 2) text += `${i === 0 ? '' : ','}${JSON.stringify(labels[i])}:${JSON.stringify(labels[i + 1])}`;
  return `${text}}`;
}

/** The answer of a query in pieces; together they are one JSON document. */
export function* queryPieces(result: QueryResult, limit: number): Generator<string> {
  const annotations = { warnings: [...result.warnings], infos: result.infos };
  const count = result.kind === 'vector' ? result.samples.length : result.kind === 'matrix' ? result.series.length : 0;
  if (count > limit) annotations.warnings.push('results truncated due to limit');
  let piece = `{"status":"success","data":{"resultType":"${result.kind}","result":`;
  switch (result.kind) {
    case 'scalar':
      piece += `[${timeText(result.timeMs)},"${formatValue(result.value)}"]`;
      break;
    case 'string':
      piece += `[${timeText(result.timeMs)},${JSON.stringify(result.value)}]`;
      break;
    case 'vector': {
      piece += '[';
      for (const [i, { labels, timeMs, value }] of result.samples.slice(0, limit).entries()) {
        piece += `${i === 0 ? '' : ','}{"metric":${labelsJson(labels)},"value":[${timeText(timeMs)},"${formatValue(value)}"]}`;
        if (piece.length > PIECE_CHARACTERS) {
          yield piece;
          piece = '';
        }
      }
      piece += ']';
      break;
    }
    case 'matrix': {
      yield piece;
      yield* matrixPieces(result.series.slice(0, limit));
      piece = '';
    }
  }
  yield `${piece}}${annotationsJson(annotations.warnings, annotations.infos)}}`;
}

function* matrixPieces(series: readonly MatrixSeries[]): Generator<string> {
  let piece = '[';
  let known: Float64Array | undefined;
  let texts: string[] = [];
  for (const [i, { labels, times, values }] of series.entries()) {
    // Series without gaps share one array of times, whose text is made once.
    if (times !== known) {
      known = times;
      texts = Array.from(times, (time) => `[${timeText(time)},"`);
    }
    piece += `${i === 0 ? '' : ','}{"metric":${labelsJson(labels)},"values":[`;
    for (let j = 0; j < values.length; j++) piece += `${j === 0 ? '' : ','}${texts[j]}${formatValue(values[j]!)}"]`;
    piece += ']}';
    if (piece.length > PIECE_CHARACTERS) {
      yield piece;
      piece = '';
    }
  }
  yield `${piece}]`;
}

/** `,"warnings":[...],"infos":[...]`, each only if there are any. */
export function annotationsJson(warnings: readonly string[], infos: readonly string[]): string {
  const part = (name: string, kind: string, texts: readonly string[]): string => {
    if (texts.length === 0) return '';
    const left = texts.length - MAX_ANNOTATIONS;
    const shown = left > 0 ? [...texts.slice(0, MAX_ANNOTATIONS), `${left} more ${kind} annotations omitted`] : texts;
    return `,"${name}":${JSON.stringify(shown)}`;
  };
  return part('warnings', 'warning', warnings) + part('infos', 'info', infos);
}

/** A successful answer around ready-made JSON. */
export function successJson(data: string, warnings: readonly string[] = []): string {
  return `{"status":"success","data":${data}${annotationsJson(warnings, [])}}`;
}
