/** HTTP(S) as blackbox_exporter probes it, over sockets of our own so that each phase is measured. HTTP/1.1 only. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpProbeOptions, ProbeTlsOptions } from '@bellwether/shared/assignments';
import { openTcp, startTls, type TlsContexts } from './connect.ts';
import type { PatternMatcher } from './pattern.ts';
import type { Probe } from './probe.ts';
import { ProbeRun } from './probe-run.ts';
import { ProbeFailure, plain } from './reason.ts';

const MAX_REDIRECTS = 10;
/** A body beyond this fails, where the check sets no limit of its own. */
const BODY_LIMIT_BYTES = 16 * 1024 * 1024;
/** As much of a body as patterns are matched against. */
const MATCHED_BYTES = 1024 * 1024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

interface Timings {
  connect: number;
  tls: number;
  processing: number;
  transfer: number;
}

/** What is known of the last answer. */
interface Answer {
  status: number;
  version: number;
  contentLength: number;
  bodyBytes: number;
  isTls: boolean;
  redirects: number;
  lastModifiedMs: number;
  failedDueToRegex: boolean;
}

interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly body: string | undefined;
  /** Headers with credentials go to the first host only. */
  readonly isFirstHost: boolean;
}

export interface HttpParts {
  readonly contexts: TlsContexts;
  readonly patterns: PatternMatcher;
}

export function createHttpProbe(parts: HttpParts): Probe {
  return (request, tools) => {
    const run = new ProbeRun(request, tools);
    const options = request.options as HttpProbeOptions;
    const timings: Timings = { connect: 0, tls: 0, processing: 0, transfer: 0 };
    const answer: Answer = {
      status: 0,
      version: 0,
      contentLength: 0,
      bodyBytes: 0,
      isTls: false,
      redirects: 0,
      lastModifiedMs: Number.NaN,
      failedDueToRegex: false,
    };
    return run.finish(
      () => follow(run, request.target, options, parts, timings, answer),
      () => report(run, timings, answer),
    );
  };
}

async function follow(
  run: ProbeRun,
  target: string,
  options: HttpProbeOptions,
  parts: HttpParts,
  timings: Timings,
  answer: Answer,
): Promise<void> {
  const first = urlOf(target);
  let next: Exchange = { url: first, method: options.method ?? 'GET', body: options.body, isFirstHost: true };
  for (;;) {
    const response = await exchange(run, next, options, parts.contexts, timings, answer);
    const location = response.headers.location;
    if (options.follow_redirects !== false && REDIRECTS.has(answer.status) && location !== undefined) {
      response.destroy();
      if (++answer.redirects > MAX_REDIRECTS) throw new ProbeFailure(`more than ${MAX_REDIRECTS} redirects`);
      next = redirected(next, first, location, answer.status);
      continue;
    }
    const text = await readBody(run, response, options, timings, answer);
    return judge(options, parts.patterns, answer, text);
  }
}

function redirected(from: Exchange, first: URL, location: string, status: number): Exchange {
  let url: URL;
  try {
    url = new URL(location, from.url);
  } catch {
    throw new ProbeFailure(plain(`redirect to what is no address: ${location}`));
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new ProbeFailure(plain(`redirect to what is not HTTP: ${url.protocol}`));
  const keeps = status === 307 || status === 308;
  const method = keeps || from.method === 'HEAD' ? from.method : 'GET';
  return { url, method, body: keeps ? from.body : undefined, isFirstHost: from.isFirstHost && url.host === first.host };
}

/** One request up to the headers of its answer. */
async function exchange(
  run: ProbeRun,
  { url, method, body, isFirstHost }: Exchange,
  options: HttpProbeOptions,
  contexts: TlsContexts,
  timings: Timings,
  answer: Answer,
): Promise<IncomingMessage> {
  answer.isTls = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const address = await run.resolve(host, options);
  const resolvedMs = run.elapsedMs;
  let socket: Socket = await openTcp(run, address, Number(url.port) || (answer.isTls ? 443 : 80));
  const connectedMs = run.elapsedMs;
  timings.connect += connectedMs - resolvedMs;
  if (answer.isTls) {
    socket = await startTls(run, socket, host, contexts, withServerName(options, isFirstHost));
    timings.tls += run.elapsedMs - connectedMs;
  }
  const sentMs = run.elapsedMs;
  const response = await run.within(
    'answer',
    new Promise<IncomingMessage>((resolve, reject) => {
      const sent = httpRequest({
        createConnection: () => socket,
        method,
        path: url.pathname + url.search,
        headers: headersOf(options, url, isFirstHost, body),
      });
      sent.on('response', resolve);
      sent.on('upgrade', resolve);
      sent.on('error', (error: NodeJS.ErrnoException) =>
        reject(
          error.code === 'ECONNRESET' && error.message === 'socket hang up'
            ? new ProbeFailure('connection closed without an answer')
            : error,
        ),
      );
      sent.end(body);
    }),
  );
  timings.processing += run.elapsedMs - sentMs;
  response.on('error', () => {});
  answer.status = response.statusCode ?? 0;
  answer.version = Number(response.httpVersion);
  answer.contentLength = response.headers['content-length'] === undefined ? -1 : Number(response.headers['content-length']);
  answer.lastModifiedMs = Date.parse(response.headers['last-modified'] ?? '');
  return response;
}

/** `server_name` is of the first host; another one has its own. */
function withServerName({ tls_config }: HttpProbeOptions, isFirstHost: boolean): ProbeTlsOptions | undefined {
  if (tls_config?.server_name === undefined || isFirstHost) return tls_config;
  const { server_name: _, ...others } = tls_config;
  return others;
}

function headersOf(options: HttpProbeOptions, url: URL, isFirstHost: boolean, body: string | undefined): Record<string, string> {
  const headers: Record<string, string> = { Host: url.host, 'User-Agent': 'Bellwether', Accept: '*/*' };
  if (body !== undefined) headers['Content-Length'] = String(Buffer.byteLength(body));
  const { basic_auth: basic, bearer_token: bearer } = options;
  if (isFirstHost && basic !== undefined)
    headers.Authorization = `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}`;
  if (isFirstHost && bearer !== undefined) headers.Authorization = `Bearer ${bearer}`;
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    const isCredential = /^(authorization|cookie|proxy-authorization|host)$/i.test(name);
    const known = Object.keys(headers).find((other) => other.toLowerCase() === name.toLowerCase()) ?? name;
    if (isFirstHost || !isCredential) headers[known] = value;
  }
  return headers;
}

/** Reads to the end, counts, and keeps what patterns need. */
async function readBody(
  run: ProbeRun,
  response: IncomingMessage,
  options: HttpProbeOptions,
  timings: Timings,
  answer: Answer,
): Promise<string> {
  const beganMs = run.elapsedMs;
  const limit = options.body_size_limit ?? BODY_LIMIT_BYTES;
  const wantsText = patternsOf(options.fail_if_body_matches_regexp) + patternsOf(options.fail_if_body_not_matches_regexp) > 0;
  const chunks: Buffer[] = [];
  let kept = 0;
  try {
    await run.within(
      'body',
      new Promise<void>((resolve, reject) => {
        response.on('data', (chunk: Buffer) => {
          answer.bodyBytes += chunk.length;
          if (wantsText && kept < MATCHED_BYTES) {
            chunks.push(chunk);
            kept += chunk.length;
          }
          if (answer.bodyBytes > limit) reject(new ProbeFailure(`body is longer than ${limit} bytes`));
        });
        response.on('end', resolve);
        response.on('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ECONNRESET' ? cutShort(answer) : error));
        response.on('close', () => reject(cutShort(answer)));
      }),
    );
  } finally {
    timings.transfer += run.elapsedMs - beganMs;
  }
  return Buffer.concat(chunks).subarray(0, MATCHED_BYTES).toString('utf8');
}

function cutShort({ contentLength, bodyBytes }: Answer): ProbeFailure {
  const of = contentLength >= 0 ? ` of ${contentLength}` : '';
  return new ProbeFailure(`connection closed after ${bodyBytes}${of} bytes of the body`);
}

function patternsOf(list: readonly string[] | undefined): number {
  return list?.length ?? 0;
}

function judge(options: HttpProbeOptions, patterns: PatternMatcher, answer: Answer, text: string): void {
  const { status } = answer;
  const valid = options.valid_status_codes ?? [];
  if (valid.length > 0 ? !valid.includes(status) : status < 200 || status > 299) throw new ProbeFailure(`HTTP ${status}`);
  const versions = options.valid_http_versions ?? [];
  const version = `HTTP/${answer.version.toFixed(1)}`;
  if (versions.length > 0 && !versions.includes(version)) throw new ProbeFailure(`answer is ${version}, not ${versions.join(' or ')}`);
  if (options.fail_if_ssl === true && answer.isTls) throw new ProbeFailure('answer came over TLS (fail_if_ssl)');
  if (options.fail_if_not_ssl === true && !answer.isTls) throw new ProbeFailure('answer came without TLS (fail_if_not_ssl)');
  answer.failedDueToRegex = true;
  for (const pattern of options.fail_if_body_matches_regexp ?? []) {
    if (patterns.exec(pattern, text) !== null) throw new ProbeFailure(`body matches /${pattern}/`);
  }
  for (const pattern of options.fail_if_body_not_matches_regexp ?? []) {
    if (patterns.exec(pattern, text) === null) throw new ProbeFailure(`body does not match /${pattern}/`);
  }
  answer.failedDueToRegex = false;
}

function urlOf(target: string): URL {
  try {
    return new URL(/^https?:\/\//i.test(target) ? target : `http://${target}`);
  } catch {
    throw new ProbeFailure(`target is not an address: ${target}`);
  }
}

function report(run: ProbeRun, timings: Timings, answer: Answer): void {
  run.set('probe_failed_due_to_regex', answer.failedDueToRegex ? 1 : 0);
  run.set('probe_http_content_length', answer.contentLength);
  run.set('probe_http_duration_seconds', run.lookupMs / 1_000, { phase: 'resolve' });
  for (const [phase, ms] of Object.entries(timings)) run.set('probe_http_duration_seconds', ms / 1_000, { phase });
  run.set('probe_http_redirects', answer.redirects);
  run.set('probe_http_ssl', answer.isTls && answer.status > 0 ? 1 : 0);
  run.set('probe_http_status_code', answer.status);
  run.set('probe_http_uncompressed_body_length', answer.bodyBytes);
  run.set('probe_http_version', answer.version);
  if (Number.isFinite(answer.lastModifiedMs)) run.set('probe_http_last_modified_timestamp_seconds', answer.lastModifiedMs / 1_000);
}
