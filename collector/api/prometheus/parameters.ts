/** Request parameters as Prometheus reads them: from the query string and a form body together, with its words for what is wrong. */
import { AppError, errorMessage, type Millis, parseDuration } from '@bellwether/shared';
import { parseSelector } from '../../query/index.ts';
import type { Matcher } from '../../store/index.ts';

/** Earliest and latest times a search without `start` or `end` spans, in ms. */
const MIN_TIME_MS = -8.64e15;
const MAX_TIME_MS = 8.64e15;
const MAX_DURATION_SECONDS = 2 ** 63 / 1e9;
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** The parameters of one request; a body's come before those of the URL. */
export class Parameters {
  readonly #values: readonly URLSearchParams[];

  constructor(url: string, body: unknown) {
    const mark = url.indexOf('?');
    const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
    this.#values = typeof body === 'string' && body !== '' ? [new URLSearchParams(body), query] : [query];
  }

  /** The first value of `name`, '' if there is none. */
  text(name: string): string {
    for (const values of this.#values) {
      const value = values.get(name);
      if (value !== null) return value;
    }
    return '';
  }

  all(name: string): string[] {
    return this.#values.flatMap((values) => values.getAll(name));
  }

  /** A required time. */
  time(name: string): Millis {
    return invalidUnless(name, () => parseTime(this.text(name)));
  }

  timeOr(name: string, fallback: Millis): Millis {
    const text = this.text(name);
    if (text === '') return fallback;
    return invalidUnless(name, () => {
      try {
        return parseTime(text);
      } catch (error) {
        throw new AppError('BAD_REQUEST', `invalid time value for '${name}': ${errorMessage(error)}`);
      }
    });
  }

  /** A required duration. */
  duration(name: string): Millis {
    return invalidUnless(name, () => parseDurationText(this.text(name)));
  }

  durationOr(name: string, fallback: Millis | undefined): Millis | undefined {
    return this.text(name) === '' ? fallback : this.duration(name);
  }

  lookback(): Millis | undefined {
    const text = this.text('lookback_delta');
    if (text === '') return undefined;
    try {
      return parseDurationText(text);
    } catch (error) {
      throw new AppError('BAD_REQUEST', `error parsing lookback delta duration: ${errorMessage(error)}`);
    }
  }

  /** How many results are wanted; Infinity without a limit. */
  limit(name = 'limit'): number {
    const text = this.text(name);
    if (text === '') return Number.POSITIVE_INFINITY;
    if (!/^[+-]?\d+$/.test(text)) throw invalidParameter(name, `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
    const limit = Number(text);
    if (limit < 0) throw invalidParameter(name, 'limit must be non-negative');
    return limit === 0 ? Number.POSITIVE_INFINITY : limit;
  }

  /** The selectors of `match[]`, each a list of matchers. */
  selectors(): (readonly Matcher[])[] {
    return this.all('match[]').map((text) => invalidUnless('match[]', () => parseSelector(text)));
  }

  /** The span of a search for series, labels or values, both ends inside. */
  span(): { fromMs: Millis; toMs: Millis } {
    const startMs = this.timeOr('start', MIN_TIME_MS);
    const toMs = this.timeOr('end', MAX_TIME_MS);
    if (toMs < startMs) throw invalidParameter('end', 'end timestamp must not be before start timestamp');
    return { fromMs: startMs - 1, toMs };
  }
}

export function invalidParameter(name: string, text: string): AppError {
  return new AppError('BAD_REQUEST', `invalid parameter ${JSON.stringify(name)}: ${text}`);
}

/** Runs `read`; what it complains about is said of parameter `name`. */
export function invalidUnless<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof AppError) throw invalidParameter(name, error.message);
    throw error;
  }
}

/** Seconds since the epoch with a fraction, or RFC 3339; to the ms. */
function parseTime(text: string): Millis {
  const ms = FLOAT.test(text)
    ? Math.round(Number(text) * 1000)
    : RFC3339.test(text)
      ? Date.parse(text.toUpperCase().replace(',', '.'))
      : Number.NaN;
  if (Number.isNaN(ms)) throw new AppError('BAD_REQUEST', `cannot parse ${JSON.stringify(text)} to a valid timestamp`);
  return Math.min(Math.max(ms, MIN_TIME_MS), MAX_TIME_MS);
}

function parseDurationText(text: string): Millis {
  if (FLOAT.test(text)) {
    const seconds = Number(text);
    if (Math.abs(seconds) > MAX_DURATION_SECONDS) {
      throw new AppError('BAD_REQUEST', `cannot parse ${JSON.stringify(text)} to a valid duration. It overflows int64`);
    }
    return Math.round(seconds * 1000);
  }
  const ms = parseDuration(text);
  if (ms === undefined) throw new AppError('BAD_REQUEST', `cannot parse ${JSON.stringify(text)} to a valid duration`);
  return ms;
}

/** A label name from the path; `U__` names carry escapes (`_2e_` is a dot, `__` an underscore). */
export function labelNameFromPath(text: string): string {
  const name = text.startsWith('U__') ? unescapeName(text) : text;
  if (name === '' || /[\ud800-\udfff]/.test(name.replaceAll(/[\ud800-\udbff][\udc00-\udfff]/g, ''))) {
    throw new AppError('BAD_REQUEST', `invalid label name: ${JSON.stringify(text)}`);
  }
  return name;
}

function unescapeName(text: string): string {
  const escaped = text.slice(3);
  return escaped.replaceAll(/__|_([0-9a-fA-F]{1,6})_/g, (_, code: string | undefined) =>
    code === undefined ? '_' : String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10ffff)),
  );
}
