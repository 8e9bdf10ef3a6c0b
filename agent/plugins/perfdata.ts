/** What a Nagios plug-in prints: text for people, and behind `|` performance data for machines. */

export interface PerfValue {
  readonly label: string;
  /** `seconds`, `bytes`, `ratio`, '' for plain and counted numbers; a unit nobody agreed on stays as it was written. */
  readonly unit: string;
  /** In that unit; undefined where the plug-in could not tell (`U`). */
  readonly value: number | undefined;
  /** Plain bounds, in the same unit. Ranges (`10:20`, `~:5`, `@1:2`) have no single number and are left out. */
  readonly warning?: number;
  readonly critical?: number;
  readonly min?: number;
  readonly max?: number;
}

export interface PluginOutput {
  /** The first line without its performance data. */
  readonly text: string;
  readonly values: readonly PerfValue[];
}

export const MAX_VALUES = 200;
const MAX_LABEL = 256;
const MAX_UNIT = 16;
const NUMBER = String.raw`[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?`;
const VALUE = new RegExp(`^(U|${NUMBER})([^;]*)$`);
const PLAIN = new RegExp(`^${NUMBER}$`);
/** A label in quotes (a doubled quote stands for one) or up to the =, then all up to the next blank. */
const ENTRY = /\s*(?:'((?:[^']|'')*)'|([^='\s][^=]*?))=(\S*)/y;

/** Unit and factor. The guidelines do not say what a KB is; the plug-ins everybody has calculate with 1024. */
const UNITS: Readonly<Record<string, readonly [unit: string, factor: number]>> = {
  '': ['', 1],
  c: ['', 1],
  s: ['seconds', 1],
  ms: ['seconds', 1e-3],
  us: ['seconds', 1e-6],
  µs: ['seconds', 1e-6],
  ns: ['seconds', 1e-9],
  '%': ['ratio', 1e-2],
  B: ['bytes', 1],
  KB: ['bytes', 1024],
  MB: ['bytes', 1024 ** 2],
  GB: ['bytes', 1024 ** 3],
  TB: ['bytes', 1024 ** 4],
  PB: ['bytes', 1024 ** 5],
};

/** Never throws: what cannot be read is left out. Of several values with one label the first counts; at most MAX_VALUES are kept. */
export function parsePluginOutput(stdout: string): PluginOutput {
  const lines = stdout.split(/\r?\n/);
  const [text, ...firstPerf] = lines[0]!.split('|');
  // Long text follows; from its first | on, everything is performance data.
  const rest = lines.slice(1).join('\n');
  const at = rest.indexOf('|');
  const perf = `${firstPerf.join('|')} ${at < 0 ? '' : rest.slice(at + 1).replaceAll('|', ' ')}`;
  return { text: text!.trim(), values: parsePerfdata(perf) };
}

export function parsePerfdata(perf: string): PerfValue[] {
  const values = new Map<string, PerfValue>();
  ENTRY.lastIndex = 0;
  while (ENTRY.lastIndex < perf.length && values.size < MAX_VALUES) {
    const from = ENTRY.lastIndex;
    const found = ENTRY.exec(perf);
    if (found === null) {
      // Not an entry: go on behind the next blank.
      const blank = perf.slice(from).search(/\S\s/);
      if (blank < 0) break;
      ENTRY.lastIndex = from + blank + 1;
      continue;
    }
    const label = (found[1]?.replaceAll("''", "'") ?? found[2]!).trim().slice(0, MAX_LABEL);
    const value = perfValue(label, found[3]!);
    if (value !== undefined && label !== '' && !values.has(label)) values.set(label, value);
  }
  return [...values.values()];
}

function perfValue(label: string, text: string): PerfValue | undefined {
  const [first, warning, critical, min, max] = text.split(';') as [string, ...string[]];
  const found = VALUE.exec(first);
  if (found === null) return undefined;
  const [, digits, written] = found as unknown as [string, string, string];
  const [unit, factor] = unitOf(written);
  const scaled = (bound: string | undefined) => (bound !== undefined && PLAIN.test(bound) ? scale(bound, factor) : undefined);
  const bounds = { warning: scaled(warning), critical: scaled(critical), min: scaled(min), max: scaled(max) };
  const known = Object.fromEntries(Object.entries(bounds).filter(([, bound]) => bound !== undefined));
  return { label, unit, value: digits === 'U' ? undefined : scale(digits, factor), ...known };
}

function unitOf(written: string): readonly [string, number] {
  // kB and KiB are KB; kb may be bits.
  const name = written.replace(/^([kKMGTP])i?B$/, (_, prefix: string) => `${prefix.toUpperCase()}B`);
  const unit = Object.hasOwn(UNITS, name) ? UNITS[name] : undefined;
  return unit ?? [written.slice(0, MAX_UNIT), 1];
}

/** Dividing keeps decimals short: 12 ms is 0.012 s. Some plug-ins write a decimal comma. */
function scale(digits: string, factor: number): number {
  const value = Number(digits.replace(',', '.'));
  return factor < 1 ? value / Math.round(1 / factor) : value * factor;
}
