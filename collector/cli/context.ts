import type { Clock } from '@bellwether/shared';
import type { Override } from '@bellwether/shared/schema';
import type { Command } from 'commander';
import { type LoadedConfig, loadConfig } from '../config.ts';

/** What commands need of the process; main.ts alone has the real one. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Set instead of thrown for commands that print what failed themselves. */
  readonly exitCode: (code: number) => void;
}

/** Flags that set a key of the file. */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  listen: ['listen'],
  dataDir: ['data_dir'],
  logLevel: ['log', 'level'],
};

export type ConfigFlags = { config?: string } & Record<string, unknown>;

export function configured(command: Command): Command {
  return command
    .option('--config <file>', 'configuration (default: ./bellwether.yml, if there is one)')
    .option('--listen <address>', 'address and port of the collector')
    .option('--data-dir <folder>', 'where everything is kept');
}

export function loadGiven(flags: ConfigFlags, { env }: Terminal): Promise<LoadedConfig> {
  return loadConfig({ env, overrides: overridesOf(flags), ...(flags.config === undefined ? {} : { file: flags.config }) });
}

function overridesOf(flags: ConfigFlags): Override[] {
  return Object.entries(FLAGS).flatMap(([name, path]) => {
    const text = flags[name];
    return typeof text === 'string' ? [{ path, text, source: `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}` }] : [];
  });
}
