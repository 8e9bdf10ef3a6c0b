import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, parse as parseYaml } from 'yaml';
import type * as z from 'zod';
import { AppError, errorMessage } from '../errors.ts';
import { nearName } from './near.ts';
import { type Problem, problemsOf } from './problem.ts';
import { childrenAt, defOf, leavesOf, metaOf, pathText, unwrap } from './walk.ts';

/** A value from the environment or the command line, set over the file's before anything is checked. */
export interface Override {
  /** Key path in the file. */
  path: readonly string[];
  /** As typed; read as YAML unless the key wants text. */
  text: string;
  /** Named in errors in place of file and line: `BELLWETHER_LISTEN`, `--listen`. */
  source: string;
}

export interface YamlOptions {
  /** Named in errors. */
  file: string;
  /** Later ones win. */
  overrides?: readonly Override[];
}

/**
 * The checked value of a YAML text. Throws AppError CONFIG_INVALID whose message has one line per problem:
 * `file:line:col: path.to.key: what is wrong, which bound; did you mean "near"?`
 */
export function loadYaml<Schema extends z.ZodType>(text: string, schema: Schema, options: YamlOptions): z.output<Schema> {
  const result = checkYaml(text, schema, options);
  if ('problems' in result) throw new AppError('CONFIG_INVALID', result.problems.join('\n'));
  return result.value;
}

/** As loadYaml, with the problems as lines instead of an error. */
export function checkYaml<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  { file, overrides = [] }: YamlOptions,
): { value: z.output<Schema> } | { problems: string[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const position = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    return { problems: document.errors.map((error) => `${position(error.pos[0])}: ${syntaxText(error.code, error.message)}`) };
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 1_000 });
  } catch (error) {
    return { problems: [`${file}:1:1: ${errorMessage(error)}`] };
  }
  value = emptySections(schema, value);
  for (const override of overrides) value = setAt(value, override.path, overrideValue(schema, override));
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return { value: parsed.data };
  const located = problemsOf(schema, parsed.error.issues).map((problem) => ({ problem, offset: offsetOf(document, problem) }));
  located.sort((a, b) => a.offset - b.offset || Number(b.problem.atKey) - Number(a.problem.atKey));
  return {
    problems: located.map(({ problem, offset }) => {
      const override = overrides.findLast(({ path }) => path.every((key, i) => problem.path[i] === key));
      const where = pathText(problem.path);
      return `${override?.source ?? position(offset)}: ${where === '' ? '' : `${where}: `}${problem.text}`;
    }),
  };
}

/**
 * Overrides from variables named `<PREFIX>_<SECTION>_<KEY>` for every key that `schema` has. One that is almost such a name is a mistake and
 * throws AppError CONFIG_INVALID; the rest is not ours (container platforms set names like `<PREFIX>_PORT` of their own) and is passed over, as
 * is what begins with one of `foreign`.
 */
export function environmentOverrides(
  schema: z.ZodType,
  prefix: string,
  env: Readonly<Record<string, string | undefined>>,
  foreign: readonly string[] = [],
): Override[] {
  const paths = new Map(leavesOf(schema).map(({ path }) => [environmentName(prefix, path), path]));
  const keys = [...paths.keys()].map((name) => name.slice(prefix.length + 1));
  const problems: string[] = [];
  const overrides: Override[] = [];
  for (const [source, text] of Object.entries(env)) {
    const path = paths.get(source);
    if (text === undefined || text === '') continue;
    if (path !== undefined) overrides.push({ path, text, source });
    else if (source.startsWith(`${prefix}_`) && !foreign.some((one) => source.startsWith(one))) {
      const near = nearName(source.slice(prefix.length + 1), keys);
      if (near !== undefined) problems.push(`${source}: unknown setting; did you mean "${prefix}_${near}"?`);
    }
  }
  if (problems.length > 0) throw new AppError('CONFIG_INVALID', problems.join('\n'));
  return overrides;
}

/** `BELLWETHER` and `agents.interval` make `BELLWETHER_AGENTS_INTERVAL`. */
export function environmentName(prefix: string, path: readonly string[]): string {
  return [prefix, ...path].join('_').toUpperCase();
}

function syntaxText(code: string, message: string): string {
  return code === 'DUPLICATE_KEY' ? 'this key is given twice in one section; keep one' : `not valid YAML: ${message}`;
}

/** A section whose keys are all commented out reads as null: it is an empty section. */
function emptySections(schema: z.core.$ZodType, value: unknown): unknown {
  const def = defOf(unwrap(schema));
  if (value === null || value === undefined) return def.type === 'object' || def.type === 'record' ? {} : value;
  if (Array.isArray(value) || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const child = childrenAt(schema, key)[0];
      return [key, child === undefined ? inner : emptySections(child, inner)];
    }),
  );
}

function overrideValue(schema: z.ZodType, { path, text }: Override): unknown {
  const leaf = leavesOf(schema).find((one) => one.path.join('.') === path.join('.'));
  if (leaf === undefined) return text;
  const wantsText = defOf(unwrap(leaf.schema)).type === 'string' || metaOf(leaf.schema).kind !== undefined;
  if (wantsText) return text;
  try {
    return parseYaml(text);
  } catch {
    return text; // what is wrong with it is said by the schema
  }
}

function setAt(value: unknown, [key, ...rest]: readonly string[], to: unknown): unknown {
  if (key === undefined) return to;
  const section = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  return { ...section, [key]: setAt(section[key], rest, to) };
}

/** Where in the text a problem is: at its value, its key, or the nearest section that exists. */
function offsetOf(document: Document, { path, atKey }: Problem): number {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const key = path[length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => (isScalar(item.key) ? item.key.value : item.key) === key);
      const node = atKey || length < path.length ? pair?.key : (pair?.value ?? pair?.key);
      if (isNode(node) && node.range) return node.range[0];
    } else {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return node.range[0];
    }
  }
  return isNode(document.contents) && document.contents.range ? document.contents.range[0] : 0;
}
