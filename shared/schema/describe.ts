import type * as z from 'zod';
import { defaultOf, defOf, isOptional, metaOf, unwrap } from './walk.ts';

/** One key of a configuration file, for the generated reference. */
export interface SchemaRow {
  /** `agents.interval`, `receivers[].name`, `tags.<name>`. */
  path: string;
  /** `duration`, `text`, `integer`, `one of debug, info`, `list of text`, ... */
  type: string;
  /** As it would be written; undefined when there is none. */
  default: string | undefined;
  /** `100ms to 1h`, `at least 1`; undefined when there are none. */
  bounds: string | undefined;
  required: boolean;
  /** The key is marked `.meta({ restart: true })`: a reload does not change it. */
  restart: boolean;
  help: string;
}

/** Rows of every key below `schema`, sections first opened then listed, in the order they were written. */
export function describeSchema(schema: z.core.$ZodType): SchemaRow[] {
  return rowsOf(schema, '', false);
}

function rowsOf(schema: z.core.$ZodType, path: string, restart: boolean): SchemaRow[] {
  const bare = unwrap(schema);
  const def = defOf(bare);
  const meta = metaOf(schema);
  const below = restart || meta.restart === true;
  const own: SchemaRow = {
    path,
    type: typeText(schema),
    default: defaultText(schema),
    bounds: meta.bounds ?? numberBounds(def),
    required: !isOptional(schema),
    restart: below,
    help: meta.description ?? '',
  };
  // What names its own kind is a value to the reader, whatever it is made of; recursive forms end here too.
  if (meta.kind !== undefined) return [own];
  if (def.type === 'object') {
    const children = Object.entries(def.shape).flatMap(([key, child]) => rowsOf(child, path === '' ? key : `${path}.${key}`, below));
    return path === '' ? children : [own, ...children];
  }
  if (def.type === 'array') return [own, ...nested(def.element, `${path}[]`, below)];
  if (def.type === 'record') return [own, ...nested(def.valueType, `${path}.<name>`, below)];
  return [own];
}

/** Rows of what lists and free-key sections hold, when that has keys of its own. */
function nested(schema: z.core.$ZodType, path: string, restart: boolean): SchemaRow[] {
  return defOf(unwrap(schema)).type === 'object' ? rowsOf(schema, path, restart).slice(1) : [];
}

function typeText(schema: z.core.$ZodType): string {
  const meta = metaOf(schema);
  if (meta.kind !== undefined) return meta.kind;
  const def = defOf(unwrap(schema));
  switch (def.type) {
    case 'string':
      return 'text';
    case 'number':
      return isInteger(def) ? 'integer' : 'number';
    case 'boolean':
      return 'true or false';
    case 'enum':
      return `one of ${Object.values(def.entries).join(', ')}`;
    case 'literal':
      return def.values.map(String).join(' or ');
    case 'array':
      return `list of ${plural(typeText(def.element))}`;
    case 'record':
      return `map of ${plural(typeText(def.valueType))}`;
    case 'union':
      return [...new Set(def.options.map(typeText))].join(' or ');
    case 'object':
      return 'section';
    default:
      return def.type;
  }
}

function plural(type: string): string {
  return type === 'section' ? 'sections' : type;
}

function defaultText(schema: z.core.$ZodType): string | undefined {
  const value = defaultOf(schema);
  if (value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0 && !Array.isArray(value))) {
    return undefined;
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function checksOf(def: object): { format?: string; minimum?: number; maximum?: number }[] {
  const checks = 'checks' in def && Array.isArray(def.checks) ? (def.checks as z.core.$ZodCheck[]) : [];
  return checks.map((check) => {
    const { check: name, value, format } = check._zod.def as { check: string; value?: unknown; format?: string };
    return {
      format,
      minimum: name === 'greater_than' ? Number(value) : undefined,
      maximum: name === 'less_than' ? Number(value) : undefined,
    };
  });
}

function isInteger(def: object): boolean {
  return [...checksOf(def), def as { format?: string }].some(
    ({ format }) => format === 'safeint' || format === 'int32' || format === 'uint32',
  );
}

function numberBounds(def: object): string | undefined {
  const min = checksOf(def).find(({ minimum }) => minimum !== undefined)?.minimum;
  const max = checksOf(def).find(({ maximum }) => maximum !== undefined)?.maximum;
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  if (min !== undefined) return `at least ${min}`;
  return max === undefined ? undefined : `at most ${max}`;
}
