import { BlockReader, BlockScratch, writeBlock } from '../../collector/store/embedded/block.ts';
import { ByteSink, ByteSource, FormatError } from '../../collector/store/embedded/bytes.ts';
import { ColumnCodec } from '../../collector/store/embedded/column-codec.ts';
import { Slabs, Tile } from '../../collector/store/embedded/tile.ts';
import { Random, seeds } from '../collector/store/random.ts';

const codec = new ColumnCodec();

/** A column as programs make them, with some of everything odd. */
function column(random: Random, length: number): Float64Array {
  const values = new Float64Array(length);
  const kind = random.below(7);
  const exponent = random.below(10);
  let integer = random.below(2 ** 31) * (random.chance(0.3) ? 2 ** 18 : 1);
  for (let i = 0; i < length; i++) {
    if (random.chance(0.6)) integer += random.below(kind === 0 ? 3 : 100_000) * (random.chance(0.1) ? -1 : 1);
    if (kind <= 1) values[i] = integer;
    else if (kind === 2) values[i] = integer / 10 ** exponent;
    else if (kind === 3) values[i] = integer * Number(`1e-${exponent}`);
    else if (kind === 4) values[i] = integer / 1000 / 10 ** exponent;
    else if (kind === 5) values[i] = random.next() * 10 ** (exponent - 5);
    else values[i] = integer * 4096;
  }
  const bits = new Uint32Array(values.buffer);
  for (let odd = random.chance(0.3) ? random.below(12) : 0; odd > 0; odd--) {
    const at = random.below(length);
    const special = random.below(8);
    if (special === 0) bits.set([random.below(2 ** 32), random.below(2 ** 32)], at * 2);
    else if (special === 1) bits.set([2, 0x7ff00000], at * 2);
    else values[at] = [-0, 5e-324, 2 ** 53, 2 ** 53 - 1, 2 ** 49 + 1, Number.NEGATIVE_INFINITY][special - 2]!;
  }
  return values;
}

test.each(seeds(2))('5,000 columns come back bit for bit, seed %d', (seed) => {
  const random = new Random(seed);
  const sink = new ByteSink();
  for (let i = 0; i < 5_000; i++) {
    const values = column(random, 1 + random.below(i % 50 === 0 ? 1_080 : 61));
    sink.length = 0;
    codec.write(sink, values, values.length, null);
    const out = new Float64Array(values.length);
    const source = new ByteSource(sink.bytes, 0, sink.length);
    codec.read(source, values.length, out, new Uint8Array(200));
    if (Buffer.compare(Buffer.from(out.buffer), Buffer.from(values.buffer)) !== 0)
      throw new Error(`column ${i} differs: ${[...values].join(' ')}`);
    if (source.at !== sink.length || sink.length > 1 + 8 * values.length) throw new Error(`column ${i} takes ${sink.length} bytes`);
  }
});

test.each(seeds(2))('5,000 columns with changed bytes decode to something or a FormatError, seed %d', (seed) => {
  const random = new Random(seed);
  const sink = new ByteSink();
  const presence = new Uint8Array(200);
  for (let i = 0; i < 5_000; i++) {
    const values = column(random, 1 + random.below(61));
    sink.length = 0;
    codec.write(sink, values, values.length, null);
    for (let changes = 1 + random.below(3); changes > 0; changes--) sink.bytes[random.below(sink.length)] = random.below(256);
    try {
      codec.read(
        new ByteSource(sink.bytes, 0, random.chance(0.5) ? sink.length : random.below(sink.length)),
        values.length,
        new Float64Array(values.length),
        presence,
      );
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
  }
});

test.each(seeds(2))('a block with any changed byte is a FormatError, seed %d', (seed) => {
  const random = new Random(seed);
  const tile = new Tile(9, new Slabs());
  for (let i = 0; i < 60; i++) tile.put(1_000 * i, random.chance(0.2) ? Uint8Array.of(random.below(256), 1) : null, column(random, 9));
  const sink = new ByteSink();
  const scratch = new BlockScratch(new ByteSink());
  writeBlock(sink, tile, { group: 1, sequence: 2, watermark: 3 }, codec, scratch);
  for (let i = 0; i < 3_000; i++) {
    const bytes = sink.take();
    bytes[random.below(bytes.length)]! ^= 1 + random.below(255);
    let error: unknown;
    try {
      new BlockReader(bytes, codec, scratch);
    } catch (thrown) {
      error = thrown;
    }
    if (!(error instanceof FormatError)) throw new Error(`change ${i} was read`);
  }
});
