import { type ByteSink, type ByteSource, FormatError } from './bytes.ts';

/** Residuals share one width or Rice parameter per this many. */
const BLOCK = 32;
/** Block codes: 0-30 Rice with that parameter, 31-61 plain bits 1-31 wide, then these. */
const PLAIN = 30;
const WIDE = 62;
const ZEROS = 63;
const MAX_RICE = 30;
const TWO_31 = 2 ** 31;
const TWO_32 = 2 ** 32;

/** Writes `count` integers (each from 0 up to 2^53) from `values`, ending on a whole byte. */
export function writeResiduals(sink: ByteSink, values: Float64Array, count: number): void {
  for (let start = 0; start < count; start += BLOCK) writeBlock(sink, values, start, Math.min(count, start + BLOCK));
  sink.endBits();
}

export function readResiduals(source: ByteSource, values: Float64Array, count: number): void {
  for (let start = 0; start < count; start += BLOCK) readBlock(source, values, start, Math.min(count, start + BLOCK));
  source.endBits();
}

function writeBlock(sink: ByteSink, values: Float64Array, start: number, end: number): void {
  let max = 0;
  let sum = 0;
  for (let i = start; i < end; i++) {
    const value = values[i]!;
    if (value > max) max = value;
    sum += value;
  }
  if (max === 0) sink.bits(ZEROS, 6);
  else if (max >= TWO_31) writeWide(sink, values, start, end, max);
  else writeNarrow(sink, values, start, end, max, sum);
}

function writeWide(sink: ByteSink, values: Float64Array, start: number, end: number, max: number): void {
  const width = 64 - Math.clz32(Math.floor(max / TWO_32));
  const high = Math.max(0, width - 32);
  sink.bits(WIDE, 6);
  sink.bits(high, 6);
  for (let i = start; i < end; i++) {
    const value = values[i]!;
    sink.bits(Math.floor(value / TWO_32), high);
    sink.bits(value % TWO_32, 32);
  }
}

function writeNarrow(sink: ByteSink, values: Float64Array, start: number, end: number, max: number, sum: number): void {
  const width = 32 - Math.clz32(max);
  const count = end - start;
  const mean = sum / count;
  let rice = mean < 1 ? 0 : Math.min(MAX_RICE, 31 - Math.clz32(mean));
  let cost = riceBits(values, start, end, rice);
  if (rice > 0) {
    const lower = riceBits(values, start, end, rice - 1);
    if (lower < cost) {
      cost = lower;
      rice--;
    }
  }
  if (width * count <= cost) {
    sink.bits(PLAIN + width, 6);
    for (let i = start; i < end; i++) sink.bits(values[i]!, width);
    return;
  }
  sink.bits(rice, 6);
  for (let i = start; i < end; i++) {
    const value = values[i]!;
    let quotient = value >>> rice;
    for (; quotient >= 16; quotient -= 16) sink.bits(0, 16);
    sink.bits(1, quotient + 1);
    sink.bits(value, rice);
  }
}

function riceBits(values: Float64Array, start: number, end: number, rice: number): number {
  let bits = (end - start) * (1 + rice);
  for (let i = start; i < end; i++) bits += values[i]! >>> rice;
  return bits;
}

function readBlock(source: ByteSource, values: Float64Array, start: number, end: number): void {
  const code = source.bits(6);
  if (code === ZEROS) values.fill(0, start, end);
  else if (code === WIDE) {
    const high = source.bits(6);
    if (high > 21) throw new FormatError('a residual is wider than 53 bits');
    for (let i = start; i < end; i++) {
      const upper = source.bits(high);
      values[i] = upper * TWO_32 + source.bits(32);
    }
  } else if (code > PLAIN) for (let i = start; i < end; i++) values[i] = source.bits(code - PLAIN);
  else {
    const scale = 2 ** code;
    for (let i = start; i < end; i++) {
      const quotient = source.unary();
      values[i] = quotient * scale + source.bits(code);
    }
  }
}
