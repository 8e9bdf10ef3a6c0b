import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Smaller answers gain nothing. */
const MIN_CHARACTERS = 1400;
const OPTIONS = { level: constants.Z_BEST_SPEED };

/** The body as it goes out: gzipped when the client takes that and it is worth it. Sets the headers that say so. */
export async function compressed(
  request: FastifyRequest,
  reply: FastifyReply,
  body: string | Readable,
): Promise<string | Buffer | Readable> {
  reply.header('Vary', 'Accept-Encoding');
  if (!/\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/.test(String(request.headers['accept-encoding'] ?? ''))) return body;
  if (typeof body !== 'string') {
    reply.header('Content-Encoding', 'gzip');
    const zipped = createGzip(OPTIONS);
    // Errors reach the reply through the destroyed stream.
    pipeline(body, zipped, () => {});
    return zipped;
  }
  if (body.length < MIN_CHARACTERS) return body;
  reply.header('Content-Encoding', 'gzip');
  return promisify(gzip)(body, OPTIONS);
}
