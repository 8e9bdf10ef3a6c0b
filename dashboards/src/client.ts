import type {
  AlertView,
  ChartData,
  DeliveryView,
  DeviceDetail,
  EventView,
  HostDetail,
  HostPage,
  HostQuery,
  Session,
  SignIn,
  StatusStrip,
  UptimeDetail,
  UptimePage,
  UptimeQuery,
  WatchedKind,
} from '@bellwether/shared/api';
import { formatDuration, type Millis } from '@bellwether/shared/time';

/** An answer that is not 2xx. `status` 0: the collector was not reached. `message` is for people. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

export interface ClientOptions {
  fetch: (path: string, init: RequestInit) => Promise<Response>;
  /** The session ended or never was: the page must ask for a sign-in. */
  onSignedOut: () => void;
}

export interface ChartRequest {
  query: string;
  startMs: Millis;
  endMs: Millis;
  stepMs: Millis;
}

/** Every HTTP request of the page. Equal reads under way share one request; `signal` gives up waiting. All throw ApiError. */
export class Client {
  readonly #options: ClientOptions;
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  session(): Promise<Session> {
    return this.#get('session');
  }

  signIn(credentials: SignIn): Promise<Session> {
    return this.#send('POST', 'session', credentials);
  }

  signOut(): Promise<void> {
    return this.#send('DELETE', 'session');
  }

  setPassword(password: string): Promise<Session> {
    return this.#send('POST', 'session/password', { password });
  }

  status(): Promise<StatusStrip> {
    return this.#get('status');
  }

  hosts(query: HostQuery, signal?: AbortSignal): Promise<HostPage> {
    return this.#send('POST', 'hosts/query', query, signal);
  }

  host(id: string): Promise<HostDetail> {
    return this.#get(`hosts/${encodeURIComponent(id)}`);
  }

  alerts(state?: 'resolved'): Promise<AlertView[]> {
    return this.#get(state === undefined ? 'alerts' : `alerts?state=${state}`);
  }

  acknowledge(fingerprint: string, note: string): Promise<void> {
    return this.#send('POST', `alerts/${encodeURIComponent(fingerprint)}/acknowledge`, { note });
  }

  deliveries(limit: number): Promise<DeliveryView[]> {
    return this.#get(`deliveries?limit=${limit}`);
  }

  events(host: string | null, limit: number): Promise<EventView[]> {
    return this.#get(`events?${new URLSearchParams({ ...(host === null ? {} : { host }), limit: String(limit) })}`);
  }

  device(id: string): Promise<DeviceDetail> {
    return this.#get(`devices/${encodeURIComponent(id)}`);
  }

  /** From `fromMs` until now. */
  uptime({
    kind,
    filter,
    fromMs,
    bucketMs,
    limit,
  }: Pick<UptimeQuery, 'kind' | 'filter' | 'fromMs' | 'bucketMs' | 'limit'>): Promise<UptimePage> {
    const params = {
      ...(kind === undefined ? {} : { kind }),
      filter,
      from: String(fromMs),
      bucket: formatDuration(bucketMs),
      limit: String(limit),
    };
    return this.#get(`uptime?${new URLSearchParams(params)}`);
  }

  uptimeDetail({ kind, id, fromMs, bucketMs }: { kind: WatchedKind; id: string; fromMs: Millis; bucketMs: Millis }): Promise<UptimeDetail> {
    const params = new URLSearchParams({ from: String(fromMs), bucket: formatDuration(bucketMs) });
    return this.#get(`uptime/${kind}/${encodeURIComponent(id)}?${params}`);
  }

  chart({ query, startMs, endMs, stepMs }: ChartRequest, signal?: AbortSignal): Promise<ChartData> {
    const params = { query, start: String(Math.round(startMs)), end: String(Math.round(endMs)), step: formatDuration(stepMs) };
    return this.#request('GET', `chart?${new URLSearchParams(params)}`, undefined, signal);
  }

  #get<T>(path: string): Promise<T> {
    const known = this.#underWay.get(path);
    if (known !== undefined) return known as Promise<T>;
    const request = this.#request<T>('GET', path).finally(() => this.#underWay.delete(path));
    this.#underWay.set(path, request);
    return request;
  }

  #send<T>(method: 'POST' | 'DELETE', path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    return this.#request(method, path, body, signal);
  }

  async #request<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const init: RequestInit = { method, signal, headers: { accept: 'application/json' } };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { accept: 'application/json', 'content-type': 'application/json' };
    }
    const response = await this.#options.fetch(`/api/bellwether/${path}`, init).catch((cause: unknown) => {
      if (signal?.aborted === true) throw cause;
      throw new ApiError(0, 'UNREACHABLE', 'The collector cannot be reached. Check that it runs and that this machine has a network.');
    });
    const text = await response.text();
    if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
    if (response.status === 401 && path !== 'session') this.#options.onSignedOut();
    throw errorOf(response.status, text);
  }
}

/** Whether a request ended because its caller gave up on it. */
export function isAbort(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError';
}

function errorOf(status: number, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return new ApiError(status, error.code, error.message);
  } catch {
    // A proxy in between answers in its own words.
    return new ApiError(status, 'UNKNOWN', `The collector answered with status ${status} and no reason.`);
  }
}
