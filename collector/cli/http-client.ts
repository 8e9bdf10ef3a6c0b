import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, type ErrorCode, errorCode, errorMessage } from '@bellwether/shared';
import { ADMIN_TOKEN_FILE } from '../auth/index.ts';
import type { CollectorConfig } from '../config.ts';

const TIMEOUT_MS = 150_000;

/** Speaks to a running collector with a token. */
export interface CollectorClient {
  readonly url: string;
  /** The answer's JSON; undefined for an empty one. Throws AppError with the collector's own sentence. */
  call<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T>;
}

export interface ClientOptions {
  readonly config: CollectorConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly url?: string;
  readonly token?: string;
}

/** Where this configuration's collector answers on this machine. */
export function localUrl({ listen, tls, external_url }: CollectorConfig): string {
  // The certificate is for the outside name.
  if (tls !== undefined && external_url !== undefined) return external_url.replace(/\/+$/, '');
  const host =
    listen.host === '0.0.0.0' ? '127.0.0.1' : listen.host === '::' ? '[::1]' : listen.text.slice(0, listen.text.lastIndexOf(':'));
  return `${tls === undefined ? 'http' : 'https'}://${host}:${listen.port}`;
}

/** The token is, in this order, `--token`, BELLWETHER_TOKEN, or the file that the first start wrote. */
export async function createClient({ config, env, url = localUrl(config), token }: ClientOptions): Promise<CollectorClient> {
  const bearer = token ?? env.BELLWETHER_TOKEN ?? (await tokenFile(config.data_dir));
  return {
    url,
    async call<T>(method: string, path: string, body?: unknown) {
      const headers = { authorization: `Bearer ${bearer}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
      const request = {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      };
      const response = await fetch(`${url.replace(/\/+$/, '')}${path}`, request).catch((cause: unknown) => {
        throw new AppError(
          'STORE_UNAVAILABLE',
          `No collector answers at ${url} (${reasonOf(cause)}); check that it runs, or give its address with --listen.`,
          {
            cause,
          },
        );
      });
      const text = await response.text();
      const answer: unknown = text === '' ? undefined : parsed(text);
      if (response.ok) return answer as T;
      throw refusal(response.status, answer, url);
    },
  };
}

async function tokenFile(dataDir: string): Promise<string> {
  const file = join(dataDir, ADMIN_TOKEN_FILE);
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'is missing' : `cannot be read (${errorMessage(error)})`;
    throw new AppError('BAD_REQUEST', `${file} ${why}; name the data directory with --data-dir, or give a token in BELLWETHER_TOKEN.`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // an answer of something else than a collector; its status is told
  }
}

/** Our own form of errors, and Prometheus'. */
function refusal(status: number, answer: unknown, url: string): AppError {
  if (status === 401)
    return new AppError('UNAUTHENTICATED', `The collector at ${url} does not know this token; it may be revoked or another collector's.`);
  const body = (typeof answer === 'object' && answer !== null ? answer : {}) as { error?: unknown };
  if (typeof body.error === 'string') return new AppError('QUERY_FAILED', body.error);
  const { code, message } = (body.error ?? {}) as { code?: ErrorCode; message?: string };
  if (typeof message === 'string') return new AppError(status === 403 ? 'FORBIDDEN' : (code ?? 'BAD_REQUEST'), message);
  return new AppError('STORE_UNAVAILABLE', `${url} answered with status ${status}.`);
}

function reasonOf(error: unknown): string {
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
  return errorCode(cause) ?? errorMessage(cause ?? error);
}
