import type { Labels } from '@bellwether/shared';
import type { CompiledMatcher } from '../matcher.ts';
import type { Matcher } from '../store.ts';

/** A Uint32Array that grows. */
export class GrowingU32 {
  items = new Uint32Array(4);
  length = 0;

  push(value: number): void {
    if (this.length === this.items.length) {
      const grown = new Uint32Array(this.length * 2);
      grown.set(this.items);
      this.items = grown;
    }
    this.items[this.length++] = value;
  }

  view(): Uint32Array {
    return this.items.subarray(0, this.length);
  }
}

const NOTHING = new Uint32Array(0);

/**
 * All label sets: strings interned as symbols, a series as the symbols of its pairs in one arena, an open-addressing table from label set to
 * series, and for each pair the ascending list of series that have it. Series and symbols are numbered from 0 and never removed.
 */
export class SeriesIndex {
  readonly #symbolOf = new Map<string, number>();
  readonly #symbols: string[] = [];
  /** Pair symbols of series s: arena[starts[s] .. starts[s + 1]). */
  readonly #arena = new GrowingU32();
  readonly #starts = new GrowingU32();
  #table = new Int32Array(64).fill(-1);
  /** Name symbol -> value symbol -> series. */
  readonly #postings = new Map<number, Map<number, GrowingU32 | number>>();

  constructor() {
    this.#starts.push(0);
  }

  get size(): number {
    return this.#starts.length - 1;
  }

  get symbolCount(): number {
    return this.#symbols.length;
  }

  symbol(id: number): string {
    return this.#symbols[id]!;
  }

  findSymbol(text: string): number | undefined {
    return this.#symbolOf.get(text);
  }

  intern(text: string): number {
    let id = this.#symbolOf.get(text);
    if (id === undefined) {
      id = this.#symbols.length;
      this.#symbols.push(text);
      this.#symbolOf.set(text, id);
    }
    return id;
  }

  labels(series: number): Labels {
    const labels: string[] = [];
    for (let i = this.#starts.items[series]!; i < this.#starts.items[series + 1]!; i++) labels.push(this.#symbols[this.#arena.items[i]!]!);
    return labels;
  }

  /** Symbol of the value of the label `name` in `series`; -1 when it has none. */
  valueSymbol(series: number, name: number): number {
    const { items } = this.#arena;
    const end = this.#starts.items[series + 1]!;
    for (let i = this.#starts.items[series]!; i < end; i += 2) if (items[i] === name) return items[i + 1]!;
    return -1;
  }

  pairs(series: number): Uint32Array {
    return this.#arena.items.subarray(this.#starts.items[series]!, this.#starts.items[series + 1]!);
  }

  /** The series with exactly these labels, or -1. */
  find(labels: Labels): number {
    const pairs: number[] = [];
    for (const text of labels) {
      const symbol = this.#symbolOf.get(text);
      if (symbol === undefined) return -1;
      pairs.push(symbol);
    }
    return this.#table[this.#slot(pairs)]!;
  }

  /** Adds a label set that is not there yet, given as symbols; returns its number. */
  add(pairs: ArrayLike<number>): number {
    const series = this.size;
    if (series * 2 >= this.#table.length) this.#rehash();
    this.#table[this.#slot(pairs)] = series;
    for (let i = 0; i < pairs.length; i++) this.#arena.push(pairs[i]!);
    this.#starts.push(this.#arena.length);
    for (let i = 0; i < pairs.length; i += 2) this.#post(pairs[i]!, pairs[i + 1]!, series);
    return series;
  }

  #post(name: number, value: number, series: number): void {
    let values = this.#postings.get(name);
    if (values === undefined) {
      values = new Map();
      this.#postings.set(name, values);
    }
    const list = values.get(value);
    // Most values of an identifying label belong to one series: a number instead of a list.
    if (list === undefined) values.set(value, series);
    else if (typeof list === 'number') {
      const both = new GrowingU32();
      both.push(list);
      both.push(series);
      values.set(value, both);
    } else list.push(series);
  }

  #slot(pairs: ArrayLike<number>): number {
    const mask = this.#table.length - 1;
    let at = hashOf(pairs) & mask;
    while (this.#table[at] !== -1 && !this.#equals(this.#table[at]!, pairs)) at = (at + 1) & mask;
    return at;
  }

  #equals(series: number, pairs: ArrayLike<number>): boolean {
    const start = this.#starts.items[series]!;
    if (this.#starts.items[series + 1]! - start !== pairs.length) return false;
    for (let i = 0; i < pairs.length; i++) if (this.#arena.items[start + i] !== pairs[i]) return false;
    return true;
  }

  #rehash(): void {
    const table = new Int32Array(this.#table.length * 2).fill(-1);
    const mask = table.length - 1;
    for (let series = 0; series < this.size; series++) {
      let at = hashOf(this.pairs(series)) & mask;
      while (table[at] !== -1) at = (at + 1) & mask;
      table[at] = series;
    }
    this.#table = table;
  }

  #list(name: number, value: number): Uint32Array {
    const list = this.#postings.get(name)?.get(value);
    if (list === undefined) return NOTHING;
    return typeof list === 'number' ? Uint32Array.of(list) : list.view();
  }

  /** Numbers of the series that satisfy all matchers, ascending. */
  match(matchers: readonly Matcher[]): Uint32Array {
    let candidates: Uint32Array | undefined;
    const rest: Matcher[] = [];
    for (const matcher of [...matchers].sort((a, b) => rank(a) - rank(b))) {
      // Only a matcher that fails on an absent label can be answered from postings alone.
      if (matcher.op.startsWith('!') || matcher.matches('') || (candidates !== undefined && rank(matcher) > 1)) rest.push(matcher);
      else {
        const found = this.#postingsOf(matcher);
        candidates = candidates === undefined ? found : intersect(candidates, found);
      }
      if (candidates?.length === 0) return NOTHING;
    }
    let found = candidates ?? Uint32Array.from({ length: this.size }, (_, series) => series);
    for (const matcher of rest) found = this.#filter(found, matcher);
    return found;
  }

  #postingsOf(matcher: CompiledMatcher): Uint32Array {
    const name = this.#symbolOf.get(matcher.name);
    if (name === undefined) return NOTHING;
    const literals = matcher.op === '=' ? [matcher.value] : matcher.literals;
    const lists: Uint32Array[] = [];
    if (literals !== undefined) {
      for (const literal of literals) {
        const value = this.#symbolOf.get(literal);
        if (value !== undefined) lists.push(this.#list(name, value));
      }
    } else
      for (const value of this.#postings.get(name)!.keys()) if (matcher.matches(this.#symbols[value]!)) lists.push(this.#list(name, value));
    return union(lists);
  }

  #filter(series: Uint32Array, matcher: Matcher): Uint32Array {
    const name = this.#symbolOf.get(matcher.name);
    const verdicts = new Map<number, boolean>([[-1, matcher.matches('')]]);
    if (name === undefined) return verdicts.get(-1) ? series : NOTHING;
    return series.filter((id) => {
      const value = this.valueSymbol(id, name);
      let verdict = verdicts.get(value);
      if (verdict === undefined) {
        verdict = matcher.matches(this.#symbols[value]!);
        verdicts.set(value, verdict);
      }
      return verdict;
    });
  }
}

function rank(matcher: CompiledMatcher): number {
  if (matcher.op === '=') return 0;
  if (matcher.op === '=~') return matcher.literals !== undefined ? 1 : 2;
  return 3;
}

function hashOf(pairs: ArrayLike<number>): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < pairs.length; i++) {
    hash = Math.imul(hash ^ pairs[i]!, 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

function union(lists: Uint32Array[]): Uint32Array {
  if (lists.length === 1) return lists[0]!;
  const all = new Uint32Array(lists.reduce((sum, list) => sum + list.length, 0));
  let at = 0;
  // A series has one value of a label, so the lists share nothing.
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all.sort();
}

/** Both ascending. Walks the shorter list and gallops in the longer. */
function intersect(a: Uint32Array, b: Uint32Array): Uint32Array {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  const out = new Uint32Array(short.length);
  let count = 0;
  let low = 0;
  for (const id of short) {
    let step = 1;
    while (low + step < long.length && long[low + step]! < id) step *= 2;
    let high = Math.min(long.length, low + step + 1);
    while (low < high) {
      const middle = (low + high) >> 1;
      if (long[middle]! < id) low = middle + 1;
      else high = middle;
    }
    if (long[low] === id) out[count++] = id;
  }
  return out.subarray(0, count);
}
