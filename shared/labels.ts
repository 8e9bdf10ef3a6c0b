/**
 * A label set: names and values in turn, `[name0, value0, name1, value1, ...]`, names unique and ascending by code unit, no empty value.
 * The metric name is the label `__name__`. Built by `labelsFrom*` only; identity of a series is `labelsKey`.
 */
export type Labels = readonly string[] & { readonly __labels?: never };

export const METRIC_NAME = '__name__';
export const EMPTY_LABELS: Labels = [];

export const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
export const LEGACY_METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** Builds a label set from pairs in any order; a later duplicate name wins and empty values are dropped. */
export function labelsFromPairs(pairs: Iterable<readonly [string, string]>): Labels {
  const byName = new Map<string, string>();
  for (const [name, value] of pairs) byName.set(name, value);
  const names = [...byName.keys()].sort();
  const flat: string[] = [];
  for (const name of names) {
    const value = byName.get(name)!;
    if (value !== '') flat.push(name, value);
  }
  return flat;
}

export function labelsFrom(record: Readonly<Record<string, string>>): Labels {
  return labelsFromPairs(Object.entries(record));
}

/** The value of `name`, or '' when the label is absent (Prometheus does not tell the two apart). */
export function labelValue(labels: Labels, name: string): string {
  for (let i = 0; i < labels.length; i += 2) if (labels[i] === name) return labels[i + 1]!;
  return '';
}

/** A string that is equal exactly for equal label sets; not for showing. */
export function labelsKey(labels: Labels): string {
  return labels.join('\xff');
}

export function labelsToRecord(labels: Labels): Record<string, string> {
  const record: Record<string, string> = {};
  for (let i = 0; i < labels.length; i += 2) {
    // `__proto__` is a legal label name, so it must be defined, not assigned.
    if (labels[i] === '__proto__')
      Object.defineProperty(record, '__proto__', { value: labels[i + 1], enumerable: true, configurable: true, writable: true });
    else record[labels[i]!] = labels[i + 1]!;
  }
  return record;
}

/** `labels` with some labels set (or, with the value '', removed). */
export function labelsWith(labels: Labels, changes: Readonly<Record<string, string>>): Labels {
  const pairs: [string, string][] = [];
  for (let i = 0; i < labels.length; i += 2) pairs.push([labels[i]!, labels[i + 1]!]);
  return labelsFromPairs([...pairs, ...Object.entries(changes)]);
}

/** Orders label sets as Prometheus does: pair by pair, a shorter set first when it is a prefix of the other. */
export function compareLabels(a: Labels, b: Labels): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1;
  return a.length - b.length;
}

/** Prometheus' spelling: `name{a="b"}`, `{a="b"}` without a metric name, `name` without labels. */
export function formatLabels(labels: Labels): string {
  const name = labelValue(labels, METRIC_NAME);
  const parts: string[] = [];
  for (let i = 0; i < labels.length; i += 2) if (labels[i] !== METRIC_NAME) parts.push(`${labels[i]}=${JSON.stringify(labels[i + 1])}`);
  return parts.length > 0 || name === '' ? `${name}{${parts.join(', ')}}` : name;
}
