/** Real servers of every bad kind, on free ports of loopback. */
import { createServer, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { createServer as createTls, type TlsOptions } from 'node:tls';
import { systemClock } from '@bellwether/shared';
import { ChildPinger, createProbes, type ProbeOutcome, type ProbeTools, Resolver } from '../../../agent/probes/index.ts';
import { pem, SERVER_KEY } from './certificates.ts';

export class Servers {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  /** The port of a server that does `serve` with each connection. */
  tcp(serve: (socket: Socket) => void): Promise<number> {
    return this.#listen(createTcp(serve));
  }

  http(serve: RequestListener): Promise<number> {
    return this.#listen(createServer(serve));
  }

  https(certificate: string, serve: RequestListener, options: TlsOptions = {}): Promise<number> {
    return this.#listen(createHttps({ key: SERVER_KEY, cert: pem(certificate), ...options }, serve));
  }

  tls(certificate: string, serve: (socket: Socket) => void): Promise<number> {
    return this.#listen(createTls({ key: SERVER_KEY, cert: pem(certificate) }, serve));
  }

  /** A port at which nothing listens. */
  async closedPort(): Promise<number> {
    const server = createTcp();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async #listen(server: Server): Promise<number> {
    this.#servers.push(server);
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }
}

/** Runs one probe with the system's clock, resolver and ping program. */
export function proberWith(changes: Partial<ProbeTools> = {}) {
  const probes = createProbes();
  const tools: ProbeTools = {
    clock: systemClock,
    resolver: new Resolver(),
    pinger: new ChildPinger({ clock: systemClock, log: { debug() {}, info() {}, warn() {}, error() {} } }),
    ...changes,
  };
  return (probe: string, target: string, options: object = {}, timeoutMs = 2_000): Promise<ProbeOutcome> =>
    probes[probe]!({ target, timeoutMs, options: options as Readonly<Record<string, unknown>> }, tools);
}

/** `name{phase="x"}` to value. */
export function valuesOf({ samples }: ProbeOutcome): Record<string, number> {
  return Object.fromEntries(
    samples.map(({ name, labels = {}, value }) => {
      const text = Object.entries(labels)
        .map(([key, label]) => `${key}="${label}"`)
        .join(',');
      return [text === '' ? name : `${name}{${text}}`, value];
    }),
  );
}
