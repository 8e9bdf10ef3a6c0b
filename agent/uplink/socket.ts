import { WIRE_CLOSE, WIRE_LIMITS, WIRE_PATH, WIRE_SUBPROTOCOL } from '@bellwether/shared/wire';
import { WebSocket } from 'ws';
import type { UplinkSocket } from './session.ts';

export interface SocketHandlers {
  opened(): void;
  received(frame: Uint8Array): void;
  /** Comes exactly once, whether the connection was ever open or not. `reason` is for people. */
  closed(code: number, reason: string): void;
}

export interface SocketTarget {
  /** Address of the collector, `http://...` or `https://...`. */
  readonly url: string;
  /** `<agent id>.<key>`, sent as a bearer token. */
  readonly credentials: string;
}

export type OpenSocket = (target: SocketTarget, handlers: SocketHandlers) => UplinkSocket;

const HANDSHAKE_MS = 10_000;
/** WebSocket's own code for "ended without saying why". */
const ABNORMAL = 1006;

/** `<url>/agent` with the WebSocket scheme; keeps a path below which the collector is mounted. */
export function agentUrl(url: string): string {
  return `${url.replace(/^http/, 'ws').replace(/\/+$/, '')}${WIRE_PATH}`;
}

/** Opens a WebSocket to the collector. Failures of every kind arrive as `closed`. */
export const openSocket: OpenSocket = ({ url, credentials }, handlers) => {
  const socket = new WebSocket(agentUrl(url), WIRE_SUBPROTOCOL, {
    headers: { Authorization: `Bearer ${credentials}` },
    perMessageDeflate: false,
    handshakeTimeout: HANDSHAKE_MS,
    maxPayload: WIRE_LIMITS.frameBytes,
  });
  let failure = '';
  let code: number | undefined;
  socket.on('open', () => handlers.opened());
  socket.on('message', (data, isBinary) => {
    if (isBinary && Buffer.isBuffer(data)) handlers.received(data);
  });
  socket.on('unexpected-response', (_request, response) => {
    failure = `the collector answered with HTTP status ${response.statusCode}`;
    if (response.statusCode === 401 || response.statusCode === 403) code = WIRE_CLOSE.unauthenticated;
    socket.terminate();
  });
  socket.on('error', (error) => {
    failure ||= error.message;
  });
  socket.on('close', (closeCode, reason) => handlers.closed(code ?? closeCode ?? ABNORMAL, reason.toString() || failure));
  return socket;
};
