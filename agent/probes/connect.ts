/** Connections of probes: TCP and TLS with what a certificate says. */
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import {
  connect as connectTls,
  createSecureContext,
  type DetailedPeerCertificate,
  type PeerCertificate,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { errorMessage, type Millis } from '@bellwether/shared';
import type { ProbeTlsOptions } from '@bellwether/shared/assignments';
import type { ProbeRun } from './probe-run.ts';
import { certificateReason, ProbeFailure } from './reason.ts';
import type { Address } from './resolver.ts';

const NO_OPTIONS: ProbeTlsOptions = {};
const TLS_VERSIONS = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;
/** Files of certificates are read again after this. */
const CONTEXT_KEPT_MS: Millis = 10 * 60_000;
/** Contexts kept; each distinct tls_config has one. */
const MAX_CONTEXTS = 100;
/** A chain is never this long; one that is comes from somebody who plays. */
const MAX_CHAIN = 16;

/** Rejects with the system's error, or ProbeFailure at the deadline. */
export function openTcp(run: ProbeRun, { address, family }: Address, port: number): Promise<Socket> {
  const socket = run.own(connectTcp({ host: address, port, family, noDelay: true }));
  socket.on('error', () => {}); // one that comes after the answer changes nothing
  return run.within(
    'connect',
    new Promise<Socket>((resolve, reject) => {
      socket.once('connect', () => resolve(socket));
      socket.once('error', reject);
      socket.once('close', () => reject(new ProbeFailure('connection closed')));
    }),
  );
}

/** TLS contexts by their options: making one reads files and parses certificates, which is too much for every try. */
export class TlsContexts {
  readonly #known = new Map<string, { readonly context: Promise<SecureContext>; readonly madeMs: number }>();

  /** Rejects with ProbeFailure when the options cannot be used on this host. */
  get(options: ProbeTlsOptions, monotonicMs: number): Promise<SecureContext> {
    const { server_name: _, insecure_skip_verify: __, ...made } = options;
    const key = JSON.stringify(made);
    const known = this.#known.get(key);
    if (known !== undefined && monotonicMs - known.madeMs < CONTEXT_KEPT_MS) return known.context;
    if (this.#known.size >= MAX_CONTEXTS) this.#known.clear();
    const context = makeContext(made).catch((cause: unknown) => {
      this.#known.delete(key);
      throw new ProbeFailure(`tls_config cannot be used on the agent: ${errorMessage(cause)}`);
    });
    this.#known.set(key, { context, madeMs: monotonicMs });
    return context;
  }
}

async function makeContext({ ca, ca_file, cert_file, key_file, min_version }: ProbeTlsOptions): Promise<SecureContext> {
  const file = (path: string | undefined) => (path === undefined ? undefined : readFile(path));
  const [trusted, cert, key] = await Promise.all([ca ?? file(ca_file), file(cert_file), file(key_file)]);
  return createSecureContext({
    ca: trusted,
    cert,
    key,
    minVersion: TLS_VERSIONS[min_version ?? 'TLS12'],
    // Old versions need what OpenSSL calls security level 0.
    ...(min_version === 'TLS10' || min_version === 'TLS11' ? { ciphers: 'DEFAULT:@SECLEVEL=0' } : {}),
  });
}

/**
 * The handshake on an open connection, with the series about versions and certificates, also when the certificate does not hold. Rejects with
 * ProbeFailure when it does not, unless `insecure_skip_verify`.
 */
export async function startTls(
  run: ProbeRun,
  socket: Socket,
  host: string,
  contexts: TlsContexts,
  options: ProbeTlsOptions = NO_OPTIONS,
): Promise<TLSSocket> {
  const name = options.server_name ?? host;
  const secureContext = await run.within('tls', contexts.get(options, run.tools.clock.monotonic()));
  const secure = run.own(
    connectTls({
      socket,
      host: name,
      ...(isIP(name) === 0 ? { servername: name } : {}),
      secureContext,
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: false, // judged below: what the certificate says is worth knowing in any case
    }),
  );
  secure.on('error', () => {});
  await run.within(
    'tls',
    new Promise<void>((resolve, reject) => {
      // A turn later: what runs at once still stands inside OpenSSL's call, and closing the connection there crashes the process.
      secure.once('secureConnect', () => setImmediate(resolve));
      secure.once('error', (error) => setImmediate(reject, error));
      secure.once('close', () => reject(new ProbeFailure('TLS handshake failed: the server closed the connection')));
    }),
  );
  judge(run, secure, name, options);
  return secure;
}

function judge(run: ProbeRun, socket: TLSSocket, name: string, options: ProbeTlsOptions): void {
  const chain = chainOf(socket.getPeerCertificate(true));
  const [leaf] = chain;
  if (leaf === undefined) throw new ProbeFailure('TLS server has no certificate');
  const expiriesMs = chain.map(({ valid_to }) => Date.parse(valid_to));
  const earliest = Math.min(...expiriesMs) / 1_000;
  run.set('probe_ssl_earliest_cert_expiry', earliest);
  run.set('probe_tls_version_info', 1, { version: (socket.getProtocol() ?? '').replace('TLSv', 'TLS ').replace(/^(TLS 1)$/, '$1.0') });
  run.set('probe_tls_cipher_info', 1, { cipher: socket.getCipher().standardName });
  run.set('probe_ssl_last_chain_info', 1, {
    fingerprint_sha256: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    issuer: distinguishedName(leaf.issuer),
    subject: distinguishedName(leaf.subject),
    subjectalternative: alternativeNames(leaf).join(','),
  });
  if (socket.authorized) run.set('probe_ssl_last_chain_expiry_timestamp_seconds', earliest);
  else if (options.insecure_skip_verify !== true) {
    const code = String(socket.authorizationError);
    const names = alternativeNames(leaf).slice(0, 3).join(', ') || String(leaf.subject?.CN ?? '');
    const certificate = { validFromMs: Date.parse(leaf.valid_from), validToMs: Math.min(...expiriesMs), names };
    throw new ProbeFailure(certificateReason(code, certificate, name, run.tools.clock.now()));
  }
}

function chainOf(leaf: DetailedPeerCertificate): DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  for (
    let at: DetailedPeerCertificate | undefined = leaf;
    at?.fingerprint256 !== undefined && chain.length < MAX_CHAIN;
    at = at.issuerCertificate
  ) {
    if (chain.some(({ fingerprint256 }) => fingerprint256 === at?.fingerprint256)) break;
    chain.push(at);
  }
  return chain;
}

function alternativeNames({ subjectaltname = '' }: PeerCertificate): string[] {
  return subjectaltname
    .split(', ')
    .filter((part) => part.startsWith('DNS:'))
    .map((part) => part.slice(4));
}

const NAME_ORDER = ['serialNumber', 'CN', 'postalCode', 'street', 'ST', 'L', 'OU', 'O', 'C'] as const;

/** `CN=a,O=b,C=c`, in the order of RFC 2253. */
function distinguishedName(name: PeerCertificate['subject'] | undefined): string {
  const parts = (name ?? {}) as unknown as Readonly<Record<string, string | string[] | undefined>>;
  return NAME_ORDER.filter((key) => parts[key] !== undefined)
    .map((key) =>
      [parts[key]]
        .flat()
        .map((value) => `${key === 'serialNumber' ? 'SERIALNUMBER' : key}=${String(value).replace(/[,+"\\<>;]/g, '\\$&')}`)
        .join('+'),
    )
    .join(',');
}
