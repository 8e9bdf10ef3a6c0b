import * as nodeFs from 'node:fs/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, SteppedClock, silentLog } from '@bellwether/shared';
import fc from 'fast-check';
import { Backlog } from '../../../agent/spool/backlog.ts';
import type { SpoolFs } from '../../../agent/spool/spool.ts';
import { Uplink } from '../../../agent/uplink/uplink.ts';
import { columns } from '../spool/rows.ts';
import { FakeCollector } from './fake-collector.ts';

/** Wide rows of noise, so that the ring fills within a few dozen. */
const SERIES = 60;

type Step =
  | { kind: 'ticks'; count: number; everyMs: number }
  | { kind: 'cut' | 'away' | 'back' | 'holdAcks' | 'giveAcks' | 'stick' | 'unstick' | 'stop' | 'kill' | 'nackLater' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('ticks' as const),
      count: fc.integer({ min: 1, max: 25 }),
      everyMs: fc.constantFrom(300, 1_000, 4_000),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('cut', 'away', 'back', 'holdAcks', 'giveAcks', 'stick', 'unstick', 'stop', 'kill', 'nackLater'),
    }),
  },
);

/** Clock and disk of one process: after `kill` nothing of that process runs any more, whatever it was waiting for. */
function mortal(clock: Clock): { clock: Clock; fs: SpoolFs; kill(): void } {
  let isAlive = true;
  const guard = (run: () => void) => () => {
    if (isAlive) run();
  };
  const call = async <T>(start: () => Promise<T>): Promise<T> => {
    const result = isAlive ? await start() : await new Promise<never>(() => {});
    return isAlive ? result : new Promise<never>(() => {});
  };
  return {
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (ms, run) => clock.after(ms, guard(run)),
      every: (ms, run) => clock.every(ms, guard(run)),
    },
    fs: {
      mkdir: (path, options) => call(() => nodeFs.mkdir(path, options)),
      readdir: (path) => call(() => nodeFs.readdir(path)),
      readFile: (path) => call(() => nodeFs.readFile(path)),
      unlink: (path) => call(() => nodeFs.unlink(path)),
      open: async (path, flags, mode) => {
        const file = await call(() => nodeFs.open(path, flags, mode));
        return {
          write: (bytes) => call(() => file.write(bytes)),
          truncate: (length) => call(() => file.truncate(length)),
          datasync: () => call(() => file.datasync()),
          close: () => call(() => file.close()),
        };
      },
    },
    kill: () => {
      isAlive = false;
    },
  };
}

/** One agent through a life of cuts, stops and kills. `pushed` and `lost` are by value, which is unique. */
class Life {
  readonly clock = new SteppedClock(1_700_000_000_000);
  readonly collector = new FakeCollector(this.clock);
  readonly columns = columns('cpu', SERIES);
  /** Values of rows that were in memory of a process that was killed. */
  readonly atRisk = new Set<number>();
  readonly pushed = new Set<number>();
  droppedSamples = 0;
  backlog!: Backlog;
  uplink!: Uplink;
  readonly dir: string;
  readonly #maxSpoolBytes: number;
  #kill = () => {};

  constructor(dir: string, maxSpoolBytes: number) {
    this.dir = dir;
    this.#maxSpoolBytes = maxSpoolBytes;
  }

  async begin(): Promise<void> {
    const { collector } = this;
    const { clock, fs, kill } = mortal(this.clock);
    this.#kill = kill;
    this.backlog = await Backlog.open({
      dir: this.dir,
      fs,
      clock,
      log: silentLog,
      maxSpoolBytes: this.#maxSpoolBytes,
      maxMemoryBytes: 12_000,
      spoolAfterMs: 2_000,
    });
    this.uplink = new Uplink({
      target: { url: 'http://collector', credentials: 'a.b' },
      open: collector.openSocket,
      backlog: this.backlog,
      clock,
      log: silentLog,
      random: () => 0.5,
      settings: { intervalMs: 1_000, heartbeatMs: 1_000 },
      offsetMs: () => 0,
      hello: () => ({
        agentId: 'a',
        bootId: 'b',
        agentVersion: '0',
        hostname: 'web-1',
        os: '',
        capabilities: [],
        lastGoodbye: null,
        startedMs: 0,
      }),
      events: {
        welcomed() {},
        exchanged() {},
        settings() {},
        liveMode() {},
        assignments() {},
        runProbe: async ({ id }) => ({ type: 'probeResult', id, success: true, durationMs: 1, text: '' }),
      },
    });
    this.uplink.start();
  }

  async do(next: Step): Promise<void> {
    const { collector } = this;
    const connection = collector.open;
    switch (next.kind) {
      case 'ticks':
        for (let i = 0; i < next.count; i++) {
          const value = this.pushed.size + 1;
          this.pushed.add(value);
          this.uplink.offer([this.backlog.push(this.columns, { timeMs: this.clock.now(), presence: null, values: noise(value) })]);
          await this.clock.advance(next.everyMs);
        }
        break;
      case 'cut':
        connection?.cut();
        break;
      case 'away':
        collector.refuseWith = 1006;
        connection?.cut();
        break;
      case 'back':
        collector.refuseWith = undefined;
        break;
      case 'holdAcks':
        collector.holdAcks = true;
        break;
      case 'giveAcks':
        collector.holdAcks = false;
        connection?.acknowledge();
        break;
      case 'stick':
        if (connection !== undefined) connection.isStuck = true;
        break;
      case 'unstick':
        connection?.release();
        break;
      case 'nackLater':
        connection?.reply({ type: 'nack', seq: Math.max(1, this.backlog.lastSeq - 2), code: 1, retryAfterMs: 700 });
        break;
      case 'stop':
        await this.end();
        await this.begin();
        break;
      case 'kill':
        await this.kill();
        break;
    }
    await this.rest(2);
  }

  async end(): Promise<void> {
    const stopped = this.uplink.stop('stopping');
    await this.clock.advance(1_500);
    await stopped;
    await this.backlog.stop();
    this.droppedSamples += this.backlog.stats().droppedSamples;
  }

  /** The process vanishes: what it had in memory only is lost, and the connection with it. */
  async kill(): Promise<void> {
    const before = await keptValues(this.backlog);
    this.collector.open?.cut();
    this.#kill();
    this.droppedSamples += this.backlog.stats().droppedSamples;
    await this.begin();
    const after = new Set(await keptValues(this.backlog));
    for (const value of before) if (!after.has(value)) this.atRisk.add(value);
  }

  async rest(rounds: number): Promise<void> {
    for (let i = 0; i < rounds; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await this.clock.advance(100);
    }
  }
}

function noise(value: number): Float64Array {
  return Float64Array.from({ length: SERIES }, (_, i) => (i === 0 ? value : Math.sin(value * 100 + i)));
}

async function keptValues(backlog: Backlog): Promise<number[]> {
  const values: number[] = [];
  for (let next = backlog.firstSeq; ; ) {
    const answer = await backlog.read(next);
    if (answer === undefined) return values;
    values.push(...answer.rows.map((row) => row.values[0]!));
    next = answer.throughSeq + 1;
  }
}

test.each([
  ['room for all', 64e6],
  ['a full ring', 32 * 1024],
])(
  'whatever the order of events, every row is stored once, kept, or counted as dropped: %s',
  async (_name, maxSpoolBytes) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), async (steps) => {
        const dir = await mkdtemp(join(tmpdir(), 'bellwether-life-'));
        try {
          const life = new Life(dir, maxSpoolBytes);
          await life.begin();
          for (const next of steps) await life.do(next);
          // In the end all is well again: everything kept must arrive.
          life.collector.refuseWith = undefined;
          life.collector.holdAcks = false;
          life.collector.open?.release();
          life.collector.open?.cut();
          for (let i = 0; i < 2_000 && (life.collector.open?.hello === undefined || life.backlog.stats().queuedBatches > 0); i++) {
            await life.clock.advance(900);
            await life.rest(1);
          }
          expect(life.backlog.stats().queuedBatches).toBe(0);
          const stored = life.collector.rows.map((row) => row.values[0]!);
          expect(new Set(stored).size).toBe(stored.length);
          const missing = [...life.pushed].filter((value) => !stored.includes(value) && !life.atRisk.has(value));
          life.droppedSamples += life.backlog.stats().droppedSamples;
          expect(missing.length * SERIES).toBeLessThanOrEqual(life.droppedSamples);
          if (life.droppedSamples === 0) expect(missing).toEqual([]);
          await life.end();
        } finally {
          await rm(dir, { recursive: true, force: true });
        }
      }),
      { numRuns: 10 },
    );
  },
  120_000,
);
