import { type SeriesMeta, SteppedClock } from '@bellwether/shared';
import { compileMatcher, type GroupRef, openEmbeddedStore, openMemoryStore, type Store } from '../../collector/store/index.ts';
import { dump, gauge, row } from '../collector/store/driver-suite.ts';
import { MemoryFs } from '../collector/store/memory-fs.ts';
import { Random, seeds } from '../collector/store/random.ts';

const START = Date.UTC(2026, 0, 10, 3);
const MINUTE = 60_000;
const LIMITS = { retentionMs: 72 * 60 * MINUTE, outOfOrderMs: 5 * 60 * MINUTE };

/** One producer's group: opened the same way in both stores. */
interface Source {
  key: string;
  schemas: SeriesMeta[][];
  present: number;
  refs: [GroupRef, GroupRef];
  timeMs: number;
  stepMs: number;
  seq: number;
  /** Rows lack columns, or come late; both at once leave open which columns live. */
  isSparse: boolean;
}

/** Random life of a store beside the model; everything visible must be equal all the time. */
class Twins {
  readonly #random: Random;
  readonly #clock = new SteppedClock(START);
  readonly #fs = new MemoryFs();
  readonly #model: Store;
  #store!: Store;
  readonly #sources: Source[] = [];

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#model = openMemoryStore({ clock: this.#clock, ...LIMITS });
  }

  async run(steps: number): Promise<void> {
    await this.#open();
    for (let i = 0; i < 6; i++) this.#addSource(i);
    for (let step = 0; step < steps; step++) {
      await this.#step();
      if (step % 50 === 49) await this.#compare();
    }
    await this.#reopen();
    await this.#compare();
    await this.#store.stop();
  }

  async #open(): Promise<void> {
    this.#store = await openEmbeddedStore({
      dir: '/data',
      fs: this.#fs,
      clock: this.#clock,
      commitDelayMs: 0,
      walSegmentBytes: 20_000,
      ...LIMITS,
    });
  }

  async #reopen(): Promise<void> {
    await this.#store.stop();
    await this.#open();
    for (const source of this.#sources) this.#openGroup(source);
  }

  #addSource(i: number): void {
    const columns = this.#random.pick([1, 2, 3, 9, 20]);
    const all = Array.from({ length: columns }, (_, c) => gauge('m', { source: String(i), c: String(c) }));
    // Two sources write one shared series.
    if (i < 2) all.push(gauge('shared'));
    const source: Source = {
      key: `agent-${i % 3}/in-${i}`,
      schemas: [all, all.slice(1), [...all].reverse()],
      present: 0,
      refs: [0, 0],
      timeMs: START - i,
      stepMs: this.#random.pick([1_000, 10_000, 60_000]),
      seq: 0,
      isSparse: i % 2 === 1,
    };
    this.#openGroup(source);
    this.#sources.push(source);
  }

  #openGroup(source: Source): void {
    const schema = source.schemas[source.present]!;
    source.refs = [this.#model.openGroup(source.key, schema), this.#store.openGroup(source.key, schema)];
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const dice = random.next();
    if (dice < 0.9) this.#append(random.pick(this.#sources), random.chance(0.7) ? 1 : 40);
    else if (dice < 0.92) await this.#clock.advance(random.pick([1_000, MINUTE, 10 * MINUTE]));
    else if (dice < 0.93) this.#changeSchema(random.pick(this.#sources));
    else if (dice < 0.94) this.#markStale(random.pick(['agent-0/', 'agent-1/in-1', 'agent-2']));
    else if (dice < 0.95) await this.#delete();
    else if (dice < 0.96) await this.#reopen();
    else if (dice < 0.97) await (this.#store as Awaited<ReturnType<typeof openEmbeddedStore>>).flush();
    else await Promise.all([this.#store.commit(), this.#model.commit()]);
  }

  #append(source: Source, rows: number): void {
    const random = this.#random;
    const columns = source.schemas[source.present]!.length;
    for (let i = 0; i < rows; i++) {
      let timeMs = source.timeMs + source.stepMs;
      if (!source.isSparse && random.chance(0.05)) timeMs = source.timeMs - random.below(6 * 60) * MINUTE;
      else if (random.chance(0.02)) timeMs = source.timeMs;
      else if (random.chance(0.01)) timeMs += random.below(4 * 60) * MINUTE;
      if (timeMs > this.#clock.now() + 600_000) return;
      const cells = Array.from({ length: columns }, () =>
        random.chance(0.02) ? ('stale' as const) : random.chance(0.3) ? random.next() : random.below(100),
      );
      const reading = row(timeMs, cells);
      if (source.isSparse && random.chance(0.3))
        reading.presence = Uint8Array.from({ length: (columns + 7) >> 3 }, () => random.below(256));
      source.seq += random.chance(0.02) ? 2 : 1;
      const seq = random.chance(0.02) ? Math.max(1, source.seq - 2) : source.seq;
      const origin = random.chance(0.9) ? { producer: source.key.slice(0, 7), epoch: source.key, seq } : undefined;
      const [expected, got] = [this.#model.append(source.refs[0], reading, origin), this.#store.append(source.refs[1], reading, origin)];
      expect(got).toBe(expected);
      if (got === 'stored') source.timeMs = Math.max(source.timeMs, timeMs);
    }
  }

  #changeSchema(source: Source): void {
    source.present = this.#random.below(source.schemas.length);
    this.#openGroup(source);
  }

  #markStale(prefix: string): void {
    const marked = this.#sources.filter(({ key }) => key.startsWith(prefix));
    const timeMs = Math.max(...marked.map((source) => source.timeMs)) + this.#random.below(2_000) - 1_000;
    // Rows go on behind the marker, as they do when a host comes back.
    for (const source of marked) source.timeMs = Math.max(source.timeMs + 1, timeMs);
    this.#model.markStale(prefix, timeMs);
    this.#store.markStale(prefix, timeMs);
  }

  async #delete(): Promise<void> {
    const matchers = [compileMatcher('c', '=~', this.#random.pick(['0', '1|2', '.+'])), compileMatcher('source', '!=', '3')];
    const fromMs = START + this.#random.below(120) * MINUTE;
    const toMs = fromMs + this.#random.below(60) * MINUTE;
    expect(await this.#store.deleteSeries(matchers, fromMs, toMs)).toBe(await this.#model.deleteSeries(matchers, fromMs, toMs));
  }

  async #compare(): Promise<void> {
    const range = [
      undefined,
      this.#random.chance(0.5) ? 0 : START + this.#random.below(60) * MINUTE,
      START + (60 + this.#random.below(600)) * MINUTE,
    ] as const;
    expect(await dump(this.#store, ...range)).toEqual(await dump(this.#model, ...range));
    await this.#compareNewest(range[2]);
    await Promise.all([this.#store.commit(), this.#model.commit()]);
    for (const { key } of this.#sources)
      expect(this.#store.progress(key.slice(0, 7), key)).toEqual(this.#model.progress(key.slice(0, 7), key));
  }

  async #compareNewest(toMs: number): Promise<void> {
    const request = { matchers: [compileMatcher('__name__', '=~', 'm|shared')], fromMs: toMs - 10 * MINUTE, toMs, newestOnly: true };
    const newest = async (store: Store): Promise<Map<string, string>> =>
      new Map(
        (await store.select(request)).map(({ labels, times, values }) => {
          const bits = new BigUint64Array(values.slice(-1).buffer);
          return [labels.join(), `${times.at(-1)} ${bits[0]}`] as const;
        }),
      );
    expect(await newest(this.#store)).toEqual(await newest(this.#model));
  }
}

test.each(seeds(Number(process.env.FUZZ_RUNS ?? 4)))('the embedded store and the model agree, seed %d', async (seed) => {
  await new Twins(seed).run(500);
});
