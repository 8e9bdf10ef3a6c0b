import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WIRE_CLOSE } from '@bellwether/shared/wire';
import { WebSocketServer } from 'ws';
import type { UplinkSocket } from '../../../agent/uplink/session.ts';
import { agentUrl, openSocket } from '../../../agent/uplink/socket.ts';

test.each([
  ['http://collector:8720', 'ws://collector:8720/agent'],
  ['https://collector/', 'wss://collector/agent'],
  ['https://collector/bellwether', 'wss://collector/bellwether/agent'],
])('%s -> %s', (url, expected) => expect(agentUrl(url)).toBe(expected));

interface Ended {
  readonly code: number;
  readonly reason: string;
}

/** Runs a real server with `serve` and one socket against it. */
async function against(
  serve: (server: Server) => void,
  use: (socket: UplinkSocket, opened: Promise<void>, received: Promise<Uint8Array>, ended: Promise<Ended>) => Promise<void>,
): Promise<void> {
  const server = createServer((_request, response) => response.writeHead(404).end());
  serve(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  let onOpened = () => {};
  let onReceived = (_frame: Uint8Array) => {};
  let onEnded = (_ended: Ended) => {};
  const opened = new Promise<void>((resolve) => (onOpened = resolve));
  const received = new Promise<Uint8Array>((resolve) => (onReceived = resolve));
  const ended = new Promise<Ended>((resolve) => (onEnded = resolve));
  const socket = openSocket(
    { url: `http://127.0.0.1:${port}`, credentials: 'agent.key' },
    { opened: () => onOpened(), received: (frame) => onReceived(frame), closed: (code, reason) => onEnded({ code, reason }) },
  );
  try {
    await use(socket, opened, received, ended);
  } finally {
    socket.terminate();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test('a frame there and back, with subprotocol and credentials', async () => {
  const seen: { protocol: string; authorization: string | undefined; path: string | undefined }[] = [];
  await against(
    (server) => {
      const sockets = new WebSocketServer({ server, path: '/agent' });
      sockets.on('connection', (peer, request) => {
        seen.push({ protocol: peer.protocol, authorization: request.headers.authorization, path: request.url });
        peer.on('message', (data) => {
          peer.send(data);
          peer.close(WIRE_CLOSE.goingAway, 'bye');
        });
      });
    },
    async (socket, opened, received, ended) => {
      await opened;
      const frame = Uint8Array.of(1, 2, 3);
      socket.send(frame);
      // The buffer is the sender's again as soon as send returns.
      frame.fill(0);
      expect([...(await received)]).toEqual([1, 2, 3]);
      expect(await ended).toEqual({ code: WIRE_CLOSE.goingAway, reason: 'bye' });
      expect(seen).toEqual([{ protocol: 'bellwether.v1', authorization: 'Bearer agent.key', path: '/agent' }]);
    },
  );
});

test.each([
  [401, WIRE_CLOSE.unauthenticated],
  [403, WIRE_CLOSE.unauthenticated],
  [404, 1006],
  [502, 1006],
])('an answer with status %i closes with %i and says the status', async (status, code) => {
  await against(
    (server) =>
      server.on('upgrade', (_request, peer) => peer.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)),
    async (_socket, _opened, _received, ended) => {
      const { code: got, reason } = await ended;
      expect(got).toBe(code);
      expect(reason).toContain(String(status));
    },
  );
});

test('nobody listens: closed with the reason, once', async () => {
  const closes: Ended[] = [];
  await new Promise<void>((resolve) => {
    openSocket(
      { url: 'http://127.0.0.1:1', credentials: 'agent.key' },
      {
        opened: () => {},
        received: () => {},
        closed: (code, reason) => {
          closes.push({ code, reason });
          setImmediate(resolve);
        },
      },
    );
  });
  expect(closes).toEqual([{ code: 1006, reason: expect.stringContaining('ECONNREFUSED') }]);
});

test('ended before it was open', async () => {
  await against(
    () => {},
    async (socket, _opened, _received, ended) => {
      socket.terminate();
      expect((await ended).code).toBe(1006);
    },
  );
});
