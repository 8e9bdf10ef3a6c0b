/** Values of the template language. Go's float64 is a number, its ints are bigints; nil is null. */
export type Value = string | number | bigint | boolean | null | ReadonlyMap<string, Value> | readonly Value[] | Sample | Struct;

/** One result of `query`: `.Labels` and `.Value`. */
export class Sample {
  readonly labels: ReadonlyMap<string, Value>;
  readonly value: number;

  constructor(labels: ReadonlyMap<string, Value>, value: number) {
    this.labels = labels;
    this.value = value;
  }
}

/** A value with a fixed set of fields; asking for another one is an error (a map answers with ''). */
export class Struct {
  readonly name: string;
  readonly fields: ReadonlyMap<string, Value>;

  constructor(name: string, fields: ReadonlyMap<string, Value>) {
    this.name = name;
    this.fields = fields;
  }
}

/** Go's idea of an empty value, as `if`, `with`, `and`, `or`, `not` use it. */
export function isTrue(value: Value): boolean {
  if (value === null) return false;
  if (typeof value === 'object') {
    if (value instanceof Map) return value.size > 0;
    return Array.isArray(value) ? value.length > 0 : true;
  }
  return typeof value === 'bigint' ? value !== 0n : Boolean(value) || Number.isNaN(value);
}
