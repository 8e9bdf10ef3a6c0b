/** The HTTP server: one fastify with security headers, the error form of our own API, the page's files, and the two WebSocket upgrades. */
import { existsSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { AppError, type ErrorCode, errorCode, errorMessage, type Log } from '@bellwether/shared';
import fastifyStatic from '@fastify/static';
import fastifySwagger from '@fastify/swagger';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import { hasZodFastifySchemaValidationErrors, jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';

const BODY_LIMIT_BYTES = 1024 * 1024;
/** From the first byte of a request to the end of its headers, and to its own end: whoever drips bytes does not hold a connection for ever. */
const HEADERS_WITHIN_MS = 10_000;
const REQUEST_WITHIN_MS = 60_000;
/** How often connections are looked through for those. */
const TIMEOUT_CHECK_MS = 2_000;
/** Scripts, styles and sockets of our own origin only; nothing inline, no frames. */
const CSP =
  "default-src 'self'; connect-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface ServerOptions {
  readonly log: Log;
  /** Folder of the built page; without it the API runs alone. */
  readonly webDir: string;
  readonly version: string;
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** An empty server; the composition registers parts on it and calls `listen`. */
export async function createServer({ log, webDir, version, tls }: ServerOptions): Promise<FastifyInstance> {
  const timeouts = { headersTimeout: HEADERS_WITHIN_MS, connectionsCheckingInterval: TIMEOUT_CHECK_MS };
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 512 },
    requestTimeout: REQUEST_WITHIN_MS,
    // What fastify refuses before any route is found has our form too.
    frameworkErrors(error, _request, reply) {
      void (reply as unknown as FastifyReply).code(error.statusCode ?? 400).send(errorBody('BAD_REQUEST', `${error.message}.`));
    },
    clientErrorHandler: refuseRequest,
    ...(tls === undefined ? { http: timeouts } : { https: { ...timeouts, cert: tls.cert, key: tls.key } }),
  }) as unknown as FastifyInstance;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);

  app.addHook('onSend', async (_request, reply) => {
    reply.header('X-Content-Type-Options', 'nosniff');
    reply.header('Referrer-Policy', 'same-origin');
    reply.header('Content-Security-Policy', CSP);
  });

  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { status, code, message } = describe(error);
    if (status >= 500) log.error({ url: request.url.split('?')[0], error: errorMessage(error) }, 'request failed');
    return reply.code(status).send(errorBody(code, message));
  });
  app.setNotFoundHandler((request, reply) => reply.code(404).send(nothingAt(request.url.split('?')[0]!)));

  await describeApi(app, version);
  if (existsSync(join(webDir, 'index.html'))) await servePage(app, webDir);
  return app;
}

const CODE_OF: Readonly<Record<number, ErrorCode>> = { 403: 'FORBIDDEN', 404: 'NOT_FOUND', 413: 'TOO_LARGE' };

/** `/api/bellwether/openapi.json`, made from the routes' own schemas. Prometheus' API has a description of its own elsewhere. */
async function describeApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      info: {
        title: 'Bellwether',
        version,
        description: 'Times are ms since the epoch; errors are { error: { code, message } }.',
      },
    },
    transform: (route) => {
      const transformed = jsonSchemaTransform(route);
      return { ...transformed, schema: { ...transformed.schema, hide: !route.url.startsWith('/api/bellwether/') } };
    },
  });
  app.get('/api/bellwether/openapi.json', { config: { access: 'read' } }, () => app.swagger());
}

function describe(error: FastifyError): { status: number; code: string; message: string } {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map(
      ({ instancePath, message }) => `${instancePath.slice(1).replaceAll('/', '.') || 'request'}: ${message}`,
    );
    return { status: 400, code: 'BAD_REQUEST', message: problems.join('; ') };
  }
  if ((error as unknown) instanceof AppError) {
    const own = error as unknown as AppError;
    return { status: own.status, code: own.code, message: own.message };
  }
  const status = error.statusCode ?? 500;
  // fastify's own codes are not ours; what it says is.
  if (status < 500) return { status, code: CODE_OF[status] ?? 'BAD_REQUEST', message: `${error.message}.` };
  return { status, code: 'INTERNAL', message: 'Something went wrong inside the collector; its log has the details.' };
}

function errorBody(code: string, message: string): { error: { code: string; message: string } } {
  return { error: { code, message } };
}

function nothingAt(path: string): ReturnType<typeof errorBody> {
  return errorBody('NOT_FOUND', `There is nothing at ${path}.`);
}

/** Answers what is no HTTP request, has too many headers or took too long to arrive. */
function refuseRequest(error: Error, socket: Duplex): void {
  const code = errorCode(error);
  if (code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [status, message] =
    code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'The headers of the request are too long.']
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'The request took too long to arrive.']
        : ['400 Bad Request', 'This is not an HTTP request.'];
  const body = JSON.stringify(errorBody('BAD_REQUEST', message));
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
}

/** The page is one document: every path that is not a file and not an API is answered with it. It holds no data, so anybody may have it. */
async function servePage(app: FastifyInstance, webDir: string): Promise<void> {
  await app.register(fastifyStatic, { root: webDir, serve: false, cacheControl: false });
  app.get('/*', { config: { access: 'anonymous' } }, (request, reply) => {
    const path = request.url.split('?')[0]!;
    if (/^\/(api|-|agent|live|metrics)(\/|$)/.test(path)) {
      return reply.code(404).send(nothingAt(path));
    }
    if (!/\.\w+$/.test(path)) return reply.header('Cache-Control', 'no-cache').sendFile('index.html');
    // Names below assets/ carry a hash of their content.
    reply.header('Cache-Control', path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache');
    return reply.sendFile(path.slice(1));
  });
}

/** Hands WebSocket upgrades to whoever owns the path; anything else is refused. */
export function routeUpgrades(app: FastifyInstance, routes: Readonly<Record<string, Upgrade>>): void {
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const route = routes[(request.url ?? '').split('?')[0]!];
    if (route !== undefined) return route(request, socket, head);
    socket.on('error', () => socket.destroy());
    refuseUpgrade(socket, '404 Not Found');
  });
}

/** `status` as in `401 Unauthorized`. Does not wait for the other side to close: it may never. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
