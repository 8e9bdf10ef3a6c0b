/** Options of an input: the agent's file over the defaults. */
import { AppError, parseDuration } from '@bellwether/shared';
import type { InputDefinition, InputOptions, OptionInfo } from './input.ts';

type OptionValue = RegExp | ReadonlyMap<string, RegExp> | boolean | number | string | readonly string[] | undefined;

/** Checks `given` against the input's options; throws CONFIG_INVALID that names the option. Durations may be ms or `5s`. */
export function resolveOptions(definition: InputDefinition, given: Readonly<Record<string, unknown>>): InputOptions {
  const infos = definition.options ?? {};
  const values = new Map<string, OptionValue>();
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(infos, name)) {
      const known = Object.keys(infos).join(', ') || 'none';
      throw new AppError('CONFIG_INVALID', `inputs.${definition.name}.${name} is not an option of this input; its options: ${known}.`);
    }
  }
  for (const [name, info] of Object.entries(infos))
    values.set(name, parseOption(`inputs.${definition.name}.${name}`, info, given[name] ?? info.default));
  const get = (name: string, kind: OptionInfo['kind']) => {
    if (infos[name]?.kind !== kind) throw new TypeError(`input ${definition.name} has no ${kind} option ${name}`);
    return values.get(name);
  };
  return {
    pattern: (name) => get(name, 'pattern') as RegExp | undefined,
    patterns: (name) => get(name, 'patterns') as ReadonlyMap<string, RegExp>,
    text: (name) => get(name, 'text') as string,
    flag: (name) => get(name, 'boolean') as boolean,
    durationMs: (name) => get(name, 'duration') as number,
    words: (name) => get(name, 'words') as readonly string[],
  };
}

function parseOption(where: string, info: OptionInfo, value: unknown): OptionValue {
  if (info.kind === 'boolean') {
    if (typeof value === 'boolean') return value;
    throw new AppError('CONFIG_INVALID', `${where} must be true or false.`);
  }
  if (info.kind === 'duration') {
    const ms = typeof value === 'string' ? parseDuration(value) : value;
    if (typeof ms === 'number' && ms > 0 && Number.isFinite(ms)) return ms;
    throw new AppError('CONFIG_INVALID', `${where} must be a duration above zero, like 5s.`);
  }
  if (info.kind === 'words') {
    const words = typeof value === 'string' ? value.split(' ').filter((word) => word !== '') : value;
    if (Array.isArray(words) && words.every((word) => typeof word === 'string' && word !== '')) return words;
    throw new AppError('CONFIG_INVALID', `${where} must be a list of texts.`);
  }
  if (info.kind === 'text') {
    if (typeof value === 'string') return value;
    throw new AppError('CONFIG_INVALID', `${where} must be text.`);
  }
  if (info.kind === 'patterns') return parsePatterns(where, value);
  if (typeof value !== 'string') throw new AppError('CONFIG_INVALID', `${where} must be a regular expression as text.`);
  return value === '' ? undefined : parsePattern(where, value);
}

function parsePatterns(where: string, value: unknown): ReadonlyMap<string, RegExp> {
  if (value === '') return new Map();
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new AppError('CONFIG_INVALID', `${where} must give names with a regular expression each.`);
  return new Map(Object.entries(value).map(([name, pattern]) => [name, parsePattern(`${where}.${name}`, String(pattern))]));
}

function parsePattern(where: string, value: string): RegExp {
  try {
    return new RegExp(value, 'u');
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `${where} is not a regular expression: ${value}`, { cause });
  }
}
