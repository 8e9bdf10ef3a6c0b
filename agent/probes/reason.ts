/** Why a probe failed, in words. */
import { errorCode, errorMessage, formatDuration, type Millis } from '@bellwether/shared';

/** What ends a try. The message is the reason a person reads. */
export class ProbeFailure extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'ProbeFailure';
  }
}

const MAX_REASON = 300;

const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ECONNABORTED: 'connection aborted',
  EHOSTUNREACH: 'no route to host',
  EHOSTDOWN: 'host is down',
  ENETUNREACH: 'network unreachable',
  EADDRNOTAVAIL: 'no local address to connect from',
  EMFILE: 'the agent has too many open files',
  EACCES: 'the agent may not open this connection',
  EPERM: 'a firewall of the agent forbids this connection',
  ETIMEDOUT: 'no answer (the system gave up)',
  ENOTFOUND: 'name not found',
  ENODATA: 'name has no address',
  EAI_AGAIN: 'name lookup failed: the DNS server does not answer',
  EAI_FAIL: 'name lookup failed: the DNS server cannot answer',
};

const CERTIFICATE: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'TLS certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'TLS certificate comes from an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'TLS certificate comes from an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'TLS certificate comes from an unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'TLS certificate cannot be verified: an intermediate certificate or its authority is missing',
  CERT_REVOKED: 'TLS certificate was revoked',
  CERT_SIGNATURE_FAILURE: 'TLS certificate has a wrong signature',
};

/** The reason of whatever a try threw. */
export function reasonOf(error: unknown): string {
  if (error instanceof ProbeFailure) return plain(error.message);
  const code = errorCode(error) ?? '';
  const known = SYSTEM[code];
  if (known !== undefined) return known;
  if (code.startsWith('HPE_HEADER_OVERFLOW')) return 'HTTP headers are longer than 16 KB';
  if (code.startsWith('HPE_')) return 'answer is not HTTP';
  if (isTlsCode(code)) return tlsReason(error);
  return plain(code === '' ? errorMessage(error) : `${code}: ${errorMessage(error)}`);
}

/** A failed handshake. OpenSSL's own text ends in what happened: `...:SSL alert number 40` or `...:wrong version number:...`. */
export function tlsReason(error: unknown): string {
  const text = errorMessage(error);
  if (/wrong version number|packet length too long|http request|unexpected message|record layer failure/i.test(text))
    return 'TLS handshake failed: the server does not speak TLS here';
  if (/unsupported protocol|protocol version/i.test(text)) return 'TLS handshake failed: no TLS version in common';
  if (/handshake failure|no shared cipher/i.test(text))
    return 'TLS handshake failed: no cipher in common, or a client certificate is wanted';
  if (/certificate required/i.test(text)) return 'TLS handshake failed: the server wants a client certificate';
  const openssl = /:SSL routines:[^:]*:([^:]+)/.exec(text);
  return plain(`TLS handshake failed: ${openssl?.[1] ?? text}`);
}

/** A certificate that does not hold. `code` is OpenSSL's; dates are ms since the epoch. */
export function certificateReason(
  code: string,
  certificate: { readonly validFromMs: Millis; readonly validToMs: Millis; readonly names: string },
  host: string,
  now: Millis,
): string {
  if (code === 'CERT_HAS_EXPIRED') return `TLS certificate expired ${ago(now - certificate.validToMs)} ago`;
  if (code === 'CERT_NOT_YET_VALID') return `TLS certificate is valid only in ${ago(certificate.validFromMs - now)}`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return plain(`TLS certificate is for ${certificate.names || 'no name'}, not for ${host}`);
  return CERTIFICATE[code] ?? `TLS certificate does not hold (${code})`;
}

/** `5 s`, `250 ms`, `1m30s`. */
export function inWords(durationMs: Millis): string {
  if (durationMs < 1_000) return `${durationMs} ms`;
  return durationMs % 1_000 === 0 && durationMs < 60_000 ? `${durationMs / 1_000} s` : formatDuration(durationMs);
}

/** Days from two days on: a reason should not change with every run. */
function ago(durationMs: number): string {
  const hours = Math.floor(Math.max(0, durationMs) / 3_600_000);
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  return hours === 0 ? 'less than an hour' : hours === 1 ? '1 hour' : `${hours} hours`;
}

function isTlsCode(code: string): boolean {
  return code === 'EPROTO' || code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code.startsWith('ERR_OSSL');
}

/** One line, bounded: parts of it come from whoever was probed. */
export function plain(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return line.length > MAX_REASON ? `${line.slice(0, MAX_REASON)}…` : line;
}
