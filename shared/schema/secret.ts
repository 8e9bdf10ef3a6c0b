import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { AppError, errorMessage } from '../errors.ts';

/**
 * A value that never shows itself: printed, logged or made JSON it is `***`. Written as itself, as `file:/path` (read each time, so that it
 * can be rotated; a trailing line end is dropped) or as `env:NAME`.
 */
export class Secret {
  readonly #source: string;

  constructor(source: string) {
    this.#source = source;
  }

  /** The value itself. AppError CONFIG_INVALID when its file cannot be read or its variable is not set. */
  reveal(): string {
    if (this.#source.startsWith('file:')) {
      const path = this.#source.slice('file:'.length);
      try {
        return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
      } catch (error) {
        throw new AppError('CONFIG_INVALID', `The secret in ${path} cannot be read: ${errorMessage(error)}.`, { cause: error });
      }
    }
    if (this.#source.startsWith('env:')) {
      const name = this.#source.slice('env:'.length);
      const value = process.env[name];
      if (value === undefined) throw new AppError('CONFIG_INVALID', `The secret env:${name} is not set in the environment.`);
      return value;
    }
    return this.#source;
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }

  [inspect.custom](): string {
    return '***';
  }
}
