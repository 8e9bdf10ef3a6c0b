/** Webhook: Alertmanager's JSON, payload version 4, posted to a URL. */
import { AppError, errorCode, errorMessage } from '@bellwether/shared';
import type { Clock } from '@bellwether/shared/clock';
import type { Secret } from '@bellwether/shared/schema';
import type { Notification } from '../alert.ts';
import type { Channel, SendResult } from './channel.ts';
import { redact } from './channel.ts';

export interface WebhookOptions {
  readonly url: string;
  /** Longest wait for one attempt, ms. */
  readonly timeoutMs: number;
  /** Sent as a bearer token. */
  readonly token?: Secret | undefined;
  readonly sendResolved: boolean;
  /** 0: no limit. */
  readonly maxAlerts: number;
}

const NOT_YET = '0001-01-01T00:00:00Z';
const MAX_ANSWER = 1_000;

/** The body as receivers written for Alertmanager expect it. */
export function webhookPayload(notification: Notification, maxAlerts = 0): object {
  const shown = maxAlerts > 0 ? notification.alerts.slice(0, maxAlerts) : notification.alerts;
  return {
    receiver: notification.receiver,
    status: notification.status,
    alerts: shown.map((alert) => ({
      status: alert.status,
      labels: alert.labels,
      annotations: alert.annotations,
      startsAt: new Date(alert.startsMs).toISOString(),
      endsAt: alert.endsMs === null ? NOT_YET : new Date(alert.endsMs).toISOString(),
      generatorURL: alert.generatorUrl,
      fingerprint: alert.fingerprint,
    })),
    groupLabels: notification.groupLabels,
    commonLabels: notification.commonLabels,
    commonAnnotations: notification.commonAnnotations,
    externalURL: notification.externalUrl,
    version: '4',
    groupKey: notification.groupKey,
    truncatedAlerts: notification.alerts.length - shown.length,
  };
}

export function createWebhook(options: WebhookOptions, clock: Clock): Channel {
  const secrets = urlSecrets(options.url);
  return {
    kind: 'webhook',
    sendResolved: options.sendResolved,
    async send(notification, signal) {
      const timeout = new AbortController();
      const cancel = clock.after(options.timeoutMs, () => timeout.abort());
      try {
        const token = options.token?.reveal();
        const result = await post(options, token, notification, AbortSignal.any([signal, timeout.signal]), clock.now());
        return { ...result, detail: redact(result.detail, [token, ...secrets]) };
      } catch (error) {
        const detail = timeout.signal.aborted
          ? `no answer within ${options.timeoutMs} ms`
          : signal.aborted
            ? 'given up: stopped or replaced'
            : reason(error);
        return { outcome: 'failed', retry: true, detail: redact(detail, secrets) };
      } finally {
        cancel();
      }
    },
  };
}

async function post(
  options: WebhookOptions,
  token: string | undefined,
  notification: Notification,
  signal: AbortSignal,
  now: number,
): Promise<SendResult> {
  const answer = await fetch(options.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Bellwether',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(webhookPayload(notification, options.maxAlerts)),
    redirect: 'manual', // a receiver that moved is a configuration to mend, and a token must not follow it
    signal,
  });
  const said = (await readSome(answer)).trim();
  const detail = `HTTP ${answer.status}${said === '' ? '' : `: ${said}`}`;
  if (answer.ok) return { outcome: 'delivered', detail: `HTTP ${answer.status}` };
  if (answer.status === 429 || answer.status >= 500)
    return { outcome: 'failed', retry: true, afterMs: retryAfterMs(answer.headers.get('retry-after'), now), detail };
  return { outcome: 'failed', retry: false, detail };
}

async function readSome(answer: Response): Promise<string> {
  const reader = answer.body?.getReader();
  if (reader === undefined) return '';
  const decoder = new TextDecoder();
  let text = '';
  while (text.length < MAX_ANSWER) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value as Uint8Array, { stream: true });
  }
  await reader.cancel();
  return text.slice(0, MAX_ANSWER);
}

/** Retry-After in seconds or as a date; undefined if absent or unreadable. */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** fetch hides the reason one level down. */
function reason(error: unknown): string {
  if (error instanceof AppError) return error.message;
  const cause = typeof error === 'object' && error !== null && 'cause' in error && error.cause !== undefined ? error.cause : error;
  const code = errorCode(cause);
  const message = errorMessage(cause);
  return code === undefined || message.includes(code) ? message : `${code}: ${message}`;
}

/** Parts of a webhook URL that are secrets by habit: password, query, and long path segments (chat services put their key there). */
function urlSecrets(text: string): string[] {
  if (!URL.canParse(text)) return [];
  const url = new URL(text);
  return [url.password, url.search, ...url.pathname.split('/').filter((part) => part.length >= 16)];
}
