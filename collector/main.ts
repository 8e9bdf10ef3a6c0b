/** The process: arguments, environment, signals and exit codes live here alone. */
import { dirname } from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@bellwether/shared';
import { createProgram, EXIT_FAILED, failureOf } from './cli/program.ts';
import type { Runner } from './cli/run-commands.ts';

let stop: () => Promise<void> = async () => {};
let isStopping = false;

function onSignal(): void {
  // Whoever asks twice does not want to wait.
  if (isStopping) process.exit(EXIT_FAILED);
  isStopping = true;
  stop().then(() => process.exit(0), end);
}

function end(error: unknown): void {
  const { text, exitCode } = failureOf(error);
  process.stderr.write(text);
  process.exit(exitCode);
}

const runner: Runner = {
  env: process.env,
  clock: systemClock,
  distDir: dirname(fileURLToPath(import.meta.url)),
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  exitCode: (code) => {
    process.exitCode = code;
  },
  onStop(run) {
    stop = run;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, onSignal).on(signal, onSignal);
  },
  onReload(reload) {
    const inTerminal = isatty(1);
    // The signal has two senses: read the files again, and: the terminal was closed. After the latter standard output is none any more.
    process.on('SIGHUP', () => (inTerminal && !isatty(1) ? onSignal() : void reload()));
  },
};

createProgram(runner, (code) => process.exit(code))
  .parseAsync()
  .catch(end);
