/** Readings that may take longer than a tick waits: they go on in the background and the tick shows the last one that finished. */
import type { Input } from './input.ts';

/** An answer older than this is not shown any more. */
const MAX_AGE_MS = 180_000;

export interface SlowReadingOptions<T> {
  /** Never called again before its promise settled. */
  readonly run: (timeMs: number) => Promise<T>;
  /** Puts an answer into the input's frame. */
  readonly show: (answer: T) => void;
  readonly close?: () => void;
}

export function slowReading<T>({ run, show, close }: SlowReadingOptions<T>): Input {
  let running: Promise<void> | undefined;
  let latest: { readonly answer: T; readonly timeMs: number } | undefined;
  /** Ends the tick's wait. */
  let finish: ((failure?: { readonly cause: unknown }) => void) | undefined;
  let nowMs = 0;
  let startedMs = 0;

  const start = (timeMs: number): void => {
    startedMs = timeMs;
    running = run(timeMs).then(
      (answer) => {
        running = undefined;
        latest = { answer, timeMs };
        finish?.();
      },
      (cause: unknown) => {
        running = undefined;
        latest = undefined;
        finish?.({ cause });
      },
    );
  };

  return {
    read(timeMs) {
      nowMs = timeMs;
      const done = new Promise<void>((resolve, reject) => {
        finish = (failure) => {
          finish = undefined;
          if (failure !== undefined) return reject(failure.cause);
          // Before the first answer there is nothing to show, but time to wait for it.
          if (Math.abs(nowMs - (latest?.timeMs ?? startedMs)) > MAX_AGE_MS)
            return reject(new Error(`no answer for more than ${MAX_AGE_MS / 1000} s`));
          if (latest !== undefined) show(latest.answer);
          resolve();
        };
      });
      if (running === undefined) {
        // After a time in which nobody asked, the next answer gets its time as the first one did.
        if (latest !== undefined && Math.abs(timeMs - latest.timeMs) > MAX_AGE_MS) latest = undefined;
        start(timeMs);
      }
      return done;
    },
    settle() {
      finish?.();
    },
    close() {
      finish = undefined;
      close?.();
    },
  };
}

/** Lets the rest of the process run, between two slices of a long walk. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
