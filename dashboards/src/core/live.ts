import type { LiveMessage, LiveRequest } from '@bellwether/shared/api';
import type { Cancel, Clock } from '@bellwether/shared/clock';
import type { Millis } from '@bellwether/shared/time';

/** What is used of a browser's WebSocket. */
export interface LiveSocket {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
}

export interface LiveOptions {
  open: () => LiveSocket;
  clock: Clock;
  /** 0 to 1: spreads the reconnections of many pages. */
  random: () => number;
  onMessage: (message: LiveMessage) => void;
  /** The connection came up (again): what was missed meanwhile has to be fetched. */
  onOpen: (again: boolean) => void;
  /** A connection was refused or never came about: the collector is away, or the session has ended. */
  onRefused: () => void;
}

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 4_000;
/** The collector answers at least once a second; after this much silence it is asked, and after twice this much the line counts as dead. */
const SILENCE_MS = 4_000;
/** The longest wait for a socket to open: a browser alone would wait minutes behind a firewall that drops packets. */
const DIAL_MS = 6_000;

/** The wait before reconnection number `attempt` (from 0): doubling, bounded, with up to a quarter taken off by `random`. */
export function reconnectDelay(attempt: number, random: number): Millis {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 10)) * (1 - random / 4);
}

/**
 * The `/live` connection: keeps itself up, repeats the standing requests after each reconnection, and knows how old its newest word is.
 * A socket that is open but silent is as bad as a closed one: it is asked, then replaced.
 */
export class Live {
  readonly #options: LiveOptions;
  /** One standing request per type; a new one replaces the former. */
  readonly #standing = new Map<LiveRequest['type'], LiveRequest>();
  #socket: LiveSocket | undefined;
  #open = false;
  #everOpen = false;
  #attempt = 0;
  #lastMessageMs: Millis | undefined;
  #askedMs: Millis | undefined;
  #dialledMs = 0;
  #cancelRetry: Cancel = () => {};
  #cancelWatch: Cancel = () => {};
  #stopped = true;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** Age of the newest message in ms; undefined before the first. */
  ageMs(): Millis | undefined {
    return this.#lastMessageMs === undefined ? undefined : this.#options.clock.monotonic() - this.#lastMessageMs;
  }

  /** Open and not silent for suspiciously long. */
  get connected(): boolean {
    return this.#open && (this.ageMs() ?? 0) < SILENCE_MS + 1_000;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#connect();
    this.#cancelWatch = this.#options.clock.every(1_000, () => this.#watch());
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelRetry();
    this.#cancelWatch();
    this.#drop();
    this.#standing.clear();
    this.#everOpen = false;
    this.#lastMessageMs = undefined;
  }

  /** Makes `request` the standing one of its type. */
  request(request: LiveRequest): void {
    this.#standing.set(request.type, request);
    this.#send(request);
  }

  #send(request: LiveRequest): void {
    if (this.#open) this.#socket?.send(JSON.stringify(request));
  }

  #connect(): void {
    const socket = this.#options.open();
    this.#socket = socket;
    this.#dialledMs = this.#options.clock.monotonic();
    socket.onopen = () => {
      this.#open = true;
      this.#attempt = 0;
      this.#askedMs = undefined;
      this.#lastMessageMs ??= this.#options.clock.monotonic();
      for (const request of this.#standing.values()) this.#send(request);
      this.#options.onOpen(this.#everOpen);
      this.#everOpen = true;
    };
    socket.onmessage = ({ data }) => {
      this.#lastMessageMs = this.#options.clock.monotonic();
      this.#askedMs = undefined;
      this.#options.onMessage(JSON.parse(String(data)) as LiveMessage);
    };
    socket.onclose = () => this.#lost();
  }

  #lost(): void {
    const refused = !this.#open;
    this.#drop();
    if (this.#stopped) return;
    if (refused) this.#options.onRefused();
    this.#cancelRetry = this.#options.clock.after(reconnectDelay(this.#attempt++, this.#options.random()), () => this.#connect());
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#open = false;
    if (socket === undefined) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  #watch(): void {
    const silentMs = this.ageMs();
    const now = this.#options.clock.monotonic();
    if (this.#socket !== undefined && !this.#open && now - this.#dialledMs > DIAL_MS) this.#lost();
    if (!this.#open || silentMs === undefined || silentMs < SILENCE_MS) return;
    if (this.#askedMs === undefined) {
      this.#askedMs = now;
      const status = this.#standing.get('status');
      if (status !== undefined) this.#send(status);
    } else if (now - this.#askedMs >= SILENCE_MS) this.#lost();
  }
}
