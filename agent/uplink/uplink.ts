/** Keeps one session with the collector: connects, says why when it cannot, and tries again for as long as the agent runs. */
import type { Cancel, Clock, Log, Millis } from '@bellwether/shared';
import type { WatchResult } from '@bellwether/shared/assignments';
import { type AgentSettings, type GoodbyeReason, type Welcome, WIRE_CLOSE } from '@bellwether/shared/wire';
import type { Backlog } from '../spool/backlog.ts';
import type { QueuedRow } from '../spool/row.ts';
import { backoffMs } from './backoff.ts';
import { Pacer } from './pacer.ts';
import { Session, type SessionEvents, type SessionOptions, type UplinkSocket } from './session.ts';
import type { OpenSocket, SocketTarget } from './socket.ts';

export interface UplinkOptions {
  readonly target: SocketTarget;
  readonly open: OpenSocket;
  readonly backlog: Backlog;
  readonly clock: Clock;
  readonly log: Log;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Made anew for every connection. */
  readonly hello: () => SessionOptions['hello'];
  readonly settings: AgentSettings;
  /** Bytes of frames a second, averaged over 10 s; 0 or nothing: no limit. */
  readonly maxBytesPerS?: number;
  readonly events: Omit<SessionEvents, 'drained'>;
  offsetMs(): number;
}

export interface UplinkStats {
  readonly isConnected: boolean;
  /** Welcomes since the agent started. */
  readonly connections: number;
  readonly failures: number;
}

interface PendingEvent {
  readonly kind: string;
  readonly timeMs: Millis;
  readonly text: string;
}

/** A session that lived this long was a success: the next loss is answered at once again. */
const STABLE_MS = 5_000;
/** Between attempts that cannot succeed before a person acts. */
const HOPELESS_MS = 60_000;
const TOO_FAST_MS = 10_000;
/** A reboot may find its own old connection not yet given up by the collector: worth asking again soon. */
const CLONED_MS = 5_000;
const GOODBYE_WITHIN_MS = 1_000;
/** Events that wait for a connection; the oldest goes. */
const MAX_EVENTS = 100;

/** Closes that need somebody: what to say, once, until a connection succeeds. */
const HOPELESS: Readonly<Record<number, string>> = {
  [WIRE_CLOSE.unauthenticated]: 'collector does not know this agent or its key: enrol it again with `bellwether-agent enroll`',
  [WIRE_CLOSE.cloned]: 'this agent id is in use on another machine (a cloned disk image): remove identity.json and enrol this machine',
  [WIRE_CLOSE.unsupportedVersion]: 'collector speaks another version of the protocol: update the agent or the collector',
};

export class Uplink {
  readonly #options: UplinkOptions;
  readonly #pendingEvents: PendingEvent[] = [];
  /** Outlives the connections: one that is cut and made anew gets no fresh allowance. */
  readonly #pacer: Pacer;
  #settings: AgentSettings;
  #socket: UplinkSocket | undefined;
  #session: Session | undefined;
  #attempt = 0;
  #welcomedMonoMs: number | undefined;
  #reconnectAfterMs: Millis | undefined;
  #cancelRetry: Cancel = () => {};
  #closed: (() => void) | undefined;
  #isStopped = false;
  #connections = 0;
  #failures = 0;
  #saidCode: number | undefined;

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#pacer = new Pacer(options.maxBytesPerS ?? 0, options.clock);
    this.#settings = options.settings;
  }

  start(): void {
    this.#connect();
  }

  stats(): UplinkStats {
    return { isConnected: this.#session?.isLive === true, connections: this.#connections, failures: this.#failures };
  }

  /** Hands over rows that were just put into the backlog. */
  offer(rows: readonly QueuedRow[]): void {
    this.#session?.offer(rows);
  }

  /** Reports something that happened, now or with the next connection. */
  event(kind: string, timeMs: Millis, text: string): void {
    if (this.#session?.isLive === true) return this.#session.event(kind, timeMs, text);
    this.#pendingEvents.push({ kind, timeMs, text });
    if (this.#pendingEvents.length > MAX_EVENTS) this.#pendingEvents.shift();
  }

  /** Reports what became of things that are watched; without a connection nothing, since everything is reported after the next welcome. */
  watchResults(results: readonly WatchResult[]): void {
    this.#session?.watchResults(results);
  }

  /** Says goodbye and ends. True: the collector closed the connection in answer, so it knows. */
  async stop(reason: GoodbyeReason): Promise<boolean> {
    this.#isStopped = true;
    this.#cancelRetry();
    const { socket, session } = { socket: this.#socket, session: this.#session };
    if (socket === undefined) return false;
    if (session?.isLive !== true) {
      session?.closed();
      socket.terminate();
      return false;
    }
    return new Promise<boolean>((resolve) => {
      const cancel = this.#options.clock.after(GOODBYE_WITHIN_MS, () => {
        this.#closed = undefined;
        socket.terminate();
        resolve(false);
      });
      this.#closed = () => {
        cancel();
        resolve(true);
      };
      session.goodbye(reason);
    });
  }

  #connect(): void {
    if (this.#isStopped) return;
    const { open, target } = this.#options;
    // Events of an older socket must not touch a newer session: each socket's handlers know their own.
    const holder: { session?: Session } = {};
    const socket = open(target, {
      opened: () => {
        holder.session = this.#greet(socket);
      },
      received: (frame) => holder.session?.receive(frame),
      closed: (code, reason) => this.#lost(socket, code, reason),
    });
    this.#socket = socket;
  }

  #greet(socket: UplinkSocket): Session {
    const { backlog, clock, log, hello, events, offsetMs } = this.#options;
    this.#session = new Session({
      socket,
      pacer: this.#pacer,
      backlog,
      clock,
      log,
      hello: hello(),
      settings: this.#settings,
      offsetMs,
      events: {
        ...events,
        welcomed: (welcome) => this.#welcomed(welcome),
        settings: (settings) => {
          this.#settings = settings;
          events.settings(settings);
        },
        drained: (reconnectAfterMs) => {
          this.#reconnectAfterMs = reconnectAfterMs;
        },
      },
    });
    return this.#session;
  }

  #welcomed(welcome: Welcome): void {
    const { backlog, log, clock, events, target } = this.#options;
    if (welcome.resumeAfterSeq > backlog.lastSeq) {
      log.warn(
        { resumeAfterSeq: welcome.resumeAfterSeq, lastSeq: backlog.lastSeq },
        'collector knows more than this agent: its disk was set back; starting a new epoch',
      );
      this.#reconnectAfterMs = 0;
      this.#session?.closed();
      void backlog.renewEpoch().finally(() => this.#socket?.close(1000));
      return;
    }
    this.#connections++;
    this.#welcomedMonoMs = clock.monotonic();
    this.#saidCode = undefined;
    log.info({ url: target.url, hostname: welcome.hostname, resumeAfterSeq: welcome.resumeAfterSeq }, 'connected');
    events.welcomed(welcome);
    for (const event of this.#pendingEvents.splice(0)) this.#session?.event(event.kind, event.timeMs, event.text);
  }

  #lost(socket: UplinkSocket, code: number, reason: string): void {
    if (socket !== this.#socket) return;
    this.#session?.closed();
    this.#socket = undefined;
    this.#session = undefined;
    this.#closed?.();
    if (this.#isStopped) return;
    const { clock, random } = this.#options;
    if (this.#welcomedMonoMs !== undefined && clock.monotonic() - this.#welcomedMonoMs >= STABLE_MS) this.#attempt = 0;
    this.#welcomedMonoMs = undefined;
    const delayMs = this.#delayAfter(code, random());
    this.#failures++;
    this.#say(code, reason, delayMs);
    this.#cancelRetry = clock.after(delayMs, () => this.#connect());
  }

  #delayAfter(code: number, random: number): Millis {
    const asked = this.#reconnectAfterMs;
    this.#reconnectAfterMs = undefined;
    if (asked !== undefined) return Math.round(asked * (1 + random / 4));
    if (code === WIRE_CLOSE.cloned) return Math.round(CLONED_MS * (1 + random));
    if (code in HOPELESS) return Math.round((HOPELESS_MS / 2) * (1 + random));
    const delayMs = backoffMs(this.#attempt++, random);
    return code === WIRE_CLOSE.tooFast ? Math.max(delayMs, Math.round(TOO_FAST_MS * (1 + random))) : delayMs;
  }

  /** One line for each new reason, not one for each attempt. */
  #say(code: number, reason: string, retryInMs: Millis): void {
    if (code === this.#saidCode) return;
    this.#saidCode = code;
    const { log, target } = this.#options;
    const hopeless = HOPELESS[code];
    if (hopeless !== undefined) log.error({ url: target.url, code, reason, retryInMs }, hopeless);
    else if (code === WIRE_CLOSE.goingAway) log.info({ url: target.url, code, reason, retryInMs }, 'collector stops; readings are kept');
    else log.warn({ url: target.url, code, reason, retryInMs }, 'no connection to the collector; readings are kept');
  }
}
