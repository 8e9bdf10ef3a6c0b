/**
 * Carries notifications to their channels: retries with back-off until the deadline, at most a few at once. Each is in the state before the
 * first attempt and until its end, so that one in progress survives a restart (at least once, with the same content).
 */
import type { Log, Millis, Stoppable } from '@bellwether/shared';
import { errorMessage, formatDuration } from '@bellwether/shared';
import type { DeliveryView } from '@bellwether/shared/api';
import type { Clock } from '@bellwether/shared/clock';
import type { State } from '../state/index.ts';
import type { Notification } from './alert.ts';
import type { Channel, SendResult } from './channels/channel.ts';
import type { WriteBehind } from './write-behind.ts';

/** Unfinished deliveries beyond this many are refused; their groups try again at their next interval. */
const CAPACITY = 1_000;
const CONCURRENT = 16;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
const KEPT_ROWS = 10_000;
const STOP_GRACE_MS = 2_000;

export interface DeliveryTarget {
  readonly receiver: string;
  /** `webhook/0` */
  readonly channel: string;
}
export interface FinishedDelivery extends DeliveryTarget {
  readonly notification: Notification;
  readonly attempts: number;
  readonly result: SendResult;
}
export interface DeliveryCounters {
  queued: number;
  delivered: number;
  failed: number;
  attempts: number;
  /** Refused because the queue was full. */
  refused: number;
}
export interface DeliveriesOptions {
  readonly state: State;
  readonly writer: WriteBehind;
  readonly clock: Clock;
  readonly log: Log;
  /** undefined: the receiver or its channel is no longer configured. */
  readonly channel: (target: DeliveryTarget) => Channel | undefined;
  readonly finished: (delivery: FinishedDelivery) => void;
}

interface Job extends DeliveryTarget {
  readonly key: string;
  readonly notification: Notification;
  readonly timeMs: Millis;
  readonly deadlineMs: Millis;
  readonly abort: AbortController;
  id: number | undefined;
  attempts: number;
}

export class Deliveries implements Stoppable {
  readonly counters: DeliveryCounters = { queued: 0, delivered: 0, failed: 0, attempts: 0, refused: 0 };
  readonly #options: DeliveriesOptions;
  readonly #jobs = new Map<string, Job>();
  /** Jobs that wait for a free place, oldest first. */
  readonly #waiting: (() => void)[] = [];
  readonly #sleepers = new Set<() => void>();
  readonly #runs = new Set<Promise<void>>();
  #active = 0;
  #insertedRows = 0;
  #stopped = false;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  /** Takes up what the last run left unfinished. */
  async resume(): Promise<void> {
    const rows = await this.#options.state.db
      .selectFrom('alertDeliveries')
      .selectAll()
      .where('outcome', '=', 'retrying')
      .orderBy('id')
      .limit(CAPACITY)
      .execute();
    for (const row of rows) {
      const notification = JSON.parse(row.notification!) as Notification;
      const { id, receiver, channel, timeMs, deadlineMs, attempts } = row;
      this.#start({
        key: keyOf(notification.groupKey, row),
        id,
        receiver,
        channel,
        timeMs,
        deadlineMs,
        attempts,
        notification,
        abort: new AbortController(),
      });
    }
  }

  /** What is on its way to this channel about this group. */
  inProgress(groupKey: string, target: DeliveryTarget): Notification | undefined {
    return this.#jobs.get(keyOf(groupKey, target))?.notification;
  }

  /** Sends `notification`, in place of an older one about the same group. False: the queue is full. */
  send(target: DeliveryTarget, notification: Notification, deadlineMs: Millis): boolean {
    const key = keyOf(notification.groupKey, target);
    const older = this.#jobs.get(key);
    if (this.#stopped || (older === undefined && this.#jobs.size >= CAPACITY)) {
      this.counters.refused++;
      return false;
    }
    if (older !== undefined) this.#replace(older);
    const { receiver, channel } = target;
    this.#start({
      key,
      id: undefined,
      receiver,
      channel,
      timeMs: this.#options.clock.now(),
      deadlineMs,
      attempts: 0,
      notification,
      abort: new AbortController(),
    });
    return true;
  }

  async list(limit: number): Promise<DeliveryView[]> {
    await this.#options.writer.flush();
    const rows = await this.#options.state.db.selectFrom('alertDeliveries').selectAll().orderBy('id', 'desc').limit(limit).execute();
    return rows.map(({ id, timeMs, receiver, channel, status, alerts, outcome, attempts, detail }) => ({
      id,
      timeMs,
      receiver,
      channel: channel.split('/')[0]!,
      status,
      alerts: JSON.parse(alerts) as string[],
      outcome,
      attempts,
      detail,
    }));
  }

  /** Lets attempts under way end (2 s at most); what is unfinished goes on at the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const wake of [...this.#sleepers, ...this.#waiting.splice(0)]) wake();
    const cancel = this.#options.clock.after(STOP_GRACE_MS, () => {
      for (const job of this.#jobs.values()) job.abort.abort();
    });
    await Promise.all(this.#runs);
    cancel();
  }

  #start(job: Job): void {
    this.#jobs.set(job.key, job);
    this.counters.queued = this.#jobs.size;
    const run = this.#run(job)
      .catch((error: unknown) => this.#options.log.error({ receiver: job.receiver, error: errorMessage(error) }, 'delivery broke'))
      .finally(() => {
        this.#runs.delete(run);
        this.#release(job);
      });
    this.#runs.add(run);
  }

  async #run(job: Job): Promise<void> {
    if (job.id === undefined)
      await this.#insert(job).catch((error: unknown) =>
        this.#options.log.error({ error: errorMessage(error) }, 'delivery not recorded; it is sent all the same'),
      );
    while (!this.#stopped && !job.abort.signal.aborted) {
      const channel = this.#options.channel(job);
      if (channel === undefined)
        return this.#finish(job, { outcome: 'failed', retry: false, detail: 'the receiver is no longer configured' });
      const result = await this.#attempt(job, channel);
      if (result === undefined || job.abort.signal.aborted) return;
      if (result.outcome === 'delivered' || !result.retry) return this.#finish(job, result);
      const now = this.#options.clock.now();
      const delayMs = Math.max(result.afterMs ?? 0, Math.min(FIRST_RETRY_MS * 2 ** (job.attempts - 1), LONGEST_RETRY_MS));
      if (now + delayMs > job.deadlineMs)
        return this.#finish(job, { ...result, detail: `given up after ${job.attempts} attempts: ${result.detail}` });
      this.#note(job, `${result.detail}; next attempt in ${formatDuration(delayMs)}`);
      await this.#sleep(delayMs, job.abort.signal);
    }
  }

  async #attempt(job: Job, channel: Channel): Promise<SendResult | undefined> {
    while (this.#active >= CONCURRENT && !this.#stopped) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#stopped || job.abort.signal.aborted) return undefined;
    this.#active++;
    job.attempts++;
    this.counters.attempts++;
    try {
      return await channel.send(job.notification, job.abort.signal);
    } finally {
      this.#active--;
      this.#waiting.shift()?.();
    }
  }

  #sleep(delayMs: Millis, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        this.#sleepers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = this.#options.clock.after(delayMs, wake);
      this.#sleepers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  async #insert(job: Job): Promise<void> {
    const { notification, receiver, channel, timeMs, deadlineMs } = job;
    const alerts = JSON.stringify([...new Set(notification.alerts.map((alert) => alert.labels.alertname ?? ''))]);
    const row = { timeMs, groupKey: notification.groupKey, receiver, channel, status: notification.status, alerts, deadlineMs };
    const { id } = await this.#options.state.db
      .insertInto('alertDeliveries')
      .values({ ...row, outcome: 'retrying', attempts: 0, detail: 'waiting for its turn', notification: JSON.stringify(notification) })
      .returning('id')
      .executeTakeFirstOrThrow();
    job.id = id;
    if (++this.#insertedRows % 100 === 0) this.#prune(id);
  }

  #finish(job: Job, result: SendResult): void {
    this.#release(job);
    this.counters[result.outcome]++;
    this.#options.log[result.outcome === 'delivered' ? 'info' : 'warn'](
      { receiver: job.receiver, channel: job.channel, attempts: job.attempts, detail: result.detail },
      `notification ${result.outcome}`,
    );
    this.#close(job, result.outcome, result.detail);
    this.#options.finished({
      receiver: job.receiver,
      channel: job.channel,
      notification: job.notification,
      attempts: job.attempts,
      result,
    });
  }

  #replace(older: Job): void {
    older.abort.abort();
    this.#release(older);
    this.counters.failed++;
    this.#close(older, 'failed', 'replaced by a newer notification about the same group');
  }

  #release(job: Job): void {
    if (this.#jobs.get(job.key) === job && !this.#stopped) this.#jobs.delete(job.key);
    this.counters.queued = this.#jobs.size;
  }

  #close(job: Job, outcome: 'delivered' | 'failed', detail: string): void {
    const { attempts } = job;
    this.#options.writer.add(async (db) => {
      if (job.id !== undefined)
        await db.updateTable('alertDeliveries').set({ outcome, attempts, detail, notification: null }).where('id', '=', job.id).execute();
    });
  }

  #note(job: Job, detail: string): void {
    const { attempts } = job;
    const { id } = job;
    if (id !== undefined)
      this.#options.writer.add((db) => db.updateTable('alertDeliveries').set({ attempts, detail }).where('id', '=', id).execute());
  }

  #prune(newest: number): void {
    this.#options.writer.add((db) =>
      db
        .deleteFrom('alertDeliveries')
        .where('id', '<=', newest - KEPT_ROWS)
        .where('outcome', '!=', 'retrying')
        .execute(),
    );
  }
}

function keyOf(groupKey: string, { receiver, channel }: DeliveryTarget): string {
  return `${receiver}\0${channel}\0${groupKey}`;
}
