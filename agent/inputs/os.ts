import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Column } from './frame.ts';
import { defineInput, gauge } from './input.ts';
import { isAbsence } from './kept-file.ts';

const METRICS = {
  node_os_info: gauge('The distribution; always 1.'),
  node_os_version: gauge('Version of the distribution, as major.minor.'),
  node_os_support_end_timestamp_seconds: gauge('When support of this version ends, seconds since the epoch.'),
};
const INFO = 'build_id id id_like image_id image_version name pretty_name variant variant_id version version_codename version_id'.split(
  ' ',
);
const FILES = ['etc/os-release', 'usr/lib/os-release'];

export default defineInput({
  name: 'os',
  help: 'The distribution and its version, from /etc/os-release.',
  metrics: METRICS,
  intervalMs: 60_000,
  slow: true,
  create: ({ paths, frame }) => ({
    read() {
      const release = parseOsRelease(firstOf(FILES.map((file) => join(paths.rootfs, file))));
      const of = (label: string) => release.get(label.toUpperCase()) ?? '';
      const columns: [Column, number][] = [];
      const info = Object.fromEntries(INFO.map((label) => [label, of(label)]));
      columns.push([{ name: 'node_os_info', labels: info, ...METRICS.node_os_info }, 1]);
      const version = Number.parseFloat(/^\d+(\.\d+)?/.exec(of('version_id'))?.[0] ?? '');
      const labels = { id: of('id'), id_like: of('id_like'), name: of('name') };
      if (!Number.isNaN(version)) columns.push([{ name: 'node_os_version', labels, ...METRICS.node_os_version }, version]);
      const end = Date.parse(of('support_end')) / 1000;
      const name = 'node_os_support_end_timestamp_seconds';
      if (!Number.isNaN(end)) columns.push([{ name, ...METRICS[name] }, end]);
      frame.setColumns(columns.map(([column]) => column));
      for (const [i, [, value]] of columns.entries()) frame.values[i] = value;
    },
  }),
});

/** `KEY=value` lines in the shell's quoting, as os-release(5) allows it. */
export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Z][A-Z0-9_]*)=(.*?)\s*$/.exec(line);
    if (match === null) continue;
    const quoted = /^(["'])(.*)\1$/.exec(match[2]!);
    values.set(match[1]!, quoted === null ? match[2]! : quoted[1] === '"' ? quoted[2]!.replace(/\\(["$`\\])/g, '$1') : quoted[2]!);
  }
  return values;
}

function firstOf(paths: readonly string[]): string {
  let missing: unknown;
  for (const path of paths) {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if (!isAbsence(error)) throw error;
      missing = error;
    }
  }
  throw missing;
}
