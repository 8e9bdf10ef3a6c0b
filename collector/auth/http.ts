/** Who makes a request and whether the route lets them: one hook for all HTTP routes, one function for WebSocket upgrades. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { AppError } from '@bellwether/shared';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Access, allows, type Principal } from './access.ts';
import type { Auth } from './auth.ts';
import { cookieOf, credentialOf } from './credentials.ts';
import { SESSION_MAX_MS } from './sessions.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route; `read` when it does not say. */
    access?: Access;
  }
  interface FastifyRequest {
    /** Set before any handler runs; undefined on anonymous routes called without a valid credential. */
    principal?: Principal;
  }
}

export const SESSION_COOKIE = 'bellwether_session';
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

export interface AccessOptions {
  readonly auth: Auth;
  /** Where people reach the collector, when that is not where it listens (reverse proxy). */
  readonly externalUrl?: string;
}

/** Adds the hook; call it on the root before anything that needs protection is registered. Throws AppError UNAUTHENTICATED or FORBIDDEN in the hook. */
export function guardRoutes(app: FastifyInstance, options: AccessOptions): void {
  app.decorateRequest('principal', undefined);
  app.addHook('onRequest', async (request) => {
    const access = request.routeOptions.config.access ?? 'read';
    const found = await principalOf(request.headers, options.auth);
    if (found?.kind === 'session' && !SAFE_METHODS.has(request.method)) requireSameOrigin(request.headers, options.externalUrl);
    request.principal = found;
    if (access !== 'anonymous') requireAccess(found, access);
  });
}

/** The principal of a WebSocket upgrade. A browser's must come from our own page: sockets are not bound by the same-origin policy. */
export async function authenticateUpgrade(request: IncomingMessage, access: Access, options: AccessOptions): Promise<Principal> {
  const principal = await principalOf(request.headers, options.auth);
  if (principal?.kind === 'session' || request.headers.origin !== undefined) requireSameOrigin(request.headers, options.externalUrl);
  return requireAccess(principal, access);
}

/** AppError FORBIDDEN unless the browser says that one of our own pages makes the request. */
export function requireSameOrigin(headers: IncomingHttpHeaders, externalUrl: string | undefined): void {
  const { origin, host } = headers;
  if (origin === undefined && headers['sec-fetch-site'] === 'same-origin') return;
  const allowed = [host, externalUrl === undefined ? undefined : hostOf(externalUrl)];
  const from = origin === undefined ? undefined : hostOf(origin);
  if (from !== undefined && allowed.includes(from)) return;
  throw new AppError('FORBIDDEN', 'The request does not come from a page of this collector (behind a proxy, set external_url).');
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
}

async function principalOf(headers: IncomingHttpHeaders, auth: Auth): Promise<Principal | undefined> {
  const credential = credentialOf(headers.authorization);
  if (credential !== undefined) return auth.tokens.principal(credential);
  const session = cookieOf(headers.cookie, SESSION_COOKIE);
  return session === undefined ? undefined : auth.sessions.principal(session);
}

function requireAccess(principal: Principal | undefined, access: Access): Principal {
  if (principal === undefined) throw new AppError('UNAUTHENTICATED', 'Sign in, or send an API token as a bearer.');
  if (principal.mustSetPassword) throw new AppError('FORBIDDEN', 'Set a password first.');
  if (allows(principal.scope, access)) return principal;
  throw new AppError('FORBIDDEN', `This needs the right to ${WORDS[access]}, which ${principal.name} does not have.`);
}

const WORDS: Readonly<Record<Access, string>> = {
  anonymous: 'call it',
  read: 'read',
  operate: 'operate (operator)',
  admin: 'administer (admin)',
  ingest: 'write data (ingest)',
};

export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, secret: string, externalUrl: string | undefined): void {
  reply.header('set-cookie', cookieText(request, secret, SESSION_MAX_MS / 1_000, externalUrl));
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply, externalUrl: string | undefined): void {
  reply.header('set-cookie', cookieText(request, '', 0, externalUrl));
}

/** The server ends the session; the cookie merely outlives it. Secure on https, or browsers on plain http would drop it. */
function cookieText(request: FastifyRequest, secret: string, maxAgeS: number, externalUrl: string | undefined): string {
  const secure = request.protocol === 'https' || (externalUrl?.startsWith('https:') ?? false) ? '; Secure' : '';
  return `${SESSION_COOKIE}=${secret}; Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=Lax${secure}`;
}
