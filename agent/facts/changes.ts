/** What differs between two sets of facts, and facts as text that fits a message. */
import type { Fact, FactMap } from './known.ts';

export interface FactChange {
  /** `hardware`, `packages`, ... */
  readonly section: string;
  /** `packages: curl 7.88 -> 8.0; new: jq 1.6; gone: vim 9.0`, at most MAX_CHANGE characters. */
  readonly text: string;
}

const MAX_CHANGE = 2_000;
const MAX_VALUE = 120;

/** One change per section, in the order of `after`. Facts that are missing from `after` because nobody could read their section are no change. */
export function factChanges(before: FactMap, after: FactMap): FactChange[] {
  if (before.version !== after.version) return [];
  return Object.keys(after).flatMap((section): FactChange[] => {
    const [old, now] = [before[section], after[section]];
    if (old === undefined || now === undefined || section === 'version') return [];
    const differences = differencesOf(section, flatten(old), flatten(now));
    return differences.length === 0 ? [] : [{ section, text: boundedList(`${section}: `, differences) }];
  });
}

function differencesOf(section: string, before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  // A count follows from the list it counts.
  const short = (path: string) => (section === 'packages' ? path.replace(/^versions\./, '') : path);
  const paths = [...new Set([...before.keys(), ...after.keys()])].filter((path) => !(section === 'packages' && path === 'count')).sort();
  return paths.flatMap((path) => {
    const [old, now] = [before.get(path), after.get(path)];
    if (old === now) return [];
    if (old === undefined) return [`new: ${short(path)} ${now}`];
    return [now === undefined ? `gone: ${short(path)} ${old}` : `${short(path)} ${old} -> ${now}`];
  });
}

function boundedList(start: string, parts: readonly string[]): string {
  let text = start;
  for (const [i, part] of parts.entries()) {
    const more = `${i === 0 ? '' : '; '}${part}`;
    const rest = parts.length - i;
    if (text.length + more.length > MAX_CHANGE - 30) return `${text}; and ${rest} more`;
    text += more;
  }
  return text;
}

/** Leaves by their path. */
function flatten(fact: Fact, path = '', into = new Map<string, string>()): Map<string, string> {
  if (typeof fact !== 'object') into.set(path, String(fact).slice(0, MAX_VALUE));
  else for (const [key, inner] of Object.entries(fact)) flatten(inner as Fact, path === '' ? key : `${path}.${key}`, into);
  return into;
}

/**
 * The facts as JSON of at most `maxBytes`. What does not fit is taken from the lists of packages, then whole sections from the last on; `truncated`
 * then names them.
 */
export function factsText(facts: FactMap, maxBytes: number): string {
  const whole = JSON.stringify(facts);
  if (Buffer.byteLength(whole) <= maxBytes) return whole;
  const cut = withoutSomePackages(facts, maxBytes);
  if (cut !== undefined) return cut;
  const kept: Record<string, Fact> = { ...facts };
  const truncated: string[] = [];
  for (const section of Object.keys(facts).reverse()) {
    if (section === 'version') continue;
    delete kept[section];
    truncated.push(section);
    const text = JSON.stringify({ ...kept, truncated });
    if (Buffer.byteLength(text) <= maxBytes) return text;
  }
  return JSON.stringify({ version: facts.version, truncated });
}

function withoutSomePackages(facts: FactMap, maxBytes: number): string | undefined {
  const packages = facts.packages;
  if (typeof packages !== 'object' || !('versions' in packages) || typeof packages.versions !== 'object') return undefined;
  const versions = Object.entries(packages.versions as FactMap);
  const textOf = (count: number) =>
    JSON.stringify({
      ...facts,
      packages: { ...packages, versions: Object.fromEntries(versions.slice(0, count)) },
      truncated: ['packages'],
    });
  if (Buffer.byteLength(textOf(0)) > maxBytes) return undefined;
  let [fits, tooMany] = [0, versions.length];
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >> 1;
    if (Buffer.byteLength(textOf(middle)) <= maxBytes) fits = middle;
    else tooMany = middle;
  }
  return textOf(fits);
}
