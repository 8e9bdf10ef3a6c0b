/** Looks into zod schemas: what lies below a path, which leaves there are. */
import * as z from 'zod';
import type { KindMeta } from './kinds.ts';

export type Path = readonly (string | number)[];
type Def = z.core.$ZodTypes['_zod']['def'];

export function defOf(schema: z.core.$ZodType): Def {
  return (schema as z.core.$ZodTypes)._zod.def;
}

/** Everything said with `.meta()` and `.describe()` on a schema or what it wraps; the outermost word wins. */
export function metaOf(schema: z.core.$ZodType): Partial<KindMeta> & { description?: string; restart?: boolean } {
  const inner = innerOf(schema);
  return { ...(inner === undefined ? {} : metaOf(inner)), ...z.globalRegistry.get(schema) };
}

/** The schema inside a wrapper (optional, default, transform, ...), undefined if it wraps nothing. */
export function innerOf(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  const def = defOf(schema);
  if (def.type === 'pipe') return defOf(def.in).type === 'transform' ? def.out : def.in;
  if (def.type === 'lazy') return def.getter();
  return 'innerType' in def ? def.innerType : undefined;
}

/** The schema without its wrappers. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const inner = innerOf(schema);
  return inner === undefined ? schema : unwrap(inner);
}

/** What is written when the key is absent, as it would be written; undefined if nothing. */
export function defaultOf(schema: z.core.$ZodType): unknown {
  const def = defOf(schema);
  if (def.type === 'default' || def.type === 'prefault') return def.defaultValue;
  const inner = innerOf(schema);
  return inner === undefined ? undefined : defaultOf(inner);
}

export function isOptional(schema: z.core.$ZodType): boolean {
  return z.safeParse(schema, undefined).success;
}

/** The schemas of `key` below `schema`; several when it is a union. */
export function childrenAt(schema: z.core.$ZodType, key: string | number): z.core.$ZodType[] {
  const bare = unwrap(schema);
  const def = defOf(bare);
  if (def.type === 'union') return def.options.flatMap((option) => childrenAt(option, key));
  if (def.type === 'object') return Object.hasOwn(def.shape, key) ? [def.shape[String(key)]!] : [];
  if (def.type === 'array') return [def.element];
  return def.type === 'record' ? [def.valueType] : [];
}

/** The schemas that a value at `path` must meet. */
export function schemasAt(schema: z.core.$ZodType, path: Path): z.core.$ZodType[] {
  return path.reduce<z.core.$ZodType[]>((at, key) => at.flatMap((one) => childrenAt(one, key)), [schema]);
}

/** The key names a section may have. */
export function keysOf(schema: z.core.$ZodType): string[] {
  const def = defOf(unwrap(schema));
  if (def.type === 'union') return def.options.flatMap(keysOf);
  return def.type === 'object' ? Object.keys(def.shape) : [];
}

/** Every key that is not a section of fixed keys itself, with its path: what one environment variable or flag can set. */
export function leavesOf(schema: z.core.$ZodType, path: string[] = []): { path: string[]; schema: z.core.$ZodType }[] {
  const def = defOf(unwrap(schema));
  if (def.type !== 'object') return [{ path, schema }];
  return Object.entries(def.shape).flatMap(([key, child]) => leavesOf(child, [...path, key]));
}

/** `receivers[0].name` */
export function pathText(path: Path): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('');
}
