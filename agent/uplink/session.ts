/**
 * One connection, from hello to its end. It decides what is sent when; the socket below it only moves bytes, and `Clock` is its only time.
 * Live rows go out at once in one frame a tick; what is owed from before follows beside them, paced by acknowledgements and the socket's buffer.
 */
import { type Cancel, type Clock, errorMessage, type Log, type Millis } from '@bellwether/shared';
import type { WatchResult } from '@bellwether/shared/assignments';
import {
  type AgentEvent,
  type AgentSettings,
  type AssignmentsMessage,
  type CollectorMessage,
  decodeCollectorFrame,
  type GoodbyeReason,
  type Heartbeat,
  type Hello,
  type LiveMode,
  type ProbeResult,
  type RunProbe,
  type Welcome,
  WIRE_VERSION,
  WireError,
} from '@bellwether/shared/wire';
import type { Exchange } from '../clock-sync.ts';
import type { Backlog } from '../spool/backlog.ts';
import type { QueuedRow } from '../spool/row.ts';
import { RowCoder } from '../spool/row-coder.ts';
import type { Pacer } from './pacer.ts';
import { Ranges } from './ranges.ts';

/** What the session needs of a WebSocket. */
export interface UplinkSocket {
  /** Takes a copy of the bytes or is done with them when it returns. */
  send(frame: Uint8Array): void;
  /** Bytes handed to `send` that the network has not taken. */
  readonly bufferedAmount: number;
  close(code: number): void;
  /** Ends the connection without a closing handshake. */
  terminate(): void;
}

export interface SessionOptions {
  readonly socket: UplinkSocket;
  readonly pacer: Pacer;
  readonly backlog: Backlog;
  readonly clock: Clock;
  readonly log: Log;
  /** The hello message but for what the session knows itself. */
  readonly hello: Omit<Hello, 'type' | 'version' | 'epoch' | 'firstSeq' | 'lastSeq' | 'clockMs'>;
  readonly settings: AgentSettings;
  readonly events: SessionEvents;
  /** Collector time minus the agent's wall clock. */
  offsetMs(): number;
}

export interface SessionEvents {
  welcomed(welcome: Welcome): void;
  exchanged(exchange: Exchange): void;
  settings(settings: AgentSettings): void;
  liveMode(request: LiveMode): void;
  /** What this agent shall watch, in place of what it watched. */
  assignments(message: AssignmentsMessage): void;
  /** Runs one probe; never rejects. */
  runProbe(request: RunProbe): Promise<ProbeResult>;
  /** The collector goes away and names the delay of the next attempt; the session ends by itself. */
  drained(reconnectAfterMs: Millis): void;
}

/** Beyond this much unsent data live rows wait too: the link is slower than what is read. */
const LIVE_BUFFER_BYTES = 1024 * 1024;
/** A backlog may fill the socket's buffer only this far, so that a live row never waits behind more. */
const DRAIN_BUFFER_BYTES = 64 * 1024;
/** Bytes of backlog that may be sent and not yet acknowledged. */
const DRAIN_WINDOW_BYTES = 512 * 1024;
const DRAIN_RETRY_MS = 50;
/** The most a row of backlog costs: with a limit of bytes so many are coded at a time as surely fit. */
const ROW_BYTES = 16;
const SAMPLE_BYTES = 9;
const WELCOME_WITHIN_MS = 10_000;
const SILENCE_MS = 10_000;
/** After a drain message, if the collector does not close first. */
const FINISH_WITHIN_MS = 2_000;
/** A sign of life waits this share longer than asked for, so that rows as frequent as heartbeats make it unnecessary. */
const SLACK = 0.1;
/** Clocks drift slowly: once enough exchanges are known, one in this time is enough. It also bounds how long a healthy collector says nothing. */
const EXCHANGE_MS = 5_000;
const FIRST_EXCHANGES = 8;
/** Results in one message; their reasons have a bound, so it stays far below a frame's. */
const RESULTS_A_MESSAGE = 500;
/** Heartbeats whose answer is awaited; older ones are forgotten. */
const EXCHANGES_OPEN = 8;
/** A frame without a message: it says that the agent lives, and asks for no answer. */
const LIFE_SIGN = new Uint8Array(0);

export class Session {
  readonly #options: SessionOptions;
  readonly #coder = new RowCoder();
  /** What is owed on this connection. */
  readonly #owed = new Ranges();
  readonly #sentBeats = new Map<Millis, number>();
  readonly #inFlight: { throughSeq: number; bytes: number }[] = [];
  #state: 'greeting' | 'live' | 'ended' = 'greeting';
  #helloMonoMs = 0;
  #heardMonoMs = 0;
  #exchangeMonoMs = Number.NEGATIVE_INFINITY;
  #exchanges = 0;
  #pausedUntilMonoMs = 0;
  #heartbeatMs: Millis;
  #isDraining = false;
  #cancelBeat: Cancel = () => {};
  #cancelPump: Cancel = () => {};
  #cancelFinish: Cancel = () => {};
  readonly #cancelWelcome: Cancel;

  /** The socket has just opened: says hello. */
  constructor(options: SessionOptions) {
    this.#options = options;
    this.#heartbeatMs = options.settings.heartbeatMs;
    const { clock, backlog } = options;
    this.#helloMonoMs = clock.monotonic();
    this.#heardMonoMs = this.#helloMonoMs;
    this.#cancelWelcome = clock.after(WELCOME_WITHIN_MS, () => this.#giveUp('no welcome from the collector'));
    this.#message({
      ...options.hello,
      type: 'hello',
      version: WIRE_VERSION,
      epoch: backlog.epoch,
      firstSeq: backlog.firstSeq,
      lastSeq: backlog.lastSeq,
      clockMs: Math.round(clock.now()),
    });
  }

  get isLive(): boolean {
    return this.#state === 'live';
  }

  receive(frame: Uint8Array): void {
    if (this.#state === 'ended') return;
    this.#heardMonoMs = this.#options.clock.monotonic();
    let messages: CollectorMessage[];
    try {
      messages = decodeCollectorFrame(frame);
    } catch (error) {
      this.#options.log.error({ error: errorMessage(error) }, 'collector sent what cannot be read');
      this.end(error instanceof WireError ? error.closeCode : undefined);
      return;
    }
    for (const message of messages) this.#handle(message);
  }

  /** Sends freshly read rows (in the backlog already, ascending), or owes them when the link is full. */
  offer(rows: readonly QueuedRow[]): void {
    if (rows.length === 0 || this.#state === 'ended' || this.#isGivenUp()) return;
    const { socket, pacer } = this.#options;
    const isOpen = this.#state === 'live' && !this.#isPaused && socket.bufferedAmount <= LIVE_BUFFER_BYTES && pacer.hasRoom;
    if (!isOpen) {
      // Before the welcome nothing is owed yet: it will say from where on.
      if (this.#state === 'live') this.#owed.add(rows[0]!.seq, rows.at(-1)!.seq);
      this.#pump();
      return;
    }
    this.#sendRows(rows, false);
  }

  event(kind: string, timeMs: Millis, text: string): void {
    if (this.#state === 'live') this.#message({ type: 'event', kind, timeMs, text } satisfies AgentEvent);
  }

  watchResults(results: readonly WatchResult[]): void {
    for (let at = 0; at < results.length && this.#state === 'live'; at += RESULTS_A_MESSAGE)
      this.#message({ type: 'watchResult', results: results.slice(at, at + RESULTS_A_MESSAGE) });
  }

  goodbye(reason: GoodbyeReason): void {
    if (this.#state === 'live') this.#message({ type: 'goodbye', reason });
    this.end();
  }

  /** Stops all work on this connection and closes it; safe twice. */
  end(code = 1000): void {
    if (this.#state === 'ended') return;
    this.closed();
    this.#options.socket.close(code);
  }

  /** The socket is gone. */
  closed(): void {
    this.#state = 'ended';
    this.#cancelBeat();
    this.#cancelPump();
    this.#cancelFinish();
    this.#cancelWelcome();
  }

  get #isPaused(): boolean {
    return this.#options.clock.monotonic() < this.#pausedUntilMonoMs;
  }

  #handle(message: CollectorMessage): void {
    const { events } = this.#options;
    if (this.#state === 'ended') return;
    if (message.type === 'welcome') return this.#welcome(message);
    if (this.#state !== 'live') return;
    switch (message.type) {
      case 'ack':
        return this.#ack(message.seq);
      case 'nack':
        return this.#nack(message.seq, message.code, message.retryAfterMs);
      case 'config':
        return this.#applySettings(message.settings);
      case 'liveMode':
        return events.liveMode(message);
      case 'heartbeatReply':
        return this.#reply(message.echoMs, message.receivedMs, message.sentMs);
      case 'drain':
        return this.#finish(message.reconnectAfterMs);
      case 'runProbe':
        void events.runProbe(message).then((result) => {
          if (this.#state === 'live') this.#message(result);
        });
        return;
      case 'assignments':
        return events.assignments(message);
    }
  }

  #welcome(welcome: Welcome): void {
    if (this.#state !== 'greeting') return;
    const { backlog, events, clock } = this.#options;
    this.#cancelWelcome();
    this.#state = 'live';
    events.exchanged({
      sentMonoMs: this.#helloMonoMs,
      receivedMs: welcome.receivedMs,
      repliedMs: welcome.sentMs,
      gotMonoMs: clock.monotonic(),
    });
    // The listener may end the session here, when the collector knows numbers that were never given out.
    events.welcomed(welcome);
    if (this.#isOver()) return;
    for (const range of backlog.dropped) {
      // The rest is declared by the drain, as it finds the holes.
      if (range.toSeq <= welcome.resumeAfterSeq && range.samples > 0) this.#message({ type: 'skipped', ...range });
    }
    backlog.ackTo(welcome.resumeAfterSeq);
    this.#owed.add(welcome.resumeAfterSeq + 1, backlog.lastSeq);
    this.#applySettings(welcome.settings);
    this.#message(this.#heartbeat());
    this.#pump();
  }

  /** The collector goes: nothing more is sent, and what was sent has a moment to be acknowledged. */
  #finish(reconnectAfterMs: Millis): void {
    const { clock, events } = this.#options;
    events.drained(reconnectAfterMs);
    this.#pausedUntilMonoMs = Number.POSITIVE_INFINITY;
    this.#cancelFinish();
    this.#cancelFinish = clock.after(FINISH_WITHIN_MS, () => this.end());
  }

  #isOver(): boolean {
    return this.#state === 'ended';
  }

  #applySettings(settings: AgentSettings): void {
    this.#options.events.settings(settings);
    this.#heartbeatMs = Math.max(100, settings.heartbeatMs);
    this.#armBeat();
  }

  #ack(seq: number): void {
    this.#options.backlog.ackTo(seq);
    this.#owed.removeUpTo(seq);
    while (this.#inFlight.length > 0 && this.#inFlight[0]!.throughSeq <= seq) this.#inFlight.shift();
    this.#pump();
  }

  #nack(seq: number, code: number, retryAfterMs: Millis): void {
    const { backlog, clock, log } = this.#options;
    if (retryAfterMs === 0) {
      log.warn({ seq, code }, 'collector refused a reading for good');
      backlog.reject(seq);
      this.#message({ type: 'skipped', fromSeq: seq, toSeq: seq, samples: backlog.droppedWithin(seq, seq) });
      return;
    }
    if (!this.#isPaused) log.warn({ code, retryAfterMs }, 'collector cannot store now; readings are kept');
    this.#pausedUntilMonoMs = clock.monotonic() + retryAfterMs;
    this.#inFlight.length = 0;
    this.#owed.add(seq, backlog.lastSeq);
    this.#pump();
  }

  /** Any frame is a sign of life, so each puts off the next one that is nothing else. */
  #send(frame: Uint8Array): void {
    this.#options.pacer.spend(frame.byteLength);
    this.#options.socket.send(frame);
    if (this.#state === 'live') this.#armBeat();
  }

  #armBeat(): void {
    this.#cancelBeat();
    this.#cancelBeat = this.#options.clock.after(this.#heartbeatMs * (1 + SLACK), () => this.#beat());
  }

  #beat(): void {
    if (this.#isGivenUp()) return;
    if (this.#isExchangeDue()) this.#message(this.#heartbeat());
    else this.#send(LIFE_SIGN);
  }

  #isGivenUp(): boolean {
    if (this.#state !== 'live') return false;
    if (this.#options.clock.monotonic() - this.#heardMonoMs <= SILENCE_MS + 2 * this.#heartbeatMs) return false;
    this.#giveUp('collector is silent');
    return true;
  }

  #isExchangeDue(): boolean {
    const everyMs = this.#exchanges < FIRST_EXCHANGES ? this.#heartbeatMs : Math.max(this.#heartbeatMs, EXCHANGE_MS);
    return this.#options.clock.monotonic() - this.#exchangeMonoMs >= everyMs * (1 - SLACK);
  }

  #heartbeat(): Heartbeat {
    const { clock, backlog, offsetMs } = this.#options;
    this.#exchangeMonoMs = clock.monotonic();
    this.#exchanges++;
    const sentMs = Math.round(clock.now());
    this.#sentBeats.set(sentMs, clock.monotonic());
    for (const key of this.#sentBeats.keys()) {
      if (this.#sentBeats.size <= EXCHANGES_OPEN) break;
      this.#sentBeats.delete(key);
    }
    const { queuedBatches, queuedBytes, droppedSamples } = backlog.stats();
    return { type: 'heartbeat', sentMs, offsetMs: offsetMs(), queuedBatches, queuedBytes, droppedSamples };
  }

  #reply(echoMs: Millis, receivedMs: Millis, repliedMs: Millis): void {
    const sentMonoMs = this.#sentBeats.get(echoMs);
    if (sentMonoMs === undefined) return;
    this.#sentBeats.delete(echoMs);
    this.#options.events.exchanged({ sentMonoMs, receivedMs, repliedMs, gotMonoMs: this.#options.clock.monotonic() });
  }

  #giveUp(reason: string): void {
    this.#options.log.warn({ reason }, 'connection given up');
    this.closed();
    this.#options.socket.terminate();
  }

  #pumpLater(): void {
    const { clock, pacer } = this.#options;
    const pauseMs = this.#pausedUntilMonoMs - clock.monotonic();
    this.#cancelPump();
    if (pauseMs === Number.POSITIVE_INFINITY) return;
    this.#cancelPump = clock.after(Math.max(DRAIN_RETRY_MS, pauseMs, pacer.backlogWaitMs), () => this.#pump());
  }

  /** Sends what is owed as far as the windows allow; comes back by itself while anything is owed. */
  #pump(): void {
    if (this.#isDraining || this.#state !== 'live' || this.#owed.isEmpty) return;
    this.#isDraining = true;
    void this.#drain()
      .catch((error: unknown) => this.#options.log.error({ error: errorMessage(error) }, 'backlog cannot be sent'))
      .finally(() => {
        this.#isDraining = false;
        if (this.#state === 'live' && !this.#owed.isEmpty) this.#pumpLater();
      });
  }

  async #drain(): Promise<void> {
    const { backlog } = this.#options;
    while (this.#state === 'live' && this.#mayDrain()) {
      const owed = this.#owed.first;
      if (owed === undefined) return;
      const { from, to } = owed;
      const answer = await backlog.read(from);
      // An acknowledgement, a refusal or the end may have come while the disk was read.
      if (this.#state !== 'live' || this.#isPaused || this.#owed.first?.from !== from) continue;
      const lastSeq = Math.min(to, answer?.throughSeq ?? to);
      const found = (answer?.rows ?? []).filter((row) => row.seq >= from && row.seq <= lastSeq);
      const rows = this.#affordable(found);
      const throughSeq = rows.length < found.length ? rows.at(-1)!.seq : lastSeq;
      this.#owed.removeUpTo(throughSeq);
      this.#sendPast(from, throughSeq, rows);
    }
  }

  #mayDrain(): boolean {
    const { socket, pacer } = this.#options;
    return !this.#isPaused && socket.bufferedAmount <= DRAIN_BUFFER_BYTES && !this.#isWindowFull() && pacer.backlogBytes > 0;
  }

  /** The first of `rows`, one at least, as far as the limit of bytes goes. */
  #affordable(rows: readonly QueuedRow[]): readonly QueuedRow[] {
    let left = this.#options.pacer.backlogBytes;
    const count = rows.findIndex((row) => {
      const isSpent = left <= 0;
      left -= ROW_BYTES + SAMPLE_BYTES * row.values.length;
      return isSpent;
    });
    return count < 0 ? rows : rows.slice(0, Math.max(1, count));
  }

  #isWindowFull(): boolean {
    return this.#inFlight.reduce((sum, frame) => sum + frame.bytes, 0) > DRAIN_WINDOW_BYTES;
  }

  /** Rows of `fromSeq..toSeq` with the holes between them declared. */
  #sendPast(fromSeq: number, toSeq: number, rows: readonly QueuedRow[]): void {
    let next = fromSeq;
    let run: QueuedRow[] = [];
    const flush = (): void => {
      if (run.length > 0) this.#sendRows(run, true);
      run = [];
    };
    for (const row of rows) {
      if (row.seq > next) {
        flush();
        this.#skip(next, row.seq - 1);
      }
      run.push(row);
      next = row.seq + 1;
    }
    flush();
    if (next <= toSeq) this.#skip(next, toSeq);
  }

  #skip(fromSeq: number, toSeq: number): void {
    const samples = this.#options.backlog.droppedWithin(fromSeq, toSeq);
    this.#message({ type: 'skipped', fromSeq, toSeq, samples });
  }

  #sendRows(rows: readonly QueuedRow[], isPast: boolean): void {
    const { encoder } = this.#coder;
    for (let at = 0; at < rows.length; ) {
      const unfit: QueuedRow[] = [];
      encoder.begin();
      // One frame, one write, one wake-up at the other end instead of two.
      if (!isPast && this.#isExchangeDue()) encoder.message(this.#heartbeat());
      while (at < rows.length && !encoder.isFull) {
        const row = rows[at++]!;
        if (!(isPast ? this.#coder.addPast(row) : this.#coder.add(row))) unfit.push(row);
      }
      const frame = encoder.finish();
      if (frame.byteLength > 0) this.#send(frame);
      if (isPast) this.#inFlight.push({ throughSeq: rows[at - 1]!.seq, bytes: frame.byteLength });
      for (const row of unfit) this.#refuse(row);
    }
  }

  /** A row with more columns or longer labels than the protocol carries: says so instead of stopping the sequence for ever. */
  #refuse(row: QueuedRow): void {
    this.#options.log.error(
      { group: row.columns.name, series: row.columns.series.length },
      'reading exceeds a limit of the protocol and is dropped',
    );
    this.#options.backlog.reject(row.seq);
    this.#message({ type: 'skipped', fromSeq: row.seq, toSeq: row.seq, samples: row.values.length });
  }

  #message(message: Parameters<RowCoder['encoder']['message']>[0]): void {
    this.#coder.encoder.begin();
    this.#coder.encoder.message(message);
    this.#send(this.#coder.encoder.finish());
  }
}
