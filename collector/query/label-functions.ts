/** Functions that rewrite or order by labels: label_replace, label_join, sort and sort_by_label. */
import { AppError, compareLabels, errorMessage, type Labels, labelValue, METRIC_NAME } from '@bellwether/shared';
import { RE2JS } from 're2js';
import { mergeEqualRows } from './binary.ts';
import { ascending, descending } from './cell-order.ts';
import { isWellFormed } from './text.ts';
import { pickRows, type VectorValue, withLabel } from './vector.ts';

/** label_replace(v, destination, replacement, source, regex). */
export function labelReplace(vector: VectorValue, [destination, replacement, source, pattern]: readonly string[]): VectorValue {
  let regex: RE2JS;
  try {
    regex = RE2JS.compile(pattern!, RE2JS.DOTALL);
  } catch (cause) {
    throw new AppError('QUERY_FAILED', `invalid regular expression in label_replace(): ${pattern}: ${errorMessage(cause)}`, { cause });
  }
  checkDestination(destination!, 'label_replace');
  const parts = templateParts(replacement!);
  const answers = new Map<string, string | undefined>();
  return relabelled(vector, destination!, (labels) => {
    const value = labelValue(labels, source!);
    if (!answers.has(value)) answers.set(value, expand(regex, parts, value));
    return answers.get(value);
  });
}

/** label_join(v, destination, separator, sources...). */
export function labelJoin(vector: VectorValue, [destination, separator, ...sources]: readonly string[]): VectorValue {
  for (const source of sources) {
    if (source === '' || !isWellFormed(source)) throw new AppError('QUERY_FAILED', `invalid source label name in label_join(): ${source}`);
  }
  checkDestination(destination!, 'label_join');
  return relabelled(vector, destination!, (labels) => sources.map((source) => labelValue(labels, source)).join(separator));
}

function checkDestination(name: string, where: string): void {
  if (name === '' || !isWellFormed(name)) throw new AppError('QUERY_FAILED', `invalid destination label name in ${where}(): ${name}`);
}

/** Sets `name` on the rows for which `value` answers; a row that gets a metric name this way keeps it. */
function relabelled(vector: VectorValue, name: string, value: (labels: Labels) => string | undefined): VectorValue {
  const dropName = [...vector.dropName];
  const labels = vector.labels.map((rowLabels, row) => {
    const answer = value(rowLabels);
    if (answer === undefined) return rowLabels;
    if (name === METRIC_NAME) dropName[row] = false;
    return withLabel(rowLabels, name, answer);
  });
  return mergeEqualRows({ ...vector, labels, dropName });
}

/** Literal text and group references (number or name) of a Go replacement template, in turn. */
function templateParts(template: string): { readonly text: string; readonly group: string | undefined }[] {
  const parts: { text: string; group: string | undefined }[] = [];
  let at = 0;
  for (const match of template.matchAll(/\$(?:\$|([0-9A-Za-z_]+)|\{([0-9A-Za-z_]+)\})/g)) {
    const text = template.slice(at, match.index) + (match[0] === '$$' ? '$' : '');
    parts.push({ text, group: match[1] ?? match[2] });
    at = match.index + match[0].length;
  }
  parts.push({ text: template.slice(at), group: undefined });
  return parts;
}

function expand(
  regex: RE2JS,
  parts: readonly { readonly text: string; readonly group: string | undefined }[],
  value: string,
): string | undefined {
  const matcher = regex.matcher(value);
  if (!matcher.matches()) return undefined;
  let text = '';
  for (const part of parts) {
    text += part.text;
    if (part.group === undefined) continue;
    if (/^\d+$/.test(part.group)) {
      const index = Number(part.group);
      text += index <= matcher.groupCount() ? (matcher.group(index) ?? '') : '';
    } else if (part.group in regex.namedGroups()) text += matcher.group(part.group) ?? '';
  }
  return text;
}

/** sort and sort_desc of an instant vector: NaN last. */
export function sortByValue(vector: VectorValue, direction: 'up' | 'down'): VectorValue {
  const order = [...vector.labels.keys()];
  return pickRows(vector, order.sort(direction === 'up' ? ascending(vector.values) : descending(vector.values)));
}

/** sort_by_label and sort_by_label_desc: natural order of each named label in turn, then of the whole label set. */
export function sortByLabel(vector: VectorValue, names: readonly string[], direction: 'up' | 'down'): VectorValue {
  const sign = direction === 'up' ? 1 : -1;
  const order = [...vector.labels.keys()].sort((a, b) => {
    const left = vector.labels[a]!;
    const right = vector.labels[b]!;
    for (const name of names) {
      const difference = compareNaturally(labelValue(left, name), labelValue(right, name));
      if (difference !== 0) return sign * difference;
    }
    return sign * compareLabels(left, right);
  });
  return pickRows(vector, order);
}

/** Runs of digits compare as numbers, everything else by character. */
function compareNaturally(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const x = left[i]!;
    const y = right[i]!;
    if (x === y) continue;
    if (/^\d/.test(x) && /^\d/.test(y)) {
      const difference = BigInt(x) - BigInt(y);
      if (difference !== 0n) return difference < 0n ? -1 : 1;
    }
    return x < y ? -1 : 1;
  }
  return left.length - right.length;
}
