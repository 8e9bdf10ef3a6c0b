/** E-mail over SMTP: text and HTML, one thread for each group from its first firing to its end. */
import { createHash } from 'node:crypto';
import { errorCode, errorMessage } from '@bellwether/shared';
import type { Secret } from '@bellwether/shared/schema';
import { createTransport, type Transporter } from 'nodemailer';
import type { Notification, NotifiedAlert } from '../alert.ts';
import type { Channel, SendResult } from './channel.ts';
import { redact } from './channel.ts';

export interface EmailOptions {
  readonly to: string;
  readonly from: string;
  readonly host: string;
  readonly port: number;
  /** `starttls`: must upgrade; `tls`: encrypted from the first byte; `none`: never; `opportunistic`: upgrade when offered. */
  readonly encryption: 'starttls' | 'tls' | 'none' | 'opportunistic';
  /** false accepts any certificate. */
  readonly verifyCertificate: boolean;
  readonly username?: string | undefined;
  readonly password?: Secret | undefined;
  /** Name said in EHLO. */
  readonly hello?: string | undefined;
  /** Longest wait for one step of the conversation, ms. */
  readonly timeoutMs: number;
  readonly sendResolved: boolean;
}

export interface Mail {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly messageId: string;
  readonly inReplyTo?: string;
  readonly references?: string;
  readonly headers: Readonly<Record<string, string>>;
}

const MAX_ALERTS = 50;

/** The mail for a notification. Message-ID and thread follow from it, so that a repeated attempt is the same mail. Pure. */
export function composeMail(notification: Notification, { from, to }: Pick<EmailOptions, 'from' | 'to'>): Mail {
  const id = messageId(notification, from);
  const firing = notification.alerts.filter((alert) => alert.status === 'firing');
  const resolved = notification.alerts.filter((alert) => alert.status === 'resolved');
  const thread = notification.thread === null ? {} : { inReplyTo: notification.thread, references: notification.thread };
  return {
    from,
    to,
    subject: subject(notification, firing, resolved),
    text: textBody(notification, firing, resolved),
    html: htmlBody(notification, firing, resolved),
    messageId: id,
    ...thread,
    headers: { 'X-Bellwether-Group': encodeURIComponent(notification.groupKey), 'Auto-Submitted': 'auto-generated' },
  };
}

export function createEmail(options: EmailOptions): Channel {
  return {
    kind: 'email',
    sendResolved: options.sendResolved,
    async send(notification, signal) {
      let transport: Transporter | undefined;
      let password: string | undefined;
      const abort = (): void => transport?.close();
      signal.addEventListener('abort', abort, { once: true });
      try {
        password = options.password?.reveal();
        transport = openTransport(options, password);
        const mail = composeMail(notification, options);
        const answer = await transport.sendMail({ ...mail, headers: { ...mail.headers } });
        const rejected = (answer.rejected ?? []).map(String);
        const refused = rejected.length > 0 ? `; refused: ${rejected.join(', ')}` : '';
        return {
          outcome: 'delivered',
          detail: redact(`${answer.response ?? ''}${refused}`, [password]),
          thread: notification.thread ?? mail.messageId,
        };
      } catch (error) {
        return failure(error, [password]);
      } finally {
        signal.removeEventListener('abort', abort);
        abort();
      }
    },
  };
}

function openTransport(options: EmailOptions, password: string | undefined): Transporter {
  const { host, port, encryption, username, hello, timeoutMs } = options;
  return createTransport({
    host,
    port,
    secure: encryption === 'tls',
    requireTLS: encryption === 'starttls',
    ignoreTLS: encryption === 'none',
    tls: { rejectUnauthorized: options.verifyCertificate },
    ...(username === undefined ? {} : { auth: { user: username, pass: password ?? '' } }),
    ...(hello === undefined ? {} : { name: hello }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** SMTP 5xx (refused credentials among them) and an address that makes no envelope are final for this message; 4xx, network and TLS may pass. */
function failure(error: unknown, secrets: readonly (string | undefined)[]): SendResult {
  const status = typeof error === 'object' && error !== null && 'responseCode' in error ? Number(error.responseCode) : 0;
  const code = errorCode(error);
  const text = errorMessage(error);
  const retry = status > 0 ? status < 500 : code !== 'EENVELOPE';
  return { outcome: 'failed', retry, detail: redact(code === undefined ? text : `${code}: ${text}`, secrets) };
}

function messageId(notification: Notification, from: string): string {
  const group = createHash('sha256').update(`${notification.groupKey}\0${notification.receiver}`).digest('hex').slice(0, 16);
  const domain = /@([\w.-]+)>?\s*$/.exec(from)?.[1] ?? 'bellwether.invalid';
  return `<bw.${group}.${notification.timeMs}@${domain}>`;
}

function subject(notification: Notification, firing: readonly NotifiedAlert[], resolved: readonly NotifiedAlert[]): string {
  const state = firing.length > 0 ? `[FIRING:${firing.length}]` : `[RESOLVED:${resolved.length}]`;
  const name = notification.commonLabels.alertname ?? Object.values(notification.groupLabels).join(' ');
  const where = notification.alerts.length === 1 ? notification.alerts[0]!.labels.instance : notification.commonLabels.instance;
  const line = [state, name, where === undefined ? '' : `on ${where}`].filter((part) => part !== '').join(' ');
  return line.replace(/[\r\n]+/g, ' ').slice(0, 200);
}

function describe(alert: NotifiedAlert): { title: string; lines: [string, string][] } {
  const { summary, ...annotations } = alert.annotations;
  const ends = alert.endsMs === null ? [] : ([['ended', stamp(alert.endsMs)]] as [string, string][]);
  return {
    title: summary ?? alert.labels.alertname ?? 'alert',
    lines: [...Object.entries(annotations), ['since', stamp(alert.startsMs)], ...ends, ...Object.entries(alert.labels)],
  };
}

function stamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function textBody(notification: Notification, firing: readonly NotifiedAlert[], resolved: readonly NotifiedAlert[]): string {
  const section = (name: string, alerts: readonly NotifiedAlert[]): string[] => {
    if (alerts.length === 0) return [];
    const shown = alerts.slice(0, MAX_ALERTS).map((alert) => {
      const { title, lines } = describe(alert);
      return `${title}\n${lines.map(([key, value]) => `  ${key}: ${value}`).join('\n')}${alert.generatorUrl === '' ? '' : `\n  ${alert.generatorUrl}`}`;
    });
    const rest = alerts.length > MAX_ALERTS ? [`and ${alerts.length - MAX_ALERTS} more`] : [];
    return [`${alerts.length} ${name}`, ...shown, ...rest];
  };
  const why = `Sent because ${notification.reason}.${notification.externalUrl === '' ? '' : `\n${notification.externalUrl}`}`;
  return `${[...section('firing', firing), ...section('resolved', resolved), why].join('\n\n')}\n`;
}

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char]!);

/** A link only where it is http(s): labels and annotations come from anywhere. */
function link(url: string, text: string): string {
  return /^https?:\/\//i.test(url) ? `<a href="${escapeHtml(url)}">${escapeHtml(text)}</a>` : '';
}

function htmlBody(notification: Notification, firing: readonly NotifiedAlert[], resolved: readonly NotifiedAlert[]): string {
  const section = (name: string, colour: string, alerts: readonly NotifiedAlert[]): string => {
    if (alerts.length === 0) return '';
    const shown = alerts.slice(0, MAX_ALERTS).map((alert) => {
      const { title, lines } = describe(alert);
      const rows = lines.map(
        ([key, value]) => `<tr><td style="color:#666;padding-right:1em">${escapeHtml(key)}</td><td>${escapeHtml(value)}</td></tr>`,
      );
      return `<h3 style="margin:1em 0 .3em">${escapeHtml(title)}</h3><table>${rows.join('')}</table>${link(alert.generatorUrl, 'look at the condition')}`;
    });
    const rest = alerts.length > MAX_ALERTS ? `<p>and ${alerts.length - MAX_ALERTS} more</p>` : '';
    return `<h2 style="border-left:6px solid ${colour};padding-left:.5em">${alerts.length} ${name}</h2>${shown.join('')}${rest}`;
  };
  const why = `<p style="color:#666">Sent because ${escapeHtml(notification.reason)}. ${link(notification.externalUrl, 'Open Bellwether')}</p>`;
  return `<!doctype html><html><body style="font-family:sans-serif">${section('firing', '#c0392b', firing)}${section('resolved', '#27ae60', resolved)}${why}</body></html>`;
}
