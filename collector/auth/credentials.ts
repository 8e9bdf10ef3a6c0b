/** Random secrets, their hashes, and passwords. Nothing here keeps or prints what it is given. */
import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** 256 random bits in letters that need no quoting, after a prefix that tells what leaked when one is found in a log. */
export function newSecret(prefix: string): string {
  return `${prefix}${randomBytes(32).toString('base64url')}`;
}

export function newId(): string {
  return randomBytes(9).toString('base64url').replaceAll(/[-_]/g, 'x').toLowerCase();
}

/** What is stored of a random secret. A fast hash is right here: 256 random bits cannot be guessed, however fast one tries. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Whether two hashes of the same kind are equal, in a time that does not tell where they differ. */
export function equalHashes(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

const COST = { N: 2 ** 15, r: 8, p: 1 } as const;
const KEY_BYTES = 32;

/** `scrypt$N$r$p$salt$key`, salt and key in base64url. About 80 ms and 32 MB on a thread of libuv's pool. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, COST);
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/** Takes the same time when there is no hash to compare with, so that answers do not tell which users exist. */
export async function verifyPassword(password: string, stored: string | null | undefined): Promise<boolean> {
  const [, n, r, p, salt, key] = (stored ?? NOBODY).split('$') as [string, string, string, string, string, string];
  const expected = Buffer.from(key, 'base64url');
  const actual = await derive(password, Buffer.from(salt, 'base64url'), { N: Number(n), r: Number(r), p: Number(p) });
  return timingSafeEqual(actual, expected) && typeof stored === 'string';
}

/** A hash that no password is known for. */
const NOBODY = `scrypt$${COST.N}$${COST.r}$${COST.p}$${Buffer.alloc(16).toString('base64url')}$${Buffer.alloc(KEY_BYTES).toString('base64url')}`;

function derive(password: string, salt: Buffer, { N, r, p }: { N: number; r: number; p: number }): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, key: Buffer): void => (error === null ? resolve(key) : reject(error));
    scrypt(password.normalize('NFKC'), salt, KEY_BYTES, { N, r, p, maxmem: 256 * N * r }, done);
  });
}

/** The secret of an Authorization header: a bearer, InfluxDB's `Token`, or the password of Basic. undefined: none or malformed. */
export function credentialOf(authorization: string | undefined): string | undefined {
  const match = /^(Bearer|Token|Basic)\s+(\S+)\s*$/i.exec(authorization ?? '');
  if (match === null) return undefined;
  if (match[1]!.toLowerCase() !== 'basic') return match[2];
  const text = Buffer.from(match[2]!, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : text.slice(colon + 1);
}

/** The value of one cookie of a Cookie header. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const equals = part.indexOf('=');
    if (equals > 0 && part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim();
  }
  return undefined;
}
