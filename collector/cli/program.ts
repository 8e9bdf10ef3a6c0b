import { type AppError, errorCode, errorMessage } from '@bellwether/shared';
import { Command } from 'commander';
import { VERSION } from '../version.ts';
import { tokenCommands, userCommands } from './admin-commands.ts';
import { checkCommands } from './check-commands.ts';
import { demoCommand } from './demo-command.ts';
import { doctorCommand } from './doctor.ts';
import { queryCommand } from './query.ts';
import { type Runner, runCommands } from './run-commands.ts';

export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** All commands of `bellwether`. Wrong usage calls `exit` with 2; what goes wrong later is thrown. */
export function createProgram(runner: Runner, exit: (code: number) => never): Command {
  const program = new Command('bellwether')
    .description('Agent-based infrastructure monitoring: light agents, one collector, honest uptime.')
    .version(VERSION)
    .configureOutput({ writeOut: runner.write, writeErr: runner.writeError })
    .exitOverride((error) => exit(error.exitCode === 0 ? 0 : EXIT_USAGE));
  runCommands(program, runner);
  demoCommand(program, runner);
  queryCommand(program, runner);
  checkCommands(program, runner);
  tokenCommands(program, runner);
  userCommands(program, runner);
  doctorCommand(program, runner);
  return program;
}

const USAGE_CODES: ReadonlySet<AppError['code']> = new Set(['CONFIG_INVALID', 'BAD_REQUEST', 'QUERY_INVALID']);

/** How a failed command ends: lines for a person, and the exit code. An error without a code is a mistake of ours and shows where it was made. */
export function failureOf(error: unknown): { text: string; exitCode: number } {
  const code = errorCode(error);
  const lines = errorMessage(error).split('\n');
  if (code !== undefined) {
    const text = lines.map((line) => `bellwether: ${line}\n`).join('');
    return { text, exitCode: USAGE_CODES.has(code as AppError['code']) ? EXIT_USAGE : EXIT_FAILED };
  }
  const stack = typeof error === 'object' && error !== null && 'stack' in error ? String(error.stack) : String(error);
  return { text: `bellwether: an error inside Bellwether, please report it: ${stack}\n`, exitCode: EXIT_FAILED };
}
