/** Go's spellings of numbers and strings, which Prometheus' language, errors and answers use. */

/** A byte that is not part of valid UTF-8 is kept as the lone surrogate 0xDC00 + byte. */
const RAW_BYTE = 0xdc00;

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
};
const CONTROL_NAMES: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([abfnrtv\\'"]))/y;

/** The value of a quoted string, quotes included; undefined if an escape is wrong. */
export function unquote(text: string): string | undefined {
  const quote = text[0]!;
  const body = text.slice(1, -1);
  if (quote === '`') return body;
  if (!body.includes('\\')) return body.includes('\n') ? undefined : body;
  const out: string[] = [];
  let rawBytes: number[] = [];
  const flush = () => {
    if (rawBytes.length > 0) out.push(decodeBytes(rawBytes));
    rawBytes = [];
  };
  for (let i = 0; i < body.length; ) {
    if (body[i] !== '\\') {
      flush();
      out.push(body[i++]!);
      continue;
    }
    ESCAPE.lastIndex = i;
    const match = ESCAPE.exec(body);
    if (match === null) return undefined;
    const [whole, hex, short, long, octal, letter] = match;
    i += whole.length;
    if (hex !== undefined || octal !== undefined) {
      const byte = hex !== undefined ? Number.parseInt(hex, 16) : Number.parseInt(octal!, 8);
      if (byte > 255) return undefined;
      rawBytes.push(byte);
      continue;
    }
    flush();
    if (letter !== undefined) {
      if ((letter === '"' || letter === "'") && letter !== quote) return undefined;
      out.push(SHORT_ESCAPES[letter]!);
      continue;
    }
    const code = Number.parseInt((short ?? long)!, 16);
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
    out.push(String.fromCodePoint(code));
  }
  flush();
  return out.join('');
}

function decodeBytes(bytes: readonly number[]): string {
  let text = '';
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i]!;
    const length =
      lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
    const decoded = length === 0 || i + length > bytes.length ? '\ufffd' : Buffer.from(bytes.slice(i, i + length)).toString('utf8');
    if (decoded.includes('\ufffd')) {
      text += String.fromCharCode(RAW_BYTE + lead);
      i++;
    } else {
      text += decoded;
      i += length;
    }
  }
  return text;
}

/** Whether a label name or value is valid UTF-8. */
export function isWellFormed(text: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}

/** Go's `%q`. */
export function quote(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  let out = '"';
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (CONTROL_NAMES[char] !== undefined) out += CONTROL_NAMES[char];
    else if (code >= RAW_BYTE && code < RAW_BYTE + 256) out += `\\x${(code - RAW_BYTE).toString(16).padStart(2, '0')}`;
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (/[\p{C}\p{Z}]/u.test(char) && char !== ' ') out += code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
    else out += char;
  }
  return `${out}"`;
}

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, '0');
}

/** A value in an answer or a printed query: shortest digits, exponents of two digits (`1e-07`), `NaN`, `+Inf`, `-Inf`. */
export function formatValue(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const text = String(value);
  const e = text.indexOf('e');
  if (e < 0) return value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : text;
  return text.length - e === 3 ? `${text.slice(0, e + 2)}0${text.slice(e + 2)}` : text;
}

/** Go's 'f' with the fewest digits: never an exponent. */
export function formatPlain(value: number): string {
  const text = formatValue(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-])(\d+)$/.exec(text);
  if (match === null) return text;
  const [, sign, lead, fraction = '', direction, exponent] = match;
  const digits = lead! + fraction;
  const shift = Number(exponent);
  if (direction === '-') return `${sign}0.${'0'.repeat(shift - 1)}${digits}`;
  return `${sign}${digits.padEnd(shift + 1, '0')}`;
}

/** A number as Prometheus' own `%v` prints it in queries and error texts: an exponent below 1e-4 and from 1e21. */
export function formatLiteral(value: number): string {
  const size = Math.abs(value);
  if (size > 0 && size < 1e-4) {
    const text = value.toExponential();
    const e = text.indexOf('e');
    return text.length - e === 3 ? `${text.slice(0, e + 2)}0${text.slice(e + 2)}` : text;
  }
  return formatValue(value);
}

/** A number as OpenMetrics writes label values such as `quantile`: always with a point or an exponent. */
export function formatOpenMetrics(value: number): string {
  const text = formatLiteral(value);
  return /^[+-]?\d+$/.test(text) ? `${text}.0` : text;
}

const FLOAT = /^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/** A float as Go's ParseFloat takes it (decimal, hex, inf, nan in any case); undefined if it is none. */
export function parseGoFloat(text: string): number | undefined {
  if (FLOAT.test(text)) return Number(text.replaceAll('_', ''));
  const word = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (word !== null) {
    if (word[2]!.toLowerCase() === 'nan') return word[1] === '' ? Number.NaN : undefined;
    return word[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const hexFloat = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?\d+)$/.exec(text);
  if (hexFloat !== null && hexFloat[2]! + hexFloat[3]! !== '') {
    const mantissa = Number.parseInt(hexFloat[2]! + hexFloat[3]!, 16) * 2 ** (Number(hexFloat[4]) - 4 * hexFloat[3]!.length);
    return hexFloat[1] === '-' ? -mantissa : mantissa;
  }
  return undefined;
}

/** A number literal of the language: integers with 0x, 0o, 0b or octal prefixes, underscores between digits, floats. */
export function parseNumber(text: string): number | undefined {
  const plain = text.replaceAll(/(?<=[0-9a-fA-FxX])_(?=[0-9a-fA-F])/g, '');
  if (plain.includes('_')) return undefined;
  if (/^0[xX][0-9a-fA-F]+$/.test(plain)) return Number(plain);
  if (/^0[0-7]+$/.test(plain)) return Number.parseInt(plain, 8);
  return parseGoFloat(plain);
}
