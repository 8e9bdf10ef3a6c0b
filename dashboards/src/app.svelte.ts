import type { AlertView, HostPage, HostQuery, LiveMessage, Session, StatusStrip } from '@bellwether/shared/api';
import type { Clock } from '@bellwether/shared/clock';
import { getContext, setContext } from 'svelte';
import { ApiError, Client } from './client.ts';
import { timeFormat } from './core/format.ts';
import { Live, type LiveSocket } from './core/live.ts';
import { Router } from './router.svelte.ts';

type PointsMessage = Extract<LiveMessage, { type: 'points' }>;

export interface Toast {
  id: number;
  kind: 'done' | 'failed';
  text: string;
}

const TOAST_MS = 6_000;
/** Messages held for the next frame. A hidden tab has no frames: what does not fit is fetched again when the tab comes back. */
const PENDING_LIMIT = 120;

/** What every screen shares: who is signed in, the live connection, the strip, the alerts, the collector's time. */
export class App {
  readonly clock: Clock;
  readonly router = new Router();
  readonly client: Client;
  readonly live: Live;
  readonly times = timeFormat();

  /** undefined: not known yet; null: signed out. */
  session = $state.raw<Session | null | undefined>(undefined);
  /** Why the session could not be read, in words; '' when it could. */
  startError = $state('');
  status = $state.raw<StatusStrip | null>(null);
  alerts = $state.raw<AlertView[] | null>(null);
  /** The collector's time, moving once a second. */
  nowMs = $state(0);
  /** The collector's time is known, so that charts can end at it even when the browser's clock is wrong. */
  readonly timeKnown = $derived(this.status !== null);
  /** The tab is shown. */
  visible = $state(!document.hidden);
  connected = $state(false);
  /** Since when nothing was heard, in seconds; NaN before the first word. */
  silentSeconds = $state(Number.NaN);
  /** Grows when the connection came back or the tab was shown again: fetched data has a hole then. */
  generation = $state(0);
  announcement = $state('');
  toasts = $state.raw<Toast[]>([]);
  dialog = $state<'none' | 'palette' | 'help'>('none');

  readonly mayOperate = $derived(this.session?.role === 'operator' || this.session?.role === 'admin');
  /** Numbers on the page are old and must look it. */
  readonly stale = $derived(!this.connected && !Number.isNaN(this.silentSeconds));

  onPoints: (points: PointsMessage) => void = () => {};

  #hosts: { query: HostQuery; page?: HostPage; show: (page: HostPage) => void } | undefined;
  #collectorOffsetMs = 0;
  #pending: LiveMessage[] = [];
  #overflowed = false;
  #frame = 0;
  #toastId = 0;
  #firing: Set<string> | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
    this.nowMs = clock.now();
    this.client = new Client({ fetch: (path, init) => fetch(path, init), onSignedOut: () => this.signedOut() });
    this.live = new Live({
      open: () => new WebSocket(`${location.origin.replace(/^http/, 'ws')}/live`) as LiveSocket,
      clock,
      random: Math.random,
      onMessage: (message) => this.#receive(message),
      onOpen: (again) => {
        if (again) this.generation++;
      },
      onRefused: () => void this.#checkSession(),
    });
  }

  /** Begins the page's background life; the returned function ends it. */
  start(): () => void {
    const stopRouter = this.router.listen();
    const stopTicks = this.clock.every(1_000, () => this.#tick());
    const onVisible = () => {
      this.visible = !document.hidden;
      if (document.hidden) return;
      this.#tick();
      if (this.#overflowed) this.generation++;
      this.#overflowed = false;
    };
    document.addEventListener('visibilitychange', onVisible);
    void this.#readSession();
    return () => {
      stopRouter();
      stopTicks();
      document.removeEventListener('visibilitychange', onVisible);
      this.live.stop();
    };
  }

  signedIn(session: Session): void {
    this.session = session;
    if (session.mustSetPassword) return;
    this.live.request({ type: 'status' });
    this.live.request({ type: 'alerts' });
    this.live.start();
    void this.attempt(async () => this.#setStatus(await this.client.status()));
  }

  signedOut(): void {
    this.live.stop();
    this.session = null;
    this.status = null;
    this.alerts = null;
    this.#firing = undefined;
    this.#hosts = undefined;
    this.silentSeconds = Number.NaN;
    this.connected = false;
  }

  async signOut(): Promise<void> {
    await this.attempt(() => this.client.signOut());
    this.signedOut();
    this.router.go('/sign-in');
  }

  async acknowledge(alert: AlertView, note: string): Promise<void> {
    const done = await this.attempt(() => this.client.acknowledge(alert.fingerprint, note));
    if (!done) return;
    const mine = { acknowledgedBy: this.session?.user ?? '', acknowledgedMs: this.nowMs, acknowledgeNote: note };
    this.alerts = this.alerts?.map((known) => (known.fingerprint === alert.fingerprint ? { ...known, ...mine } : known)) ?? null;
    this.toast('done', `${alert.name}: acknowledged by you.`);
  }

  /**
   * Shows the part of the hosts list that `query` asks for, now and whenever it changes, until the returned function is called. The collector
   * sends changes only, so the newest page is kept for a screen that asks for it again.
   */
  watchHosts(query: HostQuery, show: (page: HostPage) => void): () => void {
    const same = this.#hosts !== undefined && equalQueries(this.#hosts.query, query);
    const watch = { query, page: same ? this.#hosts?.page : undefined, show };
    this.#hosts = watch;
    this.live.request({ type: 'hosts', query });
    if (watch.page !== undefined) show(watch.page);
    return () => {
      watch.show = () => {};
    };
  }

  /** Runs an action of the user; a failure becomes a toast and `false`. */
  async attempt(action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.toast('failed', error.message);
      return false;
    }
  }

  toast(kind: Toast['kind'], text: string): void {
    // What fails every second is said once while it is on the screen.
    if (this.toasts.some((toast) => toast.text === text)) return;
    const id = ++this.#toastId;
    this.toasts = [...this.toasts.slice(-3), { id, kind, text }];
    this.clock.after(TOAST_MS, () => {
      this.toasts = this.toasts.filter((toast) => toast.id !== id);
    });
  }

  /** Has a screen reader say `text` when it is free. */
  announce(text: string): void {
    this.announcement = text;
  }

  async #readSession(): Promise<void> {
    try {
      this.signedIn(await this.client.session());
      this.startError = '';
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) this.signedOut();
      else {
        this.startError = error.message;
        this.clock.after(3_000, () => void this.#readSession());
      }
    }
  }

  /** A browser does not say why a socket was refused: an ended session has to be asked for. */
  async #checkSession(): Promise<void> {
    try {
      await this.client.session();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) this.signedOut();
    }
  }

  #receive(message: LiveMessage): void {
    if (this.#pending.length >= PENDING_LIMIT) {
      this.#pending.shift();
      this.#overflowed = true;
    }
    this.#pending.push(message);
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#flush());
  }

  /** One pass over what came since the last frame: of each kind the newest counts, except points, which all do. */
  #flush(): void {
    this.#frame = 0;
    const pending = this.#pending;
    this.#pending = [];
    const newest = new Map(pending.map((message) => [message.type, message]));
    for (const message of pending) if (message.type === 'points' || newest.get(message.type) === message) this.#apply(message);
    this.#tick();
  }

  #apply(message: LiveMessage): void {
    switch (message.type) {
      case 'status':
        this.#setStatus(message.status);
        break;
      case 'alerts':
        this.#announceNew(message.alerts);
        this.alerts = message.alerts;
        break;
      case 'hosts':
        this.#showHosts(message.page, message.query);
        break;
      case 'points':
        this.onPoints(message);
        break;
      case 'error':
        this.toast('failed', message.message);
        break;
    }
  }

  #setStatus(status: StatusStrip): void {
    // An answer that was overtaken by a push is older than what is shown.
    if (this.status !== null && status.nowMs < this.status.nowMs) return;
    this.status = status;
    this.#collectorOffsetMs = status.nowMs - this.clock.now();
    this.nowMs = status.nowMs;
  }

  #showHosts(page: HostPage, query: HostQuery | undefined): void {
    const watch = this.#hosts;
    if (watch === undefined || (query !== undefined && !equalQueries(query, watch.query))) return;
    watch.page = page;
    watch.show(page);
  }

  #announceNew(alerts: readonly AlertView[]): void {
    const firing = alerts.filter(({ state }) => state === 'firing');
    const fresh = this.#firing === undefined ? [] : firing.filter(({ fingerprint }) => !this.#firing!.has(fingerprint));
    this.#firing = new Set(firing.map(({ fingerprint }) => fingerprint));
    if (fresh.length === 0) return;
    const [first, ...others] = fresh;
    this.announce(
      `New ${first!.severity} alert: ${first!.annotations.summary ?? first!.name}${others.length > 0 ? `, and ${others.length} more` : ''}.`,
    );
  }

  #tick(): void {
    if (document.hidden) return;
    this.nowMs = this.clock.now() + this.#collectorOffsetMs;
    this.connected = this.live.connected;
    const age = this.live.ageMs();
    this.silentSeconds = age === undefined ? Number.NaN : Math.floor(age / 1000);
  }
}

function equalQueries(a: HostQuery, b: HostQuery): boolean {
  return a.filter === b.filter && a.sort === b.sort && a.descending === b.descending && a.offset === b.offset && a.limit === b.limit;
}

const APP = Symbol('app');

export function provideApp(app: App): App {
  return setContext(APP, app);
}

export function useApp(): App {
  return getContext<App>(APP);
}
