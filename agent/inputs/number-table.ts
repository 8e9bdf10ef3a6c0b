/**
 * A text file of the kernel as the numbers in it plus the text around them. Numbers land in `cells`, in the order of the file. The text (names, devices,
 * line ends, where the numbers stand) is compared byte by byte with that of the reading before, so as long as it stays the same a reading makes no
 * string and no object, and column i of an input is always the same cell.
 */
import { AppError, type Millis } from '@bellwether/shared';
import type { KeptFile, ReadBuffer } from './kept-file.ts';

export interface TableFormat {
  /** Bitmap of tokens (bit 0 = first of its line) that are names even when they look like numbers. */
  readonly names?: number;
  /** Lines at the top that hold no numbers. */
  readonly headerLines?: number;
  /** Tokens of a line beyond this many are skipped. */
  readonly maxTokens?: number;
  /** Numbers are hexadecimal without prefix. */
  readonly hex?: boolean;
}

/** One line: text as it stands, numbers as indexes of `cells`. Blanks, `:` and `=` separate. */
export type TableLine = readonly (string | number)[];

const TAB = 9;
const NEWLINE = 10;
const BLANK = 32;
const DOT = 46;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const EQUALS = 61;
// In the recorded shape; text bytes below 32 are recorded as '?', so these cannot be text.
const WORD_END = 0;
const NUMBER = 1;
const MAX_CELLS = 1_000_000;

/** Lines nobody looks at are looked at this often, in case they became others. */
const WHOLE_MS: Millis = 60_000;

/** Lines of one generation: where each starts in the shape and which cell is its first (both with an end entry), and whether it is looked at. */
interface Wanted {
  readonly generation: number;
  readonly lineStart: readonly number[];
  readonly lineCell: readonly number[];
  readonly wanted: Uint8Array;
}

/** Value of a byte as a hexadecimal digit; 255 for any other byte. */
const HEX_DIGIT = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? 255 : digit;
});

export class NumberTable {
  /** Rises whenever the text around the numbers changed; 0 before the first reading. */
  generation = 0;
  cells = new Float64Array(64);
  readonly #file: KeptFile;
  readonly #buffer: ReadBuffer;
  readonly #names: number;
  readonly #headerLines: number;
  readonly #maxTokens: number;
  readonly #hex: boolean;
  #shape = new Uint8Array(1024);
  #shapeLength = -1;
  #readAtMs: Millis | undefined;
  #wanted: Wanted | undefined;
  #wholeAtMs = 0;

  constructor(file: KeptFile, buffer: ReadBuffer, format: TableFormat = {}) {
    this.#file = file;
    this.#buffer = buffer;
    this.#names = format.names ?? 0;
    this.#headerLines = format.headerLines ?? 0;
    this.#maxTokens = format.maxTokens ?? Number.MAX_SAFE_INTEGER;
    this.#hex = format.hex ?? false;
  }

  /** Reads the file, at most once per tick; throws when it cannot be read. */
  update(timeMs: Millis): void {
    if (this.#readAtMs === timeMs) return;
    this.#readAtMs = undefined;
    this.#take(this.#file.read(), timeMs);
    this.#readAtMs = timeMs;
  }

  /** Like `update`; a file that does not exist is an empty table. */
  updateIfPresent(timeMs: Millis): void {
    if (this.#readAtMs === timeMs) return;
    this.#readAtMs = undefined;
    this.#take(Math.max(0, this.#file.readIfPresent(timeMs)), timeMs);
    this.#readAtMs = timeMs;
  }

  /**
   * Says which cells of this generation are looked at; the callers' wishes add up. From then on lines without any are skipped unseen, but for one reading a
   * minute. Without a call all lines are read.
   */
  want(cells: Iterable<number>): void {
    if (this.#wanted?.generation !== this.generation) this.#wanted = this.#indexLines();
    const { lineCell, wanted } = this.#wanted;
    for (const cell of cells) wanted[lineCell.findLastIndex((first) => first <= cell)] = 1;
  }

  /** The whole table as lines; makes strings, so only for building columns. */
  lines(): TableLine[] {
    const lines: TableLine[] = [];
    let line: (string | number)[] = [];
    let wordStart = 0;
    let cell = 0;
    for (let i = 0; i < this.#shapeLength; i++) {
      const mark = this.#shape[i]!;
      if (mark === WORD_END) line.push(Buffer.from(this.#shape.subarray(wordStart, i)).toString('utf8'));
      else if (mark === NUMBER) line.push(cell++);
      else if (mark === NEWLINE) {
        lines.push(line);
        line = [];
      } else continue;
      wordStart = i + 1;
    }
    if (line.length > 0) lines.push(line);
    return lines;
  }

  #take(length: number, timeMs: Millis): void {
    const wanted = this.#wanted?.generation === this.generation && timeMs - this.#wholeAtMs < WHOLE_MS ? this.#wanted : undefined;
    if (wanted !== undefined && this.#scan(length, wanted)) return;
    this.#scan(length, undefined);
    this.#wholeAtMs = timeMs;
  }

  #indexLines(): Wanted {
    const lineStart = [0];
    const lineCell = [0];
    let cell = 0;
    for (let i = 0; i < this.#shapeLength; i++) {
      if (this.#shape[i] === NUMBER) cell++;
      if (this.#shape[i] !== NEWLINE) continue;
      lineStart.push(i + 1);
      lineCell.push(cell);
    }
    return { generation: this.generation, lineStart, lineCell, wanted: new Uint8Array(lineStart.length) };
  }

  /** One pass over the bytes. With `only`, those lines alone, and nothing but their numbers is written: false when a text differs, which needs a whole pass. */
  #scan(length: number, only: Wanted | undefined): boolean {
    const { bytes } = this.#buffer;
    const hex = this.#hex;
    const names = this.#names;
    const maxTokens = this.#maxTokens;
    // Each byte of the file makes at most two of the shape, each pair of bytes at most one cell.
    this.#fit(length);
    const shape = this.#shape;
    const cells = this.cells;
    let changed = false;
    let out = 0;
    let cell = 0;
    let line = 0;
    let token = 0;
    let pos = 0;
    let lineAhead = only !== undefined;
    while (pos < length) {
      if (lineAhead && only !== undefined) {
        if (only.wanted[line] !== 1) {
          const end = bytes.indexOf(NEWLINE, pos);
          if (end < 0 || end >= length || line >= only.wanted.length - 1) return false;
          pos = end + 1;
          line++;
          continue;
        }
        lineAhead = false;
        out = only.lineStart[line]!;
        cell = only.lineCell[line]!;
      }
      let byte = bytes[pos]!;
      if (byte === BLANK || byte === COLON || byte === TAB || byte === EQUALS) {
        pos++;
        continue;
      }
      let mark: number;
      if (byte === NEWLINE) {
        pos++;
        line++;
        token = 0;
        mark = NEWLINE;
        lineAhead = true;
      } else if (token >= maxTokens) {
        const end = bytes.indexOf(NEWLINE, pos);
        pos = end < 0 || end > length ? length : end;
        continue;
      } else {
        const isName = line < this.#headerLines || (token < 31 && (names & (1 << token)) !== 0);
        token++;
        if (!isName && (hex ? HEX_DIGIT[byte]! < 16 : byte >= ZERO && byte <= NINE)) {
          let value = 0;
          if (hex) {
            for (let digit = HEX_DIGIT[byte]!; digit < 16; digit = pos < length ? HEX_DIGIT[bytes[pos]!]! : 255) {
              value = value * 16 + digit;
              pos++;
            }
          } else {
            while (byte >= ZERO && byte <= NINE) {
              value = value * 10 + (byte - ZERO);
              pos++;
              byte = pos < length ? bytes[pos]! : NEWLINE;
            }
            if (byte === DOT) {
              let divisor = 1;
              pos++;
              byte = pos < length ? bytes[pos]! : NEWLINE;
              while (byte >= ZERO && byte <= NINE) {
                value = value * 10 + (byte - ZERO);
                divisor *= 10;
                pos++;
                byte = pos < length ? bytes[pos]! : NEWLINE;
              }
              value /= divisor;
            }
          }
          cells[cell++] = value;
          mark = NUMBER;
        } else {
          while (byte !== BLANK && byte !== NEWLINE && byte !== COLON && byte !== TAB && byte !== EQUALS) {
            const text = byte < BLANK ? 63 : byte;
            if (shape[out] !== text) {
              if (only !== undefined) return false;
              shape[out] = text;
              changed = true;
            }
            out++;
            pos++;
            byte = pos < length ? bytes[pos]! : NEWLINE;
          }
          mark = WORD_END;
        }
      }
      if (shape[out] !== mark) {
        if (only !== undefined) return false;
        shape[out] = mark;
        changed = true;
      }
      out++;
    }
    if (only !== undefined) return lineAhead && line === only.wanted.length - 1;
    if (changed || out !== this.#shapeLength) this.generation++;
    this.#shapeLength = out;
    return true;
  }

  #fit(length: number): void {
    const cells = (length >> 1) + 2;
    if (cells > MAX_CELLS)
      throw new AppError('TOO_LARGE', `${this.#file.path} has ${length} bytes, more than any kernel writes; it was not parsed.`);
    if (this.cells.length < cells) this.cells = new Float64Array(cells * 2);
    if (this.#shape.length < length * 2 + 2) {
      const grown = new Uint8Array(length * 4);
      grown.set(this.#shape);
      this.#shape = grown;
    }
  }
}
