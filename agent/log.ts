import { type Clock, errorMessage, type Log } from '@bellwether/shared';
import type { LogLevel } from './settings.ts';

/** pino's numbers and field names, so that one log pipeline reads agent and collector; pino itself would cost the agent memory. */
const LEVELS = { debug: 20, info: 30, warn: 40, error: 50 } as const;

/** Writes one JSON line per message to `write`. */
export function createLog(level: LogLevel, clock: Clock, write: (line: string) => void): Log {
  const at =
    (name: LogLevel) =>
    (fields: object, message: string): void => {
      if (LEVELS[name] < LEVELS[level]) return;
      write(`${jsonLine({ level: LEVELS[name], time: Math.round(clock.now()), name: 'bellwether-agent', ...fields, msg: message })}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function jsonLine(fields: object): string {
  try {
    return JSON.stringify(fields);
  } catch (error) {
    return JSON.stringify({ level: LEVELS.error, msg: 'log line cannot be written', error: errorMessage(error) });
  }
}
