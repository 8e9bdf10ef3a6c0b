/** The command line of the agent. `run` itself lives in agent/run.ts, which loads none of this. */
import { AppError, errorMessage } from '@bellwether/shared';
import { createProgram } from './cli/program.ts';

process.exitCode = await main(process.argv);

async function main(argv: readonly string[]): Promise<number> {
  try {
    await createProgram({ env: process.env, isRoot: process.getuid?.() === 0, write: (text) => process.stdout.write(text) }).parseAsync(
      argv,
    );
    return Number(process.exitCode ?? 0);
  } catch (error) {
    for (const line of errorMessage(error).split('\n')) process.stderr.write(`bellwether-agent: ${line}\n`);
    return error instanceof AppError && error.code === 'CONFIG_INVALID' ? 2 : 1;
  }
}
