import {
  decodeCollectorFrame,
  encodeCollectorFrame,
  WIRE_CLOSE,
  WIRE_LIMITS,
  WireDecoder,
  WireEncoder,
  WireError,
  type WireLimits,
} from '../../../shared/wire/index.ts';
import { samples, seriesOf } from './rows.ts';

const UNLIMITED: WireLimits = {
  frameBytes: 2 ** 30,
  samplesPerFrame: 2 ** 30,
  groupsPerConnection: 2 ** 30,
  seriesPerGroup: 2 ** 30,
  seriesPerConnection: 2 ** 30,
  labelsPerSeries: 2 ** 30,
  labelNameBytes: 2 ** 30,
  labelValueBytes: 2 ** 30,
  helpBytes: 2 ** 30,
  textBytes: 2 ** 30,
  assignmentsBytes: 2 ** 30,
  resultsPerMessage: 2 ** 30,
};

function series(name: string, value: string, help = '') {
  return { labels: [name, value], type: 'gauge' as const, help };
}

function labels(count: number): string[] {
  return Array.from({ length: count }, (_, i) => [`n${String(i).padStart(3, '0')}`, 'v']).flat();
}

const RESULT = { id: 'c', kind: 'check', timeMs: 1, up: true, reason: '' } as const;

/** At each limit what fits and what is just too much; [what, the limit, at the limit, beyond it]. */
const CASES: [name: string, limits: Partial<WireLimits>, fits: (encoder: WireEncoder) => void, breaks: (encoder: WireEncoder) => void][] = [
  [
    'groups of a connection',
    { groupsPerConnection: 4 },
    (encoder) => encoder.schema(3, 1, 'g', seriesOf(1)),
    (encoder) => encoder.schema(4, 1, 'g', seriesOf(1)),
  ],
  [
    'series of a group',
    { seriesPerGroup: 5 },
    (encoder) => encoder.schema(0, 1, 'g', seriesOf(5)),
    (encoder) => encoder.schema(0, 1, 'g', seriesOf(6)),
  ],
  [
    'series of a connection',
    { seriesPerConnection: 10 },
    (encoder) => {
      encoder.schema(0, 1, 'g', seriesOf(8));
      encoder.schema(0, 2, 'g', seriesOf(4));
      encoder.schema(1, 1, 'h', seriesOf(6));
    },
    (encoder) => encoder.schema(2, 1, 'i', seriesOf(1)),
  ],
  [
    'labels of a series',
    { labelsPerSeries: 3 },
    (encoder) => encoder.schema(0, 1, 'g', [{ ...series('', ''), labels: labels(3) }]),
    (encoder) => encoder.schema(0, 1, 'g', [{ ...series('', ''), labels: labels(4) }]),
  ],
  [
    'a label name',
    { labelNameBytes: 4 },
    (encoder) => encoder.schema(0, 1, 'g', [series('größ'.slice(0, 3), 'v')]),
    (encoder) => encoder.schema(0, 1, 'g', [series('größ'.slice(0, 4), 'v')]),
  ],
  [
    'a label name that was sent as a longer value before',
    { labelNameBytes: 4 },
    (encoder) => encoder.schema(0, 1, 'g', [series('abcd', 'abcde')]),
    (encoder) => encoder.schema(0, 1, 'g', [series('abcd', 'abcde'), series('abcde', 'v')]),
  ],
  [
    'a label value',
    { labelValueBytes: 5 },
    (encoder) => encoder.schema(0, 1, 'g', [series('n', '12345')]),
    (encoder) => encoder.schema(0, 1, 'g', [series('n', '123456')]),
  ],
  [
    'a help text',
    { helpBytes: 5 },
    (encoder) => encoder.schema(0, 1, 'g', [series('n', 'v', '12345')]),
    (encoder) => encoder.schema(0, 1, 'g', [series('n', 'v', '123456')]),
  ],
  [
    'a text',
    { textBytes: 5 },
    (encoder) => encoder.message({ type: 'event', kind: 'x', timeMs: 0, text: '12345' }),
    (encoder) => encoder.message({ type: 'event', kind: 'x', timeMs: 0, text: '123456' }),
  ],
  [
    'results of a message',
    { resultsPerMessage: 2 },
    (encoder) => encoder.message({ type: 'watchResult', results: [RESULT, RESULT] }),
    (encoder) => encoder.message({ type: 'watchResult', results: [RESULT, RESULT, RESULT] }),
  ],
  [
    'samples of a frame',
    { samplesPerFrame: 12 },
    (encoder) => {
      encoder.schema(0, 1, 'g', seriesOf(6));
      for (const seq of [1, 2]) encoder.samples(seq, 0, 1, samples(seq, 0, 1, 0, new Float64Array(6)));
    },
    (encoder) => encoder.samples(3, 0, 1, samples(3, 0, 1, 0, new Float64Array(6))),
  ],
  [
    'bytes of a frame',
    { frameBytes: 1_000 },
    (encoder) => encoder.message({ type: 'event', kind: 'x', timeMs: 0, text: 'x'.repeat(900) }),
    (encoder) => encoder.message({ type: 'event', kind: 'x', timeMs: 0, text: 'x'.repeat(100) }),
  ],
];

function tooLarge(act: () => void): void {
  let caught: unknown;
  try {
    act();
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(WireError);
  expect((caught as WireError).closeCode).toBe(WIRE_CLOSE.tooLarge);
}

test.each(CASES)('limit: %s', (_name, changed, fits, breaks) => {
  const limits = { ...WIRE_LIMITS, ...changed };
  const encoder = new WireEncoder(limits);
  encoder.begin();
  fits(encoder);
  const before = encoder.byteLength;
  tooLarge(() => breaks(encoder));
  expect(encoder.byteLength).toBe(before);
  expect(() => new WireDecoder(limits).decodeAll(encoder.finish())).not.toThrow();

  const boundless = new WireEncoder(UNLIMITED);
  boundless.begin();
  fits(boundless);
  breaks(boundless);
  tooLarge(() => new WireDecoder(limits).decodeAll(boundless.finish()));
});

test('limit: assignments', () => {
  const message = (bytes: number) => [{ type: 'assignments', version: 1, json: 'x'.repeat(bytes) } as const];
  const fits = encodeCollectorFrame(message(WIRE_LIMITS.assignmentsBytes));
  expect(decodeCollectorFrame(fits)).toHaveLength(1);
  tooLarge(() => encodeCollectorFrame(message(WIRE_LIMITS.assignmentsBytes + 1)));
  tooLarge(() => decodeCollectorFrame(fits, { ...WIRE_LIMITS, assignmentsBytes: WIRE_LIMITS.assignmentsBytes - 1 }));
});

test('a count is checked before anything is made for it', () => {
  // A schema of 20,000 series that ends after its head.
  const frame = Uint8Array.of(8, 2, 0, 1, 1, 0x67, 0xa0, 0x9c, 0x01);
  expect(() => new WireDecoder().decodeAll(frame)).toThrow(/ends inside a field/);
  // A text of 2^40 bytes.
  expect(() => new WireDecoder().decodeAll(Uint8Array.of(8, 4, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0))).toThrow(/above the limit/);
});

test('what is only registered takes no columns, and a short row of a large group little time', () => {
  const encoder = new WireEncoder();
  const decoder = new WireDecoder();
  const before = process.memoryUsage().arrayBuffers;
  for (let group = 0; group < 10; group++) {
    encoder.begin();
    encoder.schema(group, 1, `g${group}`, seriesOf(20_000));
    decoder.decodeAll(encoder.finish());
  }
  // 200,000 columns would be 4.6 MB on each side.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4_000_000);
});

test('isFull says early that a frame has enough in it', () => {
  const encoder = new WireEncoder({ ...WIRE_LIMITS, samplesPerFrame: 400 });
  encoder.begin();
  encoder.schema(0, 1, 'g', seriesOf(50));
  encoder.samples(1, 0, 1, samples(1, 0, 1, 0, new Float64Array(50)));
  expect(encoder.isFull).toBe(false);
  encoder.samples(2, 0, 1, samples(2, 0, 1, 0, new Float64Array(50)));
  expect(encoder.isFull).toBe(true);
  encoder.begin();
  expect(encoder.isFull).toBe(false);
});
