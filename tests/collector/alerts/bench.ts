/** What pipeline tests share: a state in a folder of its own, reports by name, a receiver that is a real HTTP server. */
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingHttpHeaders, Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labelsFrom, silentLog } from '@bellwether/shared';
import { SteppedClock } from '@bellwether/shared/clock';
import type { AlertReport, Alerts } from '../../../collector/alerts/index.ts';
import { alertingConfig, createAlerts, fingerprintOf } from '../../../collector/alerts/index.ts';
import type { State } from '../../../collector/state/index.ts';
import { openState } from '../../../collector/state/index.ts';

export const START = Date.UTC(2024, 0, 1);

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
  /** Never answers. */
  hang?: boolean;
}
export interface Received {
  body: { status: string; groupKey: string; alerts: { labels: Record<string, string>; status: string }[] } & Record<string, unknown>;
  headers: IncomingHttpHeaders;
}

/** A webhook receiver on a free port: takes the next of `answers`, else 200. */
export class Receiver {
  readonly received: Received[] = [];
  readonly answers: Answer[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        receiver.received.push({ body: JSON.parse(Buffer.concat(chunks).toString()) as Received['body'], headers: request.headers });
        const { status, headers = {}, body = '', hang } = receiver.answers.shift() ?? { status: 200 };
        if (hang !== true) response.writeHead(status, { connection: 'close', ...headers }).end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** `FIRING a b`, one line for each message. */
  get lines(): string[] {
    return this.received.map(
      ({ body }) =>
        `${body.status.toUpperCase()} ${body.alerts.map(({ labels, status }) => `${labels.instance ?? ''}${status === 'resolved' ? '-' : ''}`).join(' ')}`,
    );
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** Waits (in event-loop turns, not in time) until `done`. */
export async function until(done: () => boolean | Promise<boolean>, what = 'condition'): Promise<void> {
  for (let i = 0; i < 20_000; i++) {
    if (await done()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`${what} never came`);
}

export class Bench {
  readonly clock = new SteppedClock(START);
  readonly #folder: string;
  #config: unknown;
  state!: State;
  alerts!: Alerts;

  private constructor(folder: string, config: unknown) {
    this.#folder = folder;
    this.#config = config;
  }

  static async open(config: unknown): Promise<Bench> {
    const bench = new Bench(await mkdtemp(join(tmpdir(), 'bellwether-alerts-')), config);
    await bench.start();
    return bench;
  }

  async start(config: unknown = this.#config): Promise<void> {
    this.#config = config;
    this.state = await openState({ dir: this.#folder, clock: this.clock });
    this.alerts = await createAlerts({
      state: this.state,
      config: alertingConfig.parse(config),
      clock: this.clock,
      log: silentLog,
      externalUrl: 'http://mon',
    });
  }

  async stop(): Promise<void> {
    await this.alerts.stop();
    await this.state.stop();
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true });
  }

  /** Steps time and waits until no delivery is between two attempts' ends. */
  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.settle();
  }

  /** Lets sockets and the state finish what is under way. */
  async settle(): Promise<void> {
    let quiet = 0;
    let last = '';
    await until(async () => {
      await this.alerts.flush();
      const { attempts, delivered, failed, queued } = this.alerts.counters();
      const now = `${attempts} ${delivered} ${failed} ${queued}`;
      quiet = now === last ? quiet + 1 : 0;
      last = now;
      return quiet > 60;
    }, 'quiet');
  }

  report(state: AlertReport['state'], instance: string, labels: Record<string, string> = {}): void {
    this.alerts.receive([this.alert(state, instance, labels)], this.clock.now());
  }

  alert(state: AlertReport['state'], instance: string, labels: Record<string, string> = {}): AlertReport {
    const now = this.clock.now();
    const all = labelsFrom({ alertname: 'X', severity: 'critical', instance, ...labels });
    return {
      source: 'rule',
      fingerprint: fingerprintOf(all),
      labels: all,
      annotations: { summary: `${instance} is bad` },
      state,
      activeMs: now,
      firedMs: state === 'pending' ? null : now,
      resolvedMs: state === 'resolved' ? now : null,
      value: 1,
      expression: 'x > 0',
      generatorUrl: 'http://mon/alerts',
      notes: [state],
    };
  }

  trace(instance: string): string[] {
    const alert = this.alerts.list().find(({ labels }) => labels.instance === instance);
    return (alert?.trace ?? []).map(({ stage, text }) => `${stage}: ${text}`);
  }
}
