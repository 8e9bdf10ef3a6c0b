import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isPresent, isStaleAt, type Labels, labelsToRecord, METRIC_NAME, type SeriesMeta } from '@bellwether/shared';
import type { Reading } from '../../../agent/inputs/input.ts';

/** A folder that `afterEach`/`afterAll` removes with `cleanUp`. */
export class TempTree {
  readonly root = mkdtempSync(join(tmpdir(), 'bellwether-inputs-'));

  write(path: string, content: string | Uint8Array): void {
    const full = join(this.root, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true, force: true });
  }

  get paths() {
    return { procfs: join(this.root, 'proc'), sysfs: join(this.root, 'sys'), rootfs: this.root };
  }

  cleanUp(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Series of a reading as text, `name{a=b,c=d}`, with its value; `stale` for a staleness marker; absent columns are left out. */
export function rowOf(reading: Reading | undefined): Record<string, number | 'stale'> {
  const row: Record<string, number | 'stale'> = {};
  if (reading === undefined) return row;
  for (const [i, series] of reading.series.entries()) {
    if (isPresent(reading.presence, i)) row[seriesText(series)] = isStaleAt(reading.values, i) ? 'stale' : reading.values[i]!;
  }
  return row;
}

function seriesText({ labels }: SeriesMeta): string {
  const { [METRIC_NAME]: name, ...rest } = labelsToRecord(labels);
  const pairs = Object.entries(rest).map(([label, value]) => `${label}=${value}`);
  return pairs.length === 0 ? name! : `${name}{${pairs.join(',')}}`;
}

export type Exposition = Map<string, { name: string; labels: Labels; value: number }>;

/** Samples of a text exposition by a key that takes an empty label for none; and the type of each metric. */
export function parseExposition(text: string): { samples: Exposition; types: Map<string, string> } {
  const samples: Exposition = new Map();
  const types = new Map<string, string>();
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type !== null) types.set(type[1]!, type[2]!);
    const sample = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (sample === null || line.startsWith('#')) continue;
    const pairs = [...(sample[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map((match): [string, string] => [match[1]!, match[2]!]);
    const labels = pairs.filter(([, value]) => value !== '').sort(([a], [b]) => (a < b ? -1 : 1));
    const key = `${sample[1]}{${labels.map((pair) => pair.join('=')).join(',')}}`;
    samples.set(key, { name: sample[1]!, labels: labels.flat(), value: Number(sample[3]) });
  }
  return { samples, types };
}

/** Unpacks a text archive (`Path:`, `Lines:`, `Directory:`, `SymlinkTo:` blocks) into `into`. A last line that ends in EOF has no newline after it. */
export function unpackTtar(archive: string, into: string): void {
  const lines = archive.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const [, kind, value] = /^(Path|Directory): (.*)$/.exec(lines[i]!) ?? [];
    if (kind === undefined) continue;
    const full = join(into, value!);
    if (kind === 'Directory') {
      mkdirSync(full, { recursive: true });
      continue;
    }
    mkdirSync(dirname(full), { recursive: true });
    const link = /^SymlinkTo: (.*)$/.exec(lines[i + 1]!);
    if (link !== null) {
      symlinkSync(link[1]!, full);
      continue;
    }
    const count = Number(/^Lines: (\d+)$/.exec(lines[i + 1]!)![1]);
    const content = lines.slice(i + 2, i + 2 + count).map((line) => `${line}\n`);
    const text = content
      .join('')
      .replace(/EOF\n$/, '')
      .replaceAll('NULLBYTE', '\0');
    writeFileSync(full, text);
    i += 1 + count;
  }
}

export function closeTo(a: number, b: number): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= 1e-12 * Math.max(Math.abs(a), Math.abs(b));
}
