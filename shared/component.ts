import { errorMessage } from './errors.ts';

/** A part with a background life. `stop` ends all background work, flushes what was accepted, and is safe twice. */
export interface Stoppable {
  stop(): Promise<void>;
}

/** The few log methods a part needs; pino fits. The message is constant, data goes into fields. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Registers what must be undone the moment a part exists; `run` undoes newest first, so a failed start and a normal stop take one path. */
export class StopStack {
  readonly #undoes: { name: string; stop: () => Promise<void> | void }[] = [];
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  own<T extends Stoppable>(name: string, part: T): T {
    this.defer(name, () => part.stop());
    return part;
  }

  defer(name: string, stop: () => Promise<void> | void): void {
    this.#undoes.push({ name, stop });
  }

  async run(): Promise<void> {
    for (let undo = this.#undoes.pop(); undo !== undefined; undo = this.#undoes.pop()) {
      try {
        await undo.stop();
      } catch (error) {
        this.#log.error({ part: undo.name, error: errorMessage(error) }, 'stop failed');
      }
    }
  }
}
