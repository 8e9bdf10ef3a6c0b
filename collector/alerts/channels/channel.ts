import type { Notification } from '../alert.ts';

export type SendResult =
  /** `thread` is kept for the next message about the group. */
  | { readonly outcome: 'delivered'; readonly detail: string; readonly thread?: string }
  /** `retry`: the same message may succeed later, not before `afterMs` if that is known. */
  | { readonly outcome: 'failed'; readonly retry: boolean; readonly afterMs?: number; readonly detail: string };

/** One way to reach people or machines. `send` makes one attempt and never throws; `detail` holds no secret. */
export interface Channel {
  readonly kind: string;
  readonly sendResolved: boolean;
  send(notification: Notification, signal: AbortSignal): Promise<SendResult>;
}

/** `text` with every secret replaced and cut to a line's length: fit for logs, pages and the state. */
export function redact(text: string, secrets: readonly (string | undefined)[]): string {
  let result = text;
  for (const secret of secrets) if (secret !== undefined && secret !== '') result = result.replaceAll(secret, '***');
  const line = result.replace(/\s+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
