/** Secrets of checks as they are written: never shown, kept when they come back as ***, and never the name of a file when they come over the network. */
import { AppError } from '@bellwether/shared';
import type { WrittenCheck } from './kept-checks.ts';

const HIDDEN = '***';
const SECRETS = [
  ['http', 'basic_auth', 'password'],
  ['http', 'bearer_token'],
] as const;

/** `written` with the secrets that `former` had in place of ***. AppError BAD_REQUEST where it had none. */
export function withFormerSecrets(written: WrittenCheck, former: WrittenCheck): WrittenCheck {
  return SECRETS.reduce((complete, path) => {
    if (at(complete, path) !== HIDDEN) return complete;
    const secret = at(former, path);
    if (secret === undefined) throw new AppError('BAD_REQUEST', `${path.join('.')} is ${HIDDEN}, but there is no former value to keep.`);
    return replaced(complete, path, secret);
  }, written);
}

/** A secret from the network is itself: `file:` and `env:` would read what the collector can and the sender cannot. AppError BAD_REQUEST. */
export function refuseReferences(written: WrittenCheck): void {
  for (const path of SECRETS) {
    if (/^(file|env):/.test(String(at(written, path) ?? '')))
      throw new AppError('BAD_REQUEST', `${path.join('.')} must be the secret itself; file: and env: work in the configuration file only.`);
  }
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[key] : undefined),
    value,
  );
}

function replaced(value: WrittenCheck, [key, ...rest]: readonly string[], to: unknown): WrittenCheck {
  if (key === undefined) return value;
  const inner = rest.length === 0 ? to : replaced((value[key] ?? {}) as WrittenCheck, rest, to);
  return { ...value, [key]: inner };
}
