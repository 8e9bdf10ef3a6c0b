import { arch, hostname, platform, release, type } from 'node:os';
import { AppError, errorMessage } from '@bellwether/shared';
import { writeIdentity } from '../identity.ts';
import type { Identity } from '../settings.ts';

export interface EnrollOptions {
  readonly url: string;
  /** A join token of the collector (`bellwether token create --join`). */
  readonly token: string;
  readonly dataDir: string;
  readonly version: string;
  /** Default: this machine's. */
  readonly hostname?: string;
  readonly fetch?: typeof globalThis.fetch;
}

/** Trades a join token for an identity of this host and keeps it in `<dataDir>/identity.json`. Throws AppError with what to do. */
export async function enroll(options: EnrollOptions): Promise<Identity> {
  const url = options.url.replace(/\/+$/, '');
  const answer = await post(`${url}/api/bellwether/enroll`, options);
  const identity = { ...identityOf(answer, url), url };
  try {
    await writeIdentity(options.dataDir, identity);
  } catch (cause) {
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `The identity cannot be written to ${options.dataDir} (${errorMessage(cause)}); choose another --data-dir.`,
      { cause },
    );
  }
  return identity;
}

async function post(address: string, { token, version, ...options }: EnrollOptions): Promise<unknown> {
  const body = {
    token,
    hostname: options.hostname ?? hostname(),
    os: platform() === 'linux' ? `Linux ${release()}` : `${type()} ${release()}`,
    arch: arch(),
    agentVersion: version,
  };
  const send = options.fetch ?? globalThis.fetch;
  let response: Response;
  try {
    response = await send(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(30_000),
    });
  } catch (cause) {
    throw new AppError('STORE_UNAVAILABLE', `No collector answers at ${address} (${reasonOf(cause)}); check --url and that it runs.`, {
      cause,
    });
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer;
  if (response.status === 401 || response.status === 403)
    throw new AppError('UNAUTHENTICATED', `The collector refused the join token: it is wrong, used up or expired${said(answer)}.`);
  throw new AppError('BAD_REQUEST', `The collector at ${address} answered with status ${response.status}${said(answer)}.`);
}

function identityOf(answer: unknown, url: string): Identity {
  if (typeof answer === 'object' && answer !== null && 'agentId' in answer && 'key' in answer && 'hostname' in answer) {
    const { agentId, key, hostname } = answer;
    if (typeof agentId === 'string' && typeof key === 'string' && typeof hostname === 'string') return { agentId, key, hostname };
  }
  throw new AppError('BAD_REQUEST', `What answers at ${url} is not a Bellwether collector: its answer holds no identity.`);
}

/** `: the collector's own words`, if it gave any. */
function said(answer: unknown): string {
  const error = typeof answer === 'object' && answer !== null && 'error' in answer ? answer.error : undefined;
  const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined;
  return typeof message === 'string' ? `: ${message.replace(/\.$/, '')}` : '';
}

/** fetch hides the reason (`ECONNREFUSED`) one level down. */
function reasonOf(error: unknown): string {
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
  return errorMessage(cause ?? error);
}
